"""What managers see of a study's figures, its workers and its disagreements; the values are the dashboard's own."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from plumbline.collect.dashboard.disagreements import Disagreement
from plumbline.collect.dashboard.figures import StudyFigures
from plumbline.collect.dashboard.opened import OpenedItem
from plumbline.collect.dashboard.workers import WorkerLine, WorkerSheet


class FiguresAnswer(Struct):
    """The newest figures of a study; `figures.basis` says of which moment, and `seconds` how long they took to make."""

    figures: StudyFigures
    seconds: float


class WorkersAnswer(Struct):
    """Everybody who judged something in a study as of a moment, page by page; `next` goes on, None at the end."""

    as_of: datetime
    workers: list[WorkerLine]
    next: str | None


class WorkerSheetAnswer(Struct):
    """All of one worker in a study."""

    sheet: WorkerSheet


class DisagreementsAnswer(Struct):
    """Items whose judgements contradict each other as of a moment, page by page; `next` goes on, None at the end."""

    as_of: datetime
    disagreements: list[Disagreement]
    next: str | None


class OpenedItemAnswer(Struct):
    """An item with its texts, its models and everything that was judged of it."""

    item: OpenedItem
