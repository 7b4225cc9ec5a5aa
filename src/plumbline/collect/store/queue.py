"""The order in which items are handed out, and how far each worker has come in it.

An item stands in a *lane* (twice its priority, plus one where its slot was given back) at a *position*. Positions are
given under the lock of the study's queue, so they become visible in their own order. An item that gets a slot back moves
to a new position, behind everybody's cursor. Hence what holds for a worker's cursor:

    every item of the lane at or before it is full, or was the worker's before, or is their own work, or is an
    adjudication of something they had

None of these ever ends, so taking the next item never looks at those again, however many they are. A cursor is moved once
it has passed a few.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    bindparam,
    cast,
    func,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from plumbline.collect.store.rows import AssignmentState, Purpose
from plumbline.collect.store.tables import IS_OPEN, assignments, cursors, items, queues

_FIRST_WINDOW = 8
_MOVED_AT = 4
"""A cursor is moved once so many items behind it are passed: looking at a few again costs less than a row written."""
_LARGEST_WINDOW = 512


def is_about_had(
    dialect: str,
    item_id: ColumnElement[int],
    worker_id: ColumnElement[str],
    before: ColumnElement[int] | None = None,
) -> ColumnElement[bool]:
    """Whether the worker has had what an adjudication is about: they do not rule on it, whatever became of it.

    The item it is about is named by the key in its payload, see `kinds.adjudication.DisputedItem`. With `before`, only
    where they had it before that assignment.
    """
    ruling, about, had = items.alias("ruling"), items.alias("about"), assignments.alias("had")
    payload = type_coerce(ruling.c.payload, Text)
    if dialect == "sqlite":
        key = func.json_extract(payload, "$.item_key")
    else:
        # Postgres reads no JSON with a NUL in it; another character in its place leaves the key as it is.
        key = cast(func.replace(payload, r"\u0000", r"\u0001"), postgresql.JSON)["item_key"].astext
    query = select(had.c.id).join(about, about.c.id == had.c.item_id)
    query = query.join(ruling, ruling.c.study_id == about.c.study_id).where(about.c.key == key)
    if before is not None:
        query = query.where(had.c.id < before)
    return query.where(ruling.c.id == item_id, had.c.worker_id == worker_id).exists()


# Statements are made once: building one takes longer than running it.
_WORKER = bindparam("worker_id", type_=Text)
_QUEUE = (
    items.c.study_id == bindparam("study_id"),
    items.c.purpose == bindparam("purpose"),
    IS_OPEN,
)
_OPEN = (
    select(items.c.id, items.c.position, items.c.author_id)
    .where(*_QUEUE, items.c.lane == bindparam("lane"), items.c.position > bindparam("after"))
    .order_by(items.c.position)
    .limit(bindparam("size"))
    .subquery()
)
_HAD = select(assignments.c.state).where(assignments.c.item_id == _OPEN.c.id, assignments.c.worker_id == _WORKER)


def _window(*barred: ColumnElement[bool]) -> Select[Any]:
    """The next open items, each with what it is to the worker; no plan can look at more than `size` of them."""
    own = or_(_OPEN.c.author_id == _WORKER, *barred).label("own")
    return select(_OPEN.c.id, _OPEN.c.position, own, _HAD.scalar_subquery().label("state")).order_by(_OPEN.c.position)


_WINDOW = _window()
_WINDOW_OF_ADJUDICATIONS = {
    dialect: _window(is_about_had(dialect, _OPEN.c.id, _WORKER)) for dialect in ("sqlite", "postgresql")
}
_FIRST = (
    select(items).where(items.c.id.in_(bindparam("ids", expanding=True)), IS_OPEN).order_by(items.c.position).limit(1)
)
_LOCK_FREE = _FIRST.with_for_update(key_share=True, skip_locked=True)
_LOCK_WAITING = _FIRST.with_for_update(key_share=True)
_CURSOR = select(cursors.c.position).where(
    cursors.c.worker_id == _WORKER,
    cursors.c.study_id == bindparam("study_id"),
    cursors.c.purpose == bindparam("purpose"),
    cursors.c.lane == items.c.lane,
)
_TOP_LANE = (
    select(items.c.lane, func.coalesce(_CURSOR.scalar_subquery(), 0).label("cursor"))
    .where(*_QUEUE, items.c.lane < bindparam("below"))
    .order_by(items.c.lane.desc())
    .limit(1)
)
_USE_SLOT = update(items).where(items.c.id == bindparam("item")).values(open_slots=items.c.open_slots - 1)
_ABOVE_ALL_LANES = 100
_KEYS = ["worker_id", "study_id", "purpose", "lane"]
_MOVE_CURSOR = {
    name: into.on_conflict_do_update(index_elements=_KEYS, set_={"position": into.excluded.position})
    for name, into in (("sqlite", sqlite.insert(cursors)), ("postgresql", postgresql.insert(cursors)))
}


@dataclass(frozen=True, slots=True)
class Seeker:
    """Who looks for an item, and in which queue."""

    worker_id: str
    study_id: int
    purpose: Purpose

    @property
    def values(self) -> dict[str, Any]:
        """The values that statements about a queue need."""
        return {"worker_id": self.worker_id, "study_id": self.study_id, "purpose": self.purpose.value}


@dataclass(frozen=True, slots=True)
class Found:
    """A locked item; ``again`` where the worker had it before and their lease expired."""

    item: Row[Any]
    again: bool


@dataclass(frozen=True, slots=True)
class _Scan:
    """A look along a lane: how far the cursor may move, and what this worker may have, the expired ones marked.

    Attributes:
        passed: position of the last item before the first that this worker may have.
        count: of the items passed.
    """

    passed: int
    count: int
    candidates: dict[int, bool]
    found: Found | None


def fresh_lane(priority: int) -> int:
    """The lane of items that were never given back."""
    return 2 * priority


def take_positions(connection: Connection, study_id: int, count: int) -> int:
    """The first of `count` new positions; holds the queue's lock until the transaction ends."""
    query = update(queues).where(queues.c.study_id == study_id).values(next_position=queues.c.next_position + count)
    after = int(connection.execute(query.returning(queues.c.next_position)).scalar_one())
    return after - count


