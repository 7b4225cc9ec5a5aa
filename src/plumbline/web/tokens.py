"""Tokens: read strictly from the one header they belong into; never from an address, which ends up in logs."""

from __future__ import annotations

import re

from plumbline.web.asgi import Scope, only_header

_BEARER = re.compile(rb"bearer ([A-Za-z0-9_-]{20,200})", re.IGNORECASE)


def read_token(scope: Scope) -> str | None:
    """The token of ``Authorization: Bearer TOKEN``; None where there is none, or two, or it cannot be one."""
    found = _BEARER.fullmatch(only_header(scope, b"authorization") or b"")
    return found[1].decode() if found else None
