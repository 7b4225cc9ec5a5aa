"""What a worker's page asks between items, asked of the store itself."""

from datetime import timedelta

import pytest

from plumbline.collect.store.items import enter_items
from plumbline.collect.store.leasing import release
from plumbline.collect.store.rows import NewItem, Purpose
from plumbline.collect.store.standing import count_open, may_have_work, seconds_since, topics_entered
from tests.collect.store.made_up import START, make_desk, make_items


def test_items_with_a_place_are_counted_up_to_a_bound(store):
    desk = make_desk(store, make_items(5))
    assert [count_open(store, desk.study_id, most=most) for most in (1, 3, 5, 9)] == [1, 3, 5, 5]
    desk.take()
    assert count_open(store, desk.study_id, most=9) == 4


def test_what_may_come_to_a_worker(store):
    desk = make_desk(store, make_items(1, overlap=2))
    first, second = desk.workers[:2]
    assert may_have_work(store, desk.study_id, first)
    taken = desk.take()
    assert may_have_work(store, desk.study_id, first), "in their hands"
    desk.submit(taken)
    assert not may_have_work(store, desk.study_id, first), "one place is open, and they had the item"
    assert may_have_work(store, desk.study_id, second)


def test_what_was_given_back_does_not_come_again(store):
    desk = make_desk(store, make_items(1))
    taken = desk.take().assignment
    release(store, taken.id, desk.workers[0], taken.fence, now=START)
    assert not may_have_work(store, desk.study_id, desk.workers[0])
    assert may_have_work(store, desk.study_id, desk.workers[1])


def test_ones_own_item_and_other_queues_are_no_work(store):
    desk = make_desk(store, [])
    mine = NewItem(key="mine", payload={}, author_id=desk.workers[0])
    review = NewItem(key="review", payload={}, purpose=Purpose.REVIEW)
    enter_items(store, desk.study_id, [mine, review], now=START)
    assert not may_have_work(store, desk.study_id, desk.workers[0])
    assert may_have_work(store, desk.study_id, desk.workers[1])
    assert count_open(store, desk.study_id, most=9) == 1


def test_todays_seconds_are_found_by_the_index(store):
    if not store.is_sqlite:
        pytest.skip("Postgres reads a table as small as this one whole, whatever its indexes")
    query = "EXPLAIN QUERY PLAN SELECT sum(seconds) FROM judgements WHERE worker_id = 'x' AND created_at >= 1"
    plan = store.read(lambda connection: connection.exec_driver_sql(query).all())
    assert "judgements_of_worker (worker_id=? AND created_at>?)" in str(plan)


def test_seconds_of_nobody_are_none(store):
    desk = make_desk(store, make_items(1))
    assert seconds_since(store, desk.workers[0], START - timedelta(days=1)) == 0.0


@pytest.mark.parametrize("text", ["plain", 'quo"te', "ünï", "back\\\\slash", "a]b", 'a],"b', "[]"])
def test_topics_of_items_for_work_by_number(store, text):
    desk = make_desk(store, [])
    new = [
        NewItem(key="a", payload={"topics": ["x", text], "opening": [{"text": "a NUL \0, which only JSON can say"}]}),
        NewItem(key="b", payload={"opening": ["topics"]}),
        NewItem(key="c", payload={"topics": ["gold"]}, purpose=Purpose.GOLD),
    ]
    enter_items(store, desk.study_id, new, now=START)
    newest, found = topics_entered(store, desk.study_id, 0)
    assert found == {"x", text}
    enter_items(store, desk.study_id, [NewItem(key="d", payload={"topics": ["y"]})], now=START)
    later, found = topics_entered(store, desk.study_id, newest)
    assert (later > newest, found) == (True, {"y"})
    assert topics_entered(store, desk.study_id, later) == (later, frozenset())
