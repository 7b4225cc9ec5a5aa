"""Bodies with an end: of bytes, of time, of JSON's depth. A body is read whole before the app sees any of it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from plumbline.web.asgi import App, Message, Receive, Scope, Send, header_values
from plumbline.web.failures import WebError, body_too_large, body_too_slow, too_deep, too_many_requests, too_many_texts
from plumbline.web.problems import problem_of, send_problem

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_ALIKE = bytes.maketrans(b"{}", b"[]")
_SHORT_BYTES = 1 << 16
"""Of each body that are not counted: about what the server has taken in already when it asks."""
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
        most_texts: of JSON, keys counted: each takes many times the bytes that it is sent in.
        most_held_bytes: of all requests that are not answered yet, each from its 65,537th byte on: short ones pass always.
    """

    most_bytes: int = 1 << 20
    by_path: tuple[tuple[re.Pattern[str], int], ...] = ()
    seconds: float = 30.0
    most_depth: int = 32
    most_texts: int = 1 << 20
    most_held_bytes: int = 1 << 28

    def of_path(self, path: str) -> int:
        """The most bytes that this path takes."""
        return next((most for pattern, most in self.by_path if pattern.fullmatch(path)), self.most_bytes)


class _Held:
    """What the bodies of all requests under way take."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0

    def add(self, count: int) -> None:
        """Takes so many more, or fewer where it is negative; WebError where these are too many."""
        if self._bytes + count > self._most_bytes:
            raise too_many_requests(1.0)
        self._bytes += count


@dataclass(slots=True)
class _Share:
    """What one request takes of it."""

    held: _Held
    seen: int = 0
    counted: int = 0

    def add(self, count: int) -> None:
        """Takes so many more."""
        self.seen += count
        more = max(0, self.seen - _SHORT_BYTES) - self.counted
        if more:
            self.held.add(more)
            self.counted += more

    def give_back(self) -> None:
        """Gives back all."""
        self.held.add(-self.counted)


class BoundedBodies:
    """Middleware: reads the body within its limits, or answers with a problem document."""

    def __init__(self, app: App, limits: BodyLimits | None = None) -> None:
        self._app = app
        self._limits = limits or BodyLimits()
        self._held = _Held(self._limits.most_held_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        share = _Share(self._held)
        try:
            await self._answer(scope, receive, send, share)
        finally:
            share.give_back()

    async def _answer(self, scope: Scope, receive: Receive, send: Send, share: _Share) -> None:
        try:
            body = await self._read(scope, receive, share)
        except WebError as error:
            await send_problem(scope, send, problem_of(error))
            return
        except ClientGone:
            return
        await self._app(scope, _once(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive, share: _Share) -> bytes:
        most_bytes = self._limits.of_path(scope["path"])
        for length in header_values(scope, b"content-length"):
            if not length.isdigit() or len(length) > 18 or int(length) > most_bytes:
                raise body_too_large(most_bytes)
        try:
            async with asyncio.timeout(self._limits.seconds):
                body = await _whole(receive, most_bytes, share)
        except TimeoutError:
            raise body_too_slow(self._limits.seconds) from None
        # Any of them: who reads the body later may look at another one, where there are two.
        if any(map(_JSON.match, header_values(scope, b"content-type"))):
            self._refuse_json(body)
        return body

    def _refuse_json(self, body: bytes) -> None:
        """Refuse what would take far more to read than it did to send."""
        if _texts_count(body) > self._limits.most_texts:
            raise too_many_texts(self._limits.most_texts)
        if is_deeper(body, self._limits.most_depth):
            raise too_deep(self._limits.most_depth)


async def _whole(receive: Receive, most_bytes: int, share: _Share) -> bytes:
    pieces, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece = message.get("body", b"")
        size += len(piece)
        if size > most_bytes:
            raise body_too_large(most_bytes)
        share.add(len(piece))
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


def _texts_count(body: bytes) -> int:
    """How many strings a JSON text has, keys counted; fewer, down to half, only where a backslash ends them."""
    return (body.count(b'"') - body.count(b'\\"')) // 2


def is_deeper(body: bytes, most_depth: int) -> bool:
    """Whether brackets outside of strings stand in one another more than `most_depth` times.

    Of brackets that do not pair it says what it likes: they are no JSON, which whoever reads the body tells.
    """
    if body.count(b"[") + body.count(b"{") <= most_depth:
        return False
    brackets = _STRING.sub(b"", body).translate(_ALIKE, _NOT_BRACKET)
    for _ in range(most_depth):
        brackets = brackets.replace(b"[]", b"")  # the innermost, everywhere at once
    return b"[]" in brackets or brackets.count(b"[") > most_depth
