"""Studies: their files, guidelines and items, how far they are."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from plumbline.collect.api.schemas.base import Body, StateName


class NewStudy(Body):
    """A study: the text of its TOML file, and of its guidelines in Markdown."""

    file: str
    guidelines: Annotated[str, Meta(min_length=1)]


class NewState(Body):
    """Open hands out work, paused none for now, closed none any more."""

    state: StateName


class NewGuidelines(Body):
    """Markdown. With `after_version`, the version that it was made from, 409 where another came since."""

    text: Annotated[str, Meta(min_length=1)]
    after_version: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


class StudyAnswer(Struct):
    """A study as everyone may see it."""

    name: str
    kind: str
    state: StateName
    queues: list[str]
    guidelines_version: int


class Studies(Struct):
    """In the order they were made."""

    studies: list[StudyAnswer]


class StudyFileAnswer(Struct):
    """The text of its file, and its SHA-256."""

    file: str
    sha256: str


class GuidelinesAnswer(Struct):
    """One version of the guidelines."""

    version: int
    text: str
    sha256: str
    created_at: datetime


class Queue(Struct):
    """How far a queue is: items, those complete, places for judgements, and how many are in hand or done."""

    items: int
    complete: int
    slots: int | None
    leased: int
    submitted: int


class StatusAnswer(Struct):
    """How far a study is."""

    study: StudyAnswer
    queues: dict[str, Queue]


class ScoreAnswer(Struct):
    """Known answers that were right, of those asked."""

    right: int
    asked: int


class WorkerAnswer(Struct):
    """How somebody stands in a study."""

    pseudonym: str
    consented_at: datetime | None
    qualification: str
    training_items_left: int | None
    finished: int
    submitted: dict[str, int]
    scores: dict[str, ScoreAnswer]


class EnteredAnswer(Struct):
    """What became of data: new items, known ones, known ones of another content, and what made none, by code.

    Of another content are those whose known answer or overlap is another, too.
    """

    new: int
    known: int
    differing: int
    passed_over: dict[str, int]
    faults: dict[str, int]
    rows_read: int


class ItemAnswer(Struct):
    """An item with all that is known of it."""

    id: int
    key: str
    purpose: str
    priority: int
    overlap: int
    open_slots: int
    payload: Any
    truth: Any


class Items(Struct):
    """In the order of entry; `after` is where the next page begins, null at the end."""

    items: list[ItemAnswer]
    after: int | None


class LateLine(Struct):
    """A submission that came when the slot was another's."""

    id: int
    assignment: int
    fence: int
    reason: str
    payload: Any
    created_at: datetime


class LateAnswer(Struct):
    """Oldest first."""

    late: list[LateLine]
