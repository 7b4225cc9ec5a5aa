"""Entering items, one or a hundred thousand, and reading them."""

# ruff: noqa: S608 - the names in these statements are constants of this file

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Text, bindparam, case, func, select, text, type_coerce

from plumbline.collect.store import row_maps
from plumbline.collect.store.column_types import checked_text, format_json, microseconds
from plumbline.collect.store.database import Store
from plumbline.collect.store.events import EventKind, add_event
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.outbox import tell_disputed
from plumbline.collect.store.queue import fresh_lane, take_positions
from plumbline.collect.store.rows import Item, NewItem, Purpose
from plumbline.collect.store.studies import study_in
from plumbline.collect.store.tables import assignments, items

_BATCH = 5000
_MANY = 1000

_COLUMNS = {
    "study_id": "bigint",
    "key": "text",
    "purpose": "text",
    "payload": "text",
    "priority": "smallint",
    "lane": "smallint",
    "position": "bigint",
    "overlap": "integer",
    "open_slots": "integer",
    "author_id": "text",
    "truth": "text",
    "created_at": "bigint",
}
# Made once: building a statement takes longer than running it.
_OF_NUMBER = select(*row_maps.ITEM.columns).where(items.c.id == bindparam("number"))
_INSERT_SQLITE = (
    f"INSERT INTO items ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "
    "ON CONFLICT (study_id, key) DO NOTHING"
)
_ARRAYS = ", ".join(f"CAST(:column_{number} AS {kind}[])" for number, kind in enumerate(_COLUMNS.values()))
_INSERT_POSTGRES = text(
    f"INSERT INTO items ({', '.join(_COLUMNS)}) SELECT * FROM unnest({_ARRAYS}) ON CONFLICT (study_id, key) DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Entered:
    """What became of items to enter.

    Attributes:
        new: how many were entered.
        known: how many were there already, under the same key.
        differing: keys of those among them whose payload, known answer or overlap is stored as another; the stored ones
            stand.
    """

    new: int
    known: int
    differing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QueueCount:
    """How far one queue of a study is.

    Attributes:
        items: how many there are.
        complete: those of which every slot is submitted.
        slots, leased, submitted: places for judgements, and how many of them are in hand or done.
    """

    items: int
    complete: int
    slots: int
    leased: int
    submitted: int


def enter_items(store: Store, study_id: int, new_items: Iterable[NewItem], *, now: datetime) -> Entered:
    """Enters items in order, 5,000 a transaction: a run that broke off is made good by running it again.

    Raises:
        NotFoundError: no such study, or no such author.
        StoreError: PL-COL-009, a payload that cannot be stored; PL-COL-007, a priority or an overlap out of range.
    """
    new, count, differing = 0, 0, list[str]()
    for batch in _batches(new_items):

        def work(connection: Connection, batch: Sequence[NewItem] = batch) -> Entered:
            """Within one transaction: one batch."""
            study_in(connection, study_id)
            return enter_batch(connection, study_id, batch, now)

        entered = store.write(work)
        new, count = new + entered.new, count + len(batch)
        differing += entered.differing
    if new >= _MANY and not store.is_sqlite:
        # Postgres plans by statistics; those of before a large entry would have it sort all items for each worker.
        store.write(lambda connection: connection.execute(text("ANALYZE items")))
    return Entered(new, count - new, tuple(differing))


def enter_batch(connection: Connection, study_id: int, batch: Sequence[NewItem], now: datetime) -> Entered:
    """Enters items within the transaction at hand; it holds the lock of the study's queue from here on."""
    if not batch:
        return Entered(0, 0, ())
    first = take_positions(connection, study_id, len(batch))
    new = _insert(connection, [_row(study_id, item, first + index, now) for index, item in enumerate(batch)])
    is_told = add_event(connection, EventKind.ITEMS_ENTERED, now, study_id=study_id, payload={"count": new})
    if is_told and any(item.purpose is Purpose.ADJUDICATION for item in batch):
        tell_disputed(connection, study_id, first, len(batch), now)
    differing = () if new == len(batch) else _differing(connection, study_id, batch)
    return Entered(new, len(batch) - new, differing)


def read_item(store: Store, item_id: int) -> Item:
    """The item of this number.

    Raises:
        NotFoundError: PL-COL-010.
    """
    row = store.row(_OF_NUMBER, {"number": item_id})
    if row is None:
        raise not_found("item", item_id)
    return row_maps.ITEM.of(row)


def items_of_numbers(store: Store, numbers: Sequence[int]) -> dict[int, Item]:
    """Items by number; a page of them, not all."""
    rows = store.rows(select(*row_maps.ITEM.columns).where(items.c.id.in_(numbers))) if numbers else []
    return {row.id: row_maps.ITEM.of(row) for row in rows}


def items_of_keys(store: Store, study_id: int, keys: Sequence[str]) -> list[Item]:
    """A study's items of these keys, in the order of entry; a page of them, not all."""
    query = select(*row_maps.ITEM.columns).where(items.c.study_id == study_id, items.c.key.in_(keys))
    return [row_maps.ITEM.of(row) for row in store.rows(query.order_by(items.c.id))] if keys else []


def is_withdrawn(store: Store, item_id: int) -> bool:
    """Whether what an item was made of is erased, or labels it is about agree by now: nothing about it is submitted."""
    return store.row(select(items.c.id).where(items.c.id == item_id, items.c.withdrawn_at.is_not(None))) is not None


def withdrawn_among(store: Store, numbers: Sequence[int]) -> frozenset[int]:
    """Those of some items that are withdrawn, see `is_withdrawn`; a page of them, not all."""
    query = select(items.c.id).where(items.c.id.in_(numbers), items.c.withdrawn_at.is_not(None))
    return frozenset(int(row.id) for row in store.rows(query)) if numbers else frozenset()


def has_item(store: Store, study_id: int, key: str) -> bool:
    """Whether the study has an item of this key."""
    return store.row(select(items.c.id).where(items.c.study_id == study_id, items.c.key == key)) is not None


def read_items(
    store: Store, study_id: int, *, purpose: Purpose | None = None, after: int = 0, limit: int = 1000
) -> list[Item]:
    """Items in the order of entry, from the one after `after` on, at most `limit`."""
    query = select(*row_maps.ITEM.columns).where(items.c.study_id == study_id, items.c.id > after)
    if purpose is not None:
        query = query.where(items.c.purpose == purpose.value)
    query = query.order_by(items.c.id).limit(limit)
    return [row_maps.ITEM.of(row) for row in store.rows(query)]


def count_items(store: Store, study_id: int, purpose: Purpose) -> int:
    """How many items of this purpose the study has."""
    query = select(func.count()).where(items.c.study_id == study_id, items.c.purpose == purpose.value)
    return int(store.rows(query)[0][0])


def count_queues(store: Store, study_id: int) -> dict[Purpose, QueueCount]:
    """How far each queue of the study is; looks at every item, so it is for a status page, not for every request."""

    def work(connection: Connection) -> dict[Purpose, QueueCount]:
        """Within one transaction: counts by queue."""
        study_in(connection, study_id)
        submitted = _held_by_item(study_id, "submitted")
        leased = _held_by_item(study_id, "leased")
        done = func.coalesce(submitted.c.held, 0)
        # An item that is withdrawn wants no more than it has.
        wanted = case((items.c.withdrawn_at.is_not(None), done), else_=items.c.overlap)
        query = (
            select(
                items.c.purpose,
                func.count().label("items"),
                func.sum(case((done >= wanted, 1), else_=0)).label("complete"),
                func.sum(wanted).label("slots"),
                func.sum(func.coalesce(leased.c.held, 0)).label("leased"),
                func.sum(done).label("submitted"),
            )
            .outerjoin(submitted, submitted.c.item_id == items.c.id)
            .outerjoin(leased, leased.c.item_id == items.c.id)
            .where(items.c.study_id == study_id)
            .group_by(items.c.purpose)
        )
        return {
            Purpose(row.purpose): QueueCount(*(int(value) for value in row[1:])) for row in connection.execute(query)
        }

    return store.read(work)


def _held_by_item(study_id: int, state: str) -> Any:
    query = select(assignments.c.item_id, func.count().label("held"))
    query = query.where(assignments.c.study_id == study_id, assignments.c.state == state)
    return query.group_by(assignments.c.item_id).subquery(f"{state}_by_item")


def _row(study_id: int, item: NewItem, position: int, now: datetime) -> tuple[Any, ...]:
    """The item's values in the order of ``_COLUMNS``, as the databases hold them."""
    return (
        study_id,
        checked_text(item.key),
        item.purpose.value,
        format_json(item.payload),
        item.priority,
        fresh_lane(item.priority),
        position,
        item.overlap,
        item.overlap,
        item.author_id,
        None if item.truth is None else format_json(item.truth),
        microseconds(now),
    )


def _insert(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
    """Inserts all rows whose key is new and says how many; past SQLAlchemy's statements, which take ten times as long."""
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql(_INSERT_SQLITE, list(rows)).rowcount
    columns = {f"column_{number}": list(values) for number, values in enumerate(zip(*rows, strict=True))}
    return connection.execute(_INSERT_POSTGRES, columns).rowcount


def _differing(connection: Connection, study_id: int, batch: Sequence[NewItem]) -> tuple[str, ...]:
    columns = (type_coerce(items.c.payload, Text), type_coerce(items.c.truth, Text), items.c.overlap)
    query = select(items.c.key, *columns).where(
        items.c.study_id == study_id, items.c.key.in_([item.key for item in batch])
    )
    stored = {key: tuple(values) for key, *values in connection.execute(query)}
    return tuple(item.key for item in batch if _told(item) != stored[item.key])


def _told(item: NewItem) -> tuple[str, str | None, int]:
    truth = None if item.truth is None else format_json(item.truth)
    return format_json(item.payload), truth, item.overlap


def _batches(new_items: Iterable[NewItem]) -> Iterator[list[NewItem]]:
    iterator = iter(new_items)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