def lock_queue(connection: Connection, study_id: int, *, wait: bool = True) -> bool:
    """Holds the queue's lock until the transaction ends; False where another holds it and `wait` is not asked for.

    A transaction that needs it takes it before any assignment or item: all in one order, so none waits in a circle.
    """
    query = select(queues.c.study_id).where(queues.c.study_id == study_id)
    return connection.execute(query.with_for_update(skip_locked=not wait)).one_or_none() is not None


def give_slot_back(connection: Connection, item_id: int, position: int) -> None:
    """One slot more of the item is open, and it moves to the returned lane, in front of everybody's cursor."""
    query = update(items).where(items.c.id == item_id)
    lane = 2 * items.c.priority + 1
    connection.execute(query.values(open_slots=items.c.open_slots + 1, lane=lane, position=position))


def use_slot(connection: Connection, item_id: int) -> None:
    """One slot less of the item is open."""
    connection.execute(_USE_SLOT, {"item": item_id})


def lock_next_item(connection: Connection, seeker: Seeker) -> Found | None:
    """The next item for a worker, locked: highest lane first, then by position; None where there is none for them.

    Items that others are taking at the same moment are passed over; where only such are left, it waits for one.
    """
    top = _next_lane(connection, seeker, _ABOVE_ALL_LANES)
    while top is not None:
        found = _search_lane(connection, seeker, top.lane, top.cursor)
        if found is not None:
            return found
        top = _next_lane(connection, seeker, top.lane)
    return None


def _search_lane(connection: Connection, seeker: Seeker, lane: int, cursor: int) -> Found | None:
    while True:
        scan = _scan_lane(connection, seeker, lane, cursor)
        if scan.count >= _MOVED_AT or (scan.count and scan.found is None):
            _move_cursor(connection, seeker, lane, scan.passed)
            cursor = scan.passed
        if scan.found is not None or not scan.candidates:
            return scan.found
        first = dict(list(scan.candidates.items())[:1])
        found = _lock_first(connection, first, wait=True)
        if found is not None:
            return found


def _scan_lane(connection: Connection, seeker: Seeker, lane: int, cursor: int) -> _Scan:
    passed, count, end, size = cursor, 0, cursor, _FIRST_WINDOW
    candidates: dict[int, bool] = {}
    rules = seeker.purpose is Purpose.ADJUDICATION
    query = _WINDOW_OF_ADJUDICATIONS[connection.dialect.name] if rules else _WINDOW
    while True:
        window = connection.execute(query, {**seeker.values, "lane": lane, "after": end, "size": size}).all()
        fresh: dict[int, bool] = {}
        for row in window:
            if not row.own and row.state in (None, AssignmentState.EXPIRED.value):
                fresh[row.id] = row.state is not None
            elif not candidates and not fresh:
                passed, count = row.position, count + 1
        found = _lock_first(connection, fresh, wait=False) if fresh else None
        candidates |= fresh
        if found is not None or len(window) < size:
            return _Scan(passed, count, candidates, found)
        end, size = window[-1].position, min(4 * size, _LARGEST_WINDOW)


def _lock_first(connection: Connection, candidates: dict[int, bool], *, wait: bool) -> Found | None:
    query = _LOCK_WAITING if wait else _LOCK_FREE
    row = connection.execute(query, {"ids": list(candidates)}).one_or_none()
    return None if row is None else Found(row, candidates[row.id])


def _next_lane(connection: Connection, seeker: Seeker, below: int) -> Row[*tuple[Any, ...]] | None:
    return connection.execute(_TOP_LANE, {**seeker.values, "below": below}).one_or_none()


def _move_cursor(connection: Connection, seeker: Seeker, lane: int, position: int) -> None:
    query = _MOVE_CURSOR[connection.dialect.name]
    connection.execute(query, {**seeker.values, "lane": lane, "position": position})
