"""Making, opening and migrating stores."""

import re
import sqlite3
import stat
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from plumbline.collect.store.database import connect, store_url
from plumbline.collect.store.failures import SchemaError, StoreError
from plumbline.collect.store.keeping.backup import back_up
from plumbline.collect.store.migrating import create_store, migrate_store, newest_revision, open_store, revision_of
from plumbline.collect.store.tables import metadata
from plumbline.lineage import file_digest
from plumbline.records import UsageError
from tests.collect.store.dropping import all_at_once
from tests.collect.store.filled import fill, make_old
from tests.collect.store.made_up import START

pytestmark = pytest.mark.usefixtures("by_migrations")


def _set_revision(place, revision):
    store = connect(place)
    store.write(
        lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = :new"), {"new": revision})
    )
    store.close()


def test_the_migrations_make_the_tables_that_the_program_uses(store):
    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert store.read(differences) == []
    assert store.read(revision_of) == newest_revision() == "0005"


def test_constraints_and_partial_indexes_are_those_of_the_program(store):
    """What the comparison above does not look at: checks, and the conditions of indexes."""
    query = "SELECT sql FROM sqlite_master" if store.is_sqlite else "SELECT indexdef FROM pg_indexes"
    found = " ".join(str(row[0]) for row in store.read(lambda connection: connection.exec_driver_sql(query).all()))
    partial = [index.name for table in metadata.tables.values() for index in table.indexes if _condition(index)]
    assert len(partial) == 8
    for name in partial:
        assert re.search(rf"{name}\b[^;]*?WHERE", found), name
    if store.is_sqlite:
        checks = [constraint.name for table in metadata.tables.values() for constraint in table.constraints]
        names = [name for name in checks if name]
        assert len(names) > 40
        assert [name for name in names if name not in found] == []


def _condition(index):
    return index.dialect_options["sqlite"]["where"] is not None


def test_a_new_store_is_its_owners_alone(tmp_path):
    path = tmp_path / "deep" / "store.db"
    create_store(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(SchemaError, match="PL-COL-011"):
        create_store(path)


def test_a_store_is_not_made_over_anything(make_address):
    address = make_address("postgres")
    with pytest.raises(SchemaError, match="PL-COL-011"):
        create_store(address)


def test_nothing_is_opened_where_nothing_is(tmp_path):
    with pytest.raises(SchemaError, match=r"PL-COL-002.*\n.*plumbline collect init"):
        open_store(tmp_path / "store.db")
    assert not (tmp_path / "store.db").exists()
    (tmp_path / "empty.db").touch()
    with pytest.raises(SchemaError, match="PL-COL-002"):
        open_store(tmp_path / "empty.db")


def test_a_newer_store_is_refused(database, make_address):
    address = make_address(database)
    _set_revision(address, "9999")
    with pytest.raises(SchemaError, match=r"PL-COL-004.*newer"):
        open_store(address)
    with closing(connect(address)) as store, pytest.raises(SchemaError, match="PL-COL-004"):
        migrate_store(store)
    _set_revision(address, newest_revision())


def test_an_older_store_is_refused_and_the_way_on_is_named(database, make_address, monkeypatch):
    address = make_address(database)
    monkeypatch.setattr("plumbline.collect.store.migrating.newest_revision", lambda: "0006")
    with pytest.raises(SchemaError, match=r"PL-COL-003(.|\n)*plumbline collect migrate"):
        open_store(address)


def test_migrating_what_is_up_to_date_changes_nothing(store):
    assert migrate_store(store) == "0005"


def test_a_migration_that_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "store.db"

    def broken():
        raise RuntimeError("the machine stopped here")

    monkeypatch.setattr("plumbline.collect.store.migrations.triggers_0001.make_triggers", broken)
    with pytest.raises(RuntimeError):
        create_store(path)
    store = connect(path)
    found = store.read(lambda connection: connection.exec_driver_sql("SELECT name FROM sqlite_master").all())
    store.close()
    assert found == []


def test_several_that_migrate_at_once_all_find_it_done(tmp_path):
    make_old(tmp_path / "store.db", "0004").close()

    def migrate():
        with closing(connect(tmp_path / "store.db")) as store:
            migrate_store(store)
            return store.read(revision_of)

    assert all_at_once([migrate] * 4) == ["0005"] * 4


@pytest.mark.parametrize("place", ["sqlite://", "sqlite:///:memory:", "mysql://user:secret@host/name", "://"])
def test_other_databases_are_refused_without_their_password(place):
    with pytest.raises(UsageError, match="PL-COL-006") as refused:
        store_url(place)
    assert "secret" not in str(refused.value)


def test_addresses(tmp_path):
    assert store_url(tmp_path / "s.db").database == str(tmp_path / "s.db")
    assert store_url("sqlite:///s.db").database == "s.db"
    assert store_url("postgres.db").drivername == "sqlite"
    url = store_url("postgresql://user:secret@host:5433/name")
    assert (url.drivername, url.port) == ("postgresql+psycopg", 5433)
    store = connect("postgresql://user:secret@host/name")
    assert "secret" not in store.address
    assert "secret" not in repr(store)


def test_another_programs_file_is_left_as_it_is(tmp_path):
    path = tmp_path / "bookmarks.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (a)")
        other.commit()
    before = path.read_bytes()
    with pytest.raises(SchemaError, match="PL-COL-002"):
        open_store(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_backup_is_not_worked_in(store, tmp_path):
    made = back_up(store, tmp_path / "backup.db", now=START)
    with pytest.raises(SchemaError, match=r"PL-COL-045(.|\n)*collect restore"):
        open_store(made.path)
    assert file_digest(made.path) == made.sha256
    # Where its manifest is not beside it, it is a store like any other.
    made.path.rename(tmp_path / "store.db")
    open_store(tmp_path / "store.db").close()


def test_a_store_whose_tables_were_left_open_is_not_opened(make_address):
    """Nothing of ours can leave them so; a program that does not look after references can."""
    place = make_address("sqlite")
    with closing(sqlite3.connect(place)) as other:
        other.execute("INSERT INTO erasing VALUES ('x', 0)")
        other.commit()
    with pytest.raises(SchemaError, match="PL-COL-046"):
        open_store(place)


def test_two_revisions_are_of_no_version_of_ours(database, make_address):
    address = make_address(database)
    with closing(open_store(address)) as store:
        store.write(lambda connection: connection.execute(text("INSERT INTO alembic_version VALUES ('0001x')")))
    with pytest.raises(SchemaError, match=r"PL-COL-004(.|\n)*0001x"):
        open_store(address)
    with closing(connect(address)) as store:
        store.write(
            lambda connection: connection.execute(text("DELETE FROM alembic_version WHERE version_num = '0001x'"))
        )


def test_what_was_shown_stays_shown(store):
    fill(store, newest_revision())
    known = store.read(
        lambda connection: connection.exec_driver_sql("SELECT id, shown_at FROM replies ORDER BY 1").all()
    )
    assert any(row[1] for row in known)
    for value in ("NULL", "shown_at + 1"):
        statement = text(f"UPDATE replies SET shown_at = {value} WHERE shown_at IS NOT NULL")
        with pytest.raises(StoreError, match="PL-COL-007"):
            store.write(lambda connection, statement=statement: connection.execute(statement))
    found = store.read(
        lambda connection: connection.exec_driver_sql("SELECT id, shown_at FROM replies ORDER BY 1").all()
    )
    assert found == known
