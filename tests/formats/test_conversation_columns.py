"""Texts → columns of conversations → texts."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.formats.conversation_columns import (
    answer_pair_column,
    conversation_turns,
    conversations_column,
    question_answer_column,
    question_column,
    side_texts,
    turn_texts,
)
from plumbline.records import CONVERSATION_TYPE, Role
from tests.formats.reading_back import TEXTS

TURNS = st.lists(st.tuples(st.sampled_from(list(Role)), TEXTS), max_size=3)


@settings(max_examples=60, deadline=None)
@given(st.lists(TURNS, max_size=6), st.integers(0, 3))
def test_turns_come_back_from_any_slice(conversations, start):
    column = conversations_column(conversations)
    assert column.type == CONVERSATION_TYPE
    assert conversation_turns(column.slice(start)) == conversations[start:]
    fitting = [
        [text for _, text in turns] if [role for role, _ in turns] == [Role.HUMAN, Role.ASSISTANT] else [None, None]
        for turns in conversations[start:]
    ]
    questions, answers = turn_texts(column.slice(start), Role.HUMAN, Role.ASSISTANT)
    assert [list(pair) for pair in zip(questions, answers, strict=True)] == fitting


def test_questions_and_answers():
    assert turn_texts(question_column(["a", ""]), Role.HUMAN) == [["a", ""]]
    assert turn_texts(question_answer_column(["a"], ["b"]), Role.HUMAN, Role.ASSISTANT) == [["a"], ["b"]]
    assert turn_texts(question_answer_column(["a"], ["b"]), Role.HUMAN) == [[None]]
    assert side_texts(answer_pair_column(["a", "c"], ["b", "d"])) == (["a", "c"], ["b", "d"])


def test_columns_without_rows():
    for column in (question_column([]), conversations_column([])):
        assert (len(column), turn_texts(column, Role.HUMAN)) == (0, [[]])
    assert len(answer_pair_column([], [])) == 0
    assert conversation_turns(pa.array([], CONVERSATION_TYPE)) == []
