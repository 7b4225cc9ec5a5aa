"""The manager's page of a study: how it stands, in pictures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from plumbline.collect.pages.contexts.frame import Frame
from plumbline.collect.pages.contexts.panels import Section


@dataclass(frozen=True, slots=True)
class ManagedStudy:
    """A study at the top of each of its manager's pages.

    Attributes:
        name: of the study.
        kind: in words.
        state: open, paused or closed.
        address: of its pages, without a slash at the end.
        here: the page's name: dashboard, workers, disagreements, guidelines or export.
    """

    name: str
    kind: str
    state: str
    address: str
    here: str


@dataclass(frozen=True, slots=True)
class Change:
    """What can be done with the study's state.

    Attributes:
        state: that it would have.
        label: of the button.
        question, says: asked before it is done: what happens then, and to whom.
    """

    state: str
    label: str
    question: str
    says: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something to do or to read.

    Attributes:
        label: what is to be done.
        count: of how much; items to take, where it is a queue; lines, where it is a list.
        address: where it is done.
        also: what else is counted of the same, in words; empty for nothing.
    """

    label: str
    count: int
    address: str
    also: str = ""


@dataclass(frozen=True, slots=True)
class DashboardPage:
    """How a study stands.

    Attributes:
        frame: around it.
        managed: the study.
        changes: what can be done with its state.
        as_of: the moment of the figures.
        age: how old they are, in words, where they are old and newer ones are being made; else empty.
        judgements: that they are of.
        people: who made them.
        notes: what the figures leave out.
        waiting: queues of reviewers with something in them.
        reading: what there is to read, with the number of it.
        sections: the figures.
        refresh_seconds: how often the page looks for newer ones.
        api: the API's path of the study.
    """

    template: ClassVar[str] = "manage/dashboard.html"
    frame: Frame
    managed: ManagedStudy
    changes: tuple[Change, ...]
    as_of: datetime
    age: str
    judgements: int
    people: int
    notes: tuple[str, ...]
    waiting: tuple[Waiting, ...]
    reading: tuple[Waiting, ...]
    sections: tuple[Section, ...]
    refresh_seconds: int
    api: str
