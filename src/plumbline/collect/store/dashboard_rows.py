"""What the dashboard reads: judgements from a number on, and counts that no judgement tells.

Everything here is read in bulk and as it is stored: moments as whole microseconds, payloads as text. Each page is one
snapshot of the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, Text, bindparam, case, func, select, type_coerce

from plumbline.collect.store.database import Store
from plumbline.collect.store.events import EventKind
from plumbline.collect.store.rows import AssignmentState, Purpose
from plumbline.collect.store.tables import (
    IS_LEASED,
    IS_WITHDRAWN,
    assignments,
    events,
    items,
    judgements,
    late,
    people,
    replies,
)

_MOST_NUMBERS = 5000
"""Numbers of one query: both databases bound how many values a statement takes."""

JudgementTuple = tuple[int, int, int, str, str, str, str, str, int | None, float | None, int]
"""A judgement's number, assignment, item, worker, purpose, state, kind, payload, what it corrects, seconds, moment in µs."""


@dataclass(frozen=True, slots=True)
class JudgementPage:
    """Judgements of a study by number, in one snapshot.

    Attributes:
        rows: by ascending number.
        total: how many the study has; None where there may be more after the last row.
        mark: number of the last event that belongs to no study.
        changed: somebody was erased, or a backup restored, after the mark that was asked with.
    """

    rows: Sequence[JudgementTuple]
    total: int | None
    mark: int
    changed: bool


@dataclass(frozen=True, slots=True)
class QueueItems:
    """Items of one purpose.

    Attributes:
        items: how many, withdrawn ones too.
        places: for judgements, theirs too.
        last: the highest number.
    """

    items: int
    places: int
    last: int


@dataclass(frozen=True, slots=True)
class JudgingPerson:
    """Somebody who judged; never their name or where they came from."""

    id: str
    pseudonym: str
    is_blocked: bool
    is_erased: bool


_ROWS = (
    select(
        *(judgements.c.id, judgements.c.assignment_id, judgements.c.item_id, assignments.c.worker_id),
        *(assignments.c.purpose, assignments.c.state, judgements.c.kind, type_coerce(judgements.c.payload, Text)),
        *(judgements.c.corrects, judgements.c.seconds, type_coerce(judgements.c.created_at, BigInteger)),
    )
    .join(assignments, assignments.c.id == judgements.c.assignment_id)
    .where(judgements.c.study_id == bindparam("study_id"), judgements.c.id > bindparam("after"))
    .order_by(judgements.c.id)
    .limit(bindparam("most"))
)
_TOTAL = select(func.count()).where(judgements.c.study_id == bindparam("study_id"))
_CHANGES = (EventKind.PERSON_ERASED.value, EventKind.RESTORED.value)
_EVENTS = select(
    func.max(events.c.seq), func.sum(case((events.c.kind.in_(_CHANGES), 1), else_=0))
).where(events.c.study_id.is_(None), events.c.seq > bindparam("mark"))  # fmt: skip
_ITEMS = select(items.c.id, items.c.overlap, items.c.withdrawn_at.is_not(None)).where(
    items.c.id.in_(bindparam("numbers", expanding=True))
)
_PAYLOADS = select(items.c.id, type_coerce(items.c.payload, Text), type_coerce(items.c.truth, Text)).where(
    items.c.id.in_(bindparam("numbers", expanding=True))
)
_MODELS = select(replies.c.id, replies.c.model).where(replies.c.id.in_(bindparam("numbers", expanding=True)))
_STATES = select(assignments.c.id, assignments.c.state).where(
    assignments.c.id.in_(bindparam("numbers", expanding=True))
)
_JUDGED = (
    select(
        *(judgements.c.assignment_id, judgements.c.id, judgements.c.kind),
        *(type_coerce(judgements.c.payload, Text), judgements.c.corrects),
    )
    .where(judgements.c.assignment_id.in_(bindparam("numbers", expanding=True)))
    .order_by(judgements.c.id)
)
_PEOPLE = select(people.c.id, people.c.pseudonym, people.c.blocked_at.is_not(None), people.c.erased_at.is_not(None))
_OF_PEOPLE = _PEOPLE.where(people.c.id.in_(bindparam("numbers", expanding=True)))
_NEW_ITEMS = (
    select(
        items.c.purpose,
        func.count(),
        func.sum(items.c.overlap),
        func.max(items.c.id),
    )
    .where(items.c.study_id == bindparam("study_id"), items.c.id > bindparam("after"))
    .group_by(items.c.purpose)
)
_TAKEN_BACK = (
    select(items.c.purpose, func.count(), func.sum(items.c.overlap))
    .where(items.c.study_id == bindparam("study_id"), IS_WITHDRAWN)
    .group_by(items.c.purpose)
)
_LEASED = (
    select(assignments.c.purpose, func.count())
    .where(assignments.c.study_id == bindparam("study_id"), IS_LEASED)
    .group_by(assignments.c.purpose)
)
_GIVEN_UP = (AssignmentState.RELEASED.value, AssignmentState.EXPIRED.value)
_ENDED = (
    select(assignments.c.worker_id, assignments.c.state, func.count())
    .where(
        assignments.c.study_id == bindparam("study_id"),
        assignments.c.state.in_(_GIVEN_UP),
        assignments.c.excused == 0,
    )
    .group_by(assignments.c.worker_id, assignments.c.state)
)
_LATE = (
    select(late.c.worker_id, func.count())
    .join(assignments, assignments.c.id == late.c.assignment_id)
    .where(assignments.c.study_id == bindparam("study_id"))
    .group_by(late.c.worker_id)
)


