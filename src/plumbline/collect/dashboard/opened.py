"""One item with its texts and everything that was judged of it, for who looks after the study: models and sides too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from plumbline.collect.kinds import Purpose
from plumbline.collect.kinds.adjudication import DisputedItem
from plumbline.collect.kinds.blind_review import ReviewItem
from plumbline.collect.kinds.bounds import MessageJson, read_stored
from plumbline.collect.kinds.chat import ChatItem
from plumbline.collect.kinds.pairs import PairItem
from plumbline.collect.kinds.ranking_items import RankingItem
from plumbline.collect.kinds.refusals import StoredWorkError
from plumbline.collect.kinds.safety_labels import LabelItem
from plumbline.collect.kinds.spot_check import WritingItem
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.store.dashboard_rows import read_judging_people
from plumbline.collect.store.database import Store
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.items import is_withdrawn, read_item
from plumbline.collect.store.judgements import judgements_of_item
from plumbline.collect.store.rows import Item, Judgement
from plumbline.collect.study_settings import StudyFile, StudyKind


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


@dataclass(frozen=True, slots=True)
class JudgementOfItem:
    """A judgement that stands, of finished work.

    Attributes:
        judgement: its number.
        answer: as it is stored: better sides spelled out, the order in which replies were shown, comments.
        corrects: the judgement whose place it takes.
    """

    judgement: int
    pseudonym: str
    kind: str
    answer: dict[str, Any]
    guidelines_version: int
    seconds: float | None
    at: datetime
    corrects: int | None


@dataclass(frozen=True, slots=True)
class OpenedItem:
    """An item and what was judged of it.

    Attributes:
        purpose: what it is for.
        is_withdrawn: what it was made of is erased.
        conversation: what was said, up to what is judged or with it.
        replies: what is compared, by stored side; none where nothing is.
        intended: what a red teamer meant to try, on reviews.
    """

    item: int
    purpose: str
    is_withdrawn: bool
    conversation: tuple[Said, ...]
    replies: tuple[StoredReply, ...]
    intended: str | None
    judgements: tuple[JudgementOfItem, ...]


def open_item(store: Store, study: KnownStudy, item_id: int) -> OpenedItem:
    """An item of the study.

    Raises:
        NotFoundError: PL-COL-010, the study has none of this number.
        StoredWorkError: what is stored of it is none of ours.
    """
    item = read_item(store, item_id)
    if item.study_id != study.id:
        raise not_found("item", item_id)
    judged = judgements_of_item(store, item_id)
    people = {person.id: person.pseudonym for person in read_judging_people(store, {row.worker_id for row in judged})}
    try:
        conversation, replies, intended = _content(item, study.settings)
    except ValidationError:
        raise StoredWorkError(f"item {item_id}", "its payload is none of this kind of study") from None
    return OpenedItem(
        item=item.id,
        purpose=item.purpose.value,
        is_withdrawn=is_withdrawn(store, item.id),
        conversation=conversation,
        replies=replies,
        intended=intended,
        judgements=tuple(_judgement(row, people[row.worker_id]) for row in judged),
    )


Content = tuple[tuple[Said, ...], tuple[StoredReply, ...], str | None]


def _content(item: Item, study: StudyFile) -> Content:
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
    return _said(read_stored(WritingItem, payload).conversation), (), None


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


def _judgement(row: Judgement, pseudonym: str) -> JudgementOfItem:
    return JudgementOfItem(
        judgement=row.id,
        pseudonym=pseudonym,
        kind=row.kind,
        answer=dict(row.payload),
        guidelines_version=row.guidelines_version,
        seconds=row.seconds,
        at=row.created_at,
        corrects=row.corrects,
    )
