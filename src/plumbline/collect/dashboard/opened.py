"""One item with its texts and everything that was judged of it, for who looks after the study: models and sides too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from plumbline.collect.dashboard.item_texts import Said, StoredReply, content_of
from plumbline.collect.kinds import Purpose
from plumbline.collect.kinds.adjudication import DisputedItem, dispute_key, split_key
from plumbline.collect.kinds.bounds import read_stored
from plumbline.collect.kinds.refusals import StoredWorkError
from plumbline.collect.kinds.two_axis_ranking import RANKING, StoredRanking
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.store.dashboard_rows import read_judging_people
from plumbline.collect.store.database import Store
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.items import is_withdrawn, items_of_keys, read_item, withdrawn_among
from plumbline.collect.store.judgements import judgements_of_item, judgements_of_keys
from plumbline.collect.store.rows import Item, Judgement
from plumbline.collect.study_settings import StudyKind

MOST_JUDGEMENTS = 200
"""Of one item, the newest: items with known answers are judged by everybody."""


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
class RulingOfItem:
    """A label of an item that went to adjudication.

    Attributes:
        item: number of the adjudication's own item.
        side: of the reply, from 0; None where the item is one answer.
        judgement: the ruling; None while it waits for one.
    """

    item: int
    side: int | None
    judgement: JudgementOfItem | None


@dataclass(frozen=True, slots=True)
class OpenedItem:
    """An item and what was judged of it.

    Attributes:
        purpose: what it is for.
        is_withdrawn: what it was made of is erased, or the labels it is about agree by now.
        conversation: what was said, up to what is judged or with it.
        replies: what is compared, by stored side; none where nothing is.
        intended: what a red teamer meant to try, on reviews and checks of writing.
        judgements: oldest first, at most the newest `MOST_JUDGEMENTS`.
        rulings: what became of its labels that are disputed or split.
        about: the item that an adjudication is about; None on other items.
    """

    item: int
    purpose: str
    is_withdrawn: bool
    conversation: tuple[Said, ...]
    replies: tuple[StoredReply, ...]
    intended: str | None
    judgements: tuple[JudgementOfItem, ...]
    rulings: tuple[RulingOfItem, ...]
    about: int | None


def open_item(store: Store, study: KnownStudy, item_id: int) -> OpenedItem:
    """An item of the study.

    Raises:
        NotFoundError: PL-COL-010, the study has none of this number.
        StoredWorkError: what is stored of it is none of ours.
    """
    item = read_item(store, item_id)
    if item.study_id != study.id:
        raise not_found("item", item_id)
    judged = judgements_of_item(store, item_id, limit=MOST_JUDGEMENTS)
    try:
        conversation, replies, intended = content_of(item, study.settings)
        rulings, about = _rulings(store, study, item, judged), _about(store, item)
    except ValidationError:
        raise StoredWorkError(f"item {item_id}", "its payload is none of this kind of study") from None
    return OpenedItem(
        item=item.id,
        purpose=item.purpose.value,
        is_withdrawn=is_withdrawn(store, item.id),
        conversation=conversation,
        replies=replies,
        intended=intended,
        judgements=told_judgements(store, judged),
        rulings=rulings,
        about=about,
    )


def told_judgements(store: Store, rows: Sequence[Judgement]) -> tuple[JudgementOfItem, ...]:
    """Judgements with the pseudonyms of who made them."""
    people = {person.id: person.pseudonym for person in read_judging_people(store, {row.worker_id for row in rows})}
    return tuple(
        JudgementOfItem(
            judgement=row.id,
            pseudonym=people[row.worker_id],
            kind=row.kind,
            answer=dict(row.payload),
            guidelines_version=row.guidelines_version,
            seconds=row.seconds,
            at=row.created_at,
            corrects=row.corrects,
        )
        for row in rows
    )


def _rulings(store: Store, study: KnownStudy, item: Item, judged: Sequence[Judgement]) -> tuple[RulingOfItem, ...]:
    sides: dict[str, int | None] = {}
    if study.settings.kind is StudyKind.SAFETY_LABELS and item.purpose is Purpose.WORK:
        sides[split_key(item.key)] = None
    for row in judged:
        if row.kind == RANKING:
            for dispute in read_stored(StoredRanking, row.payload).disputes:
                sides[dispute_key(str(row.assignment_id), dispute.reply, study.settings)] = dispute.reply
    return tuple(_rulings_by_key(store, study, sides).values())


def split_rulings(store: Store, study: KnownStudy, labelled: Iterable[Item]) -> dict[int, RulingOfItem]:
    """What became of labels that are split, by the item that was labelled; those that nobody is to rule on are left out."""
    items = {split_key(item.key): item.id for item in labelled}
    return {items[key]: ruling for key, ruling in _rulings_by_key(store, study, dict.fromkeys(items)).items()}


def _rulings_by_key(store: Store, study: KnownStudy, sides: Mapping[str, int | None]) -> dict[str, RulingOfItem]:
    """Of adjudications, by key, each with the side it is about."""
    disputed = items_of_keys(store, study.id, list(sides))
    found = judgements_of_keys(store, study.id, list(sides))
    told = told_judgements(store, [row for _, row in found])
    by_key = {key: judgement for (key, _), judgement in zip(found, told, strict=True)}
    # What a correction settled waits for no ruling.
    settled = withdrawn_among(store, [each.id for each in disputed if each.key not in by_key])
    return {
        each.key: RulingOfItem(each.id, sides[each.key], by_key.get(each.key))
        for each in disputed
        if each.id not in settled
    }


def _about(store: Store, item: Item) -> int | None:
    if item.purpose is not Purpose.ADJUDICATION:
        return None
    key = read_stored(DisputedItem, item.payload).item_key
    return next((each.id for each in items_of_keys(store, item.study_id, [key])), None)
