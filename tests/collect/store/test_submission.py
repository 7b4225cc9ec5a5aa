"""Submitting, repeating, coming late, correcting: one contract, on both databases."""

import hashlib
from dataclasses import replace

import pytest

from plumbline.collect.store.assignments import read_assignment
from plumbline.collect.store.checking import check_store
from plumbline.collect.store.drafts import read_draft, save_draft
from plumbline.collect.store.events import read_events
from plumbline.collect.store.failures import ConflictError, NotFoundError, StoreError
from plumbline.collect.store.items import has_item
from plumbline.collect.store.judgements import (
    judgements_of_assignment,
    judgements_of_item,
    read_judgement,
    read_judgements,
)
from plumbline.collect.store.leasing import expire_leases, release
from plumbline.collect.store.participation import read_participation, submitted_counts
from plumbline.collect.store.rows import AssignmentState, NewItem, Outcome, Purpose
from plumbline.collect.store.studies import add_guidelines
from plumbline.collect.store.submission import correct, find_receipt, list_late, submit
from tests.collect.store.made_up import LEASE, a_judgement, make_desk, make_items


def test_a_submission_is_stored_as_it_came(store):
    desk = make_desk(store, make_items(1))
    taken = desk.take()
    receipt = desk.submit(taken, "first", judgements=(a_judgement(seconds=12.5),), answer={"next": "take"})
    assert receipt.outcome is Outcome.ACCEPTED
    assert receipt.answer == {"next": "take"}
    assert not receipt.repeated
    judgement = read_judgement(store, receipt.judgement_ids[0])
    assert judgement.payload == {"outcome": "first", "strength": 2}
    assert (judgement.part, judgement.kind, judgement.seconds) == ("helpfulness", "comparison", 12.5)
    assert (judgement.study_id, judgement.item_id) == (desk.study_id, taken.item.id)
    assert (judgement.assignment_id, judgement.worker_id) == (taken.assignment.id, desk.workers[0])
    assert (judgement.guidelines_version, judgement.corrects, judgement.created_at) == (1, None, desk.now)
    stored = read_assignment(store, taken.assignment.id)
    assert (stored.state, stored.ended_at) == (AssignmentState.SUBMITTED, desk.now)
    assert submitted_counts(store, desk.study_id, desk.workers[0]) == {Purpose.WORK: 1}
    assert check_store(store, complete=True) == []


def test_a_repeated_request_gives_the_first_receipt_and_stores_nothing(store):
    desk = make_desk(store, make_items(2))
    taken = desk.take()
    first = desk.submit(taken, "same", answer={"step": 1})
    events = len(read_events(store))
    desk.wait(days=3)
    again = desk.submit(taken, "same", answer={"step": 2})
    assert again.repeated
    assert (again.judgement_ids, again.answer, again.outcome) == (first.judgement_ids, {"step": 1}, first.outcome)
    digest = desk.submission(taken).body_sha256
    assert find_receipt(store, desk.workers[0], "same", digest) == again
    assert find_receipt(store, desk.workers[0], "other", digest) is None
    with pytest.raises(ConflictError, match="PL-COL-023"):
        find_receipt(store, desk.workers[0], "same", "another")
    assert len(read_events(store)) == events
    assert len(read_judgements(store, desk.study_id)) == 1


def test_the_same_key_with_another_body_is_refused(store):
    desk = make_desk(store, make_items(2))
    taken = desk.take()
    desk.submit(taken, "same")
    with pytest.raises(ConflictError, match="PL-COL-023"):
        desk.submit(desk.take(), "same", body="another")
    assert len(read_judgements(store, desk.study_id)) == 1


def test_two_workers_may_draw_the_same_key(store):
    desk = make_desk(store, make_items(1, overlap=2))
    receipts = [desk.submit(desk.take(worker), "same") for worker in (0, 1)]
    assert not any(receipt.repeated for receipt in receipts)
    assert check_store(store, complete=True) == []


def test_a_second_key_for_what_is_submitted_is_refused(store):
    desk = make_desk(store, make_items(1))
    taken = desk.take()
    desk.submit(taken)
    with pytest.raises(ConflictError, match="PL-COL-020"):
        desk.submit(taken)
    assert check_store(store, complete=True) == []


def test_a_lease_that_is_past_counts_as_long_as_nobody_has_its_slot(store):
    desk = make_desk(store, make_items(1))
    taken = desk.take()
    desk.wait(days=1)
    assert desk.submit(taken).outcome is Outcome.ACCEPTED
    assert check_store(store, complete=True) == []


def test_an_ended_lease_counts_where_a_slot_is_open(store):
    desk = make_desk(store, make_items(1, overlap=2))
    lost = desk.take(0)
    desk.wait(hours=1)
    assert desk.take(1).assignment.slot == 0  # the slot that was the first worker's
    receipt = desk.submit(lost)
    assert receipt.outcome is Outcome.ACCEPTED
    assert read_assignment(store, lost.assignment.id).slot == 1
    assert check_store(store) == []


