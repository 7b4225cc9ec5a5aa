"""Transactions: whole or not at all, tried again or told; errors never quote a row."""

import sqlite3

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from plumbline.collect.store import database
from plumbline.collect.store.database import connect
from plumbline.collect.store.events import read_events
from plumbline.collect.store.failures import StoreError, StoreUnavailableError
from plumbline.collect.store.items import enter_items
from plumbline.collect.store.people import add_person, list_people
from plumbline.collect.store.rows import NewItem
from plumbline.records import UsageError
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


@pytest.mark.usefixtures("waiting_for_the_disk")
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


def test_a_writer_waits_no_longer_for_its_own_process_than_for_another(make_address, monkeypatch):
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0.05)
    store = connect(make_address("sqlite"))

    def list_all(connection):
        return connection.execute(text("SELECT id FROM people")).all()

    with store.writing.lock, pytest.raises(StoreUnavailableError, match="PL-COL-001"):
        store.write(list_all)
    store.write(list_all)
    store.close()


@pytest.mark.parametrize("place", ["sqlite:///file::memory:?uri=true", "sqlite:///a.db?mode=ro", "sqlite:///file:a.db"])
def test_sqlite_takes_no_settings_of_ones_own(place):
    with pytest.raises(UsageError, match="PL-COL-006"):
        connect(place)


def test_options_of_a_postgres_url_hold_beside_ours(make_address):
    url = make_url(make_address("postgres")).update_query_dict({"options": "-c search_path=public,pg_temp"})
    store = connect(url.render_as_string(hide_password=False))
    names = ("search_path", "lock_timeout", "idle_in_transaction_session_timeout")
    found = store.read(lambda connection: [connection.execute(text(f"SHOW {name}")).scalar_one() for name in names])
    store.close()
    assert found == ["public,pg_temp", "20s", "1min"]


def test_what_a_transaction_may_see_and_do_is_in_force_and_sticks_to_no_connection(make_address):
    store = connect(make_address("postgres"), connections=1)

    def shown(connection):
        names = ("transaction_isolation", "transaction_read_only")
        return [connection.execute(text(f"SHOW {name}")).scalar_one() for name in names]

    for _ in range(2):
        assert store.read(shown) == ["repeatable read", "on"]
        assert store.write(shown) == ["read committed", "off"]
        assert store.rows(select(func.current_setting("transaction_read_only")))[0][0] == "off"
    with pytest.raises(StoreError):
        store.read(lambda connection: connection.execute(text("DELETE FROM people")))
    assert store.write(shown) == ["read committed", "off"]
    store.close()


def test_two_stores_of_one_file_share_their_lock(make_address):
    address = make_address("sqlite")
    first, second = connect(address), connect(address)
    assert first.writing is second.writing
    add_person(first, now=START)
    assert len(read_events(second)) == 1
    first.close()
    second.close()
