"""Pages for people who are not logged in: log in, join by an invitation, arrive from a platform, come back from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from plumbline.collect.pages.contexts.frame import Frame


@dataclass(frozen=True, slots=True)
class LoginPage:
    """Name and password.

    Attributes:
        frame: around it.
        goes_on_to: the page to show afterwards; a path of ours.
        outside: what the organisation is called whose accounts may log in; None where names and passwords alone do.
    """

    template: ClassVar[str] = "login.html"
    frame: Frame
    goes_on_to: str
    outside: str | None


@dataclass(frozen=True, slots=True)
class JoinPage:
    """An invitation is taken up: its code stands behind the ``#`` of the address, where no server and no log sees it.

    Attributes:
        frame: around it.
        outside: what the organisation is called whose accounts may join; None where names and passwords alone do.
        only_study: the one study that the account at hand is for; None where it is for all, or nobody is logged in.
    """

    template: ClassVar[str] = "join.html"
    frame: Frame
    outside: str | None
    only_study: str | None


@dataclass(frozen=True, slots=True)
class CallbackPage:
    """Somebody comes back from the organisation's log-in.

    Attributes:
        frame: around it.
        outside: what the organisation is called.
    """

    template: ClassVar[str] = "openid.html"
    frame: Frame
    outside: str


@dataclass(frozen=True, slots=True)
class ArrivalPage:
    """Somebody comes from a platform.

    Attributes:
        frame: around it.
        provider: the platform, as it is called.
        study: the study's name.
        complete: whether the address holds what the platform has to say; where not, the page tells so.
    """

    template: ClassVar[str] = "arrive.html"
    frame: Frame
    provider: str
    study: str
    complete: bool


class HitState(StrEnum):
    """What the page of a HIT is for now."""

    PREVIEW = "preview"
    ACCEPTED = "accepted"
    CLOSED = "closed"
    ELSEWHERE = "elsewhere"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class HitPage:
    """What MTurk shows in its frame: what the study is; once the HIT was accepted, the way to it and the form for the code.

    Attributes:
        frame: around it; the same whoever looks.
        study: the study's name.
        says: what workers do in it.
        warning: what they may come to read; None where nothing is said.
        items: so many complete a visit.
        minutes: how long that takes, roughly; None where the study does not say.
        pay: what the study says of it; None where it does not.
        sandbox: whether the study takes HITs of the sandbox, and no others.
        state: a `HitState`: not accepted, accepted, the study is closed, the HIT is of another MTurk, the address lacks something.
        submit_to: where the form goes; None but where the HIT was accepted.
    """

    template: ClassVar[str] = "hit.html"
    frame: Frame
    study: str
    says: str
    warning: str | None
    items: int
    minutes: int | None
    pay: str | None
    sandbox: bool
    state: str
    submit_to: str | None
