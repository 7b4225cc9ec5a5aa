"""Everything that was judged and said in a study, as it is stored, in bulk: what counts, and what never came to count.

Unlike `finished_work` this asks neither what an item is for nor whether its work was finished. A batch is one snapshot
and a handful of queries, and ends after so many rows or so many characters, whichever comes first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Text, and_, bindparam, exists, func, literal_column, or_, select, type_coerce

from plumbline.collect.store.database import Store
from plumbline.collect.store.finished_work import (
    HAS_TURNS,
    MOST_ASSIGNMENTS,
    MOST_CHARACTERS,
    WAS_ERASED,
    within,
)
from plumbline.collect.store.rows import AssignmentState, Reply, Turn
from plumbline.collect.store.tables import IS_FIRST, assignments, items, judgements, people, replies, turns

Row = TypeVar("Row")
ReadBatch = Callable[[Connection, int], tuple[list[Row], int]]
"""After which number → the rows of a batch, and the last number looked at."""


@dataclass(frozen=True, slots=True)
class JudgementAsStored:
    """A judgement with what it belongs to.

    Attributes:
        item_key, purpose: of the item.
        worker: pseudonym.
        payload: its JSON as stored; an erased person's words are gone from it.
        corrects: the judgement whose place it takes.
        seconds: time the worker spent, where it was measured.
        state: of the assignment.
        counts: the assignment was submitted, and no later judgement takes its place; nor is it a conversation of somebody
            who was erased, of which no record is made any more.
    """

    id: int
    assignment_id: int
    item_key: str
    purpose: str
    worker: str
    part: str
    kind: str
    payload: str
    corrects: int | None
    guidelines_version: int
    seconds: float | None
    created_at: datetime
    state: AssignmentState
    counts: bool


@dataclass(frozen=True, slots=True)
class ConversationAsStored:
    """What was said in an assignment.

    Attributes:
        worker: pseudonym.
        erased: the worker was erased since: their words are gone, and so are the replies.
        opening: the payload of the item, its JSON as stored.
        turns: in order.
        replies: all that were drawn, by turn, draw and side; `shown_at` None for those that nobody saw; of their
            `parameters` the JSON as stored.
    """

    assignment_id: int
    item_key: str
    purpose: str
    worker: str
    erased: bool
    state: AssignmentState
    ended_at: datetime | None
    opening: str
    turns: tuple[Turn, ...]
    replies: tuple[Reply, ...]


def stream_judgements(
    store: Store,
    study_id: int,
    *,
    as_of: datetime,
    most_rows: int = MOST_ASSIGNMENTS,
    most_characters: int = MOST_CHARACTERS,
) -> Iterator[list[JudgementAsStored]]:
    """Every judgement of a study by its number, those that were corrected since too.

    Args:
        as_of: later ones are left out.
        most_rows, most_characters: of a batch; at least one judgement is in each.
    """
    values = {"study_id": study_id, "as_of": as_of, "most": most_rows}
    return _stream(
        store, lambda connection, after: _judgements(connection, {**values, "after": after}, most_characters)
    )


def stream_conversations(
    store: Store,
    study_id: int,
    *,
    as_of: datetime,
    most_rows: int = MOST_ASSIGNMENTS,
    most_characters: int = MOST_CHARACTERS,
) -> Iterator[list[ConversationAsStored]]:
    """The conversations of a study by assignment, whatever became of them; the arguments are as above."""
    values = {"study_id": study_id, "as_of": as_of, "most": most_rows}
    return _stream(
        store, lambda connection, after: _conversations(connection, {**values, "after": after}, most_characters)
    )


def _after(store: Store, read: ReadBatch[Row], after: int) -> tuple[list[Row], int]:
    return store.read(lambda connection: read(connection, after))


def _stream(store: Store, read: ReadBatch[Row]) -> Iterator[list[Row]]:
    """The batches of `read`, which gives rows and the last number; no transaction is open between two."""
    after = 0
    while True:
        rows, after = _after(store, read, after)
        if not rows:
            return
        yield rows


_AS_OF = bindparam("as_of", type_=assignments.c.ended_at.type)
_IS_SUBMITTED = and_(assignments.c.state == AssignmentState.SUBMITTED.value, assignments.c.ended_at <= _AS_OF)
_later = judgements.alias("later")
# What was submitted is read whole, also where a clock that stepped back says that a part of it came later.
_IS_THERE = or_(judgements.c.created_at <= _AS_OF, and_(IS_FIRST, _IS_SUBMITTED))
_JUDGEMENT_SIZES = (
    select(judgements.c.id, func.length(type_coerce(judgements.c.payload, Text)), literal_column("0"))
    .join(assignments, assignments.c.id == judgements.c.assignment_id)
    .where(judgements.c.study_id == bindparam("study_id"), judgements.c.id > bindparam("after"), _IS_THERE)
    .order_by(judgements.c.id)
    .limit(bindparam("most"))
)
_JUDGEMENTS = (
    select(
        *(judgements.c.id, judgements.c.assignment_id, items.c.key, assignments.c.purpose, people.c.pseudonym),
        *(judgements.c.part, judgements.c.kind, type_coerce(judgements.c.payload, Text), judgements.c.corrects),
        *(judgements.c.guidelines_version, judgements.c.seconds, judgements.c.created_at),
        *(assignments.c.state, assignments.c.ended_at, and_(WAS_ERASED, HAS_TURNS), _later.c.id),
    )
    .join(assignments, assignments.c.id == judgements.c.assignment_id)
    .join(items, items.c.id == judgements.c.item_id)
    .join(people, people.c.id == judgements.c.worker_id)
    .outerjoin(_later, and_(_later.c.corrects == judgements.c.id, _later.c.created_at <= _AS_OF))
    .where(judgements.c.id.in_(bindparam("numbers", expanding=True)))
    .order_by(judgements.c.id)
)


def _judgements(connection: Connection, values: dict[str, Any], most: int) -> tuple[list[JudgementAsStored], int]:
    numbers = within(((row[0], row[1] or 0, row[2]) for row in connection.execute(_JUDGEMENT_SIZES, values)), most)
    if not numbers:
        return [], 0
    rows = []
    found: Iterable[Any] = connection.execute(_JUDGEMENTS, {**values, "numbers": numbers})
    for *columns, state, ended_at, has_lost_its_words, later in found:
        stood = _state(state, ended_at, values["as_of"])
        counts = stood is AssignmentState.SUBMITTED and later is None and not has_lost_its_words
        rows.append(JudgementAsStored(*(*columns, stood, counts)))
    return rows, numbers[-1]


_TEXTS = select(func.sum(func.length(replies.c.text) + func.length(type_coerce(replies.c.parameters, Text))))
_SAID = select(func.sum(func.length(turns.c.human)))
_CONVERSATION_SIZES = (
    select(
        assignments.c.id,
        _SAID.where(turns.c.assignment_id == assignments.c.id).scalar_subquery(),
        _TEXTS.where(replies.c.assignment_id == assignments.c.id).scalar_subquery(),
    )
    .where(
        assignments.c.study_id == bindparam("study_id"),
        assignments.c.id > bindparam("after"),
        exists().where(turns.c.assignment_id == assignments.c.id, turns.c.created_at <= _AS_OF),
    )
    .order_by(assignments.c.id)
    .limit(bindparam("most"))
)
_CONVERSATIONS = (
    select(
        *(assignments.c.id, items.c.key, assignments.c.purpose, people.c.pseudonym, people.c.erased_at),
        *(assignments.c.state, assignments.c.ended_at, type_coerce(items.c.payload, Text)),
    )
    .join(items, items.c.id == assignments.c.item_id)
    .join(people, people.c.id == assignments.c.worker_id)
    .where(assignments.c.id.in_(bindparam("numbers", expanding=True)))
    .order_by(assignments.c.id)
)
_TURNS = (
    select(turns.c.assignment_id, turns.c.number, turns.c.human, turns.c.created_at)
    .where(turns.c.assignment_id.in_(bindparam("numbers", expanding=True)), turns.c.created_at <= _AS_OF)
    .order_by(turns.c.assignment_id, turns.c.number)
)
_REPLIES = (
    select(
        *(replies.c.id, replies.c.assignment_id, replies.c.turn, replies.c.draw, replies.c.side, replies.c.text),
        *(replies.c.model, replies.c.snapshot, replies.c.seed, type_coerce(replies.c.parameters, Text)),
        *(replies.c.created_at, replies.c.shown_at),
    )
    .where(replies.c.assignment_id.in_(bindparam("numbers", expanding=True)), replies.c.created_at <= _AS_OF)
    .order_by(replies.c.assignment_id, replies.c.turn, replies.c.draw, replies.c.side)
)


def _conversations(connection: Connection, values: dict[str, Any], most: int) -> tuple[list[ConversationAsStored], int]:
    numbers = within(((row[0], row[1] or 0, row[2]) for row in connection.execute(_CONVERSATION_SIZES, values)), most)
    if not numbers:
        return [], 0
    as_of, asked = values["as_of"], {**values, "numbers": numbers}
    said: defaultdict[int, list[Turn]] = defaultdict(list)
    for row in connection.execute(_TURNS, asked):
        said[row.assignment_id].append(Turn(*row))
    drawn: defaultdict[int, list[Reply]] = defaultdict(list)
    replied: Iterable[Any] = connection.execute(_REPLIES, asked)
    for row in replied:
        reply = Reply(*row)
        if reply.shown_at is not None and reply.shown_at > as_of:
            reply = replace(reply, shown_at=None)
        drawn[reply.assignment_id].append(reply)
    rows = []
    for number, key, purpose, worker, erased_at, state, ended_at, opening in connection.execute(_CONVERSATIONS, asked):
        rows.append(
            ConversationAsStored(
                assignment_id=number,
                item_key=key,
                purpose=purpose,
                worker=worker,
                erased=erased_at is not None,
                state=_state(state, ended_at, as_of),
                ended_at=None if ended_at is None or ended_at > as_of else ended_at,
                opening=opening,
                turns=tuple(said[number]),
                replies=tuple(drawn[number]),
            )
        )
    return rows, numbers[-1]


def _state(state: str, ended_at: datetime | None, as_of: datetime) -> AssignmentState:
    """The assignment's state then: one that ended later was in somebody's hands."""
    return AssignmentState.LEASED if ended_at is not None and ended_at > as_of else AssignmentState(state)
