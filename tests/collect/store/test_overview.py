"""Counts for whoever looks after a study, on both databases."""

from datetime import timedelta

from plumbline.collect.store.events import log_event
from plumbline.collect.store.items import enter_items
from plumbline.collect.store.leasing import LeaseTerms, take
from plumbline.collect.store.overview import (
    count_late,
    count_people,
    count_to_take,
    count_workers,
    failures_by_code,
    has_event,
    latest_events,
    list_person_counts,
)
from plumbline.collect.store.people import add_person, set_blocked
from plumbline.collect.store.rows import NewItem, Outcome, Purpose, Role
from tests.collect.store.made_up import START, Desk, make_desk, make_items, make_study


def test_counts_are_of_one_study(store):
    first, second = make_study(store, "a"), make_study(store, "b")
    enter_items(store, first.id, make_items(3), now=START)
    people = [add_person(store, now=START) for _ in range(2)]
    for person in people:
        take(store, first.id, person.id, LeaseTerms(START + timedelta(minutes=5)), now=START)
    assert (count_workers(store, first.id), count_workers(store, second.id)) == (2, 0)
    add_person(store, Role.OWNER, now=START)
    assert count_people(store) == {Role.WORKER: 2, Role.OWNER: 1}


def test_reviewers_are_no_workers_and_finished_items_are_counted_over_all_studies(store):
    desk, other = make_desk(store, make_items(2)), make_study(store, "other")
    enter_items(store, desk.study_id, [NewItem("ruling", {}, purpose=Purpose.ADJUDICATION)], now=START)
    enter_items(store, desk.study_id, [NewItem("writing", {}, purpose=Purpose.SPOT_CHECK)], now=START)
    enter_items(store, desk.study_id, [NewItem("attempt", {}, purpose=Purpose.REVIEW)], now=START)
    enter_items(store, other.id, make_items(1), now=START)
    elsewhere = Desk(store, other.id, desk.workers, START, keys=1000)
    for purpose in (Purpose.ADJUDICATION, Purpose.SPOT_CHECK):
        desk.submit(desk.take(1, purpose=purpose))
    assert count_workers(store, desk.study_id) == 0
    desk.submit(desk.take(0))
    desk.submit(desk.take(0, purpose=Purpose.REVIEW))
    elsewhere.submit(elsewhere.take(0))
    desk.take(0)
    assert count_workers(store, desk.study_id) == 1
    set_blocked(store, desk.workers[1], True, now=START)
    found = {each.person.id: each for each in list_person_counts(store)}
    assert [found[worker].finished for worker in desk.workers[:3]] == [2, 0, 0]
    assert found[desk.workers[1]].person.blocked_at == START
    assert list(found) == [each.person.id for each in sorted(found.values(), key=lambda each: (each.person.created_at, each.person.pseudonym))]  # fmt: skip


def test_items_to_take_are_open_or_fall_back_or_are_ones_own(store):
    study = make_study(store)
    queues = (Purpose.ADJUDICATION, Purpose.REVIEW)
    enter_items(store, study.id, make_items(1), now=START)
    new = [NewItem(f"ruling-{number}", {}, purpose=Purpose.ADJUDICATION) for number in range(3)]
    enter_items(store, study.id, new, now=START)
    one, other, looks = (add_person(store, now=START) for _ in range(3))
    for minutes, person in ((5, one), (60, other)):
        terms = LeaseTerms(START + timedelta(minutes=minutes), Purpose.ADJUDICATION)
        take(store, study.id, person.id, terms, now=START)

    def counted(person, minutes):
        """What there is for somebody, so many minutes later."""
        now = START + timedelta(minutes=minutes)
        return count_to_take(store, study.id, queues, worker_id=person.id, now=now)

    assert counted(looks, 1) == {Purpose.ADJUDICATION: 1}
    assert counted(one, 1) == {Purpose.ADJUDICATION: 2}
    assert counted(looks, 10) == {Purpose.ADJUDICATION: 2}
    assert counted(looks, 70) == {Purpose.ADJUDICATION: 3}


def test_late_submissions_are_of_one_study(store):
    desk, other = make_desk(store, make_items(1)), make_study(store, "other")
    taken = desk.take(0)
    desk.wait(minutes=31)
    assert desk.take(1) is not None
    assert desk.submit(taken).outcome is Outcome.LATE
    assert (count_late(store, desk.study_id), count_late(store, other.id)) == (1, 0)


def test_failures_by_code_newest_first(store):
    study, other = make_study(store, "a"), make_study(store, "b")
    for minute, code in enumerate(["X", "Y", "X"]):
        log_event(store, "failed", now=START + timedelta(minutes=minute), study_id=study.id, payload={"code": code})
    log_event(store, "failed", now=START, study_id=other.id, payload={"code": "Z"})
    found = failures_by_code(store, study.id, "failed")
    assert [(each.code, each.count, each.last) for each in found] == [
        ("X", 2, START + timedelta(minutes=2)),
        ("Y", 1, START + timedelta(minutes=1)),
    ]
    assert [event.payload["code"] for event in latest_events(store, study.id, "failed", limit=2)] == ["X", "Y"]
    assert has_event(store, study.id, "failed")
    assert not has_event(store, study.id, "other")
