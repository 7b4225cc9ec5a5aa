"""The server: one process, until a signal ends it."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import uvicorn

from plumbline.moderate.service.app import ServiceApp
from plumbline.web.connections import BoundedConnection
from plumbline.web.listening import BACKLOG, run_until_ended
from plumbline.web.log_config import log_config

GRACE_SECONDS = 30
"""How long requests under way may take when the server is told to end."""
_DRAIN_SECONDS = 0.3
"""For what was on its way when the end was told."""
_LINE = {"()": "plumbline.moderate.service.request_log.JsonLines"}


class _Server(uvicorn.Server):
    """As uvicorn's, but a request that had been sent when the end was told is read and answered, not cut off unread."""

    def __init__(self, config: uvicorn.Config, app: ServiceApp) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Lets nobody in any more, answers who is there, and ends."""
        self._app.stop()
        connected = [each for bound in sockets or () for each in _connected(bound)]
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        for each in connected:
            await loop.connect_accepted_socket(self._connection, each)
        await asyncio.sleep(_DRAIN_SECONDS)
        await super().shutdown(sockets)

    def _connection(self) -> BoundedConnection:
        return BoundedConnection(self.config, self.server_state, self.lifespan.state)


def _connected(bound: socket.socket) -> Iterator[socket.socket]:
    """Who has connected and was not let in yet: to them a socket that closes would look like a request cut off."""
    bound.setblocking(False)
    while True:
        try:
            yield bound.accept()[0]
        except OSError:  # nobody more, or nobody more can be
            return


def run_server(app: ServiceApp, bound: socket.socket, *, log_requests: bool, ready: Callable[[], None]) -> int:
    """Serves until a signal ends it; requests under way may end, for `GRACE_SECONDS` at most.

    Args:
        bound: from `web.listening.bind`; closed at the end.
        log_requests: every one, not only those that are refused.
        ready: called once a signal to end ends well and requests wait for their answers.
    Returns:
        The exit code: 0 after SIGTERM or SIGINT, 1 where it could not start.
    """
    config = uvicorn.Config(
        app,
        http=BoundedConnection,
        lifespan="on",
        ws="none",
        log_config=log_config("plumbline.moderate.requests", _LINE, log_requests=log_requests),
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=BACKLOG,
    )

    def serve() -> int:
        """Until it is ended."""
        gc.collect()
        gc.freeze()  # models and libraries stay: collections, which large answers set off often, need not walk through them
        ready()
        try:
            _Server(config, app).run(sockets=[bound])
        except SystemExit:  # it could not start, and has said why
            return 1
        return 0

    with closing(bound):
        return run_until_ended(serve)
