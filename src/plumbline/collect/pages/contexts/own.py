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
        chat: when the conversation that it belongs to was begun; None of other items.
        excerpt: the beginning of what was asked.
        answers: what was answered, in the words of the screen.
        written: the beginning of what was written with it; empty where nothing was.
        at: when it was made.
        corrected: whether it takes the place of an earlier one.
        can_be_corrected: whether another may take its place.
        is_skipped: whether its item was skipped, so that it does not count.
    """

    address: str
    what: str
    chat: datetime | None
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
        blur: texts stand blurred until they are asked for.
        older: the address of the next page; None at the end.
    """

    template: ClassVar[str] = "own_judgements.html"
    frame: Frame
    study: str
    work: str
    notes: tuple[Note, ...]
    lines: tuple[OwnLine, ...]
    blur: bool
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
        went_on: which of two replies the conversation went on with, as A or B; None where it was no turn, or stays as it is.
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
    went_on: str | None
    blur: bool
