"""Going to the issuer and coming back: log in, join by an invitation, connect and disconnect one's own account."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.identity.failures import no_account, wrong_old_password
from plumbline.collect.service.identity.logging_in import SESSION_TIME, LoggedIn, begin_session, require_attempt
from plumbline.collect.service.identity.openid.failures import (
    is_no_guess,
    nobody_here,
    not_begun_here,
    not_of_these,
    only_way_in,
    other_issuer,
    refused_there,
    study_closed,
)
from plumbline.collect.service.identity.openid.flow import Flow, Purpose, new_flow
from plumbline.collect.service.identity.openid.settings import OpenIdConfig, OpenIdSettings
from plumbline.collect.store.identity.accounts import account_of
from plumbline.collect.store.identity.attempts import attempt_succeeded, key_of_address, keys_of_login
from plumbline.collect.store.identity.begun_logins import begin_login, take_login
from plumbline.collect.store.identity.invitations import accept_by, find_invitation, not_invited
from plumbline.collect.store.identity.outside_identities import (
    OutsideIdentity,
    add_worker_outside,
    connect_outside,
    disconnect_outside,
    find_outside,
    has_outside,
    outside_stands_in,
    put_outside_in,
)
from plumbline.collect.store.people import digest, end_session
from plumbline.collect.store.rows import Person, StudyState
from plumbline.collect.store.studies import read_study
from plumbline.web.own_paths import own_path

if TYPE_CHECKING:
    from plumbline.collect.service.identity.openid.provider import Provider

_GOOGLE = "https://accounts.google.com"
_WORD = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True)
class OpenId:
    """An issuer that lets people in here; belongs to one event loop.

    Attributes:
        config: of the server.
        provider: who talks to the issuer.
    """

    config: OpenIdConfig
    provider: Provider

    @property
    def label(self) -> str:
        """What buttons call it."""
        return self.config.settings.label


@dataclass(frozen=True, slots=True)
class Answer:
    """What the issuer sends a browser back with; nothing of it is proven yet."""

    state: str
    code: str | None = None
    error: str | None = None
    issuer: str | None = None


@dataclass(frozen=True, slots=True)
class OutsideStanding:
    """How somebody's account stands to the issuer.

    Attributes:
        label: what it is called.
        connected: they can log in by it.
        has_password: they can log in without it.
    """

    label: str
    connected: bool
    has_password: bool


def open_openid(config: OpenIdConfig) -> OpenId:
    """The issuer, for the event loop at hand; nothing is asked of it yet."""
    from plumbline.collect.service.identity.openid.provider import Provider

    return OpenId(config, Provider(config))


# --- going there ---


async def go(collecting: Collecting, openid: OpenId, flow: Flow) -> str:
    """The address to log in at; from now on the flow's answer is awaited.

    Raises:
        NotFoundError: PL-COL-035, who joins has no invitation that is still good. ServiceError: PL-OID-010, 011.
    """

    def look() -> None:
        """In a thread: an invitation that is over takes nobody there and back."""
        code = flow.invitation
        if code is not None and find_invitation(collecting.store, code, now=collecting.clock()) is None:
            raise not_invited()

    await collecting.calls.run(look)
    address = await openid.provider.address_for(flow)
    await collecting.calls.run(lambda: begin_login(collecting.store, flow.to_cookie(), now=collecting.clock()))
    return address


def flow_to_come_in(goes_on_to: str | None, invitation: str | None) -> Flow:
    """Of who logs in, or joins by an invitation's code."""
    purpose = Purpose.LOG_IN if invitation is None else Purpose.JOIN
    return new_flow(purpose, goes_on_to=own_path(goes_on_to), invitation=invitation)


async def flow_to_connect(collecting: Collecting, person: Person, password: str, *, session: str, address: str) -> Flow:
    """Of who connects their account, by a password: a session alone, left open somewhere, gives nobody a way in for good.

    Raises:
        ServiceError: PL-IDN-002, 005; PL-IDN-006, they have no password.
    """
    account = await collecting.calls.run(account_of, collecting.store, person.id)
    if account is None:
        raise no_account()
    keys = keys_of_login(account.name_key, address)
    await collecting.calls.run(require_attempt, collecting, *keys)
    if not (await collecting.passwords.verify(account.password_hash, password)).is_right:
        raise wrong_old_password()
    await collecting.calls.run(attempt_succeeded, collecting.store, keys)
    return new_flow(Purpose.CONNECT, goes_on_to="/account", session=digest(session))


# --- coming back ---


def flow_begun_here(flow: Flow | None, answer: Answer) -> Flow:
    """What this browser began, where the answer is to that.

    Args:
        flow: what the browser kept; None for nothing.
    Raises:
        ServiceError: PL-OID-021.
    """
    if flow is None or not hmac.compare_digest(flow.state.encode(), answer.state.encode("utf-8", "replace")):
        raise not_begun_here()
    return flow


