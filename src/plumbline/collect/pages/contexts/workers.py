"""Who works on a study: the list, and a sheet for each. Pseudonyms only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from plumbline.collect.pages.contexts.dashboard import ManagedStudy
from plumbline.collect.pages.contexts.frame import Frame
from plumbline.collect.pages.contexts.panels import Section


@dataclass(frozen=True, slots=True)
class SortLink:
    """The head of a column that the list can be sorted by.

    Attributes:
        label: what stands in it.
        address: the list, sorted by it.
        order: ascending, descending or none: how it is sorted now, in ARIA's words.
        is_number: whether its values stand at the right.
    """

    label: str
    address: str
    order: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class WorkerCell:
    """A value in words, and how many answers it rests on; empty where that is told by the value itself."""

    says: str
    n: str = ""


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One line of the list.

    Attributes:
        pseudonym: of the worker.
        address: of their sheet.
        tags: blocked, erased.
        cells: the other columns.
    """

    pseudonym: str
    address: str
    tags: tuple[str, ...]
    cells: tuple[WorkerCell, ...]


@dataclass(frozen=True, slots=True)
class WorkersPage:
    """Everybody who works on a study.

    Attributes:
        frame: around it.
        managed: the study.
        as_of: the moment of the figures.
        age: how old they are, in words, where they are old and newer ones are being made; else empty.
        count: how many people there are in all.
        columns: of the list.
        rows: those of this part of the list.
        more: the next part; None at the end.
        csv: the whole list as a file.
    """

    template: ClassVar[str] = "manage/workers.html"
    frame: Frame
    managed: ManagedStudy
    as_of: datetime
    age: str
    count: int
    columns: tuple[SortLink, ...]
    rows: tuple[WorkerRow, ...]
    more: str | None
    csv: str


@dataclass(frozen=True, slots=True)
class Fact:
    """Something about somebody, in words."""

    name: str
    says: str


@dataclass(frozen=True, slots=True)
class CheckLine:
    """A check of somebody's writing.

    Attributes:
        mark: in words.
        note: for the worker; empty where none was written.
        at: when it was made.
        address: of the conversation that was looked at.
    """

    mark: str
    note: str
    at: datetime
    address: str


@dataclass(frozen=True, slots=True)
class WorkerPage:
    """All of one worker in a study.

    Attributes:
        frame: around it.
        managed: the study.
        pseudonym: whose sheet it is.
        as_of: the moment of the figures.
        age: how old they are, in words, where they are old and newer ones are being made; else empty.
        blocked, erased: how they stand.
        can_be_blocked: whether who looks may block them, or lift it.
        facts: counts.
        judged: where what they judged is listed.
        checks: of their writing, the newest first; None where the study has no such checks.
        sections: figures.
        api: the API's path of the person.
    """

    template: ClassVar[str] = "manage/worker.html"
    frame: Frame
    managed: ManagedStudy
    pseudonym: str
    as_of: datetime
    age: str
    blocked: bool
    erased: bool
    can_be_blocked: bool
    facts: tuple[Fact, ...]
    judged: str
    checks: tuple[CheckLine, ...] | None
    sections: tuple[Section, ...]
    api: str
