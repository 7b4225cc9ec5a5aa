"""Who asks, whether they may, and the answer: one hop into a thread for all three.

Somebody is known by a token in a header, or by the session of a browser in a cookie; never by both, and neither is taken
in the other's place. What concerns another study than the one that somebody is of is not there for them: that is decided
here, for every route.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
from fastapi import Request, Response

from plumbline.collect.api.permissions import FOR_THE_WHOLE_STORE, PERMITTED
from plumbline.collect.api.schemas import LoggedInAnswer
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.drawing import Drawing
from plumbline.collect.service.identity.failures import of_one_study
from plumbline.collect.service.identity.logging_in import SESSION_TIME, LoggedIn
from plumbline.collect.service.identity.openid.coming_in import OpenId
from plumbline.collect.service.people import has_role
from plumbline.collect.service.samplers import SourceRules
from plumbline.collect.service.submitting import Request as KnownRequest
from plumbline.collect.store.failures import NotAllowedError, NotFoundError, not_found
from plumbline.collect.store.identity.accounts import account_of
from plumbline.collect.store.people import find_by_token
from plumbline.collect.store.rows import Person, Role, TokenUse
from plumbline.web.asgi import client_address, header_values
from plumbline.web.failures import bad_key, not_known, not_permitted, two_ways_in, wrong_content_type
from plumbline.web.json_bodies import decode_json
from plumbline.web.rate_limits import token_looked_up
from plumbline.web.sessions import Site, csrf_token, require_csrf, require_own_site
from plumbline.web.tokens import read_token

ValueT = TypeVar("ValueT")

_KEY = re.compile(r"[A-Za-z0-9_-]{8,128}")
_JSON = re.compile(r"application/json\s*(;.*)?", re.IGNORECASE)
_SHORT = {None, Role.WORKER, Role.REVIEWER}
"""Whose calls are short."""
_OPEN_TO_BLOCKED = frozenset({"me", "log_out"})


@dataclass(frozen=True, slots=True)
class Sent:
    """A request whose body is here. It is parsed only when asked for."""

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

    @property
    def address(self) -> str:
        """Where it comes from."""
        return client_address(self.request.scope)


@dataclass(frozen=True, slots=True)
class Asked(Sent):
    """A request of somebody who may make it.

    Attributes:
        session: the token of the session that it came by; None where a token in a header came instead.
    """

    person: Person
    session: str | None = field(default=None, repr=False)

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


@dataclass(frozen=True, slots=True)
class PageVisitor:
    """Who looks at a page, by the session of their browser.

    Attributes:
        csrf_token: what the page's requests bring to show that they are the page's.
        account_name: what they log in with; None for who arrived from elsewhere.
    """

    person: Person
    csrf_token: str
    account_name: str | None


@dataclass(frozen=True)
class Serving:
    """What the routes share.

    Attributes:
        collecting: store, samplers, clock.
        drawing: of replies.
        rules: what study files may name.
        site: under which names browsers reach us.
        openid: the issuer that lets people in; None where names and passwords alone do.
    """

    collecting: Collecting
    drawing: Drawing
    rules: SourceRules
    site: Site = field(default_factory=Site)
    openid: OpenId | None = None

    async def answer(self, request: Request, call: Callable[[Asked], object], status: int = 200) -> Response:
        """What `call` gives, as JSON; for who may ask for it.

        Args:
            call: blocks on the store; runs in a thread.
        Raises:
            WebError: PL-WEB-007, 008, 015, 017, 018, 019. NotAllowedError: PL-COL-031.
        """
        return json_response(await self.done(request, lambda asked: msgspec.json.encode(call(asked))), status)

    async def done(self, request: Request, call: Callable[[Asked], ValueT]) -> ValueT:
        """What `call` gives; as `answer`."""
        raw = await request.body()
        of_workers = PERMITTED[request.scope["route"].name] in _SHORT
        calls = self.collecting.calls if of_workers else self.collecting.long_calls
        return await calls.run(self._done, request, raw, call)

    async def of_nobody(self, request: Request) -> Sent:
        """A request to a route that needs no token and no session, with a JSON body that no other site's form can send.

        Raises:
            WebError: PL-WEB-005, 018, 019.
        """
        sent = Sent(request, await request.body())
        require_own_site(request.scope, typed_is_fine=False)
        if not _JSON.fullmatch(request.headers.get("content-type", "")):
            raise wrong_content_type("application/json")
        self.earlier_session(request)
        return sent

    def require_login_here(self, request: Request) -> None:
        """Refuses to take a password, or begin a session, where others could read it or under a name that is not ours.

        Raises:
            WebError: PL-WEB-016, 017.
        """
        self.site.require_known_host(request.scope)
        self.site.require_private(request.scope)

    def earlier_session(self, request: Request) -> str | None:
        """The session's token that a browser sends along; None where there is none.

        Raises:
            WebError: PL-WEB-018, a token in a header came too.
        """
        session = self.site.session_of(request.scope)
        if session is not None and header_values(request.scope, b"authorization"):
            raise two_ways_in()
        return session

    def session_response(self, request: Request, found: LoggedIn) -> Response:
        """The answer that begins a session.

        Raises:
            WebError: PL-WEB-016, 017; see `require_login_here`, which asks before the session is made.
        """
        answer = LoggedInAnswer(found.person.pseudonym, found.person.role.value, csrf_token(found.session))
        response = json_response(msgspec.json.encode(answer), 201)
        seconds = int(SESSION_TIME.total_seconds())
        response.headers["set-cookie"] = self.site.set_cookie(request.scope, found.session, seconds)
        return response

    # --- pages; these block on the store, and are for a thread ---

    def person_of_page(self, request: Request) -> Person | None:
        """Who looks at a page, by their cookie; None where nobody is logged in. Who is blocked is found, too.

        Raises:
            WebError: PL-WEB-017, under a name that is not ours.
        """
        session = self.site.session_of(request.scope)
        if session is None:
            return None
        self.site.require_known_host(request.scope)
        return self._of_session(request, session)

    def visitor(self, request: Request) -> PageVisitor | None:
        """The same, with what their page needs; raises as `person_of_page`."""
        person, session = self.person_of_page(request), self.site.session_of(request.scope)
        if person is None or session is None:
            return None
        account = account_of(self.collecting.store, person.id)
        return PageVisitor(person, csrf_token(session), None if account is None else account.name)

    def require_study(self, request: Request, person: Person) -> None:
        """A study in the path that is not the one that somebody is of is not there for them.

        Raises:
            NotFoundError: PL-COL-010, in the words for a study that there is not.
        """
        name = request.path_params.get("study")
        if person.only_study_id is None or name is None:
            return
        if self.collecting.catalogue.named(name).id != person.only_study_id:
            raise not_found("study", name)

    # --- who asks ---

    def _done(self, request: Request, raw: bytes, call: Callable[[Asked], ValueT]) -> ValueT:
        person, session = self._known(request)
        self._require_permitted(request, person)
        asked = Asked(request, raw, person, session)
        try:
            self.require_study(request, person)
            return call(asked)
        except NotFoundError:
            # A restore may have taken a study away that this process remembers, and another of its name be there now.
            if not self.collecting.catalogue.forget_gone():
                raise
            self.require_study(request, person)
            return call(asked)

    def _known(self, request: Request) -> tuple[Person, str | None]:
        scope, store, now = request.scope, self.collecting.store, self.collecting.clock()
        session = self.earlier_session(request)
        if session is None:
            token = read_token(scope)
            person = None if token is None else find_by_token(store, token, now=now)
            if token is not None:
                token_looked_up(scope, token, is_good=person is not None)
        else:
            self.site.require_known_host(scope)
            require_own_site(scope, typed_is_fine=True)
            person = self._of_session(request, session)
        if person is None:
            raise not_known()
        if session is not None:
            require_csrf(scope, session)
        return person, session

    def _of_session(self, request: Request, session: str) -> Person | None:
        store, now = self.collecting.store, self.collecting.clock()
        person = find_by_token(store, session, now=now, use=TokenUse.SESSION)
        token_looked_up(request.scope, session, is_good=person is not None)
        return person

    def _require_permitted(self, request: Request, person: Person) -> None:
        name = request.scope["route"].name
        least = PERMITTED[name] or Role.WORKER
        if person.blocked_at is not None and name not in _OPEN_TO_BLOCKED:
            raise blocked(person)
        if not has_role(person, least):
            raise not_permitted(least.value)
        if person.only_study_id is not None and name in FOR_THE_WHOLE_STORE:
            raise of_one_study()


def json_response(body: bytes, status: int = 200) -> Response:
    """JSON that is encoded already."""
    return Response(body, status, media_type="application/json")


def blocked(person: Person) -> NotAllowedError:
    """PL-COL-031: whoever is blocked learns that they are, and nothing else."""
    return NotAllowedError(
        "PL-COL-031",
        f"person {person.pseudonym}",
        "they may not work",
        expected="somebody who is not blocked",
        advice="ask the study's manager",
    )