def read_page(store: Store, study_id: int, *, after: int, mark: int, most: int) -> JudgementPage:
    """Judgements after a number, whatever became of their assignments; at most `most`.

    On Postgres a transaction that is still open may commit a lower number later: read again from a little before, and
    compare with `total`.

    Args:
        mark: `mark` of the page before; 0 at first.
    """

    def work(connection: Connection) -> JudgementPage:
        """Within one snapshot: rows, and at the end how many there are in all."""
        values = {"study_id": study_id, "after": after, "most": most}
        rows: Sequence[Any] = connection.execute(_ROWS, values).all()
        total = None if len(rows) == most else int(connection.execute(_TOTAL, {"study_id": study_id}).scalar_one())
        newest, changes = connection.execute(_EVENTS, {"mark": mark}).one()
        return JudgementPage(rows, total, mark if newest is None else int(newest), bool(changes))

    return store.read(work)


def read_item_rows(store: Store, numbers: Iterable[int]) -> list[tuple[int, int, bool]]:
    """Number, overlap and whether it is withdrawn, of items."""
    return [(row[0], row[1], bool(row[2])) for row in _by_numbers(store, _ITEMS, numbers)]


def read_payloads(store: Store, numbers: Iterable[int]) -> list[tuple[int, str, str | None]]:
    """Number, payload and truth of items, as text."""
    return [tuple(row) for row in _by_numbers(store, _PAYLOADS, numbers)]


def read_reply_models(store: Store, numbers: Iterable[int]) -> dict[int, str]:
    """Which model wrote a reply."""
    return {row[0]: row[1] for row in _by_numbers(store, _MODELS, numbers)}


def states_of(store: Store, numbers: Iterable[int]) -> list[tuple[int, str]]:
    """Number and state of assignments."""
    return [(row[0], row[1]) for row in _by_numbers(store, _STATES, numbers)]


def read_judged(store: Store, numbers: Iterable[int]) -> dict[int, list[tuple[int, str, str, int | None]]]:
    """Of assignments, what was judged in them: number, kind, payload as text, and what it corrects; oldest first."""
    found: dict[int, list[tuple[int, str, str, int | None]]] = {}
    for assignment, *judged in _by_numbers(store, _JUDGED, numbers):
        found.setdefault(assignment, []).append((judged[0], judged[1], judged[2], judged[3]))
    return found


def read_judging_people(store: Store, ids: Iterable[str]) -> list[JudgingPerson]:
    """People by id."""
    return [JudgingPerson(row[0], row[1], bool(row[2]), bool(row[3])) for row in _by_numbers(store, _OF_PEOPLE, ids)]


def count_new_items(store: Store, study_id: int, *, after: int) -> dict[Purpose, QueueItems]:
    """Items of a study after a number, by what they are for. None that is entered later has a lower number.

    Entering holds the study's queue, so numbers become visible in their own order.
    """
    rows = store.rows(_NEW_ITEMS, {"study_id": study_id, "after": after})
    return {Purpose(row[0]): QueueItems(*(int(value) for value in row[1:])) for row in rows}


def count_withdrawn(store: Store, study_id: int) -> dict[Purpose, tuple[int, int]]:
    """(items, their places) of a study that nobody gets any more, by what they are for; by an index of those alone.

    They come and go: a split is settled by a correction, and split again by another.
    """
    return {Purpose(row[0]): (int(row[1]), int(row[2])) for row in store.rows(_TAKEN_BACK, {"study_id": study_id})}


def count_leased(store: Store, study_id: int) -> dict[Purpose, int]:
    """Items in somebody's hands, by what they are for."""
    return {Purpose(row[0]): int(row[1]) for row in store.rows(_LEASED, {"study_id": study_id})}


def count_given_up(store: Store, study_id: int) -> dict[str, tuple[int, int]]:
    """By person: assignments that they gave back, and those that ran out, which they did not finish since.

    What was taken back without their doing, such as an item of a topic they opted out of, is not among them.
    """
    found: dict[str, tuple[int, int]] = {}
    for worker, state, count in store.rows(_ENDED, {"study_id": study_id}):
        released, expired = found.get(worker, (0, 0))
        is_released = state == AssignmentState.RELEASED.value
        found[worker] = (released + count, expired) if is_released else (released, expired + count)
    return found


def count_late_by_person(store: Store, study_id: int) -> dict[str, int]:
    """By person: submissions whose slot was another's by then."""
    return {row[0]: int(row[1]) for row in store.rows(_LATE, {"study_id": study_id})}


def count_judgements(store: Store, study_id: int) -> int:
    """How many judgements a study has, corrected ones and corrections too."""
    return int(store.rows(_TOTAL, {"study_id": study_id})[0][0])


def _by_numbers(store: Store, query: Any, numbers: Iterable[Any]) -> Iterable[Any]:
    for some in _batches(list(numbers)):
        yield from store.rows(query, {"numbers": some})


def _batches(numbers: Sequence[Any]) -> Iterable[list[Any]]:
    return (list(numbers[start : start + _MOST_NUMBERS]) for start in range(0, len(numbers), _MOST_NUMBERS))
