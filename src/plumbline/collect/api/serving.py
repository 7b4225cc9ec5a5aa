"""Who asks, whether they may, and the answer: one hop into a thread for all three."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from fastapi import Request, Response

from plumbline.collect.api.permissions import PERMITTED
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.drawing import Drawing
from plumbline.collect.service.people import has_role
from plumbline.collect.service.samplers import SourceRules
from plumbline.collect.service.submitting import Request as KnownRequest
from plumbline.collect.store.failures import NotAllowedError, NotFoundError
from plumbline.collect.store.people import find_by_token
from plumbline.collect.store.rows import Person, Role
from plumbline.web.failures import bad_key, not_known, not_permitted, wrong_content_type
from plumbline.web.json_bodies import decode_json
from plumbline.web.tokens import read_token

ValueT = TypeVar("ValueT")

_KEY = re.compile(r"[A-Za-z0-9_-]{8,128}")
_JSON = re.compile(r"application/json\s*(;.*)?", re.IGNORECASE)
_SHORT = {None, Role.WORKER, Role.REVIEWER}
"""Whose calls are short."""
_OPEN_TO_BLOCKED = frozenset({"me"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of somebody who may make it. Its body is read only now, and in the thread."""

    person: Person
    request: Request
    raw: bytes

    def body(self, kind: type[ValueT]) -> ValueT:
        """The body, strictly read.

        Raises:
            WebError: PL-WEB-004, 005, 006.
        """
        if not _JSON.fullmatch(self.request.headers.get("content-type", "")):
            raise wrong_content_type("application/json")
        return decode_json(self.raw, kind)

    def known(self) -> KnownRequest:
        """The request's key, and the digest that tells whether it comes with another body or to another route.

        Raises:
            WebError: PL-WEB-014.
        """
        keys = self.request.headers.getlist("idempotency-key")
        if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
            raise bad_key()
        hashed = hashlib.sha256(f"{self.request.method} {self.request.url.path}\n".encode())
        hashed.update(self.raw)
        return KnownRequest(keys[0], hashed.hexdigest())


@dataclass(frozen=True)
class Serving:
    """What the routes share.

    Attributes:
        collecting: store, samplers, clock.
        drawing: of replies.
        rules: what study files may name.
    """

    collecting: Collecting
    drawing: Drawing
    rules: SourceRules

    async def answer(self, request: Request, call: Callable[[Asked], object], status: int = 200) -> Response:
        """What `call` gives, as JSON; for who may ask for it.

        Args:
            call: blocks on the store; runs in a thread.
        Raises:
            WebError: PL-WEB-007, 008. NotAllowedError: PL-COL-031.
        """
        return json_response(await self.done(request, lambda asked: msgspec.json.encode(call(asked))), status)

    async def done(self, request: Request, call: Callable[[Asked], ValueT]) -> ValueT:
        """What `call` gives; as `answer`."""
        raw = await request.body()
        of_workers = PERMITTED[request.scope["route"].name] in _SHORT
        calls = self.collecting.calls if of_workers else self.collecting.long_calls
        return await calls.run(self._done, request, raw, call)

    def _done(self, request: Request, raw: bytes, call: Callable[[Asked], ValueT]) -> ValueT:
        asked = Asked(self._permitted(request), request, raw)
        try:
            return call(asked)
        except NotFoundError:
            # A restore may have taken a study away that this process remembers, and another of its name be there now.
            if not self.collecting.catalogue.forget_gone():
                raise
            return call(asked)

    def _permitted(self, request: Request) -> Person:
        name = request.scope["route"].name
        least = PERMITTED[name] or Role.WORKER
        token = read_token(request.scope)
        person = None if token is None else find_by_token(self.collecting.store, token, now=self.collecting.clock())
        if person is None:
            raise not_known()
        if person.blocked_at is not None and name not in _OPEN_TO_BLOCKED:
            raise _blocked(person)
        if not has_role(person, least):
            raise not_permitted(least.value)
        return person


def json_response(body: bytes, status: int = 200) -> Response:
    """JSON that is encoded already."""
    return Response(body, status, media_type="application/json")


def _blocked(person: Person) -> NotAllowedError:
    return NotAllowedError(
        "PL-COL-031",
        f"person {person.pseudonym}",
        "they may not work",
        expected="somebody who is not blocked",
        advice="ask the study's manager",
    )
