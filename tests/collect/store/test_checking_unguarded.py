"""The checker needs no constraint: it finds what each of them forbids, planted in a file that has none of them."""

import sqlite3
from contextlib import closing

import pytest

from plumbline.collect.store.checking import check_store
from plumbline.collect.store.conversations import add_replies, add_turn, show_replies
from plumbline.collect.store.database import connect
from plumbline.collect.store.migrating import open_store
from plumbline.collect.store.rows import NewReply, Purpose
from plumbline.collect.store.submission import correct
from tests.collect.store.made_up import START, a_judgement, make_desk, make_items

# Judgement 1 is the first worker's, 2 the second's, 3 corrects 1. Assignment 3 is a conversation in the third's hands.
CORRECTION = "(id, study_id, item_id, assignment_id, worker_id, part, kind, payload, guidelines_version, corrects,"
CORRECTION += (
    " idempotency_key, created_at) SELECT 4, study_id, item_id, assignment_id, worker_id, part, kind, payload,"
)
CORRECTION += " guidelines_version, corrects, 'again', created_at FROM judgements WHERE id = 3"
RECEIPT = (
    "INSERT INTO requests SELECT worker_id, 'again', assignment_id, body_sha256,"
    """ '{"outcome":"accepted","judgement_ids":[4],"answer":{}}', created_at FROM requests"""
    " WHERE idempotency_key = 'mend'"
)
ANOTHER = "(SELECT worker_id FROM assignments WHERE id = 2)"
ROW_OF_3 = (
    "study_id, 5, purpose, overlap, 0, worker_id, 'leased', 1, leased_at, expires_at FROM assignments WHERE id = 3"
)
LEASE = "INSERT INTO assignments (id, study_id, item_id, purpose, overlap, slot, worker_id, state, fence, leased_at,"
LEASE += " expires_at) SELECT 77, "
LOGGED = (
    "INSERT INTO events (at, kind, study_id, person_id, item_id, assignment_id, payload) SELECT at, kind, study_id,"
)
LOGGED += " person_id, item_id, {}, payload FROM events WHERE assignment_id = {} AND kind = '{}'"

