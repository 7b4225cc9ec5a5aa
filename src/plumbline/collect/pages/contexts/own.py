"""Pages of somebody's own judgements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from plumbline.collect.pages.contexts.frame import Frame
from plumbline.collect.pages.contexts.work import Guide, Note


@dataclass(frozen=True, slots=True)
class OwnLine:
    """One judgement in the list.

    Attributes:
        address: where it is shown as it was.
        what: its kind in words.
        excerpt: the beginning of what was asked; empty in studies whose texts stand blurred.
        answers: what was answered, in the words of the screen.
        written: the beginning of what was written with it; empty where nothing was, and where texts stand blurred.
        at: when it was made.
        corrected: whether it takes the place of an earlier one.
        can_be_corrected: whether another may take its place.
        is_skipped: whether its item was skipped, so that it does not count.
    """

    address: str
    what: str
    excerpt: str
    answers: tuple[str, ...]
    written: str
    at: datetime
    corrected: bool
    can_be_corrected: bool
    is_skipped: bool


@dataclass(frozen=True, slots=True)
class OwnJudgementsPage:
    """What somebody judged in a study, newest first.

    Attributes:
        frame: around it.
        study: its name.
        work: where they go on working.
        notes: the newest that reviewers wrote for this visitor.
        lines: one page of judgements.
        older: the address of the next page; None at the end.
    """

    template: ClassVar[str] = "own_judgements.html"
    frame: Frame
    study: str
    work: str
    notes: tuple[Note, ...]
    lines: tuple[OwnLine, ...]
    older: str | None


@dataclass(frozen=True, slots=True)
class OwnJudgementPage:
    """One judgement as it was shown, with the answer filled in, to be corrected. What was shown comes from the API.

    Attributes:
        frame: around it.
        study: its name.
        judgement: its number.
        what: its kind in words.
        at: when it was made.
        work: where its kind of work goes on.
        guide: the newest guidelines, by which a correction is made; shown at the press of a key.
        warning: see `StudyPage`.
        blur: texts stand blurred until they are asked for.
    """

    template: ClassVar[str] = "own_judgement.html"
    frame: Frame
    study: str
    judgement: int
    what: str
    at: datetime
    work: str
    guide: Guide
    warning: str | None
    blur: bool