async def identity_of(
    collecting: Collecting, openid: OpenId, flow: Flow, answer: Answer, *, address: str
) -> OutsideIdentity:
    """Who came back, as the issuer says; each answer once, in the browser that went there.

    Args:
        flow: of `flow_begun_here`.
        address: where it comes from; what fails is counted for it, as failed log-ins are, but for `is_no_guess`.
    Raises:
        ServiceError: PL-OID-010 to 012, 021 to 025; PL-IDN-002.
    """
    kept = flow.to_cookie()
    if not await collecting.calls.run(lambda: take_login(collecting.store, kept, now=collecting.clock())):
        raise not_begun_here()
    settings = openid.config.settings
    names_itself = (await openid.provider.metadata()).names_itself
    if answer.issuer != settings.issuer and (names_itself or answer.issuer is not None):
        raise other_issuer()
    if answer.code is None:
        word = answer.error or ""
        raise refused_there(word if _WORD.fullmatch(word) else "")
    key = key_of_address(address)
    await collecting.calls.run(require_attempt, collecting, key)
    try:
        claims = await openid.provider.claims_of(answer.code, flow, collecting.clock)
        require_taken(claims, settings)
    except ServiceError as error:
        # While the issuer is away, those who share an address would lock each other out of names and passwords.
        if is_no_guess(error):
            await collecting.calls.run(attempt_succeeded, collecting.store, [key])
        raise
    await collecting.calls.run(attempt_succeeded, collecting.store, [key])
    return OutsideIdentity(settings.issuer, claims["sub"])


def come_in(
    collecting: Collecting, settings: OpenIdSettings, flow: Flow, identity: OutsideIdentity, earlier: str | None
) -> LoggedIn:
    """A new session for who came back; blocks. Also for who is blocked, so that they can be told.

    Args:
        earlier: the session that the browser has already; it ends.
    Raises:
        ServiceError: PL-OID-026, nobody here; PL-OID-028, the study is closed.
        NotFoundError: PL-COL-035. ConflictError: PL-COL-037, it is somebody's already.
    """
    if flow.invitation is not None:
        return _join(collecting, flow.invitation, identity, earlier)
    person = find_outside(collecting.store, identity)
    if person is None:
        person = _new_worker(collecting, settings, identity)
    who = person.id
    return begin_session(
        collecting,
        person,
        earlier,
        stands=lambda connection: outside_stands_in(connection, who, identity),
        refused=nobody_here,
    )


def connect(collecting: Collecting, person: Person, session: str, flow: Flow, identity: OutsideIdentity) -> None:
    """Lets somebody log in by an identity from now on; in the session in which they asked for it, and no other; blocks.

    Raises:
        ServiceError: PL-OID-021, also where the session ended while the issuer was asked.
        ConflictError: PL-COL-037, it is somebody else's. NotAllowedError: PL-COL-031, they were blocked meanwhile.
    """
    is_same = flow.session is not None and hmac.compare_digest(flow.session, digest(session))
    if not is_same or not connect_outside(
        collecting.store, person.id, identity, now=collecting.clock(), session=session
    ):
        raise not_begun_here()


def disconnect(collecting: Collecting, openid: OpenId, person: Person) -> bool:
    """Ends that somebody can log in by the issuer; False where they could not.

    Raises:
        ServiceError: PL-OID-027, it is their only way in.
    """
    done = disconnect_outside(collecting.store, person.id, openid.config.settings.issuer, now=collecting.clock())
    if done is None:
        raise only_way_in()
    return done


def standing(collecting: Collecting, openid: OpenId, person: Person) -> OutsideStanding:
    """How somebody's account stands to the issuer."""
    connected = has_outside(collecting.store, person.id, openid.config.settings.issuer)
    return OutsideStanding(openid.label, connected, account_of(collecting.store, person.id) is not None)


def require_taken(claims: Mapping[str, Any], settings: OpenIdSettings) -> None:
    """Refuses accounts that the server's file does not take.

    An address counts where the issuer says that it has verified it: elsewhere anybody may have written it there. Of Google
    the organisation counts and not the address, which also somebody has who has left it.

    Raises:
        ServiceError: PL-OID-025.
    """
    if settings.allowed_domains and _domain_of(claims, settings) not in settings.allowed_domains:
        raise not_of_these()
    for name, wanted in settings.required_claims.items():
        found = claims.get(name)
        values = found if isinstance(found, list) else [found]
        if not any(type(each) is type(wanted) and each == wanted for each in values):
            raise not_of_these()


def _domain_of(claims: Mapping[str, Any], settings: OpenIdSettings) -> str | None:
    if settings.issuer == _GOOGLE:
        organisation = claims.get("hd")
        return organisation.lower() if isinstance(organisation, str) else None
    email = claims.get("email")
    is_verified = claims.get("email_verified") is True and isinstance(email, str)
    return str(email).rpartition("@")[2].lower() if is_verified else None


def _join(collecting: Collecting, code: str, identity: OutsideIdentity, earlier: str | None) -> LoggedIn:
    now = collecting.clock()
    ends = now + SESSION_TIME
    person, session = accept_by(
        collecting.store,
        code,
        lambda connection, person, _: put_outside_in(connection, person.id, identity, now),
        now=now,
        session_ends=ends,
    )
    if earlier is not None:
        end_session(collecting.store, earlier, now=now)
    return LoggedIn(person, session, ends)


def _new_worker(collecting: Collecting, settings: OpenIdSettings, identity: OutsideIdentity) -> Person:
    if settings.new_people == "invited" or settings.study is None:
        raise nobody_here()
    study = collecting.catalogue.named(settings.study)
    if read_study(collecting.store, study.id).state is StudyState.CLOSED:
        raise study_closed()
    return add_worker_outside(collecting.store, study.id, identity, now=collecting.clock())
