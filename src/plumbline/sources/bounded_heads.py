"""An end to what comes before an answer: the library reads provisional answers (1xx) for as long as they come.

Counted where bytes come from the network, and in small pieces, so that others have their turn in between.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

import httpcore2
import httpx2

MOST_HEAD_BYTES = 64 << 10
"""From the request to the last header of its answer, provisional answers included."""
_PIECE = 4 << 10
_left: ContextVar[int | None] = ContextVar("bytes left of an answer's head", default=None)


class BoundedHeads(httpx2.AsyncHTTPTransport):
    """httpx2's transport over connections that count; without a proxy, HTTP/1.1."""

    def __init__(self, verify: ssl.SSLContext, limits: httpx2.Limits) -> None:
        super().__init__(verify=verify, trust_env=False, limits=limits)
        # The library's transport has no argument for it; a test sends provisional answers without end.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=verify,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Backend(),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; httpx2.ReadError where its answer's head has no end."""
        before = _left.set(MOST_HEAD_BYTES)  # of this task: what it reads until it has the answer's headers
        try:
            return await super().handle_async_request(request)
        finally:
            _left.reset(before)


class _Stream(httpcore2.AsyncNetworkStream):
    """A connection."""

    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Some bytes; of a head, no more than are left for it."""
        left = _left.get()
        if left is None:
            return await self._inner.read(max_bytes, timeout)
        if left <= 0:
            raise httpcore2.ReadError("an answer whose headers do not end")
        found = await self._inner.read(min(max_bytes, _PIECE), timeout)
        _left.set(left - len(found))
        return found

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Sends."""
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """Ends it."""
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        """The same, encrypted; what is counted is what was inside."""
        return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Of the connection below."""
        return self._inner.get_extra_info(info)


class _Backend(httpcore2.AsyncNetworkBackend):
    """Opens connections that count."""

    def __init__(self) -> None:
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to an address."""
        return _Stream(await self._inner.connect_tcp(host, port, timeout, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await self._inner.sleep(seconds)
