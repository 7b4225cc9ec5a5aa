"""Open places that nobody who is there can fill, on both databases: who is counted, and how much is looked at."""

from plumbline.collect.store.leasing import expire_leases, release
from plumbline.collect.store.participation import set_qualification
from plumbline.collect.store.people import add_person, set_blocked
from plumbline.collect.store.rows import Purpose, Qualification, Role
from plumbline.collect.store.unfillable import count_unfillable
from tests.collect.store.made_up import START, make_desk, make_items, make_study, person_of


def told(desk, *, limit=None, **more):
    found = count_unfillable(desk.store, desk.study_id, limit=limit, counted=(Purpose.WORK,), **more)
    return None if found is None else (found.places, found.people)


def skip(desk, worker):
    taken = desk.take(worker)
    release(desk.store, taken.assignment.id, desk.workers[worker], taken.assignment.fence, now=desk.now)


def test_a_place_that_the_last_one_skipped_stays_open_until_somebody_new_comes(store):
    desk = make_desk(store, make_items(2, overlap=3))
    assert told(desk) == (0, 3)
    for worker in (0, 1):
        for _ in range(2):
            desk.submit(desk.take(worker))
    assert told(desk) == (0, 3)
    skip(desk, 2)
    assert told(desk) == (1, 3)
    desk.submit(desk.take(2))
    assert told(desk) == (1, 3)
    newcomer = add_person(store, now=START)
    assert told(desk) == (0, 4)
    desk.workers.append(newcomer.id)
    desk.submit(desk.take(3))
    assert told(desk) is None  # nothing is open


def test_more_people_are_wanted_than_there_are(store):
    desk = make_desk(store, make_items(2, overlap=4))
    desk.submit(desk.take(0))
    assert told(desk) == (2, 3)


def test_who_ran_out_of_time_may_have_it_again(store):
    desk = make_desk(store, make_items(1, overlap=3))
    desk.submit(desk.take(0))
    desk.submit(desk.take(1))
    desk.take(2)
    desk.wait(hours=2)
    assert expire_leases(store, desk.study_id, now=desk.now) == 1
    assert told(desk) == (0, 3)


def test_who_may_not_work_fills_no_place(store):
    desk = make_desk(store, make_items(2, overlap=2), workers=2)
    for worker in (0, 1):
        desk.submit(desk.take(worker))
    add_person(store, now=START, only_study_id=make_study(store, "other").id)
    assert told(desk) == (0, 2)
    assert told(desk, limit=1) == (2, 0)
    set_qualification(store, desk.study_id, desk.workers[0], Qualification.FAILED, now=START)
    assert told(desk) == (1, 1)
    set_blocked(store, desk.workers[1], True, now=START)
    assert told(desk) == (2, 0)


def test_managers_are_nobody_who_works_until_they_did(store):
    desk = make_desk(store, make_items(1, overlap=2), workers=1)
    desk.workers.append(add_person(store, Role.MANAGER, now=START).id)
    assert person_of(store, desk.workers[1]).role is Role.MANAGER
    assert told(desk) == (1, 1)
    desk.submit(desk.take(1))
    assert told(desk) == (0, 2)


def test_while_much_is_open_nothing_is_counted(store):
    desk = make_desk(store, make_items(3, overlap=9))
    assert told(desk, most=2) is None
    assert told(desk, most=3) == (18, 3)