@pytest.mark.parametrize("ending", ["expired", "released"])
def test_what_comes_when_the_slot_is_anothers_is_kept_and_told_and_not_counted(store, ending):
    desk = make_desk(store, make_items(1))
    lost = desk.take(0)
    if ending == "expired":
        desk.wait(hours=1)
    else:
        release(store, lost.assignment.id, desk.workers[0], 1, now=desk.now)
    other = desk.take(1)
    receipt = desk.submit(lost, "late", follow_ups=(NewItem("follow-up", {}),))
    assert (receipt.outcome, receipt.judgement_ids) == (Outcome.LATE, ())
    assert desk.submit(lost, "late", follow_ups=()).repeated
    (kept,) = list_late(store, desk.study_id)
    assert (kept.assignment_id, kept.reason, kept.idempotency_key) == (lost.assignment.id, "slot", "late")
    assert kept.payload["judgements"][0]["payload"] == {"outcome": "first", "strength": 2}
    assert read_judgements(store, desk.study_id, counted=False) == []
    assert not has_item(store, desk.study_id, "follow-up")
    desk.submit(other)
    assert check_store(store, complete=True) == []


def test_an_old_fence_is_late_though_the_same_worker_holds_the_item(store):
    desk = make_desk(store, make_items(1))
    old = desk.take()
    desk.wait(hours=1)
    expire_leases(store, desk.study_id, now=desk.now)
    new = desk.take()
    assert new.assignment.fence == 2
    assert desk.submit(old).outcome is Outcome.LATE
    assert list_late(store, desk.study_id)[0].reason == "fence"
    assert desk.submit(new).outcome is Outcome.ACCEPTED
    assert check_store(store, complete=True) == []


def test_a_conversation_is_judged_turn_by_turn(store):
    desk = make_desk(store, make_items(1))
    taken = desk.take()
    later = desk.now + 2 * LEASE
    desk.submit(taken, judgements=(a_judgement("turn-1"),), finished=False, expires_at=later)
    held = read_assignment(store, taken.assignment.id)
    assert (held.state, held.expires_at) == (AssignmentState.LEASED, later)
    assert read_judgements(store, desk.study_id) == []  # it may still be left unfinished
    assert len(read_judgements(store, desk.study_id, counted=False)) == 1
    with pytest.raises(ConflictError, match="PL-COL-024"):
        desk.submit(taken, judgements=(a_judgement("turn-1"),), finished=False)
    desk.submit(taken, judgements=(a_judgement("turn-2"), a_judgement("rating")))
    parts = [judgement.part for judgement in judgements_of_assignment(store, taken.assignment.id)]
    assert parts == ["turn-1", "turn-2", "rating"]
    assert len(read_judgements(store, desk.study_id)) == 3
    assert check_store(store, complete=True) == []


def test_a_part_of_an_ended_lease_takes_the_item_in_hand_again(store):
    desk = make_desk(store, make_items(1))
    taken = desk.take()
    desk.wait(hours=1)
    expire_leases(store, desk.study_id, now=desk.now)
    until = desk.now + LEASE
    receipt = desk.submit(taken, judgements=(a_judgement("turn-1"),), finished=False, expires_at=until)
    assert receipt.outcome is Outcome.ACCEPTED
    assert desk.take().assignment.expires_at == until
    assert check_store(store) == []


def test_consent_stands_with_the_submission_that_says_so_and_not_where_it_is_late(store):
    desk = make_desk(store, make_items(1))
    lost = desk.take(0)
    desk.wait(hours=1)
    taken = desk.take(1)
    desk.submit(lost, consents=True, finished=False)
    desk.submit(taken, consents=True, finished=False)
    found = [read_participation(store, desk.study_id, worker).consented_at for worker in desk.workers]
    assert found == [None, desk.now, None]


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), float("-inf")])
def test_a_time_that_is_no_number_is_refused_whole(store, seconds):
    """One database would store NULL, another what a backup cannot say."""
    desk = make_desk(store, make_items(1))
    taken = desk.take()
    with pytest.raises(StoreError, match="PL-COL-009"):
        desk.submit(taken, judgements=(a_judgement(seconds=seconds),))
    assert read_judgements(store, desk.study_id, counted=False) == []
    assert desk.submit(taken).outcome is Outcome.ACCEPTED


def test_one_part_twice_in_a_submission_is_refused_whole(store):
    desk = make_desk(store, make_items(1))
    taken = desk.take()
    with pytest.raises(ConflictError, match="PL-COL-024"):
        desk.submit(taken, "twice", judgements=(a_judgement("a"), a_judgement("b"), a_judgement("a")))
    assert read_judgements(store, desk.study_id, counted=False) == []
    assert find_receipt(store, desk.workers[0], "twice", "any") is None
    assert desk.take().resumed


