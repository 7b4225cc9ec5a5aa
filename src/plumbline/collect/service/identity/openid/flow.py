"""What a browser keeps while somebody is at the issuer: in a cookie, good once, for ten minutes.

The cookie's digest is what the store awaits, so nothing in it can be changed. State, nonce and PKCE's verifier are made of
a secret that was drawn for this one time: what goes to the issuer or stands in an address tells nothing of the cookie.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from enum import StrEnum

import msgspec

COOKIE = "plumbline-openid"
KEPT_SECONDS = 600
_SECRET_BYTES = 32


class Purpose(StrEnum):
    """What somebody goes to the issuer for."""

    LOG_IN = "log-in"
    JOIN = "join"
    CONNECT = "connect"


class Flow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One time that somebody goes to the issuer and comes back.

    Attributes:
        secret: drawn for it.
        purpose: what for.
        goes_on_to: the page to show afterwards; a path of ours.
        invitation: its code, for who joins by one.
        session: the digest of the session in which a connection began; it ends in no other.
    """

    secret: str
    purpose: Purpose
    goes_on_to: str = "/"
    invitation: str | None = None
    session: str | None = None

    @property
    def state(self) -> str:
        """Comes back beside the code: it is this browser that went there."""
        return self._made("state")

    @property
    def nonce(self) -> str:
        """Stands in the ID token: it was made for this one time."""
        return self._made("nonce")

    @property
    def verifier(self) -> str:
        """Of PKCE: whoever gets hold of the code alone can do nothing with it."""
        return self._made("verifier")

    @property
    def challenge(self) -> str:
        """What the issuer is told of the verifier (S256)."""
        return _base64url(hashlib.sha256(self.verifier.encode()).digest())

    def to_cookie(self) -> str:
        """As the browser keeps it."""
        return _base64url(msgspec.json.encode(self))

    def _made(self, what: str) -> str:
        return _base64url(hmac.new(self.secret.encode(), what.encode(), hashlib.sha256).digest())

    def __repr__(self) -> str:
        return f"Flow({self.purpose.value})"


def new_flow(
    purpose: Purpose, *, goes_on_to: str = "/", invitation: str | None = None, session: str | None = None
) -> Flow:
    """A flow with a secret of its own."""
    return Flow(secrets.token_urlsafe(_SECRET_BYTES), purpose, goes_on_to, invitation, session)


def flow_of(cookie: str) -> Flow | None:
    """What a cookie holds; None where it is none of ours."""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4)), type=Flow)
    except (ValueError, msgspec.MsgspecError):
        return None


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