PLANTED = {
    "nothing": ([], set()),
    "two corrections of one": ([f"INSERT INTO judgements {CORRECTION}", RECEIPT], {"correction_wrong"}),
    "corrections in a circle": (
        [f"INSERT INTO judgements {CORRECTION}", RECEIPT, "UPDATE judgements SET corrects = 7 - id WHERE id > 2"],
        {"correction_wrong"},
    ),
    "a correction of itself": (["UPDATE judgements SET corrects = 3 WHERE id = 3"], {"correction_wrong"}),
    "a correction of nothing": (["UPDATE judgements SET corrects = 99 WHERE id = 3"], {"correction_wrong"}),
    "a correction of another assignment": (["UPDATE judgements SET corrects = 2 WHERE id = 3"], {"correction_wrong"}),
    "a correction of another part": (["UPDATE judgements SET part = 'other' WHERE id = 3"], {"correction_wrong"}),
    "a correction that only the log knows": (
        ["DELETE FROM judgements WHERE id = 3", "DELETE FROM requests WHERE idempotency_key = 'mend'"],
        {"judgement_lost"},
    ),
    "two items in one hand": (
        [LEASE + ROW_OF_3, "UPDATE items SET open_slots = 2 WHERE id = 5", LOGGED.format(77, 3, "leased")],
        {"two_in_hand"},
    ),
    "two draws shown": (["UPDATE replies SET shown_at = 1"], {"draw_doubled"}),
    "guidelines that are not there": (["UPDATE judgements SET guidelines_version = 42"], {"guidelines_missing"}),
    "positions given out twice": (["UPDATE queues SET next_position = 1"], {"queue_behind"}),
    "guidelines that say something else": (["UPDATE guidelines SET text = 'other'"], {"digest_wrong"}),
    "a study file that says something else": (["UPDATE studies SET file = 'other'"], {"digest_wrong"}),
    "no state at all": (
        ["UPDATE assignments SET state = 'x' WHERE id = 3"],
        {"state_wrong", "open_slots_wrong", "lease_unaccounted"},
    ),
    "submitted at no moment": (["UPDATE assignments SET ended_at = NULL WHERE id = 1"], {"state_wrong"}),
    "tables left open": (["INSERT INTO erasing VALUES ('x', 0)"], {"left_open"}),
    "an item twice with one worker": (
        [
            (LEASE + ROW_OF_3).replace("study_id, 5", "study_id, item_id").replace("'leased'", "'expired'"),
            "UPDATE assignments SET ended_at = 1 WHERE id = 77",
            LOGGED.format(77, 3, "leased"),
            LOGGED.format(77, 3, "leased").replace(
                "kind, study_id, person_id, item_id, 77", "'expired', study_id, person_id, item_id, 77"
            ),
        ],
        {"worker_twice"},
    ),
    "a judgement of another study": (
        [
            "UPDATE judgements SET study_id = 2 WHERE id = 2",
            "INSERT INTO guidelines SELECT 2, version, text, sha256, created_at FROM guidelines",
        ],
        {"judgement_foreign"},
    ),
    "a first judgement of another person": (
        [
            f"UPDATE judgements SET worker_id = {ANOTHER} WHERE id = 1",
            f"UPDATE requests SET worker_id = {ANOTHER} WHERE idempotency_key = 'first'",
        ],
        {"judgement_foreign"},
    ),
    "a lease more than was logged": (["UPDATE assignments SET fence = 2 WHERE id = 3"], {"lease_unaccounted"}),
    "a lease that ended twice": (
        [LOGGED.format(3, 3, "leased").replace("SELECT at, kind", "SELECT at, 'expired'")],
        {"lease_unaccounted"},
    ),
    "a lease that was had again and never ended": (
        [LOGGED.format(3, 3, "leased").replace("SELECT at, kind", "SELECT at, 'reclaimed'")],
        {"lease_unaccounted"},
    ),
    "one that was submitted twice": ([LOGGED.format(1, 1, "submitted")], {"lease_unaccounted"}),
}


@pytest.fixture
def unguarded(make_address):
    """The file of a store without any constraint, and with some work in it."""
    place = make_address("sqlite")
    with closing(open_store(place)) as store:
        desk = make_desk(store, make_items(6, overlap=3))
        (first,) = desk.submit(desk.take(0), "first").judgement_ids
        desk.submit(desk.take(1), "second")
        held = desk.take(2, purpose=Purpose.WORK).assignment
        add_turn(store, held.id, held.worker_id, 1, 1, "Hello.", now=START)
        for _ in range(2):
            new = [NewReply(side, "Yes.", "m", "s", 1, {}) for side in (0, 1)]
            add_replies(store, held.id, held.worker_id, 1, new, now=START)
        show_replies(store, held.id, held.worker_id, 1, 1, now=START)
        correct(store, first, desk.workers[0], a_judgement(), idempotency_key="mend", body_sha256="0" * 64, now=START)
    with closing(sqlite3.connect(place)) as connection:
        _strip(connection)
        connection.commit()
    return place


def _strip(connection):
    """Triggers and indexes go, and every table is made anew without its rules."""
    kept = "SELECT name FROM sqlite_master WHERE type = ? AND sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
    for kind in ("trigger", "index"):
        for (name,) in connection.execute(kept, [kind]).fetchall():
            connection.execute(f"DROP {kind} {name}")
    for (name,) in connection.execute(kept, ["table"]).fetchall():
        connection.execute(f"CREATE TABLE stripped AS SELECT * FROM {name}")
        connection.execute(f"DROP TABLE {name}")
        connection.execute(f"ALTER TABLE stripped RENAME TO {name}")


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_is_found_without_any_constraint(unguarded, planted):
    statements, kinds = PLANTED[planted]
    with closing(sqlite3.connect(unguarded)) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0, statement
        connection.commit()
    with closing(connect(unguarded)) as store:
        faults = check_store(store)
    assert {fault.kind for fault in faults} == kinds
