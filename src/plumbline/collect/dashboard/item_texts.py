"""The texts of an item, by kind of study and what it is for; and one line of them, by which it is known in a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from plumbline.collect.kinds import Purpose
from plumbline.collect.kinds.adjudication import DisputedItem
from plumbline.collect.kinds.blind_review import ReviewItem
from plumbline.collect.kinds.bounds import MessageJson, read_stored
from plumbline.collect.kinds.chat import ChatItem
from plumbline.collect.kinds.pairs import PairItem
from plumbline.collect.kinds.ranking_items import RankingItem
from plumbline.collect.kinds.safety_labels import LabelItem
from plumbline.collect.kinds.spot_check import WritingItem
from plumbline.collect.store.rows import Item
from plumbline.collect.study_settings import StudyFile, StudyKind

LINE = 140
"""Characters of an item in a list."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message: who speaks, human or assistant, and what they say."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class StoredReply:
    """One of what is compared, at its stored side.

    Attributes:
        side: from 0; outcomes and ranks name it, and no place on a screen.
        is_safe, categories: what the item brings along, where it does.
    """

    side: int
    messages: tuple[Said, ...]
    model: str | None
    is_safe: bool | None
    categories: tuple[str, ...] | None


Content = tuple[tuple[Said, ...], tuple[StoredReply, ...], str | None]


def content_of(item: Item, study: StudyFile) -> Content:
    """What an item shows: the conversation, what is compared, and what was intended.

    Raises:
        ValidationError: its payload is none of this kind of study.
    """
    read = _OF_PURPOSE.get(item.purpose)
    if read is None:
        # Who is to chat is measured by pairs.
        is_measured = study.kind is StudyKind.PREFERENCE_CHAT and item.purpose is not Purpose.WORK
        read = _pair if is_measured else _OF_KIND[study.kind]
    return read(item.payload)


def _pair(payload: Any) -> Content:
    item = read_stored(PairItem, payload)
    replies = [
        StoredReply(
            side=side,
            messages=_said(each.messages),
            model=each.model,
            is_safe=None if each.label is None else each.label.is_safe,
            categories=None if each.label is None else each.label.categories,
        )
        for side, each in enumerate(item.sides)
    ]
    return _said(item.context), tuple(replies), None


def _ranking(payload: Any) -> Content:
    item = read_stored(RankingItem, payload)
    replies = [
        StoredReply(side, (Said("assistant", each.text),), each.model, each.label.is_safe, each.label.categories)
        for side, each in enumerate(item.replies)
    ]
    return _said(item.prompt), tuple(replies), None


def _review(payload: Any) -> Content:
    item = read_stored(ReviewItem, payload)
    return _said(item.transcript), (), item.task_description


def _label(payload: Any) -> Content:
    return _said(read_stored(LabelItem, payload).conversation), (), None


def _dispute(payload: Any) -> Content:
    return _said(read_stored(DisputedItem, payload).conversation), (), None


def _writing(payload: Any) -> Content:
    item = read_stored(WritingItem, payload)
    return _said(item.conversation), (), item.task_description


def _chat(payload: Any) -> Content:
    return _said(read_stored(ChatItem, payload).opening), (), None


_OF_PURPOSE: Mapping[Purpose, Callable[[Any], Content]] = {
    Purpose.REVIEW: _review,
    Purpose.ADJUDICATION: _dispute,
    Purpose.SPOT_CHECK: _writing,
}
_OF_KIND: Mapping[StudyKind, Callable[[Any], Content]] = {
    StudyKind.PAIRS: _pair,
    StudyKind.TWO_AXIS_RANKING: _ranking,
    StudyKind.SAFETY_LABELS: _label,
    StudyKind.PREFERENCE_CHAT: _chat,
    StudyKind.RED_TEAM_CHAT: _chat,
}


def _said(messages: tuple[MessageJson, ...]) -> tuple[Said, ...]:
    return tuple(Said(message.role.value, message.text) for message in messages)


def line_of(item: Item, study: StudyFile) -> str:
    """The beginning of what was asked, and of the answer where that is what is judged, on one line; empty without a text."""
    try:
        conversation, replies, _ = content_of(item, study)
    except ValidationError:
        return ""
    asked = [said.text for said in conversation if said.role == "human"]
    shown = [said.text for said in (*conversation, *(said for reply in replies[:1] for said in reply.messages))]
    question = asked[-1] if asked else next(iter(shown), "")
    if not asked or conversation[-1].role == "human":
        return one_line(question)
    return f"{one_line(question, LINE // 2)} → {one_line(conversation[-1].text, LINE // 2)}"


def one_line(text: str, most: int = LINE) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text[: 20 * most].split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"
