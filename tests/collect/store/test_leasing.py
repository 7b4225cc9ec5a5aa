"""Taking, extending and giving back: one contract, on both databases."""

from datetime import timedelta

import pytest

from plumbline.collect.kinds.item_entry import MOST_OVERLAP
from plumbline.collect.store.assignments import read_assignment
from plumbline.collect.store.checking import check_store
from plumbline.collect.store.events import read_events
from plumbline.collect.store.failures import ConflictError, LeaseLostError, NotAllowedError, NotFoundError
from plumbline.collect.store.items import count_queues, enter_items, read_item
from plumbline.collect.store.leasing import expire_leases, extend, release
from plumbline.collect.store.people import set_blocked
from plumbline.collect.store.rows import (
    AssignmentState,
    NewItem,
    Outcome,
    Purpose,
    StudyState,
)
from plumbline.collect.store.studies import set_study_state
from tests.collect.store.made_up import LEASE, START, make_desk, make_items


def work_through(desk, worker=0):
    keys = []
    while taken := desk.take(worker):
        desk.submit(taken)
        keys.append(taken.item.key)
    return keys


def test_items_come_by_priority_then_in_order_of_entry(store):
    items = [NewItem(f"{priority}-{number}", {}, priority=priority) for number in range(3) for priority in (0, 9, 4)]
    desk = make_desk(store, items)
    assert work_through(desk) == ["9-0", "9-1", "9-2", "4-0", "4-1", "4-2", "0-0", "0-1", "0-2"]
    assert check_store(store, complete=True) == []


def test_what_is_taken_is_leased_to_the_worker(store):
    desk = make_desk(store, make_items(2, overlap=2))
    taken = desk.take(1)
    assert taken.item.key == "item-0"
    assert taken.item.payload == {"number": 0}
    assert not taken.resumed
    assignment = taken.assignment
    assert (assignment.worker_id, assignment.slot, assignment.fence) == (desk.workers[1], 0, 1)
    assert (assignment.leased_at, assignment.expires_at, assignment.ended_at) == (START, START + LEASE, None)
    assert assignment.state is AssignmentState.LEASED
    assert read_assignment(store, assignment.id) == assignment
    assert read_item(store, taken.item.id).open_slots == 1


def test_taking_again_gives_what_is_in_hand(store):
    desk = make_desk(store, make_items(3))
    first, again = desk.take(), desk.take()
    assert again.resumed
    assert again.assignment == first.assignment
    assert read_item(store, first.item.id).open_slots == 0
    assert desk.take(1).item.id != first.item.id


def test_each_item_is_given_to_its_overlap_of_workers_and_no_further(store):
    desk = make_desk(store, make_items(4, overlap=2), workers=3)
    counts = [len(work_through(desk, worker)) for worker in range(3)]
    assert counts == [4, 4, 0]
    assert check_store(store, complete=True) == []


def test_nobody_gets_an_item_twice_though_it_is_open(store):
    desk = make_desk(store, make_items(3, overlap=5))
    assert len(work_through(desk)) == 3
    assert desk.take() is None
    assert check_store(store) == []


def test_nobody_gets_their_own_item(store):
    desk = make_desk(store, [], workers=2)
    mine = [NewItem("mine", {}, author_id=desk.workers[0]), NewItem("theirs", {}, author_id=desk.workers[1])]
    enter_items(store, desk.study_id, mine, now=START)
    assert work_through(desk, 0) == ["theirs"]
    assert work_through(desk, 1) == ["mine"]


def test_queues_of_other_purposes_and_studies_stand_apart(store):
    items = [NewItem("gold", {}, Purpose.GOLD, overlap=MOST_OVERLAP), NewItem("work", {})]
    desk = make_desk(store, items)
    gold, work = desk.take(0, purpose=Purpose.GOLD), desk.take(0)
    assert (gold.item.key, work.item.key) == ("gold", "work")
    assert desk.take(0, purpose=Purpose.REVIEW) is None
    assert desk.take(1, purpose=Purpose.GOLD).assignment.slot == 1


