"""An item about split labels, as the labels stand."""

from plumbline.collect.kinds import Purpose
from plumbline.collect.store.checking import check_store
from plumbline.collect.store.dashboard_rows import count_given_up, count_withdrawn
from plumbline.collect.store.items import enter_items, read_item, read_items
from plumbline.collect.store.rows import NewItem
from plumbline.collect.store.splits import bring_split_up
from tests.collect.store.made_up import make_desk

ASKED = Purpose.ADJUDICATION


def test_it_is_taken_back_asked_again_and_left_once_ruled_on(store):
    desk = make_desk(store, [], workers=3)
    enter_items(store, desk.study_id, [NewItem("split", {"labels": [1]}, ASKED)], now=desk.now)
    (item,) = read_items(store, desk.study_id, purpose=ASKED)

    def bring_up(payload):
        return bring_split_up(store, desk.study_id, "split", payload, now=desk.now)

    assert not bring_split_up(store, desk.study_id, "another", None, now=desk.now)
    assert desk.take(0, purpose=ASKED) is not None
    assert [bring_up(None), bring_up(None)] == [True, False]
    assert desk.take(1, purpose=ASKED) is None
    assert count_withdrawn(store, desk.study_id) == {ASKED: (1, 1)}
    assert count_given_up(store, desk.study_id) == {}
    assert check_store(store) == []
    assert [bring_up({"labels": [2]}), bring_up({"labels": [2]})] == [True, False]
    assert count_withdrawn(store, desk.study_id) == {}
    taken = desk.take(1, purpose=ASKED)
    assert (taken.item.id, taken.item.payload) == (item.id, {"labels": [2]})
    desk.submit(taken)
    assert [bring_up(None), bring_up({"labels": [3]})] == [False, False]
    assert read_item(store, item.id).payload == {"labels": [2]}
    assert check_store(store) == []


def test_withdrawn_items_are_counted_by_their_index(store):
    desk = make_desk(store, [])
    plan = "EXPLAIN QUERY PLAN" if store.is_sqlite else "EXPLAIN"
    query = (
        f"{plan} SELECT purpose, count(*) FROM items WHERE study_id = 1 AND withdrawn_at IS NOT NULL GROUP BY purpose"
    )

    def explained(connection):
        if not store.is_sqlite:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        return str(connection.exec_driver_sql(query).all())

    assert desk.study_id == 1
    assert "items_taken_back" in store.read(explained)
