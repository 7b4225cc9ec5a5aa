"""Bodies with an end: of bytes, of time, of JSON's depth. A body is read whole before the app sees any of it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from plumbline.web.asgi import App, Message, Receive, Scope, Send, header_values
from plumbline.web.failures import WebError, body_too_large, body_too_slow, too_deep
from plumbline.web.problems import problem_of, send_problem

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_JSON = re.compile(rb"application/(?:[\w.+-]+\+)?json\b", re.IGNORECASE)


class ClientGone(Exception):
    """The client hung up before its body was whole; nobody is there to be told."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What a body may be.

    Attributes:
        most_bytes: of most routes.
        by_path: paths (a whole one, as a regular expression) that take more bytes or fewer, and how many.
        seconds: from the first to the last byte.
        most_depth: of JSON: lists and objects in one another.
    """

    most_bytes: int = 1 << 20
    by_path: tuple[tuple[re.Pattern[str], int], ...] = ()
    seconds: float = 30.0
    most_depth: int = 32

    def of_path(self, path: str) -> int:
        """The most bytes that this path takes."""
        return next((most for pattern, most in self.by_path if pattern.fullmatch(path)), self.most_bytes)


class BoundedBodies:
    """Middleware: reads the body within its limits, or answers with a problem document."""

    def __init__(self, app: App, limits: BodyLimits | None = None) -> None:
        self._app = app
        self._limits = limits or BodyLimits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except WebError as error:
            await send_problem(scope, send, problem_of(error))
            return
        except ClientGone:
            return
        await self._app(scope, _once(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        most_bytes = self._limits.of_path(scope["path"])
        for length in header_values(scope, b"content-length"):
            if not length.isdigit() or len(length) > 18 or int(length) > most_bytes:
                raise body_too_large(most_bytes)
        try:
            async with asyncio.timeout(self._limits.seconds):
                body = await _whole(receive, most_bytes)
        except TimeoutError:
            raise body_too_slow(self._limits.seconds) from None
        # Any of them: who reads the body later may look at another one, where there are two.
        is_json = any(map(_JSON.match, header_values(scope, b"content-type")))
        if is_json and is_deeper(body, self._limits.most_depth):
            raise too_deep(self._limits.most_depth)
        return body


async def _whole(receive: Receive, most_bytes: int) -> bytes:
    pieces, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece = message.get("body", b"")
        size += len(piece)
        if size > most_bytes:
            raise body_too_large(most_bytes)
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)


def _once(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read, and from then on what the server says (that the client hung up)."""
    given = False

    async def replay() -> Message:
        """The body once more, as one message; then whatever comes."""
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def is_deeper(body: bytes, most_depth: int) -> bool:
    """Whether brackets outside of strings stand in one another more than `most_depth` times."""
    if body.count(b"[") + body.count(b"{") <= most_depth:
        return False
    depth = 0
    for bracket in _STRING.sub(b"", body).translate(None, _NOT_BRACKET):
        depth += 1 if bracket in b"[{" else -1
        if depth > most_depth:
            return True
    return False
