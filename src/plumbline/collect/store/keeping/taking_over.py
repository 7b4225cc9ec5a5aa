"""Rows of a backup in tables of our own: a file may come from anybody, and what stands in it besides rows is left there.

A restored store never has the tables, triggers, indexes or views of the file that was restored: they are made anew, and the
rows copied into them, so that every constraint holds of every row. What no constraint says is looked at here: that each value
is of its column's type, and that moments, JSON and what is stored as JSON can be read.
"""

# ruff: noqa: S608 - the names in these statements are those of our own tables

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, inspect
from sqlalchemy.types import Float, Integer

from plumbline.collect.store.column_types import Json, JsonValue, Moment, microseconds
from plumbline.collect.store.database import Store, connect_copy, make_private_file
from plumbline.collect.store.keeping.copying import copy_rows
from plumbline.collect.store.migrating import upgrade_to
from plumbline.collect.store.rows import Outcome
from plumbline.collect.store.tables import metadata

_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
_PAGE = 500


def take_over(raw: Path, path: Path, revision: str) -> list[str]:
    """Makes a file with the tables of a revision and the rows of a copy of a backup; nothing of it but rows is taken.

    Args:
        raw: the copy, whose pages are sound.
        path: where nothing stands yet.
    Returns:
        Why the rows cannot be taken; none where they were.
    Raises:
        StoreError: PL-COL-007, a constraint refuses a row.
    """
    make_private_file(path)
    with closing(connect_copy(raw)) as source, closing(connect_copy(path)) as target:
        target.write(lambda connection: upgrade_to(connection, revision))
        found = source.read(lambda there: target.read(lambda ours: list(_differences(there, ours))))
        if not found:
            source.read(lambda there: target.write(lambda ours: copy_rows(there, ours)))
        return found


def _differences(theirs: Connection, ours: Connection) -> Iterator[str]:
    """Tables and columns that are others than ours, and values of another type than their column's."""
    names = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite#_%' ESCAPE '#'"
    expected, found = ({str(name) for (name,) in each.exec_driver_sql(names)} for each in (ours, theirs))
    if expected != found:
        yield f"{len(expected - found)} tables less and {len(found - expected)} more than a store of its revision has"
        return
    usual = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE TABLE%'"
    plain = set(theirs.exec_driver_sql(usual).scalars())
    for name in sorted(expected):
        columns = [str(row[1]) for row in ours.exec_driver_sql(f"PRAGMA table_xinfo({name})")]
        # The last column is 0 for all that are neither hidden nor computed.
        others = [str(row[1]) for row in theirs.exec_driver_sql(f"PRAGMA table_xinfo({name})") if row[6] == 0]
        if sorted(columns) != sorted(others):
            yield f"table {name} has other columns"
        elif name not in plain:
            yield f"table {name} is none"
        else:
            yield from _other_types(theirs, ours, name)
    if theirs.exec_driver_sql("SELECT 1 FROM sqlite_sequence WHERE typeof(seq) <> 'integer'").first() is not None:
        yield "table sqlite_sequence holds what is no number"


def _other_types(theirs: Connection, ours: Connection, name: str) -> Iterator[str]:
    for column in inspect(ours).get_columns(name):
        kind = column["type"]
        types = "'integer'" if isinstance(kind, Integer) else "'real'" if isinstance(kind, Float) else "'text'"
        wrong = f"SELECT 1 FROM {name} WHERE typeof({column['name']}) NOT IN ({types}, 'null') LIMIT 1"
        if theirs.exec_driver_sql(wrong).first() is not None:
            yield f"column {name}.{column['name']} holds values of another type"


def unreadable(store: Store) -> list[str]:
    """Columns of a store of the newest revision that hold what this program cannot read; each is named once."""

    def work(connection: Connection) -> list[str]:
        """On one snapshot: every moment and everything kept as JSON."""
        return [fault for name in sorted(metadata.tables) for fault in _unreadable_in(connection, name)]

    return store.read(work)


def _unreadable_in(connection: Connection, name: str) -> Iterator[str]:
    for column in metadata.tables[name].columns:
        if isinstance(column.type, Moment):
            first, last = microseconds(_FIRST), microseconds(_LAST)
            outside = f"SELECT 1 FROM {name} WHERE {column.name} NOT BETWEEN {first} AND {last} LIMIT 1"
            if connection.exec_driver_sql(outside).first() is not None:
                yield f"column {name}.{column.name} holds what is no moment"
        elif isinstance(column.type, Json):
            count = sum(
                1 for value in _texts(connection, name, column.name) if not _reads(f"{name}.{column.name}", value)
            )
            if count:
                yield f"column {name}.{column.name} holds JSON that cannot be read, {count} times"


def _texts(connection: Connection, table: str, column: str) -> Iterator[str]:
    query = f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"
    found = connection.exec_driver_sql(query, execution_options={"stream_results": True, "max_row_buffer": _PAGE})
    for page in found.partitions(_PAGE):
        yield from (row[0] for row in page)


def _reads(place: str, value: str) -> bool:
    try:
        read = json.loads(value, parse_constant=_refuse)
        return _SHAPES.get(place, _any)(read)
    except (ValueError, TypeError, RecursionError):
        return False


def _refuse(name: str) -> None:
    raise ValueError(name)  # NaN and infinities, which are no JSON


def _any(value: JsonValue) -> bool:  # noqa: ARG001 - one of the shapes
    return True


def _is_object(value: JsonValue) -> bool:
    return isinstance(value, dict)


def _are_words(value: JsonValue) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_receipt(value: JsonValue) -> bool:
    return (
        isinstance(value, dict)
        and value.get("outcome") in list(Outcome)
        and isinstance(value.get("answer"), dict)
        and isinstance(value.get("judgement_ids"), list)
        and all(type(number) is int for number in value["judgement_ids"])
    )


def _is_late(value: JsonValue) -> bool:
    held = value.get("judgements") if isinstance(value, dict) else None
    return isinstance(held, list) and all(
        isinstance(each, dict) and {"kind", "payload"} <= each.keys() for each in held
    )


_SHAPES: dict[str, Callable[[JsonValue], bool]] = {
    "deliveries.payload": _is_object,
    "events.payload": _is_object,
    "late.payload": _is_late,
    "moods.payload": _is_object,
    "preferences.payload": _is_object,
    "replies.parameters": _is_object,
    "requests.receipt": _is_receipt,
    "webhooks.events": _are_words,
}
"""What the program itself writes and reads by its fields; payloads of items and judgements are those of their kind."""
