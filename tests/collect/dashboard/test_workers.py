import re
from datetime import timedelta
from itertools import product
from typing import get_args

import pytest

from plumbline.collect.dashboard import workers
from plumbline.collect.dashboard.narrowed import about_worker
from plumbline.collect.dashboard.workers import PLACE, WorkerOrder, lines_after, place_of, sheet_of, sorted_lines
from plumbline.collect.kinds import Purpose
from plumbline.collect.store.judgements import judgements_of_worker
from plumbline.collect.store.leasing import release
from plumbline.collect.store.people import set_blocked
from plumbline.measure import wilson_figure
from tests.collect.dashboard.made_up import CHAT, FIRST, SECOND, World, chats, pair, pair_item

TRUTH = {"orders": [{"axis": "helpfulness", "better": 0, "worse": 1}]}


@pytest.fixture
def world(store):
    """Three workers on four pairs: one and two agree, the third says the opposite; gold, corrections, things given up."""
    world = World(store)
    world.enter([pair_item() for _ in range(4)], overlap=3)
    world.enter([pair_item()] * 2, purpose=Purpose.GOLD, overlap=3, truths=[TRUTH] * 2)
    one, two, three = world.people = world.workers(3)
    world.judge(one, pair(FIRST, a=0), pair(SECOND, a=1), pair(FIRST, a=0), pair(SECOND, a=0), seconds=10)
    world.judge(two, pair(FIRST, a=0), pair(SECOND, a=1), pair(FIRST, a=1), seconds=20)
    numbers = world.judge(three, pair(SECOND, a=0), pair(SECOND, a=1), seconds=40)
    world.correct(three, numbers[1], pair(FIRST, a=1))
    world.judge(one, pair(FIRST), pair(SECOND), purpose=Purpose.GOLD)
    taken = world.take(two)
    release(store, taken.assignment.id, two.id, taken.assignment.fence, now=world.now)
    return world


def lines(world):
    return {line.pseudonym: line for line in world.snapshot().workers}


def test_a_line_for_each(world):
    one, two, three = (lines(world)[person.pseudonym] for person in world.people)
    assert one.finished == {"work": 4, "gold": 2}
    assert (two.finished, three.finished) == ({"work": 3}, {"work": 2})
    assert (one.median_seconds.value, two.median_seconds.value, three.median_seconds.value) == (10, 20, 40)
    # One named A on pairs 1 (first, a=0), 2 (second stood at A), 3, and not on 4.
    assert one.shown_first == wilson_figure(3, 4)
    # Against the others on pairs 1, 2, 3: half, half, all.
    assert (one.agreement.value, one.agreement.n) == (pytest.approx(2 / 3), 3)
    assert (three.agreement.value, three.agreement.n) == (0.0, 2)
    assert one.agreement.why_undefined == "the interval is on the worker's sheet"
    assert (one.gold, two.gold.value) == (wilson_figure(1, 2), None)
    assert [line.corrections for line in (one, two, three)] == [0, 0, 1]
    assert [line.released for line in (one, two, three)] == [0, 1, 0]


def test_who_only_gave_up_or_came_late_has_a_line_too(world):
    (idle,) = world.workers(1)
    taken = world.take(idle)
    world.now += timedelta(hours=1)
    (other,) = world.workers(1)
    world.take(other)  # ends the lease
    set_blocked(world.store, idle.id, True, now=world.now)
    line = lines(world)[idle.pseudonym]
    assert (line.expired, line.finished, line.last, line.is_blocked) == (1, {}, None, True)
    snapshot = world.snapshot()
    assert sheet_of(snapshot.counted, line, world.now).days == ()
    assert taken.assignment.worker_id == idle.id


def test_every_column_sorts_both_ways_with_what_is_missing_last(world):
    found = world.snapshot().workers
    for by in get_args(WorkerOrder):
        sorts_both_ways(found, by)


