"""Transactions: whole or not at all, tried again or told; errors never quote a row."""

import sqlite3

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from plumbline.collect.store.database import connect
from plumbline.collect.store.events import read_events
from plumbline.collect.store.failures import StoreError, StoreUnavailableError
from plumbline.collect.store.items import enter_items
from plumbline.collect.store.people import add_person, list_people
from plumbline.collect.store.rows import NewItem
from tests.collect.store.dropping import drops
from tests.collect.store.made_up import START, make_study

SECRET = "what somebody said in confidence"


def test_an_error_undoes_the_transaction(store):
    def work(connection):
        connection.execute(text("INSERT INTO people (id, pseudonym, role, created_at) VALUES ('a', 'a', 'worker', 0)"))
        raise KeyError("later")

    with pytest.raises(KeyError):
        store.write(work)
    assert list_people(store) == []


def test_an_error_never_quotes_what_was_to_be_stored(store):
    study = make_study(store)
    with pytest.raises(StoreError) as refused:
        enter_items(store, study.id, [NewItem(SECRET, {"text": SECRET}, priority=99)], now=START)
    error = refused.value
    assert SECRET not in str(error)
    assert "items_priority" in str(error)
    assert error.__suppress_context__
    with pytest.raises(StoreError, match=r"PL-COL-008") as broken:
        store.write(
            lambda connection: connection.execute(text("SELECT nonsense FROM items WHERE key = :k"), {"k": SECRET})
        )
    assert SECRET not in str(broken.value)


def test_a_dropped_connection_is_told_as_one_to_try_again(store):
    with drops(store, seed=1, share=1.0), pytest.raises(StoreUnavailableError, match="PL-COL-001"):
        add_person(store, now=START)
    with drops(store, seed=1, share=1.0), pytest.raises(StoreUnavailableError, match="PL-COL-001"):
        list_people(store)
    assert list_people(store) == []
    add_person(store, now=START)  # the next call has a new connection
    assert len(list_people(store)) == 1


def test_a_server_that_is_not_there_is_told(tmp_path):
    store = connect(f"postgresql://user@/name?host={tmp_path}")
    with pytest.raises(StoreUnavailableError, match="PL-COL-001"):
        list_people(store)


def test_a_deadlock_is_tried_again(store):
    failures = [99]

    class Deadlock(sqlite3.OperationalError):
        sqlstate = "40P01"

    def work(connection):
        connection.execute(text("INSERT INTO people (id, pseudonym, role, created_at) VALUES ('a', 'a', 'worker', 0)"))
        if failures[0]:
            failures[0] -= 1
            raise OperationalError("statement", {}, Deadlock())
        return "done"

    with pytest.raises(StoreUnavailableError, match="40P01"):
        store.write(work)
    assert list_people(store) == []
    failures[0] = 2
    assert store.write(work) == "done"
    assert len(list_people(store)) == 1


def test_readers_see_one_moment(store):
    def work(connection):
        before = connection.execute(text("SELECT COUNT(*) FROM people")).scalar_one()
        add_person(store, now=START)
        return before, connection.execute(text("SELECT COUNT(*) FROM people")).scalar_one()

    assert store.read(work) == (0, 0)
    assert len(list_people(store)) == 1


def test_sqlite_is_set_up_as_it_must_be(make_address):
    store = connect(make_address("sqlite"))
    names = ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers", "busy_timeout")

    def settings(connection):
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names]

    assert store.read(settings) == ["wal", 2, 1, 1, 20_000]
    statements = []
    event.listen(store.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    add_person(store, now=START)
    list_people(store)
    assert statements[0] == "BEGIN IMMEDIATE"
    assert "BEGIN" not in statements, "one query is its own snapshot"
    store.read(settings)
    assert statements.count("BEGIN") == 1
    store.close()


def test_two_stores_of_one_file_share_their_lock(make_address):
    address = make_address("sqlite")
    first, second = connect(address), connect(address)
    assert first.writing is second.writing
    add_person(first, now=START)
    assert len(read_events(second)) == 1
    first.close()
    second.close()
