"""Items that people judged differently: the list, and one opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from plumbline.collect.pages.contexts.dashboard import ManagedStudy, Waiting
from plumbline.collect.pages.contexts.frame import Frame


@dataclass(frozen=True, slots=True)
class Choice:
    """A way to look at the list; `is_chosen` is the one that is taken now."""

    label: str
    address: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class SaidBy:
    """Who answered what, in words."""

    pseudonym: str
    says: str


@dataclass(frozen=True, slots=True)
class DisagreementRow:
    """An item of the list.

    Attributes:
        item: its number.
        address: where it is opened.
        line: the beginning of its text; empty where it has none.
        question: that people answer differently.
        apart: how far, in words.
        last: when the newest answer came.
        answers: who said what; empty where it is only seen opened.
        count: how many answered.
        ruling: what became of its labels, in words; empty where nobody is to rule on them.
        is_ruled: whether somebody did.
    """

    item: int
    address: str
    line: str
    question: str
    apart: str
    last: datetime
    answers: tuple[SaidBy, ...]
    count: int
    ruling: str
    is_ruled: bool


@dataclass(frozen=True, slots=True)
class DisagreementsPage:
    """Items that people judged differently.

    Attributes:
        frame: around it.
        managed: the study.
        as_of: the moment of the list.
        age: how old it is, in words, where it is old and a newer one is being made; else empty.
        blur: texts stand blurred until they are asked for.
        questions, orders: ways to look at it.
        rows: those of this part of the list.
        more: the next part; None at the end.
        queue: where labels are ruled on; None where the study has no such queue.
    """

    template: ClassVar[str] = "manage/disagreements.html"
    frame: Frame
    managed: ManagedStudy
    as_of: datetime
    age: str
    blur: bool
    questions: tuple[Choice, ...]
    orders: tuple[Choice, ...]
    rows: tuple[DisagreementRow, ...]
    more: str | None
    queue: Waiting | None


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message; `who` speaks, in words, and `role` as a class of the page's style."""

    who: str
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class ShownReply:
    """One of what is compared, at its stored side.

    Attributes:
        heading: which side.
        model: that wrote it; empty where it is not known.
        label: what the item brings along of harm; empty where nothing.
        messages: its texts.
    """

    heading: str
    model: str
    label: str
    messages: tuple[ShownMessage, ...]


@dataclass(frozen=True, slots=True)
class JudgementCard:
    """What one person judged.

    Attributes:
        number: of the judgement.
        pseudonym: who judged.
        sheet: their sheet.
        kind: in words.
        at: when.
        time: that it took, in words.
        version: of the guidelines that were shown.
        guidelines: where these stand.
        answers: name and value, in words.
        written: their own words: a comment, a note, an aim; none where there are none.
    """

    number: int
    pseudonym: str
    sheet: str
    kind: str
    at: datetime
    time: str
    version: int
    guidelines: str
    answers: tuple[tuple[str, str], ...]
    written: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RulingCard:
    """What became of a label that is disputed or split.

    Attributes:
        heading: what was ruled on.
        address: of the adjudication's own item.
        card: the ruling; None while it waits for one.
    """

    heading: str
    address: str
    card: JudgementCard | None


@dataclass(frozen=True, slots=True)
class DisagreementPage:
    """One item with everything that was judged of it.

    Attributes:
        frame: around it.
        managed: the study.
        item: its number.
        purpose: what it is for, in words.
        is_withdrawn: what it was made of is erased.
        conversation: what was said.
        intended: what a red teamer meant to try; empty where nothing is told.
        replies: what is compared, by stored side.
        judgements: that stand, oldest first.
        rulings: on its labels, those that wait for one too.
        about: the address of the item that an adjudication is about; None on other items.
        blur: texts stand blurred until they are asked for.
        queue: where labels are ruled on; None where the study has no such queue.
    """

    template: ClassVar[str] = "manage/disagreement.html"
    frame: Frame
    managed: ManagedStudy
    item: int
    purpose: str
    is_withdrawn: bool
    conversation: tuple[ShownMessage, ...]
    intended: str
    replies: tuple[ShownReply, ...]
    judgements: tuple[JudgementCard, ...]
    rulings: tuple[RulingCard, ...]
    about: str | None
    blur: bool
    queue: Waiting | None
