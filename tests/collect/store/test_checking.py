"""The checker sees each kind of fault, planted by hand past the constraints."""

import pytest
from sqlalchemy import text

from plumbline.collect.store.checking import Acknowledged, check_store
from plumbline.collect.store.failures import StoreError
from plumbline.collect.store.rows import Outcome
from tests.collect.store.made_up import make_desk, make_items

OPEN_GATE = "INSERT INTO erasing (person_id, until_commit) VALUES ('x', 0)"
SHUT_GATE = "DELETE FROM erasing"

# What is planted, and the kinds of fault that must be found.
PLANTED = {
    "a judgement is lost": (["DELETE FROM judgements WHERE id = 1"], {"judgement_lost"}),
    "a judgement is doubled": (
        [
            "INSERT INTO judgements (id, study_id, item_id, assignment_id, worker_id, part, kind, payload,"
            " guidelines_version, idempotency_key, created_at) SELECT 99, study_id, item_id, assignment_id, worker_id,"
            " 'again', kind, payload, guidelines_version, idempotency_key, created_at FROM judgements WHERE id = 1"
        ],
        {"judgement_doubled"},
    ),
    "a judgement is another item's": (
        ["UPDATE judgements SET item_id = 2 WHERE id = 1"],
        {"judgement_foreign"},
    ),
    "a receipt is lost": (["DELETE FROM requests WHERE assignment_id = 1"], {"receipt_lost", "judgement_doubled"}),
    "a late submission is lost": (["DELETE FROM late"], {"receipt_lost"}),
    "an open slot too many": (["UPDATE items SET open_slots = 1 WHERE id = 1"], {"open_slots_wrong"}),
    "an assignment vanished": (
        ["UPDATE assignments SET state = 'released' WHERE id = 1"],
        {"open_slots_wrong", "lease_unaccounted", "tally_wrong", "overlap_missing"},
    ),
    "a lease without its log": (
        ["DELETE FROM events WHERE kind = 'leased' AND assignment_id = 1"],
        {"lease_unaccounted"},
    ),
    "a tally is wrong": (["UPDATE tallies SET submitted = 7"], {"tally_wrong"}),
}


@pytest.fixture
def worked(store):
    """One item submitted, one whose lease was lost and whose submission came late, and what clients were told."""
    desk = make_desk(store, make_items(2))
    desk.submit(desk.take(0), "first")
    lost = desk.take(1)
    desk.wait(hours=1)
    other = desk.take(2)
    desk.submit(lost, "late")
    desk.submit(other, "other")
    told = [(0, "first", Outcome.ACCEPTED), (1, "late", Outcome.LATE), (2, "other", Outcome.ACCEPTED)]
    return store, [Acknowledged(desk.workers[worker], key, outcome) for worker, key, outcome in told]


def test_nothing_is_found_where_all_is_well(worked):
    store, acknowledged = worked
    assert check_store(store, complete=True, acknowledged=acknowledged) == []


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_is_found(worked, planted):
    store, acknowledged = worked
    statements, kinds = PLANTED[planted]
    store.write(
        lambda connection: [connection.execute(text(statement)) for statement in (OPEN_GATE, *statements, SHUT_GATE)]
    )
    faults = check_store(store, complete=True, acknowledged=acknowledged)
    assert {fault.kind for fault in faults} == kinds


def test_what_a_client_was_told_and_is_not_there_is_found(worked):
    store, acknowledged = worked
    told = [*acknowledged, Acknowledged(acknowledged[0].worker_id, "never arrived", Outcome.ACCEPTED)]
    told.append(Acknowledged(acknowledged[1].worker_id, "late", Outcome.ACCEPTED))
    faults = check_store(store, acknowledged=told)
    assert [fault.kind for fault in faults] == ["receipt_lost", "receipt_lost"]


def test_an_unfinished_item_is_told_only_where_all_should_be_done(store):
    make_desk(store, make_items(150))
    assert check_store(store) == []
    faults = check_store(store, complete=True)
    assert {fault.kind for fault in faults} == {"overlap_missing"}
    assert len(faults) == 100


def test_what_the_constraints_forbid_is_found_without_them(store_to_spoil):
    if not store_to_spoil.is_sqlite:
        pytest.skip("only SQLite lets constraints be switched off for a planted row")
    desk = make_desk(store_to_spoil, make_items(2, overlap=2))
    desk.take(0)
    desk.take(1)
    statements = (
        "PRAGMA ignore_check_constraints=ON",
        "DROP TRIGGER assignments_not_own_update",
        "UPDATE items SET author_id = (SELECT worker_id FROM assignments WHERE id = 1) WHERE id = 1",
        "UPDATE assignments SET slot = 5 WHERE id = 2",
    )
    store_to_spoil.write(lambda connection: [connection.execute(text(statement)) for statement in statements])
    assert {fault.kind for fault in check_store(store_to_spoil)} == {"own_item", "overlap_exceeded"}


def test_a_withdrawn_item_in_somebodys_hand_is_found(store):
    desk = make_desk(store, make_items(2))
    desk.take(0)
    withdraw = "UPDATE items SET withdrawn_at = 1, open_slots = 0"
    store.write(lambda connection: connection.execute(text(withdraw)))
    assert [fault.kind for fault in check_store(store)] == ["withdrawn_in_hand"]
    assert {fault.kind for fault in check_store(store, complete=True)} == {"withdrawn_in_hand"}


def test_a_withdrawn_item_is_never_open(store):
    make_desk(store, make_items(1))
    with pytest.raises(StoreError, match="PL-COL-007"):
        store.write(lambda connection: connection.execute(text("UPDATE items SET withdrawn_at = 1")))


def test_an_erased_person_needs_no_receipts(worked):
    """They are digests of texts, so erasing takes them; somebody else's are still looked for."""
    store, _ = worked
    ends = ("UPDATE people SET erased_at = 1 WHERE id IN (SELECT worker_id FROM judgements)", "DELETE FROM requests")
    store.write(lambda connection: [connection.execute(text(statement)) for statement in ends])
    assert [(fault.kind, fault.place.split(" ")[0]) for fault in check_store(store)] == [("receipt_lost", "late")]
