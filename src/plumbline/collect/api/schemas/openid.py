"""Logging in by OpenID Connect."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from plumbline.collect.api.schemas.base import Body
from plumbline.collect.api.schemas.identity import Code, GivenPassword

# --- bodies ---


class NewOpenIdRequest(Body):
    """Where to go on to afterwards, a path of ours; and the code of an invitation, for who joins by one."""

    goes_on_to: Annotated[str, Meta(max_length=1000)] | None = None
    invitation: Code | None = None


class NewOpenIdConnection(Body):
    """The password that one has: a session left open gives nobody a way in for good."""

    password: GivenPassword


class OpenIdAnswer(Body):
    """What the issuer sent the browser back with."""

    state: Annotated[str, Meta(max_length=200)]
    code: Annotated[str, Meta(min_length=1, max_length=8192)] | None = None
    error: Annotated[str, Meta(max_length=200)] | None = None
    iss: Annotated[str, Meta(max_length=1000)] | None = None


# --- answers ---


class OpenIdAddress(Struct):
    """Where the issuer lets somebody log in; what the browser keeps meanwhile is a cookie, good once, for ten minutes."""

    address: str


class OpenIdDone(Struct):
    """The page to go on to; who logged in has a session now, in a cookie."""

    goes_on_to: str


class OpenIdDisconnected(Struct):
    """Whether there was a connection to end."""

    disconnected: bool
