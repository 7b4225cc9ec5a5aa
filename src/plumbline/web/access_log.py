"""One line a request: method, path, status, milliseconds, id. No query, no header, no body."""

from __future__ import annotations

import logging
import time

from plumbline.web.asgi import App, Message, Receive, Scope, Send
from plumbline.web.request_ids import request_id_of

LOG = logging.getLogger("plumbline.web.access")
_MOST_CHARACTERS = 200


class AccessLog:
    """Middleware: logs each request when its answer is out."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or not LOG.isEnabledFor(logging.INFO):
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            """Remember the status on its way out."""
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            # As ASCII: a path may hold line ends and control characters.
            path = ascii(scope["path"][:_MOST_CHARACTERS])[1:-1]
            took = (time.perf_counter() - began) * 1000
            LOG.info("%s %s %d %.1f ms %s", scope["method"], path, status, took, request_id_of(scope))
