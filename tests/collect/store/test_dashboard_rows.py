from datetime import timedelta

from plumbline.collect.kinds import Purpose
from plumbline.collect.store import dashboard_rows as rows
from plumbline.collect.store.events import log_event
from plumbline.collect.store.items import enter_items, read_items
from plumbline.collect.store.keeping.erasing import erase_person
from plumbline.collect.store.leasing import release
from plumbline.collect.store.people import list_people, set_blocked
from plumbline.collect.store.rows import NewItem
from tests.collect.store.made_up import make_desk, make_items, make_study


def _page(desk, after=0, mark=0, most=100):
    return rows.read_page(desk.store, desk.study_id, after=after, mark=mark, most=most)


def test_pages_go_on_and_the_last_one_tells_the_total(store):
    desk = make_desk(store, make_items(3, overlap=2))
    for worker in (0, 1):
        for _ in range(3):
            desk.submit(desk.take(worker))
    first = _page(desk, most=4)
    assert (len(first.rows), first.total) == (4, None)
    last = _page(desk, after=first.rows[-1][0], most=4)
    assert (len(last.rows), last.total) == (2, 6)
    number, assignment, _, worker, purpose, state, kind, payload, corrects, seconds, at = first.rows[0]
    assert (worker, purpose, state, kind, corrects, seconds) == (
        desk.workers[0], "work", "submitted", "comparison", None, None,
    )  # fmt: skip
    assert payload == '{"outcome":"first","strength":2}'
    assert isinstance(at, int)
    assert number
    assert assignment


def test_other_studies_are_not_in_it(store):
    desk = make_desk(store, make_items(1))
    desk.submit(desk.take())
    other = make_study(store, "other")
    page = rows.read_page(store, other.id, after=0, mark=0, most=10)
    assert (len(page.rows), page.total) == (0, 0)
    assert rows.count_new_items(store, other.id, after=0) == {}
    assert rows.count_judgements(store, desk.study_id) == 1


def test_erasing_is_told_once(store):
    desk = make_desk(store, make_items(1))
    before = _page(desk)
    assert not before.changed
    log_event(store, "exported", now=desk.now)
    assert not _page(desk, mark=before.mark).changed
    erase_person(store, next(iter(list_people(store))).pseudonym, now=desk.now)
    after = _page(desk, mark=before.mark)
    assert after.changed
    assert not _page(desk, mark=after.mark).changed
    assert _page(desk, mark=after.mark).mark == after.mark


def test_items_are_counted_on_from_a_number(store):
    desk = make_desk(store, make_items(3, overlap=2))
    found = rows.count_new_items(store, desk.study_id, after=0)
    assert (found[Purpose.WORK].items, found[Purpose.WORK].places) == (3, 6)
    assert rows.count_withdrawn(store, desk.study_id) == {}
    enter_items(store, desk.study_id, [NewItem("gold", {}, Purpose.GOLD, truth={})], now=desk.now)
    more = rows.count_new_items(store, desk.study_id, after=found[Purpose.WORK].last)
    assert more.keys() == {Purpose.GOLD}


def test_what_items_bring_along(store):
    desk = make_desk(store, make_items(2, overlap=4))
    enter_items(store, desk.study_id, [NewItem("gold", {"a": 1}, Purpose.GOLD, truth={"b": 2})], now=desk.now)
    numbers = [item.id for item in read_items(store, desk.study_id)]
    assert rows.read_item_rows(store, numbers) == [
        (numbers[0], 4, False),
        (numbers[1], 4, False),
        (numbers[2], 1, False),
    ]
    assert rows.read_payloads(store, numbers[2:]) == [(numbers[2], '{"a":1}', '{"b":2}')]
    assert rows.read_payloads(store, []) == []


def test_what_was_given_up_by_person(store):
    desk = make_desk(store, make_items(3))
    first, second = desk.take(0), desk.take(1)
    release(store, first.assignment.id, desk.workers[0], first.assignment.fence, now=desk.now)
    desk.wait(hours=1)
    assert rows.count_leased(store, desk.study_id) == {Purpose.WORK: 1}
    for _ in range(3):
        desk.submit(desk.take(2))
    assert rows.count_leased(store, desk.study_id) == {}
    assert rows.count_given_up(store, desk.study_id) == {desk.workers[0]: (1, 0), desk.workers[1]: (0, 1)}
    desk.submit(second)
    assert rows.count_late_by_person(store, desk.study_id) == {desk.workers[1]: 1}


def test_how_assignments_stand_by_now(store):
    desk = make_desk(store, make_items(2))
    first, second = desk.take(0), desk.take(1)
    desk.submit(first)
    numbers = [first.assignment.id, second.assignment.id]
    assert dict(rows.states_of(store, numbers)) == {numbers[0]: "submitted", numbers[1]: "leased"}


def test_people_by_pseudonym_and_how_they_stand(store):
    desk = make_desk(store, make_items(1))
    set_blocked(store, desk.workers[0], True, now=desk.now + timedelta(hours=1))
    found = {person.id: person for person in rows.read_judging_people(store, desk.workers[:2])}
    assert found.keys() == set(desk.workers[:2])
    assert (found[desk.workers[0]].is_blocked, found[desk.workers[1]].is_blocked) == (True, False)
    assert not found[desk.workers[0]].is_erased


def test_more_numbers_than_one_statement_takes(store, monkeypatch):
    monkeypatch.setattr(rows, "_MOST_NUMBERS", 2)
    desk = make_desk(store, make_items(5))
    numbers = [item.id for item in read_items(store, desk.study_id)]
    assert [row[0] for row in rows.read_item_rows(store, numbers)] == numbers
