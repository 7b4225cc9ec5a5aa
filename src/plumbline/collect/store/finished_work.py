"""Finished work in bulk: batch after batch by ascending assignment, each batch one snapshot and a handful of queries.

A batch ends after so many assignments or so many characters, whichever comes first, so that what is held at once does
not depend on how much was collected, nor on how long one conversation is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Text, and_, bindparam, exists, func, or_, select, type_coerce

from plumbline.collect.kinds.bounds import JsonText
from plumbline.collect.kinds.stored_work import drawn_reply, human_turns, stored_judgement
from plumbline.collect.kinds.work import DrawnReply, Purpose, StoredJudgement, Work
from plumbline.collect.store.database import Store
from plumbline.collect.store.rows import AssignmentState
from plumbline.collect.store.tables import IS_FIRST, assignments, items, judgements, late, people, replies, turns

MOST_ASSIGNMENTS = 500
MOST_CHARACTERS = 16 << 20


@dataclass(frozen=True, slots=True)
class FinishedWork:
    """A submitted assignment with everything that belongs to it.

    Attributes:
        assignment_id: its number.
        purpose: of its item.
        work: as the kinds take it; of the replies those that were shown.
        erased: its worker was erased since.
        guidelines_versions: that its judgements were made under.
        first_of_item: no other work on its item was submitted before it; what the item brought along leaves with it, once.
    """

    assignment_id: int
    purpose: Purpose
    work: Work
    erased: bool
    guidelines_versions: frozenset[int]
    first_of_item: bool


@dataclass(frozen=True, slots=True)
class FinishedBatch:
    """Finished work, and what followed from it.

    Attributes:
        works: by ascending assignment; never empty.
        following: finished work on the items that `follow_up_keys` named, by the item's key.
    """

    works: tuple[FinishedWork, ...]
    following: dict[str, tuple[FinishedWork, ...]]


FollowUpKeys = Callable[[FinishedWork], Iterable[str]]
"""The keys of the items that followed from some work: its reviews, its adjudications."""


def count_finished(store: Store, study_id: int, *, as_of: datetime) -> dict[Purpose, int]:
    """How many assignments of a study were submitted up to a moment, by what their items are for."""
    counts = store.rows(_COUNTS, {"study_id": study_id, "as_of": as_of})
    return {Purpose(purpose): int(count) for purpose, count in counts}


def count_uncounted(store: Store, study_id: int, *, as_of: datetime) -> dict[str, int]:
    """What was handed in up to a moment and counts for nothing: ``unfinished``, assignments that were begun to be judged
    and never submitted; ``late``, submissions whose slot was another's by then. Those of which there are none are left out.
    """
    found = store.row(_UNCOUNTED, {"study_id": study_id, "as_of": as_of})
    return {} if found is None else {name: count for name, count in found._mapping.items() if count}


def count_awaiting_ruling(store: Store, study_id: int, *, as_of: datetime) -> int:
    """How many labels were up for a ruling at a moment, and had none; those that were taken back are not counted."""
    found = store.row(_AWAITING_RULING, {"study_id": study_id, "as_of": as_of})
    return 0 if found is None else int(found[0])


@dataclass(frozen=True, slots=True)
class ErasedConversations:
    """Finished conversations of people who were erased, and the judgements in them that stood: exports have none of it."""

    conversations: int
    judgements: int


def count_erased_conversations(store: Store, study_id: int, *, as_of: datetime) -> ErasedConversations:
    """Those that were submitted up to a moment."""
    found = store.row(_ERASED_CONVERSATIONS, {"study_id": study_id, "as_of": as_of})
    return ErasedConversations(0, 0) if found is None else ErasedConversations(*found)


def stream_finished(
    store: Store,
    study_id: int,
    purposes: Sequence[Purpose],
    *,
    as_of: datetime,
    follow_up_keys: FollowUpKeys | None = None,
    most_assignments: int = MOST_ASSIGNMENTS,
    most_characters: int = MOST_CHARACTERS,
) -> Iterator[FinishedBatch]:
    """The submitted assignments of a study; no transaction is open between two batches.

    Args:
        purposes: of the items.
        as_of: what was submitted, and corrected, later than this is left out.
        follow_up_keys: what else to read along, in the same snapshot.
        most_assignments, most_characters: of a batch; at least one assignment is in each.
    """
    after = 0
    most = (most_assignments, most_characters)
    wanted = {"study_id": study_id, "as_of": as_of, "purposes": [purpose.value for purpose in purposes]}
    while True:
        values = {**wanted, "after": after, "most": most_assignments}
        batch = store.read(partial(_batch, values=values, most=most, follow_up_keys=follow_up_keys))
        if batch is None:
            return
        yield batch
        after = batch.works[-1].assignment_id


# Made once: building a statement takes longer than running it. An assignment's characters are those of its item and of
# the replies shown in it; what people write themselves is short.
_SUBMITTED = (
    assignments.c.study_id == bindparam("study_id"),
    assignments.c.state == AssignmentState.SUBMITTED.value,
    assignments.c.ended_at <= bindparam("as_of", type_=assignments.c.ended_at.type),
)
_BEGUN = exists().where(judgements.c.assignment_id == assignments.c.id, judgements.c.created_at <= bindparam("as_of"))
_UNFINISHED = select(func.count()).where(
    assignments.c.study_id == bindparam("study_id"), assignments.c.state != AssignmentState.SUBMITTED.value, _BEGUN
)
_LATE = select(func.count()).where(
    late.c.assignment_id == assignments.c.id,
    assignments.c.study_id == bindparam("study_id"),
    late.c.created_at <= bindparam("as_of"),
)
_UNCOUNTED = select(_UNFINISHED.scalar_subquery().label("unfinished"), _LATE.scalar_subquery().label("late"))
_RULED = exists().where(
    assignments.c.item_id == items.c.id,
    assignments.c.state == AssignmentState.SUBMITTED.value,
    assignments.c.ended_at <= bindparam("as_of", type_=assignments.c.ended_at.type),
)
_AWAITING_RULING = select(func.count()).where(
    items.c.study_id == bindparam("study_id"),
    items.c.purpose == Purpose.ADJUDICATION.value,
    items.c.withdrawn_at.is_(None),
    items.c.created_at <= bindparam("as_of", type_=items.c.created_at.type),
    ~_RULED,
)
_COUNTS = select(assignments.c.purpose, func.count()).where(*_SUBMITTED).group_by(assignments.c.purpose)
WAS_ERASED = people.c.erased_at.is_not(None)
HAS_TURNS = exists().where(turns.c.assignment_id == assignments.c.id)
"""Of an assignment: it is a conversation."""
_later = judgements.alias("later")
_CONVERSATIONS_AND_JUDGEMENTS: tuple[Any, ...] = (func.count(assignments.c.id.distinct()), func.count(judgements.c.id))
_ERASED_CONVERSATIONS = (
    select(*_CONVERSATIONS_AND_JUDGEMENTS)
    .select_from(people)
    .join(assignments, assignments.c.worker_id == people.c.id)
    .join(judgements, judgements.c.assignment_id == assignments.c.id)
    .where(
        *_SUBMITTED,
        WAS_ERASED,
        HAS_TURNS,
        ~exists().where(_later.c.corrects == judgements.c.id, _later.c.created_at <= bindparam("as_of")),
        or_(IS_FIRST, judgements.c.created_at <= bindparam("as_of")),
    )
)
_REPLY_CHARACTERS = (
    select(func.sum(func.length(replies.c.text)))
    .where(replies.c.assignment_id == assignments.c.id, replies.c.shown_at.is_not(None))
    .scalar_subquery()
)
_SIZES = (
    select(assignments.c.id, func.length(type_coerce(items.c.payload, Text)), _REPLY_CHARACTERS)
    .join(items, items.c.id == assignments.c.item_id)
    .where(
        *_SUBMITTED,
        assignments.c.purpose.in_(bindparam("purposes", expanding=True)),
        assignments.c.id > bindparam("after"),
    )
    .order_by(assignments.c.id)
    .limit(bindparam("most"))
)
_EARLIER = assignments.alias("earlier")
# By the moment before the number: what is submitted later never takes the place of what was the first.
_FIRST_OF_ITEM = ~exists().where(
    _EARLIER.c.item_id == assignments.c.item_id,
    _EARLIER.c.state == AssignmentState.SUBMITTED.value,
    or_(
        _EARLIER.c.ended_at < assignments.c.ended_at,
        and_(_EARLIER.c.ended_at == assignments.c.ended_at, _EARLIER.c.id < assignments.c.id),
    ),
)
_DETAILS = (
    select(
        *(assignments.c.id, assignments.c.purpose, assignments.c.item_id),
        *(people.c.pseudonym, people.c.erased_at, _FIRST_OF_ITEM),
    )
    .join(people, people.c.id == assignments.c.worker_id)
    .order_by(assignments.c.id)
)
_OF_NUMBERS = _DETAILS.where(assignments.c.id.in_(bindparam("numbers", expanding=True)))
_OF_KEYS = _DETAILS.join(items, items.c.id == assignments.c.item_id).where(
    *_SUBMITTED, items.c.study_id == bindparam("study_id"), items.c.key.in_(bindparam("keys", expanding=True))
)
_ITEMS = select(items.c.id, items.c.key, type_coerce(items.c.payload, Text)).where(
    items.c.id.in_(bindparam("numbers", expanding=True))
)
_TURNS = (
    select(turns.c.assignment_id, turns.c.number, turns.c.human)
    .where(turns.c.assignment_id.in_(bindparam("numbers", expanding=True)))
    .order_by(turns.c.assignment_id, turns.c.number)
)
_REPLIES = (
    select(
        *(replies.c.assignment_id, replies.c.id, replies.c.turn, replies.c.draw, replies.c.side),
        *(replies.c.text, replies.c.model, replies.c.snapshot),
    )
    .where(replies.c.assignment_id.in_(bindparam("numbers", expanding=True)), replies.c.shown_at.is_not(None))
    .order_by(replies.c.id)
)
_JUDGEMENTS = (
    select(
        *(judgements.c.assignment_id, judgements.c.id, judgements.c.kind, type_coerce(judgements.c.payload, Text)),
        *(judgements.c.corrects, judgements.c.guidelines_version),
    )
    .where(
        judgements.c.assignment_id.in_(bindparam("numbers", expanding=True)),
        # What was submitted is read whole, also where a clock that stepped back says that a part of it came later.
        or_(IS_FIRST, judgements.c.created_at <= bindparam("as_of", type_=judgements.c.created_at.type)),
    )
    .order_by(judgements.c.id)
)
_MOST_KEYS = 5000
_Detail = tuple[int, str, int, str, datetime | None, bool]
"""An assignment's number, purpose and item, its worker's pseudonym and erasure, and whether it is the first of its item."""


def _batch(
    connection: Connection, values: dict[str, Any], most: tuple[int, int], follow_up_keys: FollowUpKeys | None
) -> FinishedBatch | None:
    """One snapshot: which assignments, what belongs to them, and what followed from them."""
    numbers = within(connection.execute(_SIZES, values), most[1])
    if not numbers:
        return None
    found = connection.execute(_OF_NUMBERS, {"numbers": numbers}).all()
    works = _works(connection, found, values["as_of"])
    if follow_up_keys is None:
        return FinishedBatch(works, {})
    keys = [key for work in works for key in follow_up_keys(work)]
    following: defaultdict[str, list[FinishedWork]] = defaultdict(list)
    for start in range(0, len(keys), _MOST_KEYS):
        asked = {**values, "keys": keys[start : start + _MOST_KEYS]}
        for work in _works(connection, connection.execute(_OF_KEYS, asked).all(), values["as_of"]):
            following[work.work.item_key].append(work)
    return FinishedBatch(works, {key: tuple(each) for key, each in following.items()})


def within(sizes: Iterable[tuple[int, int, int | None]], most_characters: int) -> list[int]:
    """The first numbers whose characters, in two parts, stay within a bound; at least one where there is any."""
    numbers: list[int] = []
    characters = 0
    for number, of_item, of_replies in sizes:
        characters += of_item + (of_replies or 0)
        if numbers and characters > most_characters:
            break
        numbers.append(number)
    return numbers


def _works(connection: Connection, found: Sequence[_Detail], as_of: datetime) -> tuple[FinishedWork, ...]:
    if not found:
        return ()
    numbers = {"numbers": [number for number, *_ in found], "as_of": as_of}
    of_items = {"numbers": sorted({item_id for _, _, item_id, *_ in found})}
    payloads = {number: (key, JsonText(payload)) for number, key, payload in connection.execute(_ITEMS, of_items)}
    said: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    for assignment, number, text in connection.execute(_TURNS, numbers):
        said[assignment].append((number, text))
    drawn: defaultdict[int, list[DrawnReply]] = defaultdict(list)
    if said:
        for assignment, *columns in connection.execute(_REPLIES, numbers):
            drawn[assignment].append(drawn_reply(*columns))
    judged: defaultdict[int, list[StoredJudgement]] = defaultdict(list)
    versions: defaultdict[int, set[int]] = defaultdict(set)
    known: set[int] = set()
    for assignment, number, kind, payload, corrects, version in connection.execute(_JUDGEMENTS, numbers):
        if corrects is not None and corrects not in known:
            continue  # of a correction that is later than asked for: a clock stepped back here too
        known.add(number)
        judged[assignment].append(stored_judgement(number, kind, JsonText(payload), corrects))
        versions[assignment].add(version)
    return tuple(
        FinishedWork(
            assignment_id=number,
            purpose=Purpose(purpose),
            work=Work(
                assignment_id=str(number),
                item_key=payloads[item_id][0],
                worker=pseudonym,
                payload=payloads[item_id][1],
                turns=human_turns(said[number]),
                replies=tuple(drawn[number]),
                judgements=tuple(judged[number]),
            ),
            erased=erased_at is not None,
            guidelines_versions=frozenset(versions[number]),
            first_of_item=bool(first_of_item),
        )
        for number, purpose, item_id, pseudonym, erased_at, first_of_item in found
    )
