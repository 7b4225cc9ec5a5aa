"""Pages for those who judge."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from markupsafe import Markup

from plumbline.collect.pages.contexts.differences import Difference
from plumbline.collect.pages.contexts.frame import Frame

MOST_WAITING = 100
"""Waiting items are counted so far, and told as so many or more."""


@dataclass(frozen=True, slots=True)
class QueueCard:
    """One kind of work in a study.

    Attributes:
        queue: work, review, adjudication or spot_check.
        label: what it is called.
        says: what one does there, in a sentence.
        address: where it is done.
        waiting: how many items wait for this visitor, at most `MOST_WAITING`; None of the work itself.
    """

    queue: str
    label: str
    says: str
    address: str
    waiting: int | None


@dataclass(frozen=True, slots=True)
class StudyCard:
    """A study on the home page.

    Attributes:
        name: of the study.
        kind: in words.
        state: open, paused or closed.
        says: what workers do in it, in a sentence.
        about: its page.
        queues: what this visitor may do there.
        dashboard: the manager's page of it; None where it is not for this visitor.
        topics: its items name topics, of which workers may leave some out.
    """

    name: str
    kind: str
    state: str
    says: str
    about: str
    queues: tuple[QueueCard, ...]
    dashboard: str | None
    topics: bool


@dataclass(frozen=True, slots=True)
class HomePage:
    """Everything this visitor can do.

    Attributes:
        frame: around it.
        studies: in the order they were made.
    """

    template: ClassVar[str] = "home.html"
    frame: Frame
    studies: tuple[StudyCard, ...]


@dataclass(frozen=True, slots=True)
class Guide:
    """The guidelines as a page shows them.

    Attributes:
        version: which one.
        html: rendered from Markdown in which no HTML is taken; the only markup that a template is handed.
        created_at: when this version was made.
    """

    version: int
    html: Markup
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """What a reviewer wrote for somebody whose writing they looked at; neither who they are nor their mark.

    Attributes:
        text: of the note.
        at: when it was written.
        address: the conversation that it is about.
    """

    text: str
    at: datetime
    address: str


@dataclass(frozen=True, slots=True)
class StudyPage:
    """What a study asks of workers, before they begin.

    Attributes:
        frame: around it.
        card: the study.
        guide: its newest guidelines.
        warning: what is said before anything is shown; None where there is nothing to warn of.
        uses: what the work is used for; empty where nothing is said.
        licence: under which it is passed on; None where nothing is said.
        topics: topics may be opted out of, as the study's file says; whether its items name any, the card says.
        notes: the newest that reviewers wrote for this visitor.
        difference: from the guidelines by which this visitor judged last to the newest; None where those are the same.
    """

    template: ClassVar[str] = "study.html"
    frame: Frame
    card: StudyCard
    guide: Guide
    warning: str | None
    uses: tuple[str, ...]
    licence: str | None
    topics: bool
    notes: tuple[Note, ...]
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class WorkPage:
    """Where judging is done. What is asked comes from the API; the templates of all acts stand in the page.

    Attributes:
        frame: around it.
        study: its name.
        queue: work, review, adjudication or spot_check.
        heading: what is done here.
        next_path: the API's path for the next item.
        guide: shown before the first item, and at the press of a key.
        judged_version: the version of the guidelines by which this visitor judged last here; None where they never did.
        blur: texts stand blurred until they are asked for.
        lease_minutes: how long an item stays theirs without a sign of life.
        break_after_minutes: when a break is suggested; None for never.
        chat: an item is a conversation, of which half does not count.
        topics, dashboard: see `StudyCard`.
        warning: see `StudyPage`.
    """

    template: ClassVar[str] = "work.html"
    frame: Frame
    study: str
    queue: str
    heading: str
    next_path: str
    guide: Guide
    judged_version: int | None
    blur: bool
    lease_minutes: int
    break_after_minutes: int | None
    chat: bool
    topics: bool
    dashboard: str | None
    warning: str | None


@dataclass(frozen=True, slots=True)
class GuidelinesPage:
    """The guidelines by themselves.

    Attributes:
        frame: around it.
        study: its name.
        guide: the newest version.
        difference: from the version that was asked for; None where none was, or nothing differs.
    """

    template: ClassVar[str] = "guidelines.html"
    frame: Frame
    study: str
    guide: Guide
    difference: Difference | None


@dataclass(frozen=True, slots=True)
class OutsideLogin:
    """How an account stands to the log-in of an organisation.

    Attributes:
        label: what the organisation is called.
        connected: one can log in by it.
        has_password: one can log in without it.
    """

    label: str
    connected: bool
    has_password: bool


@dataclass(frozen=True, slots=True)
class AccountPage:
    """One's own account: who one is here, the password, logging out.

    Attributes:
        frame: around it.
        outside: how the account stands to the organisation's log-in; None where there is none.
    """

    template: ClassVar[str] = "account.html"
    frame: Frame
    outside: OutsideLogin | None
