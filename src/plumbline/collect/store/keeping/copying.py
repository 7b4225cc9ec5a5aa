"""Rows from one store into another, table by table, whichever database each is on, in batches of constant memory.

Values are moved as the databases hold them (whole numbers, texts, doubles), past the types of ``column_types``: they were
checked when they were stored, and a payload comes over to the byte. Names and order of the tables are looked up in the
database, so that a store of an older revision is copied as it is.
"""

# ruff: noqa: S608 - the names in these statements are those of the database's own tables

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, inspect, text
from sqlalchemy.dialects import postgresql

Advance = Callable[[int, int], None]
"""Is told how many rows are done, and of how many."""

BATCH = 500
_WITHOUT_ROWS = frozenset({"never", "erasing", "alembic_version", "login_attempts"})
_NUMBERED = {
    "studies": "id",
    "items": "id",
    "assignments": "id",
    "replies": "id",
    "judgements": "id",
    "events": "seq",
    "late": "id",
    "invitations": "id",
    "arrivals": "id",
    "outside_identities": "id",
    "moods": "id",
    "webhooks": "id",
    "deliveries": "id",
}
"""Tables whose rows the database numbers, and the column of the number; no number is given twice."""


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table as it stands in a database.

    Attributes:
        columns: names, in their order there.
        key: of the primary key; rows are read in this order, so that a correction comes after what it corrects.
        types: of the columns, as Postgres calls them.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    types: tuple[str, ...]


def stored_tables(connection: Connection) -> list[StoredTable]:
    """Every table with rows to copy; those that others point to come before them."""
    inspector = inspect(connection)
    names = [name for name, _ in inspector.get_sorted_table_and_fkc_names() if name and name not in _WITHOUT_ROWS]
    columns_of, key_of = inspector.get_multi_columns(), inspector.get_multi_pk_constraint()
    found = []
    for name in names:
        columns = columns_of[None, name]
        # SQLAlchemy leaves its dialects without types.
        types = tuple(str(column["type"].compile(dialect=postgresql.dialect())) for column in columns)  # type: ignore[no-untyped-call]
        key = tuple(str(part) for part in key_of[None, name]["constrained_columns"])
        found.append(StoredTable(name, tuple(column["name"] for column in columns), key, types))
    return found


def count_rows(connection: Connection) -> dict[str, int]:
    """Rows by table."""
    names = sorted(set(inspect(connection).get_table_names()) - _WITHOUT_ROWS)
    return {name: int(connection.exec_driver_sql(f"SELECT COUNT(*) FROM {name}").scalar_one()) for name in names}


def copy_rows(source: Connection, target: Connection, advance: Advance | None = None) -> None:
    """Every row of the source into the empty tables of the target, and the last numbers given; both of one revision."""
    tables, done = stored_tables(target), 0
    total = sum(count_rows(source).values()) if advance else 0
    for table in tables:
        for batch in _batches(source, table):
            _insert(target, table, batch)
            done += len(batch)
            if advance:
                advance(done, total)
    raise_numbers(target, last_numbers(source))


def key_batches(connection: Connection, table: StoredTable) -> Iterator[Sequence[Sequence[Any]]]:
    """The primary keys of a table, in order, in batches."""
    return _batches(connection, StoredTable(table.name, table.key, table.key, ()))


def _batches(connection: Connection, table: StoredTable) -> Iterator[Sequence[Sequence[Any]]]:
    query = f"SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY {', '.join(table.key)}"
    found = connection.exec_driver_sql(query, execution_options={"stream_results": True, "max_row_buffer": BATCH})
    yield from found.partitions(BATCH)


def _insert(connection: Connection, table: StoredTable, rows: Sequence[Sequence[Any]]) -> None:
    names = ", ".join(table.columns)
    if connection.dialect.name == "sqlite":
        places = ", ".join("?" * len(table.columns))
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({places})", list(map(tuple, rows)))
        return
    # One value holds all rows, so that the driver has one to format.
    typed = ", ".join(f"{name} {kind}" for name, kind in zip(table.columns, table.types, strict=True))
    given = f"json_to_recordset(CAST(:rows AS json)) AS given({typed})"
    lines = json.dumps([dict(zip(table.columns, row, strict=True)) for row in rows], ensure_ascii=False)
    connection.execute(text(f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {given}"), {"rows": lines})


def last_numbers(connection: Connection) -> dict[str, int]:
    """By table, the highest number that its rows were ever given; 0 where there was none.

    Tables that a store of an older revision does not have are not among them.
    """
    standing = set(inspect(connection).get_table_names())
    numbered = {name: column for name, column in _NUMBERED.items() if name in standing}
    if connection.dialect.name == "sqlite":
        highest = {
            name: int(connection.exec_driver_sql(f"SELECT COALESCE(MAX({column}), 0) FROM {name}").scalar_one())
            for name, column in numbered.items()
        }
        found = connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence").all()
        given = {str(name): int(number) for name, number in found if name in numbered}
        return {name: max(number, given.get(name, 0)) for name, number in highest.items()}
    return {
        name: int(connection.exec_driver_sql(_LAST_OF_SEQUENCE.format(f"{name}_{column}_seq")).scalar_one())
        for name, column in numbered.items()
    }


_LAST_OF_SEQUENCE = "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {}"


def raise_numbers(connection: Connection, numbers: dict[str, int]) -> None:
    """The next rows get numbers above these; never lower ones than they would have got."""
    known = last_numbers(connection)
    for name in known:
        column = _NUMBERED[name]
        highest = f"SELECT COALESCE(MAX({column}), 0) FROM {name}"
        last = max(known[name], numbers.get(name, 0), int(connection.exec_driver_sql(highest).scalar_one()))
        if last == 0:
            continue
        if connection.dialect.name != "sqlite":
            connection.execute(text(f"SELECT setval('{name}_{column}_seq', :last)"), {"last": last})
            continue
        changed = connection.execute(
            text("UPDATE sqlite_sequence SET seq = :last WHERE name = :name"), {"last": last, "name": name}
        ).rowcount
        if not changed:
            connection.execute(
                text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), {"last": last, "name": name}
            )
