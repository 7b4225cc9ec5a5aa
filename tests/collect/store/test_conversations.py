"""Turns, replies and drafts: in order and once, and nothing is shown that is not stored."""

import json

import pytest

from plumbline.collect.store.conversations import add_replies, add_turn, read_replies, read_turns, show_replies
from plumbline.collect.store.drafts import read_draft, save_draft
from plumbline.collect.store.failures import (
    ConflictError,
    DraftConflictError,
    LeaseLostError,
    NotFoundError,
    StoreError,
)
from plumbline.collect.store.leasing import expire_leases
from plumbline.collect.store.rows import NewReply
from tests.collect.store.made_up import HOSTILE, LEASE, START, make_desk, make_items


def two_replies(text="reply"):
    return [NewReply(side, f"{text} {side} {HOSTILE}", "model", "2026-11", 7, {"temperature": 1.0}) for side in (0, 1)]


@pytest.fixture
def talk(store):
    desk = make_desk(store, make_items(2))
    assignment = desk.take().assignment
    return desk, (store, assignment.id, desk.workers[0])


def test_turns_are_written_in_order_and_once(talk):
    desk, arguments = talk
    first = add_turn(*arguments, 1, 1, HOSTILE, now=START)
    assert add_turn(*arguments, 1, 1, HOSTILE, now=START + LEASE) == first
    add_turn(*arguments, 1, 2, "second", now=START)
    assert [(turn.number, turn.human) for turn in read_turns(desk.store, 1)] == [(1, HOSTILE), (2, "second")]
    for number, text in ((1, "other"), (4, "too far"), (0, "before")):
        with pytest.raises(ConflictError, match="PL-COL-028"):
            add_turn(*arguments, 1, number, text, now=START)
    with pytest.raises(StoreError, match="PL-COL-009"):
        add_turn(*arguments, 1, 3, "NUL \x00", now=START)


def test_replies_are_stored_before_they_are_shown_and_shown_together(talk):
    desk, arguments = talk
    add_turn(*arguments, 1, 1, "question", now=START)
    with pytest.raises(NotFoundError):
        show_replies(*arguments, 1, 1, now=START)
    stored = add_replies(*arguments, 1, two_replies(), now=START)
    assert [(reply.side, reply.draw, reply.shown_at) for reply in stored] == [(0, 0, None), (1, 0, None)]
    assert stored[0].text == f"reply 0 {HOSTILE}"
    assert (stored[0].model, stored[0].snapshot, stored[0].seed) == ("model", "2026-11", 7)
    assert stored[0].parameters == {"temperature": 1.0}
    shown = show_replies(*arguments, 1, 1, now=START + LEASE / 2)
    assert [reply.shown_at for reply in shown] == [START + LEASE / 2] * 2
    assert read_replies(desk.store, 1) == shown


def test_the_first_draw_is_shown_whatever_is_drawn_after(talk):
    desk, arguments = talk
    add_turn(*arguments, 1, 1, "question", now=START)
    add_replies(*arguments, 1, two_replies("first"), now=START)
    add_replies(*arguments, 1, two_replies("second"), now=START)
    shown = show_replies(*arguments, 1, 1, now=START)
    add_replies(*arguments, 1, two_replies("third"), now=START)
    assert show_replies(*arguments, 1, 1, now=START + LEASE / 2) == shown
    assert {reply.draw for reply in shown} == {0}
    assert len(read_replies(desk.store, 1, turn=1)) == 6


def test_replies_need_a_turn_and_two_different_sides(talk):
    _, arguments = talk
    with pytest.raises(NotFoundError, match="turn"):
        add_replies(*arguments, 1, two_replies(), now=START)
    add_turn(*arguments, 1, 1, "question", now=START)
    for replies in (two_replies()[:1] * 2, [NewReply(2, "text", "model", "", None, {})]):
        with pytest.raises(StoreError, match="PL-COL-007"):
            add_replies(*arguments, 1, replies, now=START)