def test_nothing_is_finished_without_a_judgement(store):
    desk = make_desk(store, make_items(1))
    taken = desk.take()
    with pytest.raises(ConflictError, match="PL-COL-026"):
        desk.submit(taken, judgements=())
    desk.submit(taken, judgements=(a_judgement("turn-1"),), finished=False)
    assert desk.submit(taken, judgements=()).outcome is Outcome.ACCEPTED
    assert check_store(store, complete=True) == []


def test_follow_ups_are_entered_with_what_they_follow(store):
    desk = make_desk(store, make_items(1))
    review = NewItem("review-0", {"attempt": 0}, Purpose.REVIEW, author_id=desk.workers[0], overlap=2)
    desk.submit(desk.take(), follow_ups=(review,))
    assert desk.take(0, purpose=Purpose.REVIEW) is None
    assert desk.take(1, purpose=Purpose.REVIEW).item.payload == {"attempt": 0}


def test_a_submission_that_cannot_be_stored_whole_stores_nothing(store):
    desk = make_desk(store, make_items(1))
    taken = desk.take()
    wrong = NewItem("follow-up", {}, priority=99)
    with pytest.raises(StoreError, match=r"PL-COL-007.*items_priority"):
        desk.submit(taken, "broken", follow_ups=(wrong,))
    assert read_judgements(store, desk.study_id, counted=False) == []
    assert desk.submit(taken, "broken").outcome is Outcome.ACCEPTED


def test_a_judgement_names_guidelines_that_exist(store):
    desk = make_desk(store, make_items(1))
    taken = desk.take()
    judgement = a_judgement()
    object.__setattr__(judgement, "guidelines_version", 2)
    with pytest.raises(StoreError, match="PL-COL-007"):
        desk.submit(taken, judgements=(judgement,))
    add_guidelines(store, desk.study_id, "Read them twice.", now=desk.now)
    desk.submit(taken, judgements=(judgement,))
    assert read_judgements(store, desk.study_id)[0].guidelines_version == 2


def test_anothers_assignment_is_not_found(store):
    desk = make_desk(store, make_items(1))
    submission = desk.submission(desk.take(0))
    with pytest.raises(NotFoundError):
        submit(store, _of_worker(submission, desk.workers[1]), now=desk.now)
    with pytest.raises(NotFoundError):
        read_judgement(store, 99)


def test_a_finished_assignment_has_no_draft(store):
    desk = make_desk(store, make_items(1))
    taken = desk.take()
    save_draft(store, taken.assignment.id, desk.workers[0], {"text": "so far"}, version_read=0, now=desk.now)
    desk.submit(taken)
    assert read_draft(store, taken.assignment.id, desk.workers[0]) is None


def test_a_correction_names_the_old_one_and_takes_its_place(store):
    desk = make_desk(store, make_items(1))
    (old,) = desk.submit(desk.take()).judgement_ids
    (new,) = _correct(desk, old, "mend").judgement_ids
    assert _correct(desk, old, "mend").repeated
    assert read_judgement(store, new).corrects == old
    assert read_judgement(store, new).part == "helpfulness"
    assert [judgement.id for judgement in judgements_of_item(store, 1)] == [new]
    assert [judgement.id for judgement in judgements_of_item(store, 1, counted=False)] == [old, new]
    with pytest.raises(ConflictError, match=f"PL-COL-027.*judgement {old}"):
        _correct(desk, old, "again")
    (newest,) = _correct(desk, new, "again").judgement_ids
    assert [judgement.id for judgement in read_judgements(store, desk.study_id)] == [newest]
    with pytest.raises(NotFoundError):
        _correct(desk, 99, "nothing")
    logged = [event.payload for event in read_events(store) if event.kind == "corrected"]
    assert logged == [
        {"fence": 1, "corrects": old, "judgement": new},
        {"fence": 1, "corrects": new, "judgement": newest},
    ]
    assert check_store(store, complete=True) == []


def test_somebody_else_may_correct_and_stands_in_the_row(store):
    desk = make_desk(store, make_items(1))
    (old,) = desk.submit(desk.take(0)).judgement_ids
    (new,) = _correct(desk, old, "mend", worker=1).judgement_ids
    assert read_judgement(store, new).worker_id == desk.workers[1]
    assert check_store(store, complete=True) == []


def _correct(desk, judgement_id, key, worker=0):
    digest = hashlib.sha256(key.encode()).hexdigest()
    return correct(
        desk.store,
        judgement_id,
        desk.workers[worker],
        a_judgement("whatever"),
        idempotency_key=key,
        body_sha256=digest,
        now=desk.now,
    )


def _of_worker(submission, worker_id):
    return replace(submission, worker_id=worker_id)
