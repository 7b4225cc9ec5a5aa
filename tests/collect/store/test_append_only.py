"""The database itself refuses to change or remove what may only be added to."""

import pytest
from sqlalchemy import text

from plumbline.collect.store.conversations import add_replies, add_turn, show_replies
from plumbline.collect.store.failures import StoreError
from plumbline.collect.store.rows import NewReply
from plumbline.collect.store.tables import APPEND_ONLY
from tests.collect.store.made_up import make_desk, make_items

CHANGES = {
    "guidelines": "text = 'other'",
    "turns": "human = 'other'",
    "replies": "text = 'other'",
    "judgements": "payload = '{}'",
    "events": "kind = 'other'",
    "late": "payload = '{}'",
}


@pytest.fixture
def full_store(store):
    """At least one row in each append-only table."""
    desk = make_desk(store, make_items(2))
    lost = desk.take(0)
    add_turn(store, lost.assignment.id, desk.workers[0], 1, 1, "Good morning", now=desk.now)
    replies = [NewReply(side, f"reply {side}", "model", "snapshot", side, {}) for side in (0, 1)]
    add_replies(store, lost.assignment.id, desk.workers[0], 1, replies, now=desk.now)
    show_replies(store, lost.assignment.id, desk.workers[0], 1, 1, now=desk.now)
    desk.wait(hours=1)
    desk.submit(desk.take(1))
    desk.submit(lost)
    return store


def run(store, *statements):
    store.write(lambda connection: [connection.execute(text(statement)) for statement in statements])


def contents(store):
    return store.read(lambda connection: {table: connection.execute(table.select()).all() for table in APPEND_ONLY})


def test_every_append_only_table_is_tried_and_holds_a_row(full_store):
    assert {table.name for table in APPEND_ONLY} == set(CHANGES)
    assert all(contents(full_store).values())


@pytest.mark.parametrize("table", CHANGES)
def test_no_row_is_changed_or_removed(full_store, table):
    before = contents(full_store)
    for statement in (f"UPDATE {table} SET {CHANGES[table]}", f"DELETE FROM {table}"):
        with pytest.raises(StoreError, match="PL-COL-007"):
            run(full_store, statement)
    assert contents(full_store) == before


@pytest.mark.parametrize("table", CHANGES)
def test_no_row_is_replaced_or_truncated(full_store, table):
    before = contents(full_store)
    if full_store.is_sqlite:
        attempts = [("PRAGMA recursive_triggers=OFF", f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")]
    else:
        attempts = [(f"TRUNCATE {table} CASCADE",)]
    for attempt in attempts:
        with pytest.raises(StoreError, match="PL-COL-007"):
            run(full_store, *attempt)
    assert contents(full_store) == before


def test_a_shown_reply_cannot_be_hidden_in_another(full_store):
    with pytest.raises(StoreError, match="PL-COL-007"):
        run(full_store, "UPDATE replies SET side = 1 - side")


def test_erasing_opens_the_tables_for_one_transaction(full_store):
    run(
        full_store,
        "INSERT INTO erasing (person_id, until_commit) VALUES ('somebody', 0)",
        "UPDATE turns SET human = ''",
        "DELETE FROM erasing",
    )
    with pytest.raises(StoreError, match="PL-COL-007"):
        run(full_store, "UPDATE turns SET human = 'again'")


def test_the_opening_cannot_be_committed(full_store):
    before = contents(full_store)
    with pytest.raises(StoreError, match="PL-COL-007"):
        run(
            full_store,
            "INSERT INTO erasing (person_id, until_commit) VALUES ('somebody', 0)",
            "UPDATE turns SET human = ''",
        )
    assert contents(full_store) == before
    with pytest.raises(StoreError, match="PL-COL-007"):
        run(full_store, "INSERT INTO never (id) VALUES (0)")


def test_nobody_is_put_on_their_own_item(store):
    desk = make_desk(store, make_items(1, overlap=2))
    assignment = desk.take(0).assignment
    run(store, f"UPDATE items SET author_id = '{desk.workers[1]}'")
    statement = f"UPDATE assignments SET worker_id = '{desk.workers[1]}' WHERE id = {assignment.id}"
    with pytest.raises(StoreError, match="PL-COL-007"):
        run(store, statement)


@pytest.mark.parametrize(
    "change",
    [
        "slot = 2",
        "slot = -1",
        "overlap = 3, slot = 2",
        "purpose = 'gold'",
        "state = 'lost'",
        "ended_at = 1",
        "fence = 0",
    ],
)
def test_no_assignment_leaves_its_items_slots(store, change):
    desk = make_desk(store, make_items(1, overlap=2))
    desk.take(0)
    with pytest.raises(StoreError, match="PL-COL-007"):
        run(store, f"UPDATE assignments SET {change}")


def test_a_slot_is_held_once_and_a_worker_holds_one_item(store):
    desk = make_desk(store, make_items(2, overlap=2))
    desk.take(0)
    desk.take(1)
    with pytest.raises(StoreError, match="PL-COL-007"):
        run(store, "UPDATE assignments SET slot = 0")
    with pytest.raises(StoreError, match="PL-COL-007"):
        run(store, f"UPDATE assignments SET worker_id = '{desk.workers[0]}'")
    with pytest.raises(StoreError, match="PL-COL-007"):
        run(store, "UPDATE items SET open_slots = -1")
    with pytest.raises(StoreError, match="PL-COL-007"):
        run(store, "UPDATE items SET open_slots = overlap + 1")


def test_a_smaller_overlap_than_the_slots_held_is_refused_and_a_larger_one_is_not(store):
    desk = make_desk(store, make_items(1, overlap=2))
    desk.take(0)
    desk.take(1)
    with pytest.raises(StoreError, match="PL-COL-007"):
        run(store, "UPDATE items SET overlap = 1")
    run(store, "UPDATE items SET overlap = 3, open_slots = 1")
    assert desk.take(2).assignment.slot == 2
