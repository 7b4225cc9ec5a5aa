"""Taking the next item looks at a few rows, however many the worker has had."""

from dataclasses import replace

import pytest
from sqlalchemy import event, text

from plumbline.collect.store.checking import check_store
from plumbline.collect.store.items import enter_items
from plumbline.collect.store.leasing import release
from plumbline.collect.store.rows import NewItem, Purpose
from tests.collect.store.made_up import START, make_desk, make_items

FEW, MANY = 1000, 4000


def _give_all(store, desk, count):
    """The first worker has had `count` items that are open still: as if they had taken and submitted each."""
    enter_items(store, desk.study_id, make_items(count + 20, overlap=5), now=START)
    worker = desk.workers[0]
    store.write(
        lambda connection: [
            connection.execute(text(statement), {"worker": worker, "count": count})
            for statement in (
                "INSERT INTO assignments (study_id, item_id, purpose, overlap, slot, worker_id, state, fence, leased_at,"
                " expires_at, ended_at) SELECT study_id, id, purpose, overlap, 0, :worker, 'submitted', 1, 0, 0, 0"
                " FROM items WHERE position <= :count",
                "UPDATE items SET open_slots = open_slots - 1 WHERE position <= :count",
            )
        ]
    )
    if not store.is_sqlite:
        store.write(lambda connection: connection.execute(text("ANALYZE")))
    desk.take()  # the first time, the cursor passes what was had


def _taken_after(store, count):
    desk = make_desk(store, [])
    _give_all(store, desk, count)
    desk.submit(desk.take())
    return desk


def _steps_on_sqlite(store, act):
    """How many steps SQLite's machine takes, in tens."""
    steps = [0]

    def tick():
        steps[0] += 1

    def watch(connection, *_):
        connection.connection.dbapi_connection.set_progress_handler(tick, 10)

    event.listen(store.engine, "begin", watch)
    act()
    event.remove(store.engine, "begin", watch)
    return steps[0]


def _rows_on_postgres(store, act):
    """How many rows the plans of all its queries looked at."""
    # Each query is looked at just before it runs, in the same transaction.
    explained = []

    def explain(connection, cursor, statement, parameters, context, many):
        if statement.startswith("SELECT"):
            with cursor.connection.cursor() as other:
                other.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
                explained.append(other.fetchone()[0][0]["Plan"])

    event.listen(store.engine, "before_cursor_execute", explain)
    act()
    event.remove(store.engine, "before_cursor_execute", explain)
    assert len(explained) > 5
    return sum(_rows(plan) for plan in explained)


def _rows(plan):
    removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
    own = (plan["Actual Rows"] + removed) * plan["Actual Loops"] if "Relation Name" in plan else 0
    return own + sum(_rows(part) for part in plan.get("Plans", ()))


@pytest.mark.parametrize("count", [FEW, MANY])
def test_taking_looks_at_few_rows_after_many_items(store, count):
    desk = _taken_after(store, count)
    measure = _steps_on_sqlite if store.is_sqlite else _rows_on_postgres
    bound = 150 if store.is_sqlite else 60
    assert measure(store, desk.take) < bound


@pytest.mark.parametrize("count", [FEW, MANY])
def test_finding_nothing_looks_at_few_rows_too(store, count):
    desk = make_desk(store, [])
    _give_all(store, desk, count)
    while taken := desk.take():
        desk.submit(taken)
    measure = _steps_on_sqlite if store.is_sqlite else _rows_on_postgres
    bound = 150 if store.is_sqlite else 60
    found = []
    assert measure(store, lambda: found.append(desk.take())) < bound
    assert found == [None]


def test_the_measure_sees_a_scan(store):
    desk = _taken_after(store, MANY)
    store.write(lambda connection: connection.execute(text("DELETE FROM cursors")))
    desk.submit(desk.take())
    store.write(lambda connection: connection.execute(text("DELETE FROM cursors")))
    measure = _steps_on_sqlite if store.is_sqlite else _rows_on_postgres
    assert measure(store, desk.take) > 1000


def test_an_item_behind_a_cursor_is_found_by_the_checker(store):
    desk = make_desk(store, make_items(3, overlap=2))
    desk.take(0)
    store.write(
        lambda connection: connection.execute(
            text("INSERT INTO cursors VALUES (:worker, :study, 'work', 0, 3)"),
            {"worker": desk.workers[1], "study": desk.study_id},
        )
    )
    faults = check_store(store)
    assert {fault.kind for fault in faults} == {"item_passed_over"}
    assert len(faults) == 3


def test_what_one_had_comes_back_to_nobody_as_an_adjudication(store):
    """Also where its text holds what Postgres reads in no JSON, and whatever became of what they had."""
    about = [NewItem(f"about-{number}", {"item_key": f"item-{number}", "text": "\0 \\u0000"}) for number in range(3)]
    about += [NewItem("about nothing", {}), NewItem("no object", ["item_key"])]
    rulings = [replace(item, purpose=Purpose.ADJUDICATION, key=f"ruling: {item.key}") for item in about]
    desk = make_desk(store, [*make_items(3), *about[:1], *rulings])
    desk.submit(desk.take(0))
    given_back = desk.take(0).assignment
    release(store, given_back.id, given_back.worker_id, given_back.fence, now=START)
    found = []
    while taken := desk.take(0, purpose=Purpose.ADJUDICATION):
        desk.submit(taken)
        found.append(taken.item.key)
    assert found == ["ruling: about-2", "ruling: about nothing", "ruling: no object"]
    assert desk.take(1, purpose=Purpose.ADJUDICATION).item.key == "ruling: about-0"
    assert check_store(store) == []
    # Whoever ruled may have it afterwards: it is no longer theirs to rule on.
    desk.submit(desk.take(2, purpose=Purpose.ADJUDICATION))
    # The key names it, not the number; a work item that names another is none.
    assert [desk.take(2).item.key, desk.take(1).item.key] == ["item-1", "item-2"]
    assert check_store(store) == []
