"""What is told of each request when its answer is out; by default a line: method, path, status, milliseconds, id.

No query, no header, no body.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from plumbline.web.asgi import App, Message, Receive, Scope, Send
from plumbline.web.request_ids import request_id_of

LOG = logging.getLogger("plumbline.web.access")
_MOST_CHARACTERS = 200

Tell = Callable[[Scope, int, float], None]
"""Takes a request's scope, the status of its answer (0 where there was none), and the seconds until that was out."""


def log_request(scope: Scope, status: int, seconds: float) -> None:
    """Log one line, at level INFO."""
    if LOG.isEnabledFor(logging.INFO):
        # As ASCII: a path may hold line ends and control characters.
        path = ascii(scope["path"][:_MOST_CHARACTERS])[1:-1]
        LOG.info("%s %s %d %.1f ms %s", scope["method"], path, status, seconds * 1000, request_id_of(scope))


class AccessLog:
    """Middleware: tells of each request when its answer is out."""

    def __init__(self, app: App, tell: Tell = log_request) -> None:
        self._app = app
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
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
            self._tell(scope, status, time.perf_counter() - began)
