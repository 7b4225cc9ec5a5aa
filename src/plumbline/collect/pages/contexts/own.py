"""Pages of somebody's own judgements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from plumbline.collect.pages.contexts.frame import Frame


@dataclass(frozen=True, slots=True)
class OwnLine:
    """One judgement in the list.

    Attributes:
        address: where it is shown as it was.
        what: its kind in words.
        excerpt: the beginning of what was asked; empty in studies whose texts stand blurred.
        at: when it was made.
        corrected: whether it takes the place of an earlier one.
    """

    address: str
    what: str
    excerpt: str
    at: datetime
    corrected: bool


@dataclass(frozen=True, slots=True)
class OwnJudgementsPage:
    """What somebody judged in a study, newest first.

    Attributes:
        frame: around it.
        study: its name.
        work: where they go on working.
        lines: one page of judgements.
        older: the address of the next page; None at the end.
    """

    template: ClassVar[str] = "own_judgements.html"
    frame: Frame
    study: str
    work: str
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
        guide_version: the newest version of the guidelines, by which a correction is made.
        blur: texts stand blurred until they are asked for.
    """

    template: ClassVar[str] = "own_judgement.html"
    frame: Frame
    study: str
    judgement: int
    what: str
    at: datetime
    work: str
    guide_version: int
    blur: bool