def test_a_draw_with_one_side_is_not_shown(talk):
    _, arguments = talk
    add_turn(*arguments, 1, 1, "question", now=START)
    add_replies(*arguments, 1, two_replies("half")[:1], now=START)
    with pytest.raises(NotFoundError, match="two replies"):
        show_replies(*arguments, 1, 1, now=START)
    add_replies(*arguments, 1, two_replies("whole"), now=START)
    assert [reply.draw for reply in show_replies(*arguments, 1, 1, now=START)] == [1, 1]


def test_a_conversation_goes_on_only_in_hand(talk):
    desk, arguments = talk
    add_turn(*arguments, 1, 1, "question", now=START)
    add_replies(*arguments, 1, two_replies(), now=START)
    for fence in (0, 2):
        with pytest.raises(LeaseLostError):
            add_turn(*arguments, fence, 2, "more", now=START)
        with pytest.raises(LeaseLostError):
            show_replies(*arguments, fence, 1, now=START)
    with pytest.raises(NotFoundError):
        add_turn(desk.store, 1, desk.workers[1], 1, 2, "not mine", now=START)
    expire_leases(desk.store, desk.study_id, now=START + LEASE)
    with pytest.raises(LeaseLostError):
        add_turn(*arguments, 1, 2, "more", now=START)
    assert len(add_replies(*arguments, 1, two_replies(), now=START)) == 2  # drawn for money: kept


# --- drafts ---


def test_a_draft_is_saved_over_the_version_that_was_read(talk):
    _, arguments = talk
    assert read_draft(*arguments) is None
    first = save_draft(*arguments, {"text": HOSTILE}, version_read=0, now=START)
    assert read_draft(*arguments) == first
    second = save_draft(*arguments, {"text": "more"}, version_read=1, now=START + LEASE)
    assert (second.version, second.updated_at) == (2, START + LEASE)
    with pytest.raises(DraftConflictError, match="PL-COL-022") as refused:
        save_draft(*arguments, {"text": "other tab"}, version_read=1, now=START)
    assert refused.value.stored == second
    assert "more" not in str(refused.value)
    assert save_draft(*arguments, {"text": "more"}, version_read=1, now=START) == second  # a repeated request


def test_a_draft_is_its_workers_and_outlives_the_lease(talk):
    desk, arguments = talk
    save_draft(*arguments, "text", version_read=0, now=START)
    with pytest.raises(NotFoundError):
        read_draft(desk.store, arguments[1], desk.workers[1])
    with pytest.raises(NotFoundError):
        save_draft(desk.store, arguments[1], desk.workers[1], "text", version_read=1, now=START)
    expire_leases(desk.store, desk.study_id, now=START + LEASE)
    assert save_draft(*arguments, "more", version_read=1, now=START + LEASE).version == 2


def test_a_first_draft_has_no_version_and_a_finished_item_no_draft(talk):
    desk, arguments = talk
    with pytest.raises(NotFoundError):
        save_draft(*arguments, "text", version_read=3, now=START)
    desk.submit(desk.take())
    with pytest.raises(ConflictError, match="PL-COL-020"):
        save_draft(*arguments, "text", version_read=0, now=START)


def test_a_draft_that_differs_only_in_a_type_is_another(store):
    """For Python 1, True and 1.0 are the same, and the order of keys says nothing."""
    desk = make_desk(store, make_items(1))
    arguments = (store, desk.take().assignment.id, desk.workers[0])
    payloads = [{"a": 1, "b": 2}, {"a": True, "b": 2}, {"a": 1.0, "b": 2}, {"b": 2, "a": 1.0}]
    for number, payload in enumerate(payloads):
        assert save_draft(*arguments, payload, version_read=number, now=START).version == number + 1
        assert json.dumps(read_draft(*arguments).payload) == json.dumps(payload)
    assert save_draft(*arguments, payloads[-1], version_read=0, now=START).version == 4