def test_an_item_given_back_comes_first_but_not_to_who_gave_it_back(store):
    desk = make_desk(store, make_items(4))
    taken = desk.take(0)
    for _ in range(2):  # repeating it changes nothing
        released = release(store, taken.assignment.id, desk.workers[0], 1, now=desk.now)
    assert released.state is AssignmentState.RELEASED
    assert released.ended_at == START
    assert desk.take(1).item.key == "item-0"
    assert work_through(desk, 0) == ["item-1", "item-2", "item-3"]
    assert check_store(store) == []


@pytest.mark.parametrize("ending", ["released", "expired"])
def test_an_item_that_got_a_slot_back_comes_before_those_entered_before_it(store, ending):
    desk = make_desk(store, make_items(3, overlap=2))
    desk.submit(desk.take(0))
    taken = desk.take(0)
    assert taken.item.key == "item-1"
    if ending == "released":
        release(store, taken.assignment.id, desk.workers[0], 1, now=desk.now)
    else:
        desk.wait(hours=1)
    assert work_through(desk, 1) == ["item-1", "item-0", "item-2"]


@pytest.mark.parametrize("ending", ["released", "expired"])
def test_an_item_that_was_full_when_the_cursor_passed_it_is_found_when_it_opens(store, ending):
    desk = make_desk(store, [NewItem("full", {}), *make_items(2, overlap=2)])
    held = desk.take(0)
    for expected in ("item-0", "item-1"):
        taken = desk.take(1)
        assert taken.item.key == expected
        desk.submit(taken)
    assert desk.take(1) is None
    if ending == "released":
        release(store, held.assignment.id, desk.workers[0], 1, now=desk.now)
    else:
        desk.wait(hours=1)
    assert desk.take(1).item.key == "full"


def test_a_lease_that_is_past_goes_to_the_next_worker(store):
    desk = make_desk(store, make_items(2))
    lost = desk.take(0)
    desk.wait(minutes=30)
    assert desk.take(1).item.key == "item-0"
    assert read_assignment(store, lost.assignment.id).state is AssignmentState.EXPIRED
    assert check_store(store) == []


def test_a_lease_holds_until_its_last_moment(store):
    desk = make_desk(store, make_items(1))
    desk.take(0)
    desk.wait(minutes=30, microseconds=-1)
    assert desk.take(1) is None
    desk.wait(microseconds=1)
    assert desk.take(1) is not None


def test_who_asks_again_after_their_lease_keeps_the_item_and_its_fence(store):
    desk = make_desk(store, make_items(2))
    first = desk.take(0)
    desk.wait(hours=2)
    again = desk.take(0)
    assert again.resumed
    assert (again.assignment.id, again.assignment.fence) == (first.assignment.id, 1)
    assert again.assignment.expires_at == desk.now + LEASE


def test_an_expired_item_may_come_to_the_same_worker_again_under_a_higher_fence(store):
    desk = make_desk(store, make_items(1))
    first = desk.take(0)
    desk.wait(hours=1)
    assert expire_leases(store, desk.study_id, now=desk.now) == 1
    again = desk.take(0)
    assert not again.resumed
    assert again.assignment.id == first.assignment.id
    assert again.assignment.fence == 2
    assert again.assignment.ended_at is None
    assert check_store(store) == []


def test_a_gap_between_held_slots_is_filled(store):
    desk = make_desk(store, make_items(1, overlap=3), workers=4)
    takes = [desk.take(worker) for worker in range(3)]
    assert [taken.assignment.slot for taken in takes] == [0, 1, 2]
    release(store, takes[1].assignment.id, desk.workers[1], 1, now=desk.now)
    assert desk.take(3).assignment.slot == 1
    assert check_store(store) == []


