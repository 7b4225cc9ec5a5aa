"""Sessions of browsers: the cookie, the token against requests that another site forges, and which names we answer to.

A cookie comes along with whatever a browser sends us, also where another site made it send that. So a request by cookie
has to show that it comes from a page of ours: by a token that only our pages know, and by what the browser says of where
the request began. A cookie is given over TLS alone, or on this very machine; and only under names that are ours, so that
no name of somebody else's that leads to this machine (DNS rebinding) is answered.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from plumbline.web.asgi import Scope, header_values, only_header
from plumbline.web.failures import bad_csrf_token, from_another_site, not_over_tls, unknown_host

SECURE_COOKIE = "__Host-plumbline"
"""Browsers take it over TLS alone, from this very host, and no other host can set it."""
PLAIN_COOKIE = "plumbline"
"""On this machine, without TLS."""
CSRF_HEADER = b"x-csrf-token"
CSRF_LENGTH = 43
_SAFE = frozenset({"GET", "HEAD"})
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,200}")
_KEPT = re.compile(r"[A-Za-z0-9_-]{20,3000}")
_HOST = re.compile(r"(?:\[(?P<number>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?")
_PASSED_ON = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto")
_WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound
_HTTPS, _HTTP, _LAST_PORT = 443, 80, 65_535


def csrf_token(session_token: str) -> str:
    """What a page shows that it was made for this session: HMAC-SHA256 of ``csrf`` under the session's token."""
    made = hmac.new(session_token.encode(), b"csrf", hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode()[:CSRF_LENGTH]


def any_session(scope: Scope) -> str | None:
    """A session's token, under either name; what it is good for is not asked."""
    return _cookie(scope, SECURE_COOKIE) or _cookie(scope, PLAIN_COOKIE)


def require_csrf(scope: Scope, session_token: str) -> None:
    """Refuses what may change something and does not bring the session's token.

    Raises:
        WebError: PL-WEB-015.
    """
    if scope["method"] in _SAFE:
        return
    given = only_header(scope, CSRF_HEADER) or b""
    if not hmac.compare_digest(given, csrf_token(session_token).encode()):
        raise bad_csrf_token()


def require_own_site(scope: Scope, *, typed_is_fine: bool) -> None:
    """Refuses what a browser says another site began.

    Args:
        typed_is_fine: so is what somebody typed or opened from a bookmark.
    Raises:
        WebError: PL-WEB-019.
    """
    fine = {b"same-origin", b"none"} if typed_is_fine else {b"same-origin"}
    if not set(header_values(scope, b"sec-fetch-site")) <= fine:
        raise from_another_site()


@dataclass(frozen=True, slots=True)
class Site:
    """Under which names the server is reached.

    Attributes:
        bound_host: what it listens at, as it was asked for.
        public_url: scheme, host and port that browsers know it by, where a proxy stands before it.
    """

    bound_host: str = "127.0.0.1"
    public_url: str | None = None

    def session_of(self, scope: Scope) -> str | None:
        """The session's token that comes with a request; None where there is none, or two.

        Over TLS only the cookie counts that no other host can set.
        """
        return _cookie(scope, SECURE_COOKIE if self._is_secure(scope) else PLAIN_COOKIE)

    def require_known_host(self, scope: Scope) -> None:
        """Refuses requests by cookie under a name that is not ours.

        Raises:
            WebError: PL-WEB-017.
        """
        if not self._is_known(_host(scope)):
            raise unknown_host()

    def set_cookie(self, scope: Scope, token: str, seconds: int) -> str:
        """The ``Set-Cookie`` that begins a session.

        Raises:
            WebError: PL-WEB-016, neither over TLS nor on this machine; PL-WEB-017, under a name that is not ours.
        """
        self.require_known_host(scope)
        if self._is_secure(scope):
            return f"{SECURE_COOKIE}={token}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Lax"
        self.require_private(scope)
        return f"{PLAIN_COOKIE}={token}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax"

    def end_cookies(self, scope: Scope) -> str:
        """The ``Set-Cookie`` that ends a session."""
        secure = self._is_secure(scope)
        name, flag = (SECURE_COOKIE, "; Secure") if secure else (PLAIN_COOKIE, "")
        return f"{name}=; Max-Age=0; Path=/{flag}; HttpOnly; SameSite=Lax"

    def kept_by(self, scope: Scope, name: str) -> str | None:
        """What a browser keeps for us under a name, for a while; None where there is none, or two."""
        return _cookie(scope, self._prefixed(scope, name), _KEPT)

    def keep_cookie(self, scope: Scope, name: str, value: str, seconds: int) -> str:
        """The ``Set-Cookie`` by which a browser keeps something for us, or not any more where there are no seconds.

        It comes along with what pages of ours ask for, and with nothing that another site begins.
        """
        flag = "; Secure" if self._is_secure(scope) else ""
        return f"{self._prefixed(scope, name)}={value}; Max-Age={seconds}; Path=/{flag}; HttpOnly; SameSite=Strict"

    def _prefixed(self, scope: Scope, name: str) -> str:
        return f"__Host-{name}" if self._is_secure(scope) else name

    def require_private(self, scope: Scope) -> None:
        """Refuses passwords that anybody on the way could read.

        Raises:
            WebError: PL-WEB-016.
        """
        if self._is_secure(scope):
            return
        name, _ = _host(scope)
        passed_on = any(header_values(scope, header) for header in _PASSED_ON)
        if not is_loopback(name) or (passed_on and self.public_url is None):
            raise not_over_tls()

    def _is_secure(self, scope: Scope) -> bool:
        by_url = self.public_url is not None and urlsplit(self.public_url).scheme == "https"
        return by_url or scope.get("scheme") == "https"

    def _is_known(self, host: tuple[str, int | None]) -> bool:
        name, port = host
        if self.public_url is not None:
            public = urlsplit(self.public_url)
            usual = _HTTPS if public.scheme == "https" else _HTTP
            if name == (public.hostname or "") and (port or usual) == (public.port or usual):
                return True
        if is_loopback(self.bound_host):
            return is_loopback(name)
        return self.bound_host not in _WILDCARDS and name == self.bound_host.lower()


def is_loopback(host: str) -> bool:
    """Whether a name or address, without brackets, is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _host(scope: Scope) -> tuple[str, int | None]:
    """The name and port of the ``Host`` header; no name where it cannot be read."""
    given = (only_header(scope, b"host") or b"").decode("latin-1")
    # Not by `urlsplit`: it reads [::1].evil.example as ::1.
    found = _HOST.fullmatch(given)
    if found is None:
        return "", None
    port = None if found["port"] is None else int(found["port"])
    if port is not None and port > _LAST_PORT:
        return "", None
    return (found["number"] or found["name"]).lower(), port


def _cookie(scope: Scope, name: str, form: re.Pattern[str] = _TOKEN) -> str | None:
    found = []
    for header in header_values(scope, b"cookie"):
        for pair in header.decode("latin-1").split(";"):
            key, sign, value = pair.strip().partition("=")
            if sign and key == name:
                found.append(value)
    return found[0] if len(found) == 1 and form.fullmatch(found[0]) else None
