"""Connections with an end: a head that grows or dawdles for ever, and an answer that nobody takes, cost memory for nothing.

Bodies have their ends in `web.bodies`; between requests uvicorn itself closes connections that are idle.
"""

from __future__ import annotations

import asyncio
import logging
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LOG = logging.getLogger("plumbline.web")
MOST_HEAD_BYTES = 1 << 16
"""Of a request's line and headers; a piece that also holds what comes after them is not counted."""
HEAD_SECONDS = 20.0
"""Until a head is whole; of a new connection from its start."""
UNREAD_SECONDS = 30.0
"""In which a client takes at least `_LEAST_TAKEN` of an answer that waits for it."""
_LEAST_TAKEN = 1 << 16


class BoundedConnection(HttpToolsProtocol):
    """As uvicorn's, but it is broken off where the client's head has no end or the client does not take its answer."""

    _is_in_head = False
    _heads = 0
    _head_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None
    _unread_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._refuse, 408, "Request Timeout")

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._stop_waiting_for_head()
        self._stop_looking()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        before = self._heads
        super().data_received(data)
        if not self._is_in_head or self.transport.is_closing():
            self._stop_waiting_for_head()
            return
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._refuse, 408, "Request Timeout")
        if self._heads == before:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse(431, "Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0
        self._heads += 1

    def on_headers_complete(self) -> None:
        """It is whole."""
        self._is_in_head = False
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """The client takes its answer more slowly than it is given."""
        super().pause_writing()
        self._look(self._waiting_bytes() + _LEAST_TAKEN)

    def resume_writing(self) -> None:
        """It has caught up."""
        self._stop_looking()
        super().resume_writing()

    def _look(self, most_bytes: int) -> None:
        """Breaks off where more waits than may, else looks again."""
        self._stop_looking()
        waiting = self._waiting_bytes()
        if waiting > most_bytes:
            LOG.warning("a client did not take its answer")
            self.transport.abort()
            return
        self._unread_timer = self.loop.call_later(UNREAD_SECONDS, self._look, waiting - _LEAST_TAKEN)

    def _waiting_bytes(self) -> int:
        return cast(asyncio.WriteTransport, self.transport).get_write_buffer_size()

    def _stop_looking(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _stop_waiting_for_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: int, phrase: str) -> None:
        """Closes, with an answer to whoever has begun to ask."""
        self._stop_waiting_for_head()
        if self.transport.is_closing():
            return
        if self._is_in_head:
            LOG.warning("a request's head was refused: %d %s", status, phrase)
            self.transport.write(
                f"HTTP/1.1 {status} {phrase}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()
            )
        self.transport.close()