def test_leases_end_a_few_at_a_time(store):
    desk = make_desk(store, make_items(7), workers=7)
    for worker in range(7):
        desk.take(worker)
    desk.wait(hours=1)
    ended = [expire_leases(store, desk.study_id, now=desk.now, limit=3) for _ in range(4)]
    assert ended == [3, 3, 1, 0]
    assert check_store(store) == []
    counts = count_queues(store, desk.study_id)[Purpose.WORK]
    assert (counts.items, counts.slots, counts.leased, counts.submitted) == (7, 7, 0, 0)


def test_a_worker_behind_everything_finds_what_opens_later(store):
    desk = make_desk(store, make_items(3, overlap=2))
    assert len(work_through(desk, 0)) == 3
    held = desk.take(1)
    enter_items(store, desk.study_id, [NewItem("new", {}), NewItem("urgent", {}, priority=3)], now=START)
    assert work_through(desk, 0) == ["urgent", "new"]
    release(store, held.assignment.id, desk.workers[1], 1, now=desk.now)
    assert desk.take(0) is None  # had it already
    assert desk.take(2).item.key == "item-0"
    assert check_store(store) == []


def test_extending_a_lease(store):
    desk = make_desk(store, make_items(1))
    taken = desk.take(0)
    later = START + timedelta(hours=3)
    arguments = (store, taken.assignment.id, desk.workers[0], 1)
    assert extend(*arguments, now=desk.now, expires_at=later).expires_at == later
    assert extend(*arguments, now=desk.now, expires_at=START + LEASE).expires_at == later
    desk.wait(hours=2)
    assert desk.take(1) is None


def test_a_lease_that_ended_is_extended_where_the_slot_is_still_open(store):
    desk = make_desk(store, make_items(1))
    taken = desk.take(0)
    desk.wait(hours=1)
    expire_leases(store, desk.study_id, now=desk.now)
    again = extend(store, taken.assignment.id, desk.workers[0], 1, now=desk.now, expires_at=desk.now + LEASE)
    assert again.state is AssignmentState.LEASED
    assert desk.take(1) is None
    assert desk.submit(taken).outcome is Outcome.ACCEPTED
    assert check_store(store, complete=True) == []


def test_what_was_given_back_is_not_had_again_by_a_heartbeat(store):
    desk = make_desk(store, make_items(1))
    given = desk.take(0).assignment
    released = [release(store, given.id, desk.workers[0], 1, now=desk.now) for _ in range(2)]
    with pytest.raises(LeaseLostError, match="PL-COL-021"):
        extend(store, given.id, desk.workers[0], 1, now=desk.now, expires_at=desk.now + LEASE)
    assert desk.take(0) is None
    assert desk.take(1).item.id == given.item_id
    # Giving back twice says it once.
    desk.wait(minutes=1)
    assert release(store, given.id, desk.workers[0], 1, now=desk.now) == released[0] == released[1]
    assert [event.kind for event in read_events(store)].count("released") == 1
    assert check_store(store) == []


def test_what_lies_behind_many_lapsed_leases_is_found(store):
    """More than are ended at once, and the first of them had by the worker who asks."""
    desk = make_desk(store, make_items(60), workers=62)
    for _ in range(55):
        had = desk.take(0).assignment
        release(store, had.id, desk.workers[0], 1, now=desk.now)
    for worker in range(1, 61):
        desk.take(worker)
    desk.wait(hours=1)
    assert desk.take(0).item.key in {f"item-{number}" for number in range(55, 60)}
    assert check_store(store) == []


def test_a_lease_that_is_anothers_by_now_is_lost(store):
    desk = make_desk(store, make_items(2))
    taken = desk.take(0)
    desk.wait(hours=1)
    desk.take(1)
    with pytest.raises(LeaseLostError, match="PL-COL-021"):
        extend(store, taken.assignment.id, desk.workers[0], 1, now=desk.now, expires_at=desk.now + LEASE)
    assert check_store(store) == []


