"""Rows between databases: in batches, so that neither statements nor memory grow with every row."""

from contextlib import closing

import pytest
from sqlalchemy import event

from plumbline.collect.store.database import connect_copy
from plumbline.collect.store.items import enter_items
from plumbline.collect.store.keeping import copying
from plumbline.collect.store.keeping.copying import BATCH, copy_rows, last_numbers, raise_numbers, stored_tables
from plumbline.collect.store.migrating import newest_revision, open_store, upgrade_to
from plumbline.collect.store.tables import metadata
from tests.collect.store.filled import contents, fill
from tests.collect.store.made_up import START, make_items, make_study

ITEMS = 3 * BATCH + 1


@pytest.fixture
def fresh(database, make_address):
    """A second empty store, on the other database."""
    other = {"sqlite": "postgres", "postgres": "sqlite"}[database]
    with closing(open_store(make_address(other))) as made:
        yield made


def test_batches_are_counted_not_rows(store, fresh, monkeypatch):
    study = make_study(store)
    enter_items(store, study.id, make_items(ITEMS), now=START)
    statements, sizes = [], []
    real = copying._insert

    def noted(connection, table, rows):
        sizes.append(len(rows))
        real(connection, table, rows)

    monkeypatch.setattr(copying, "_insert", noted)
    event.listen(fresh.engine, "before_cursor_execute", lambda *about: statements.append(about[2]))
    told = []
    fresh.write(
        lambda target: store.read(lambda source: copy_rows(source, target, lambda done, of: told.append((done, of))))
    )
    assert contents(fresh) == contents(store)
    assert max(sizes) == BATCH
    assert len(sizes) == 4 + 4  # of items; a study, its queue, guidelines and events
    rows = [statement for statement in statements if statement.startswith("INSERT INTO")]
    assert len([statement for statement in rows if "sqlite_sequence" not in statement]) == len(sizes)
    assert told[-1] == (sum(sizes), sum(sizes))


def test_every_table_with_rows_is_copied(store):
    found = {table.name for table in store.read(stored_tables)}
    assert found == set(metadata.tables) - {"never", "erasing", "login_attempts"}
    for table in store.read(stored_tables):
        assert set(table.columns) == set(metadata.tables[table.name].columns.keys())
        assert table.key == tuple(column.name for column in metadata.tables[table.name].primary_key)


def test_numbers_are_raised_and_never_lowered(store):
    fill(store, newest_revision())
    before = store.read(last_numbers)
    assert before["judgements"] == 23
    store.write(lambda connection: raise_numbers(connection, {"judgements": 5, "items": 900}))
    after = store.read(last_numbers)
    assert after == {**before, "items": 900}
    study = make_study(store, "another")
    enter_items(store, study.id, make_items(1), now=START)
    assert store.read(last_numbers)["items"] == 901


def test_an_empty_store_has_given_no_number(tmp_path):
    with closing(connect_copy(tmp_path / "empty.db")) as copy:
        copy.write(lambda connection: upgrade_to(connection, newest_revision()))
        assert set(copy.read(last_numbers).values()) == {0}
        copy.write(lambda connection: raise_numbers(connection, {"late": 4}))
        assert copy.read(last_numbers)["late"] == 4
