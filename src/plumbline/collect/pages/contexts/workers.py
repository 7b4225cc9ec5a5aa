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
        address: of their sheet; None for who has none.
        tags: blocked, erased.
        cells: the other columns.
    """

    pseudonym: str
    address: str | None
    tags: tuple[str, ...]
    cells: tuple[WorkerCell, ...]


@dataclass(frozen=True, slots=True)
class WorkersPage:
    """Everybody who works on a study.

    Attributes:
        frame: around it.
        managed: the study.
        as_of: the moment of the figures.
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
class WorkerPage:
    """All of one worker in a study.

    Attributes:
        frame: around it.
        managed: the study.
        pseudonym: whose sheet it is.
        as_of: the moment of the figures.
        blocked, erased: how they stand.
        can_be_blocked: whether who looks may block them, or lift it.
        facts: counts.
        sections: figures.
        api: the API's path of the person.
    """

    template: ClassVar[str] = "manage/worker.html"
    frame: Frame
    managed: ManagedStudy
    pseudonym: str
    as_of: datetime
    blocked: bool
    erased: bool
    can_be_blocked: bool
    facts: tuple[Fact, ...]
    sections: tuple[Section, ...]
    api: str