def test_giving_back_what_expired_frees_no_second_slot(store):
    desk = make_desk(store, make_items(1, overlap=2))
    taken = desk.take(0)
    desk.wait(hours=1)
    expire_leases(store, desk.study_id, now=desk.now)
    released = release(store, taken.assignment.id, desk.workers[0], 1, now=desk.now)
    assert released.state is AssignmentState.RELEASED
    assert read_item(store, taken.item.id).open_slots == 2
    assert desk.take(0) is None
    assert check_store(store) == []


def test_a_lease_is_not_had_again_by_who_holds_another_item(store):
    desk = make_desk(store, make_items(2))
    first = desk.take(0)
    desk.wait(hours=1)
    expire_leases(store, desk.study_id, now=desk.now)
    enter_items(store, desk.study_id, [NewItem("urgent", {}, priority=1)], now=START)
    assert desk.take(0).item.key == "urgent"
    with pytest.raises(LeaseLostError):
        extend(store, first.assignment.id, desk.workers[0], 1, now=desk.now, expires_at=desk.now + LEASE)


def test_an_old_fence_neither_extends_nor_releases(store):
    desk = make_desk(store, make_items(1))
    old = desk.take(0)
    desk.wait(hours=1)
    expire_leases(store, desk.study_id, now=desk.now)
    desk.take(0)
    with pytest.raises(LeaseLostError):
        extend(store, old.assignment.id, desk.workers[0], 1, now=desk.now, expires_at=desk.now + LEASE)
    with pytest.raises(LeaseLostError):
        release(store, old.assignment.id, desk.workers[0], 1, now=desk.now)


def test_what_is_submitted_is_neither_extended_nor_released(store):
    desk = make_desk(store, make_items(1))
    taken = desk.take(0)
    desk.submit(taken)
    with pytest.raises(ConflictError, match="PL-COL-020"):
        extend(store, taken.assignment.id, desk.workers[0], 1, now=desk.now, expires_at=desk.now + LEASE)
    with pytest.raises(ConflictError, match="PL-COL-020"):
        release(store, taken.assignment.id, desk.workers[0], 1, now=desk.now)


def test_anothers_assignment_is_not_found(store):
    desk = make_desk(store, make_items(1))
    taken = desk.take(0)
    with pytest.raises(NotFoundError, match="PL-COL-010"):
        release(store, taken.assignment.id, desk.workers[1], 1, now=desk.now)
    with pytest.raises(NotFoundError):
        read_assignment(store, taken.assignment.id, desk.workers[1])
    with pytest.raises(NotFoundError):
        read_assignment(store, 99)


def test_a_study_that_is_not_open_hands_out_nothing_and_takes_what_is_in_hand(store):
    desk = make_desk(store, make_items(2))
    taken = desk.take(0)
    for state in (StudyState.PAUSED, StudyState.CLOSED):
        set_study_state(store, desk.study_id, state, now=desk.now)
        with pytest.raises(NotAllowedError, match="PL-COL-030"):
            desk.take(1)
    assert desk.submit(taken).outcome is Outcome.ACCEPTED


def test_a_blocked_worker_gets_nothing(store):
    desk = make_desk(store, make_items(2))
    taken = desk.take(0)
    set_blocked(store, desk.workers[0], True, now=desk.now)
    with pytest.raises(NotAllowedError, match="PL-COL-031"):
        desk.take(0)
    with pytest.raises(NotAllowedError, match="PL-COL-031"):
        desk.submit(taken)
    set_blocked(store, desk.workers[0], False, now=desk.now)
    assert desk.take(0).resumed


def test_an_unknown_study_or_worker_is_told(store):
    desk = make_desk(store, make_items(1))
    desk.workers.append("nobody")
    with pytest.raises(NotFoundError, match="person nobody"):
        desk.take(3)
    desk.study_id = 99
    with pytest.raises(NotFoundError, match="study 99"):
        desk.take(0)
