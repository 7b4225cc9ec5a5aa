"""The API and the pages as one application."""

from __future__ import annotations

from fastapi import FastAPI

from plumbline.collect.api.app import ApiOptions, make_app
from plumbline.collect.pages.app import add_pages
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.samplers import SourceRules


def make_server_app(collecting: Collecting, rules: SourceRules, options: ApiOptions | None = None) -> FastAPI:
    """Everything that is served over an open store; closes it when the server ends.

    Args:
        collecting, rules, options: see `make_app`.
    """
    app = make_app(collecting, rules, options)
    add_pages(app)
    return app