def sorts_both_ways(found, by):
    up, down = (sorted_lines(found, by, descending) for descending in (False, True))
    everybody = [line.pseudonym for line in found]
    assert sorted(line.pseudonym for line in up) == sorted(line.pseudonym for line in down) == everybody, by

    def values(ordered):
        taken = {"finished": lambda line: line.finished.get("work", 0)}.get(by, lambda line: getattr(line, by))
        return [getattr(taken(line), "value", taken(line)) for line in ordered]

    there = [value for value in values(up) if value is not None]
    assert there == sorted(there), by
    assert [value for value in values(down) if value is not None] == there[::-1], by
    assert None not in values(up)[: len(there)], by
    assert None not in values(down)[: len(there)], by


def test_what_stands_after_a_line_is_the_rest_of_the_list(world):
    found = world.snapshot().workers
    for by, descending in product(get_args(WorkerOrder), (False, True)):
        each_line_has_the_rest_after_it(found, by, descending)


def each_line_has_the_rest_after_it(found, by, descending):
    ordered = sorted_lines(found, by, descending)
    for count, line in enumerate(ordered, start=1):
        place = place_of(line, by)
        assert re.fullmatch(PLACE, place), by
        assert lines_after(ordered, by, descending, place) == ordered[count:], (by, descending)
        # Also where that line has moved, or gone.
        others = [each for each in ordered if each is not line]
        assert lines_after(others, by, descending, place) == ordered[count:], (by, descending)


def test_a_sheet_tells_all_of_one_worker(world):
    snapshot = world.snapshot()
    one = next(line for line in snapshot.workers if line.pseudonym == world.people[0].pseudonym)
    sheet = sheet_of(snapshot.counted, one, snapshot.figures.basis.as_of)
    (agreement,) = sheet.agreement
    assert agreement.percent.value == pytest.approx(2 / 3)
    assert agreement.percent.low is not None
    # Mine: first second first; the others': (1/2, 1/2), (1/2, 1/2), (1, 0). By chance 2/3·2/3 + 1/3·1/3 = 5/9.
    assert agreement.cohen_kappa.value == pytest.approx((2 / 3 - 5 / 9) / (4 / 9))
    assert sheet.shown_first["helpfulness"].value == 0.75
    (gold,) = sheet.known_answers
    assert (gold.purpose, gold.accuracy.value, gold.finished) == ("gold", 0.5, 2)
    assert {times.of: times.median.value for times in sheet.item_times} == {"work": 10.0, "gold": 10.0}
    assert [(day.judgements, day.cumulative) for day in sheet.days] == [(6, 6)]
    assert sheet.line == one


def test_a_sheet_is_worked_out_from_the_worker_s_items_alone_and_is_the_same(world, monkeypatch):
    snapshot = world.snapshot()
    for number, pseudonym in enumerate(snapshot.counted.pseudonyms):
        line = next(line for line in snapshot.workers if line.pseudonym == pseudonym)
        part = about_worker(snapshot.counted, number).view
        theirs = {judgement.item_id for judgement in _of(world, pseudonym)}
        assert set(part.items["id"][part.assignments["item"]]) == theirs
        narrow = sheet_of(snapshot.counted, line, world.now)
        with monkeypatch.context() as whole:
            whole.setattr(workers, "about_worker", lambda counted, _: counted)
            assert sheet_of(snapshot.counted, line, world.now) == narrow


def _of(world, pseudonym):
    person = next(each for each in world.people if each.pseudonym == pseudonym)
    return judgements_of_worker(world.store, world.known.id, person.id)


def test_in_chats_nobody_agrees_with_anybody(store):
    world = World(store, "preference-chat", CHAT | {"turns": 1})
    world.enter([{"opening": []} for _ in range(2)])
    one, two = world.workers(2)
    chats(world, one, [FIRST])
    chats(world, two, [SECOND])
    snapshot = world.snapshot()
    sheet = sheet_of(snapshot.counted, snapshot.workers[0], world.now)
    assert "replies of their own" in sheet.agreement[0].percent.why_undefined
    assert snapshot.workers[0].agreement.value is None
