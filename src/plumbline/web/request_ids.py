"""An id for every request, in its answer and in every line that is logged about it."""

from __future__ import annotations

import re
import secrets

from plumbline.web.asgi import App, Message, Receive, Scope, Send, only_header

HEADER = b"x-request-id"
_KEY = "plumbline.request_id"
_TAKEN = re.compile(rb"[A-Za-z0-9-]{8,64}")


def request_id_of(scope: Scope) -> str:
    """The request's id; empty where no middleware gave one."""
    return str(scope.get(_KEY, ""))


class RequestIds:
    """Middleware: takes the id that a proxy gave, where it looks like one, else draws one."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = only_header(scope, HEADER)
        name = given if given is not None and _TAKEN.fullmatch(given) else secrets.token_hex(16).encode()
        scope[_KEY] = name.decode()

        async def named(message: Message) -> None:
            """Name the request in its answer."""
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (HEADER, name)]
            await send(message)

        await self._app(scope, receive, named)
