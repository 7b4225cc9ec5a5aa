"""What was judged in a study, newest first; and one chat with everything that was said in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from plumbline.collect.pages.contexts.dashboard import ManagedStudy
from plumbline.collect.pages.contexts.disagreements import JudgementCard, ShownReply
from plumbline.collect.pages.contexts.frame import Frame


@dataclass(frozen=True, slots=True)
class JudgedLine:
    """A piece of work in the list, told by the newest of its judgements: a chat has many.

    Attributes:
        address: where it is opened, with everything else that was judged of the same.
        what: its kind in words.
        answer: what was chosen, in a few words; empty where nothing is.
        tags: that the answer to the item is known, training, gold or attention; that who judged was erased.
        line: the beginning of the text it is about; empty where there is none.
        pseudonym: who judged.
        sheet: their sheet.
        at: when.
        time: that it took, in words.
    """

    address: str
    what: str
    answer: str
    tags: tuple[str, ...]
    line: str
    pseudonym: str
    sheet: str
    at: datetime
    time: str


@dataclass(frozen=True, slots=True)
class JudgedPage:
    """What was judged in a study, as the store has it now, newest first.

    Attributes:
        frame: around it.
        managed: the study.
        worker: whose it is alone; empty for everybody's.
        everybody: the address of the list of all.
        blur: texts stand blurred until they are asked for.
        has_chats: whether some of it are chats, of which one judgement alone stands in the list.
        lines: those of this part of the list.
        older: the next part; None at the end.
    """

    template: ClassVar[str] = "manage/judged.html"
    frame: Frame
    managed: ManagedStudy
    worker: str
    everybody: str
    blur: bool
    has_chats: bool
    lines: tuple[JudgedLine, ...]
    older: str | None


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """A turn of a chat.

    Attributes:
        number: from 1.
        human: what the worker said; empty where the item asked.
        replies: that were shown, by stored side.
        cards: what was judged of it.
    """

    number: int
    human: str
    replies: tuple[ShownReply, ...]
    cards: tuple[JudgementCard, ...]


@dataclass(frozen=True, slots=True)
class ChatPage:
    """One chat.

    Attributes:
        frame: around it.
        managed: the study.
        assignment: its number.
        pseudonym: whose it is.
        sheet: their sheet.
        state: how it stands, in words.
        blur: texts stand blurred until they are asked for.
        erased: whose it is was erased, and everything that was said in it with them.
        turns: in order.
        cards: what was judged of the whole.
    """

    template: ClassVar[str] = "manage/chat.html"
    frame: Frame
    managed: ManagedStudy
    assignment: int
    pseudonym: str
    sheet: str
    state: str
    blur: bool
    erased: bool
    turns: tuple[ShownTurn, ...]
    cards: tuple[JudgementCard, ...]
