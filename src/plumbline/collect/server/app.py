"""The API, the pages and the sender of webhooks as one application."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI

from plumbline.collect.api.app import ApiOptions, make_app
from plumbline.collect.pages.app import add_pages
from plumbline.collect.pages.mturk_hosts import MTURK_HOSTS, MturkHosts
from plumbline.collect.server.webhook_sender import AT_ONCE, Posting, add_sender
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.samplers import SourceRules


def make_server_app(
    collecting: Collecting, rules: SourceRules, options: ApiOptions | None = None, *, mturk: MturkHosts = MTURK_HOSTS
) -> FastAPI:
    """Everything that is served over an open store; closes it when the server ends.

    Args:
        collecting, rules, options: see `make_app`.
        mturk: where MTurk stands.
    """
    app = make_app(collecting, rules, options)
    add_pages(app, mturk)
    add_sender(app, collecting, partial(_make_poster, rules.allow_private))
    return app


def _make_poster(allow_private: bool) -> Posting:
    from plumbline.collect.service.webhooks.posting import Poster  # the library takes its time

    return Poster(allow_private=allow_private, most_at_once=AT_ONCE)
