"""Stores with rows in every table: those that are kept for a revision, and what a store holds, to be compared."""

import re
from pathlib import Path

from sqlalchemy import inspect

from plumbline.collect.store.database import Store, connect
from plumbline.collect.store.keeping.copying import stored_tables
from plumbline.collect.store.migrating import upgrade_to

NUMBERED = frozenset(
    {
        *("studies", "items", "assignments", "replies", "judgements", "late", "invitations", "arrivals", "moods"),
        *("outside_identities", "webhooks", "deliveries"),
    }
)
SCHEMAS = Path(__file__).parent / "schemas"


def make_old(place, revision: str) -> Store:
    """A store of an old revision with the rows that are kept for it; the caller closes it."""
    store = connect(place)
    store.write(lambda connection: upgrade_to(connection, revision))
    fill(store, revision)
    return store


def fill(store: Store, revision: str) -> None:
    """The rows that are kept for a revision, into a store of that revision."""
    text = (SCHEMAS / f"{revision}.sql").read_text(encoding="utf-8")

    def insert(connection):
        for statement in re.split(r";\n", text):
            if statement:
                connection.exec_driver_sql(statement)
        if connection.dialect.name == "postgresql":
            standing = set(inspect(connection).get_table_names())
            for table in standing & NUMBERED:
                connection.exec_driver_sql(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))")
            connection.exec_driver_sql("SELECT setval('events_seq_seq', (SELECT max(seq) FROM events))")

    store.write(insert)


def contents(store: Store, *, but=()) -> dict[str, list[dict]]:
    """Every row of every table as the database holds it, by name of the column."""

    def read(connection):
        found = {}
        for table in stored_tables(connection):
            if table.name not in but:
                names = sorted(table.columns)
                query = f"SELECT {', '.join(names)} FROM {table.name}"
                rows = [tuple(row) for row in connection.exec_driver_sql(query)]
                found[table.name] = [dict(zip(names, row, strict=True)) for row in sorted(rows, key=repr)]
        return found

    return store.read(read)


def address(store: Store) -> str:
    """What opens the same store again."""
    url = store.engine.url
    return str(url.database) if store.is_sqlite else url.render_as_string(hide_password=False)
