"""Security headers on every answer. What a route set itself stands."""

from __future__ import annotations

from collections.abc import Mapping

from plumbline.web.asgi import App, Message, Receive, Scope, Send

API_HEADERS: Mapping[bytes, bytes] = {
    b"x-content-type-options": b"nosniff",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cache-control": b"no-store",
}
"""For an API: nothing of it is a page, none of it is to be kept. Strict-Transport-Security is the proxy's, who has TLS."""


_POLICY, _FRAMES = b"content-security-policy", b"x-frame-options"


class SecurityHeaders:
    """Middleware: adds headers that an answer does not have."""

    def __init__(self, app: App, headers: Mapping[bytes, bytes] = API_HEADERS) -> None:
        self._app = app
        self._headers = tuple(headers.items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def secured(message: Message) -> None:
            """Add the headers that the answer does not set itself."""
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                if any(name.lower() == _POLICY and _names_ancestors(value) for name, value in given):
                    names.add(_FRAMES)  # it can only say nobody or ourselves; browsers that know both follow the policy
                message["headers"] = given + [pair for pair in self._headers if pair[0] not in names]
            await send(message)

        await self._app(scope, receive, secured)


def _names_ancestors(policy: bytes) -> bool:
    """Whether a policy lets somebody frame the answer."""
    return b"frame-ancestors " in policy and b"frame-ancestors 'none'" not in policy
