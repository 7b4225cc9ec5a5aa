"""Errors as problem documents (RFC 9457), for clients that read and for people who ask what to do next."""

from __future__ import annotations

import logging
import math
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import PurePath
from typing import Any

import msgspec

from plumbline.records import PlumblineError
from plumbline.web.asgi import App, Headers, Message, Receive, Scope, Send
from plumbline.web.failures import WebError, internal_fault
from plumbline.web.request_ids import request_id_of

LOG = logging.getLogger("plumbline.web")
CONTENT_TYPE = b"application/problem+json"
PROBLEM_CODE = "plumbline.problem_code"
"""In the scope: the code of the problem that was answered; for logs."""

Statuses = Mapping[type[PlumblineError] | str, int]
"""Error class or code → HTTP status; a code goes before a class, and a class before those it is derived from."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem document.

    Attributes:
        status: HTTP status.
        code: stable, listed in ``docs/errors.md``; `type` and `title` follow from code and status.
        detail: what is wrong, where, what was expected and found.
        advice: what to do next.
        members: further ones, such as ``fields`` or the stored draft.
        headers: that go with it.
    """

    status: int
    code: str
    detail: str
    advice: str
    members: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def body(self, request_id: str = "") -> bytes:
        """The document."""
        document = {
            "type": f"urn:plumbline:problem:{self.code.lower()}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "advice": self.advice,
            **self.members,
        }
        return msgspec.json.encode(document | ({"request_id": request_id} if request_id else {}))


def problem_of(error: PlumblineError, statuses: Statuses | None = None, **members: Any) -> Problem:
    """The document for one of our errors.

    Args:
        error: whatever it is; what no status is known for becomes a 500.
        statuses: of errors that are not `WebError`.
        members: further ones.
    """
    status = error.status if isinstance(error, WebError) else _status(error, statuses or {})
    faults = getattr(error, "fields", ())
    if faults:
        members["fields"] = [{"field": each.field, "problem": each.problem} for each in faults]
    headers: list[tuple[bytes, bytes]] = []
    wait = getattr(error, "retry_after_seconds", None)
    if wait is None and status == HTTPStatus.SERVICE_UNAVAILABLE:
        wait = 1
    if wait is not None:
        headers.append((b"retry-after", str(max(1, math.ceil(wait))).encode()))
    if isinstance(error, WebError) and error.methods:
        headers.append((b"allow", ", ".join(error.methods).encode()))
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    return Problem(status, error.code, detail_of(error), error.advice, members, tuple(headers))


def _status(error: PlumblineError, statuses: Statuses) -> int:
    names: tuple[Any, ...] = (error.code, *type(error).__mro__)
    return next((statuses[name] for name in names if name in statuses), int(HTTPStatus.INTERNAL_SERVER_ERROR))


def detail_of(error: PlumblineError) -> str:
    """What is wrong, where, what was expected and found, in one line."""
    parts = [f"{error.place}: {error.problem}"]
    parts += [f"expected {error.expected}"] if error.expected else []
    parts += [f"found {error.found}"] if error.found else []
    return "; ".join(parts)


async def send_problem(scope: Scope, send: Send, problem: Problem) -> None:
    """Answers with the document, and notes its code in the scope."""
    scope[PROBLEM_CODE] = problem.code
    body = problem.body(request_id_of(scope))
    headers: Headers = [(b"content-type", CONTENT_TYPE), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers + list(problem.headers)})
    await send({"type": "http.response.body", "body": body})


class ProblemErrors:
    """Middleware: an error that nobody caught becomes a problem document, ours with their code, others as a 500.

    Of errors that are not ours only the class and the places are logged: their messages like to quote values.
    """

    def __init__(self, app: App, problem: Callable[[PlumblineError], Problem] = problem_of) -> None:
        """Middleware.

        Args:
            problem: the document for one of our errors.
        """
        self._app = app
        self._problem = problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noted(message: Message) -> None:
            """Remember that an answer has begun."""
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except PlumblineError as error:
            problem = self._problem(error)
            if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                level = logging.ERROR if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR else logging.WARNING
                LOG.log(level, "request %s: %s (%s)", request_id_of(scope), error.code, error.problem)
        except Exception as error:  # whatever it is, the client gets a problem and no traceback
            LOG.error("request %s: %s at %s", request_id_of(scope), type(error).__name__, places_of(error))
            problem = problem_of(internal_fault(request_id_of(scope)))
        else:
            return
        if started:
            # Half an answer is out: only breaking the connection off tells the client so.
            raise ConnectionAbortedError
        await send_problem(scope, send, problem)


def places_of(error: BaseException, most: int = 6) -> str:
    """Where an exception comes from: the innermost frames, without any value."""
    frames = traceback.extract_tb(error.__traceback__)[-most:]
    return " < ".join(f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
