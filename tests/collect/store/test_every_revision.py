"""From every earlier schema, with rows in it: nothing is lost, the rules hold, and the API serves an item from it."""

from contextlib import closing
from datetime import UTC, datetime

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from plumbline.collect.store import migrating
from plumbline.collect.store.checking import check_store
from plumbline.collect.store.database import connect
from plumbline.collect.store.failures import SchemaError, StoreError
from plumbline.collect.store.migrating import migrate_store, newest_revision, open_store, revision_of
from plumbline.collect.store.tables import APPEND_ONLY, metadata
from tests.collect.api.client import Api
from tests.collect.store.filled import SCHEMAS, address, contents, make_old

REVISIONS = sorted(script.revision for script in ScriptDirectory(str(migrating._MIGRATIONS)).walk_revisions())
NOW = datetime(2026, 11, 23, tzinfo=UTC)
ADDED = {
    "0004": ("accounts", "invitations", "arrivals", "preferences", "moods"),
    "0005": ("outside_identities", "webhooks", "deliveries"),
}
"""Tables with rows to keep, by the revision that brought them."""


def test_rows_are_kept_for_every_revision():
    assert len(REVISIONS) == 5
    assert sorted(path.stem for path in SCHEMAS.glob("*.sql")) == REVISIONS
    assert REVISIONS[-1] == newest_revision()


@pytest.fixture(params=REVISIONS)
def revision(request):
    """Each of them in turn."""
    return request.param


@pytest.fixture
def old(request, database, revision, tmp_path):
    """A store of the revision with its rows."""
    place = tmp_path / "old.db" if database == "sqlite" else request.getfixturevalue("empty_postgres")
    with closing(make_old(place, revision)) as store:
        yield store


@pytest.fixture
def migrated(old, revision):
    """The same, brought up to date."""
    assert migrate_store(old) == revision
    return old


def test_every_table_of_it_has_rows(old, revision):
    found = contents(old)
    assert len(found) == 17 + sum(len(names) for later, names in ADDED.items() if later <= revision)
    assert {name for name, rows in found.items() if len(rows) < 2} == set()
    judgements = found["judgements"]
    assert sum(row["corrects"] is not None for row in judgements) >= 2
    assert {row["state"] for row in found["assignments"]} == {"leased", "submitted", "released", "expired"}


@pytest.mark.usefixtures("by_migrations")
def test_nothing_is_lost_or_changed(old, revision):
    """The others take old stores from the statements that migrations ran once, see `tables_once`."""
    before = contents(old)
    assert migrate_store(old) == revision
    after = contents(old)
    assert old.read(revision_of) == newest_revision()
    assert after.keys() == set(before).union(*(names for later, names in ADDED.items() if later > revision))
    for name, rows in before.items():
        # New columns may have come; the old ones hold what they held.
        kept = [{column: row[column] for column in rows[0]} for row in after[name]]
        assert sorted(kept, key=repr) == sorted(rows, key=repr), name
    assert check_store(old) == []


def test_what_holds_in_a_new_store_holds_in_it(migrated, make_address):
    """All in one, since each would make it and migrate it anew; none changes a row."""
    its_tables_are_those_of_a_new_store(migrated, make_address)
    append_only_tables_still_are(migrated)
    references_are_looked_after_again(migrated)
    if migrated.is_sqlite:  # Postgres' sequences never go back
        no_number_is_given_twice_whatever_was_removed(migrated)


def its_tables_are_those_of_a_new_store(migrated, make_address):
    with closing(open_store(make_address("sqlite" if migrated.is_sqlite else "postgres"))) as fresh:
        assert _shape(migrated) == _shape(fresh)
    assert migrated.read(lambda connection: connection.exec_driver_sql("SELECT 1").scalar()) == 1


def _shape(store):
    """Tables, indexes, triggers and constraints, as the database says them."""
    if store.is_sqlite:
        query = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
        rows = store.read(lambda connection: connection.exec_driver_sql(query).all())
        return sorted((kind, name, table, " ".join(str(sql).split())) for kind, name, table, sql in rows)
    queries = (
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint ORDER BY 1",
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
        "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
        "SELECT table_name || '.' || column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' ORDER BY 1",
    )
    return store.read(lambda connection: [[tuple(r) for r in connection.exec_driver_sql(query)] for query in queries])


def append_only_tables_still_are(migrated):
    before = contents(migrated)
    assert len(APPEND_ONLY) == 6
    for table in APPEND_ONLY:
        column = next(column.name for column in table.columns if column.name in ("created_at", "at"))
        for statement in (f"DELETE FROM {table.name}", f"UPDATE {table.name} SET {column} = 1"):
            with pytest.raises(StoreError, match="PL-COL-007"):
                migrated.write(lambda connection, statement=statement: connection.execute(text(statement)))
    assert contents(migrated) == before


def references_are_looked_after_again(migrated):
    with pytest.raises(StoreError, match="PL-COL-007"):
        migrated.write(lambda connection: connection.execute(text("DELETE FROM items WHERE id = 1")))


def no_number_is_given_twice_whatever_was_removed(migrated):
    """SQLite without AUTOINCREMENT gives the highest number again once its row is gone."""
    numbered = [table.name for table in metadata.tables.values() if table.dialect_kwargs.get("sqlite_autoincrement")]
    assert sorted(numbered) == [
        *("arrivals", "assignments", "deliveries", "events", "invitations", "items", "judgements", "late", "moods"),
        *("outside_identities", "replies", "studies", "webhooks"),
    ]
    query = "SELECT tbl_name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'"
    found = migrated.read(lambda connection: connection.exec_driver_sql(query).scalars().all())
    assert sorted(found) == sorted(numbered)


def test_the_api_serves_an_item_from_it_under_a_number_never_given(migrated):
    known = {name: {row["id"] for row in contents(migrated)[name]} for name in ("assignments", "judgements")}
    api = Api(migrated, now=NOW)
    try:
        worker = api.somebody()
        work = api.next("pairs", worker)
        assert work["assignment"] not in known["assignments"]
        done = api.submitted(work, worker, act="judge-pair", helpfulness=4)
        assert (done["outcome"], done["step"]) == ("accepted", {"state": "finished"})
        assert done["judgements"][0] not in known["judgements"]
    finally:
        api.close()
    assert check_store(migrated) == []


def test_a_reference_into_nothing_stops_the_migration(tmp_path):
    with closing(make_old(tmp_path / "old.db", "0001")) as store:
        statements = ("PRAGMA foreign_keys=OFF", "DELETE FROM people WHERE id IN (SELECT worker_id FROM late)")
        for statement in statements:
            store.run_alone(statement)
    with closing(connect(tmp_path / "old.db")) as store:
        before = contents(store)
        with pytest.raises(SchemaError, match="PL-COL-012"):
            migrate_store(store)
        assert contents(store) == before
        assert store.read(revision_of) == "0001"
        assert address(store) == str(tmp_path / "old.db")
