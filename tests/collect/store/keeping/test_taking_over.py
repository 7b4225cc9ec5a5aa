"""A backup may come from anybody: its rows are taken, into tables of our own, where they can be read, and nothing else."""

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from plumbline.collect.store.checking import check_store
from plumbline.collect.store.failures import StoreError
from plumbline.collect.store.judgements import judgements_of_assignment
from plumbline.collect.store.keeping.backup import back_up, manifest_of
from plumbline.collect.store.keeping.restoring import restore
from plumbline.collect.store.keeping.taking_over import unreadable
from plumbline.collect.store.migrating import create_store, newest_revision, open_store
from tests.collect.store.filled import address, contents, fill
from tests.collect.store.made_up import START, make_desk, make_items

LATER = START + timedelta(days=1)


@pytest.fixture
def sqlite_store(make_address):
    """An empty store on SQLite: a backup is the same whichever database it was made of."""
    with closing(open_store(make_address("sqlite"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def full_backup(sqlite_template, tmp_path_factory):
    """One with rows in every table."""
    folder = tmp_path_factory.mktemp("full")
    shutil.copyfile(sqlite_template, folder / "store.db")
    with closing(open_store(folder / "store.db")) as opened:
        fill(opened, newest_revision())
        return back_up(opened, folder / "backup.db", now=START).path


@pytest.fixture
def spoil(full_backup, tmp_path):
    """Makes a backup with rows in every table, or of `store`, and runs statements in it; its manifest is gone."""

    def run(*statements, store=None):
        backup = tmp_path / "backup.db"
        if store is None:
            shutil.copyfile(full_backup, backup)
        else:
            back_up(store, backup, now=START)
            manifest_of(backup).unlink()
        with closing(sqlite3.connect(backup)) as file:
            file.execute("PRAGMA ignore_check_constraints = 1")
            file.execute("PRAGMA writable_schema = 1")
            for statement in statements:
                file.execute(statement)
            file.commit()
        return backup

    return run


GATES = ("judgements", "events", "replies", "turns", "late")
OPEN = tuple(f"DROP TRIGGER {table}_no_update" for table in GATES)


def test_triggers_and_indexes_of_the_file_are_left_there(sqlite_store, spoil, tmp_path):
    desk = make_desk(sqlite_store, make_items(5), workers=2)
    backup = spoil(
        "DROP TRIGGER judgements_no_update",
        "DROP INDEX assignments_slot",
        "DROP INDEX assignments_in_hand",
        "CREATE TRIGGER flip AFTER INSERT ON judgements BEGIN "
        "UPDATE judgements SET payload = replace(payload, 'first', 'second') WHERE id = NEW.id; END",
        store=sqlite_store,
    )
    restore(backup, tmp_path / "store.db", replace=False, now=LATER)
    with closing(open_store(tmp_path / "store.db")) as made:
        assert _schema(made) == _schema(sqlite_store)
        desk.store = made
        taken = desk.take()
        desk.submit(taken)
        (judgement,) = judgements_of_assignment(made, taken.assignment.id)
        assert judgement.payload["outcome"] == "first"


def _schema(store):
    query = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY 1, 2"
    return store.read(lambda connection: [tuple(row) for row in connection.exec_driver_sql(query)])


def test_a_row_that_a_constraint_forbids_is_refused(sqlite_store, spoil, tmp_path):
    backup = spoil("DROP INDEX assignments_slot", "UPDATE assignments SET slot = 0")
    with pytest.raises(StoreError, match=r"PL-COL-050(.|\n)*assignments\.slot"):
        restore(backup, tmp_path / "store.db", replace=False, now=LATER)
    assert not (tmp_path / "store.db").exists()


OTHERS = {
    "a view": ("ALTER TABLE drafts RENAME TO d", "CREATE VIEW drafts AS SELECT * FROM d", "DROP TABLE d"),
    "a table less": ("DROP TABLE late",),
    "a table more": ("CREATE TABLE more (a)",),
    "a column less": ("ALTER TABLE items DROP COLUMN truth",),
    "a column more": ("ALTER TABLE items ADD COLUMN more TEXT",),
    "a computed column": (
        "ALTER TABLE drafts DROP COLUMN version",
        "ALTER TABLE drafts ADD COLUMN version INTEGER GENERATED ALWAYS AS (1)",
    ),
    "text in a moment": ("UPDATE assignments SET expires_at = 'never'",),
    "a moment out of range": ("UPDATE assignments SET leased_at = 9000000000000000000",),
    "bytes in a text": ("UPDATE items SET key = CAST(key AS BLOB)",),
    "text that is no UTF-8": ("UPDATE drafts SET payload = CAST(x'ff' AS TEXT)",),
    "a number that is text": ("UPDATE sqlite_sequence SET seq = 'many'",),
    "a receipt that is no JSON": ("UPDATE requests SET receipt = 'nonsense'",),
    "a receipt without fields": ("UPDATE requests SET receipt = '{}'",),
    "a receipt of nothing": (
        """UPDATE requests SET receipt = '{"outcome":"accepted","answer":{},"judgement_ids":null}'""",
    ),
    "a receipt of lists": ("""UPDATE requests SET receipt = '{"outcome":[],"answer":{},"judgement_ids":[]}'""",),
    "a judgement that is no JSON": ("UPDATE judgements SET payload = 'nonsense'",),
    "NaN": ("UPDATE items SET payload = 'NaN'",),
    "an event that is a list": ("UPDATE events SET payload = '[]'",),
    "parameters that are a number": ("UPDATE replies SET parameters = '1'",),
    "late judgements that are none": ("""UPDATE late SET payload = '{"judgements":[1]}'""",),
    "too deep": (f"UPDATE items SET payload = '{'[' * 100_000}'",),
}


@pytest.mark.parametrize("statements", OTHERS.values(), ids=OTHERS.keys())
def test_what_is_no_row_of_ours_is_refused_and_told(spoil, tmp_path, statements):
    backup = spoil(*OPEN, *statements)
    place = tmp_path / "new" / "store.db"
    for with_faults in (False, True):
        with pytest.raises(StoreError, match=r"PL-COL-050.*backup\.db"):
            restore(backup, place, replace=False, now=LATER, with_faults=with_faults)
    assert not place.exists()


def test_a_standing_store_takes_none_of_it(store, spoil):
    desk = make_desk(store, make_items(3), workers=1)
    desk.take()
    before = contents(store)
    backup = spoil("UPDATE assignments SET expires_at = 'never'", store=store)
    with pytest.raises(StoreError, match=r"PL-COL-050(.|\n)*assignments\.expires_at"):
        restore(backup, address(store), replace=True, now=LATER)
    assert contents(store) == before


def test_tables_that_stood_open_are_told(spoil, tmp_path):
    backup = spoil("INSERT INTO erasing VALUES ('x', 0)")
    with pytest.raises(StoreError, match=r"PL-COL-050(.|\n)*stood open(.|\n)*--with-faults"):
        restore(backup, tmp_path / "store.db", replace=False, now=LATER)
    done = restore(backup, tmp_path / "store.db", replace=False, now=LATER, with_faults=True)
    assert done.faults == ("its append-only tables stood open",)
    open_store(tmp_path / "store.db").close()


@pytest.mark.parametrize(
    "rows", ["INSERT INTO alembic_version VALUES ('0002x')", "UPDATE alembic_version SET version_num = x'ff'"]
)
def test_two_revisions_or_none_of_ours_are_refused(spoil, tmp_path, rows):
    with pytest.raises(StoreError, match=r"PL-COL-004.*backup\.db"):
        restore(spoil(rows), tmp_path / "store.db", replace=False, now=LATER)


def test_without_a_revision_it_is_no_backup(spoil, tmp_path):
    with pytest.raises(StoreError, match="PL-COL-051"):
        restore(spoil("DELETE FROM alembic_version"), tmp_path / "store.db", replace=False, now=LATER)


def test_what_a_store_holds_can_all_be_read(sqlite_store, tmp_path):
    fill(sqlite_store, newest_revision())
    assert unreadable(sqlite_store) == []
    with closing(create_store(tmp_path / "empty.db")) as empty:
        assert (unreadable(empty), check_store(empty)) == ([], [])
