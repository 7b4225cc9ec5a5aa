"""Requests become rows: nothing that was sent is left out of what is judged, or the row says that it was not."""

import msgspec
import pytest

from plumbline.moderate.requests import MOST_INPUTS, ModerationRequest
from plumbline.moderate.rows import IMAGE, NO_TEXT, UNJUDGED, Row, Turn, rows_of
from plumbline.records import Message, Role
from plumbline.web.failures import InvalidBodyError

TEXT, PICTURE = (
    {"type": "text", "text": "a text"},
    {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
)


def rows(**asked):
    return rows_of(msgspec.convert(asked, ModerationRequest))


def test_texts_are_rows_and_parts_are_one():
    assert rows(input="one") == [Row((Turn("one"),))]
    assert rows(input=["one", "two"]) == [Row((Turn("one"),)), Row((Turn("two"),))]
    assert rows(input=[TEXT, {"type": "text", "text": "more"}]) == [Row((Turn("a text"), Turn("more")))]


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u2003", "\u200b\u200d", "\0\x7f", "\ufeff "])
def test_a_blank_text_is_not_judged(blank):
    assert rows(input=["one", blank]) == [Row((Turn("one"),)), Row((), NO_TEXT)]
    assert rows(question="q", answer=blank) == [Row((), NO_TEXT)]
    assert rows(input=[TEXT, {"type": "text", "text": blank}]) == [Row((), NO_TEXT)]


@pytest.mark.parametrize("seen", ["x", ".", "\u200bx", "é", "\U0001f4a9", "\n!"])
def test_a_text_of_which_anything_is_seen_is_judged(seen):
    assert rows(input=seen) == [Row((Turn(seen),))]


def test_a_row_with_an_image_is_not_judged_whatever_text_stands_beside():
    assert rows(input=[TEXT, PICTURE]) == [Row((), IMAGE)]
    unjudged = [Row((), IMAGE, is_conversation=True, unjudged_at=(0,))]
    assert rows(messages=[{"role": "assistant", "content": [PICTURE, TEXT]}]) == unjudged
    shown = [{"role": "user", "content": [PICTURE]}, {"role": "assistant", "content": "a"}]
    assert rows(messages=shown) == unjudged, "an answer to an image is no answer to nothing"
    told = [{"role": "system", "content": [PICTURE]}, {"role": "assistant", "content": "a"}]
    assert rows(messages=told) == unjudged


def test_a_conversation_with_a_turn_without_text_is_not_judged_but_its_other_turns_are():
    messages = [{"role": "assistant", "content": text} for text in ("a", " ", "c", "")]
    (row,) = rows(messages=messages)
    assert (row.unjudged, row.unjudged_at) == (NO_TEXT, (1, 3))
    assert [(turn.text, turn.position, len(turn.before)) for turn in row.turns] == [("a", 0, 0), ("c", 2, 2)]


def test_a_question_is_what_was_said_before_its_answer():
    assert rows(question="q", answer="a") == [Row((Turn("a", (Message(Role.HUMAN, "q"),)),))]


def test_every_turn_of_the_assistant_is_judged_not_the_last_alone():
    messages = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": [TEXT]},
        {"role": "assistant", "content": "b"},
    ]
    said = (
        Message(Role.SYSTEM, "s"),
        Message(Role.HUMAN, "u"),
        Message(Role.ASSISTANT, "a"),
        Message(Role.HUMAN, "a text"),
    )
    (row,) = rows(messages=messages, roles=["user", "assistant"])
    assert row.is_conversation
    assert row.turns == (
        Turn("u", (), Role.HUMAN, 1),
        Turn("a", said[:2], Role.ASSISTANT, 2),
        Turn("a text", (), Role.HUMAN, 3),
        Turn("b", said, Role.ASSISTANT, 4),
    )
    (by_default,) = rows(messages=messages)
    assert by_default.turns == (row.turns[1], row.turns[3])
    assert rows(messages=messages, roles=["assistant"]) == [by_default]
    assert row.turns[3].characters == 1 + 9


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "expected one of"),
        ({"input": "x", "question": "q", "answer": "a"}, "expected one of"),
        ({"question": "q"}, "expected one of"),
        ({"answer": "a"}, "expected one of"),
        ({"input": []}, "input"),
        ({"input": ["x", TEXT]}, "input"),
        ({"input": ["x"] * (MOST_INPUTS + 1)}, "input"),
        ({"input": "x", "roles": ["user"]}, "roles"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "s"}]}, "messages"),
        ({"messages": [{"role": "user", "content": "u"}]}, "messages"),
        ({"messages": [{"role": "user", "content": "u"}], "roles": []}, "messages"),
    ],
)
def test_what_says_nothing_to_judge_is_refused(asked, field):
    with pytest.raises(InvalidBodyError, match=field):
        rows(**asked)


def test_every_reason_is_told():
    assert set(UNJUDGED) >= {NO_TEXT, IMAGE}
