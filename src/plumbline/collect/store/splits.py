"""Items about labels that were split: taken back once corrections settle them, and asked about as the labels stand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, exists, select, update

from plumbline.collect.store import row_maps
from plumbline.collect.store.column_types import JsonValue
from plumbline.collect.store.database import Store
from plumbline.collect.store.events import EventKind, add_event
from plumbline.collect.store.leasing import change, log
from plumbline.collect.store.outbox import tell_settled
from plumbline.collect.store.queue import give_slot_back, lock_queue, take_positions
from plumbline.collect.store.rows import Assignment, AssignmentState
from plumbline.collect.store.tables import IS_LEASED, assignments, items


def bring_split_up(store: Store, study_id: int, key: str, payload: JsonValue | None, *, now: datetime) -> bool:
    """The item of this key as the labels stand now, unless it was ruled on; whether anything was changed.

    Args:
        payload: with the labels; None where they settle it: nobody is asked any more, and whoever has it in hand gets
            another item, which counts against nobody.
    """

    def stale(connection: Connection) -> Any:
        """The item, where it is not as the labels are."""
        item = connection.execute(query).one_or_none()
        if item is None:
            return None
        as_it_is = None if item.withdrawn_at is not None else item.payload
        return None if as_it_is == payload or _is_ruled_on(connection, item.id) else item

    def work(connection: Connection) -> bool:
        """Within one transaction: the item taken back, asked about again, or with other labels."""
        lock_queue(connection, study_id)
        held = _lock_with_leases(connection, query)
        item = stale(connection)
        if item is not None and payload is None:
            _take_back(connection, study_id, item.id, held, now)
        elif item is not None:
            _ask(connection, study_id, item, payload, now)
        return item is not None

    query = select(items.c.id, items.c.payload, items.c.overlap, items.c.withdrawn_at)
    query = query.where(items.c.study_id == study_id, items.c.key == key)
    # Mostly nothing has changed; nobody waits for that.
    return store.read(stale) is not None and store.write(work)


def _lock_with_leases(connection: Connection, query: Select[Any]) -> list[Assignment]:
    """Locks the item, and then whoever has it in hand; returns the latter.

    Whoever hands in a ruling at this moment holds their assignment until it stands: it is waited for here, so that what
    is looked at next sees the ruling. Who comes after that waits in turn, and finds the item taken back (PL-COL-029).
    """
    item = connection.execute(query.with_for_update(key_share=True)).one_or_none()
    if item is None:
        return []
    held = select(*row_maps.ASSIGNMENT.columns).where(assignments.c.item_id == item.id, IS_LEASED)
    rows = connection.execute(held.order_by(assignments.c.id).with_for_update(key_share=True))
    return [row_maps.ASSIGNMENT.of(row) for row in rows]


def _is_ruled_on(connection: Connection, item_id: int) -> bool:
    done = (assignments.c.item_id == item_id, assignments.c.state == AssignmentState.SUBMITTED.value)
    return bool(connection.execute(select(exists().where(*done))).scalar_one())


def _take_back(connection: Connection, study_id: int, item_id: int, held: list[Assignment], now: datetime) -> None:
    connection.execute(update(items).where(items.c.id == item_id).values(withdrawn_at=now, open_slots=0))
    for assignment in held:
        change(connection, assignment.id, state=AssignmentState.RELEASED.value, ended_at=now, excused=1)
        log(connection, EventKind.RELEASED, assignment, now, reason="settled")
    if add_event(connection, EventKind.SPLIT_SETTLED, now, study_id=study_id, item_id=item_id):
        tell_settled(connection, study_id, now)


def _ask(connection: Connection, study_id: int, item: Any, payload: JsonValue, now: datetime) -> None:
    connection.execute(update(items).where(items.c.id == item.id).values(payload=payload, withdrawn_at=None))
    if item.withdrawn_at is not None:
        first = take_positions(connection, study_id, item.overlap)
        for place in range(item.overlap):
            give_slot_back(connection, item.id, first + place)
        add_event(connection, EventKind.SPLIT_AGAIN, now, study_id=study_id, item_id=item.id)
