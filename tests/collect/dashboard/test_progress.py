from datetime import timedelta

import numpy as np
import pytest

from plumbline.collect.dashboard.progress import days_of
from plumbline.collect.kinds import Purpose
from plumbline.collect.store.items import count_queues, enter_items
from plumbline.collect.store.keeping.erasing import erase_person
from plumbline.collect.store.rows import NewItem
from tests.collect.dashboard.made_up import FIRST, SECOND, World, pair, pair_item, review, review_item
from tests.collect.dashboard.test_figures import RED_TEAM


def _told(world):
    return {queue.purpose: queue for queue in world.figures().progress.queues}


def _as_counted(world):
    return {
        purpose.value: (count.items, count.complete, count.slots, count.leased, count.submitted)
        for purpose, count in count_queues(world.store, world.known.id).items()
    }


def _as_told(world):
    return {
        name: (queue.items, queue.complete, queue.places, queue.leased, queue.finished)
        for name, queue in _told(world).items()
    }


def test_queues_are_those_of_the_store(store):
    world = World(store)
    world.enter([pair_item() for _ in range(3)], overlap=2)
    truth = {"orders": [{"axis": "helpfulness", "better": 0, "worse": 1}]}
    world.enter([pair_item()], purpose=Purpose.GOLD, truths=[truth])
    one, other = world.workers(2)
    world.judge(one, pair(FIRST), pair(FIRST), pair(SECOND))
    world.judge(other, pair(FIRST))
    world.take(other)
    assert _as_told(world) == _as_counted(world)
    assert _as_told(world)["work"] == (3, 1, 6, 1, 4)
    assert _as_told(world)["gold"] == (1, 0, 1, 0, 0)


def test_items_that_are_withdrawn_want_no_more_than_they_have(store):
    world = World(store, "red-team-chat", RED_TEAM)
    author, one = world.workers(2)
    new = [NewItem(f"r{n}", review_item(str(n)), Purpose.REVIEW, overlap=3, author_id=author.id) for n in range(2)]
    enter_items(store, world.known.id, new, now=world.now)
    world.judge(one, review(3), kind="review", purpose=Purpose.REVIEW)
    erase_person(store, author.pseudonym, now=world.now)
    assert _as_told(world) == _as_counted(world)
    assert _as_told(world)["review"] == (2, 2, 1, 0, 1)


def test_days_are_those_of_utc_and_add_up(store):
    world = World(store)
    world.enter([pair_item() for _ in range(6)])
    (worker,) = world.workers(1)
    world.judge(worker, pair(FIRST), pair(FIRST))
    world.now = world.now.replace(hour=23, minute=58)
    numbers = world.judge(worker, pair(FIRST), pair(FIRST))  # the second at 0:00 of the next day
    world.now += timedelta(days=2)
    world.correct(worker, numbers[0], pair(SECOND))
    days = world.figures().progress.days
    assert [(each.day.isoformat(), each.judgements, each.cumulative) for each in days] == [
        ("2026-11-21", 3, 3),
        ("2026-11-22", 1, 4),
    ]
    assert days_of(np.zeros(0, dtype=np.int64)) == ()


def test_the_end_is_told_from_two_days_on(store):
    world = World(store)
    world.enter([pair_item() for _ in range(12)])
    (worker,) = world.workers(1)
    world.judge(worker, pair(FIRST))
    world.now += timedelta(hours=30)
    world.judge(worker, pair(FIRST))
    pace = world.figures().progress.pace
    assert (pace.days, pace.left, pace.per_day.value, pace.expected_end) == (1, 10, None, None)
    world.judge(worker, pair(FIRST))
    world.now += timedelta(hours=20)
    world.judge(worker, pair(FIRST))
    pace = world.figures().progress.pace
    # Three in the last 24 hours, none in the 24 before; the first is 50 hours old.
    assert (pace.days, pace.left) == (2, 8)
    assert pace.per_day.value == 1.5
    assert pace.days_left.value == pytest.approx(8 / 1.5)
    assert pace.days_left.low is None
    assert pace.expected_end == world.now + timedelta(days=8 / 1.5)


def test_a_study_that_is_done_or_stands_still_says_so(store):
    world = World(store)
    world.enter([pair_item() for _ in range(2)])
    (worker,) = world.workers(1)
    world.judge(worker, pair(FIRST))
    world.now += timedelta(days=30)
    pace = world.figures().progress.pace
    assert (pace.days, pace.per_day.value, pace.days_left.value) == (7, 0.0, None)
    world.judge(worker, pair(FIRST))
    done = world.figures().progress.pace
    assert (done.left, done.days_left.value, done.days_left.why_undefined) == (0, 0.0, "nothing is left")
