"""The words of ASGI, and what every middleware needs of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


def header_values(scope: Scope, name: bytes) -> list[bytes]:
    """All values of a header, in order; `name` in lower case."""
    headers: Iterable[tuple[bytes, bytes]] = scope.get("headers", ())
    return [value for key, value in headers if key.lower() == name]


def only_header(scope: Scope, name: bytes) -> bytes | None:
    """The value of a header that stands once; None where it is missing or repeated."""
    values = header_values(scope, name)
    return values[0] if len(values) == 1 else None


def client_address(scope: Scope) -> str:
    """Who is at the other end of the connection; a proxy, where there is one."""
    client = scope.get("client")
    return str(client[0]) if client else ""
