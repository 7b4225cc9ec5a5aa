"""The HTTP transport of endpoints: checks where it connects, what it sends and how much it takes.

- Connects to the number that was checked (see `network`), with the host's name in TLS and in the Host header.
- Sends the headers listed here and no others: the client library would add some from the environment, keys among them.
- Takes no compressed answers, so that the bytes counted are the bytes unpacked, and no more of them than it is told.
- Takes no cookies, and no head of an answer without an end.

Imported where an endpoint is opened: the library takes its time.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import cache

import httpx2

from plumbline.sources.bounded_heads import BoundedHeads
from plumbline.sources.failures import malformed, too_large
from plumbline.sources.network import Resolver, checked_addresses, resolve_by_system

_SENT_HEADERS = ("accept", "content-type", "content-length", "transfer-encoding", "host", "idempotency-key")


_COOKIES = frozenset({"set-cookie", "set-cookie2"})


@cache
def _certificates() -> ssl.SSLContext:
    """The authorities that are trusted; they come from where the environment says, and are read once."""
    return httpx2.create_ssl_context()


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """What a transport may do.

    Attributes:
        place: what errors call the endpoint.
        key: goes into the Authorization header; None for none. Kept out of ``repr``.
        allow_private: addresses that are not public are allowed.
        most_answer_bytes: of one answer, errors included.
        most_connections: at once.
        resolve: names → numbers.
        more_headers: that are sent too, in small letters.
    """

    place: str
    key: str | None = field(repr=False)
    allow_private: bool
    most_answer_bytes: int
    most_connections: int
    resolve: Resolver = resolve_by_system
    more_headers: tuple[str, ...] = ()


class PinnedTransport(httpx2.AsyncBaseTransport):
    """Sends requests to checked addresses only."""

    def __init__(self, settings: TransportSettings) -> None:
        self._settings = settings
        # By host: an open connection is used again by its number, and its certificate was compared with one name alone.
        self._inner: dict[str, BoundedHeads] = {}
        self._last_used = ""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; redirects come back as they are."""
        settings, url = self._settings, request.url
        addresses = await checked_addresses(
            url.host,
            url.port or (443 if url.scheme == "https" else 80),
            scheme=url.scheme,
            allow_private=settings.allow_private,
            resolve=settings.resolve,
            place=settings.place,
        )
        addresses.sort(key=lambda address: address != self._last_used)  # its open connections can be used again
        response = await self._send(request, addresses)
        return self._bounded(response)

    async def aclose(self) -> None:
        """Close all connections."""
        for inner in self._inner.values():
            await inner.aclose()

    async def _send(self, request: httpx2.Request, addresses: list[str]) -> httpx2.Response:
        """To the first address that can be connected to; nothing has been sent where that fails."""
        for address in addresses[:-1]:
            try:
                return await self._send_to(address, request)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._send_to(addresses[-1], request)

    async def _send_to(self, address: str, request: httpx2.Request) -> httpx2.Response:
        pinned = httpx2.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=self._headers(request),
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        response = await self._of_host(request.url.host).handle_async_request(pinned)
        self._last_used = address
        return response

    def _of_host(self, host: str) -> BoundedHeads:
        """No proxy: it would resolve the name again, unchecked."""
        if host not in self._inner:
            limits = httpx2.Limits(max_connections=self._settings.most_connections)
            self._inner[host] = BoundedHeads(_certificates(), limits)
        return self._inner[host]

    def _headers(self, request: httpx2.Request) -> list[tuple[str, str]]:
        names = (*_SENT_HEADERS, *self._settings.more_headers)
        headers = [(name, request.headers[name]) for name in names if name in request.headers]
        headers += [("accept-encoding", "identity"), ("user-agent", "plumbline")]
        if self._settings.key is not None:
            headers.append(("authorization", f"Bearer {self._settings.key}"))
        return headers

    def _bounded(self, response: httpx2.Response) -> httpx2.Response:
        stream = response.stream
        if not isinstance(stream, httpx2.AsyncByteStream):
            raise TypeError(f"expected an asynchronous answer, found {type(stream).__name__}")
        bounded = _BoundedStream(stream, self._settings)
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            bounded.fault = malformed(self._settings.place, "an answer that is not compressed", "a compressed one")
            del response.headers["content-encoding"]
        for name in _COOKIES & response.headers.keys():
            del response.headers[name]  # before the client keeps, and sends, what any receiver gave it
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=bounded, extensions=response.extensions
        )


class _BoundedStream(httpx2.AsyncByteStream):
    """An answer's bytes, up to a number of them."""

    def __init__(self, stream: httpx2.AsyncByteStream, settings: TransportSettings) -> None:
        self._stream = stream
        self._settings = settings
        self.fault: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.fault is not None:
            raise self.fault
        taken = 0
        async for part in self._stream:
            taken += len(part)
            if taken > self._settings.most_answer_bytes:
                raise too_large(self._settings.place, self._settings.most_answer_bytes)
            yield part

    async def aclose(self) -> None:
        """Let go of the connection."""
        await self._stream.aclose()
