"""HTTP/1.1 with as little as measuring a server needs: requests over kept connections, and connections broken off.

Written by hand because a client of a library's own neither drops a connection in the middle of a request, nor costs
as little: with 64 workers on the server's own machine, what the client takes is missing to the server.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

PATIENCE_SECONDS = 60.0


class LostError(Exception):
    """The connection was refused, or went before the answer was whole: what became of the request is not known."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent; the same value again is the same request."""

    method: str
    path: str
    token: str
    body: Any = None
    key: str | None = None

    def encoded(self) -> bytes:
        """Head and body."""
        body = b"" if self.body is None else json.dumps(self.body).encode()
        lines = [
            f"{self.method} {self.path} HTTP/1.1",
            "Host: 127.0.0.1",
            f"Content-Length: {len(body)}",
        ]
        lines += [f"Authorization: Bearer {self.token}"] if self.token else []
        lines += ["Content-Type: application/json"] if body else []
        lines += [f"Idempotency-Key: {self.key}"] if self.key else []
        return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `retry_after` is 0 where nothing was said of it."""

    status: int
    body: bytes
    retry_after: float

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class Connection:
    """One connection to one server, opened where it has to be. Takes one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, request: Request) -> Answer:
        """The answer.

        Raises:
            LostError: there is none.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                reader, writer = await self._opened()
                writer.write(request.encoded())
                answer, goes_on = await _read_answer(reader)
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            raise LostError(type(error).__name__) from None
        if not goes_on:
            self.close()
        return answer

    async def break_off(self, request: Request, *, whole: bool) -> None:
        """Sends the request, or the first part of it, and hangs up without waiting for an answer."""
        encoded = request.encoded()
        sent = encoded if whole else encoded[: -max(1, len(encoded) // 8)]
        try:
            _, writer = await self._opened()
            writer.write(sent)
            await writer.drain()
        except OSError:
            pass
        self.close()

    def close(self) -> None:
        """Hangs up."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None or self._reader.at_eof():
            self.close()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self._reader, self._writer


async def _read_answer(reader: asyncio.StreamReader) -> tuple[Answer, bool]:
    """The answer, and whether the connection goes on; our servers always say how long a body is."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers["content-length"]))
    answer = Answer(int(first.split(" ", 2)[1]), body, float(headers.get("retry-after", 0)))
    return answer, headers.get("connection", "").lower() != "close"
