"""Bounds: what comes in is strict and finite, and what is wrong is told without quoting it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.collect.kinds.bounds import JsonText, MessageJson, read_stored, read_submission
from plumbline.collect.kinds.chat import JudgeTurn, Say
from plumbline.collect.kinds.refusals import InvalidSubmissionError
from plumbline.collect.kinds.registry import SUBMISSIONS

SECRET = "do not repeat this"


def refused(model, submission):
    with pytest.raises(InvalidSubmissionError) as error:
        read_submission(model, submission)
    assert SECRET not in str(error.value)
    assert not any(SECRET in problem.field + problem.problem for problem in error.value.fields)
    return error.value


def test_every_wrong_field_is_told_at_once():
    error = refused(Say, {"act": "say", "turn": SECRET, "text": [SECRET], "txet": SECRET})
    assert [problem.field for problem in error.fields] == ["turn", "text", ""]


def test_an_unknown_field_is_not_repeated_but_a_near_one_is_named():
    assert "unknown field" in refused(Say, {"turn": 1, "text": "x", SECRET: 1}).fields[0].problem
    assert "is text meant?" in refused(Say, {"turn": 1, "text": "x", "texts": 1}).fields[0].problem
    nested = {"turn": 1, "step": 1, "edit": {"position": 0, "text": "x", SECRET: 1}}
    assert refused(JudgeTurn, nested).fields[0].field == "edit"


def test_more_than_ten_problems_are_counted():
    error = refused(Say, {f"{SECRET}{number}": number for number in range(30)})
    assert "and 22 more" in str(error)
    assert len(error.fields) == 32


@pytest.mark.parametrize(
    "text", ["\ud800", "a\0b", "", " \t\n", "\u200b\u2060\ufeff", "\u2800 \u3164", "\ufe0f", "x" * 16_001]
)
def test_texts_that_no_database_keeps(text):
    refused(Say, {"turn": 1, "text": text})


def test_the_longest_text_is_taken():
    assert len(read_submission(Say, {"turn": 1, "text": "x" * 16_000}).text) == 16_000


@pytest.mark.parametrize("text", ["\u200b.", "\N{FAMILY}\u200d", "\U0001fae8", "\ue000", "e\u0301", "\u05d0"])
def test_a_text_that_shows_anything_is_taken_to_the_byte(text):
    assert read_submission(Say, {"turn": 1, "text": text}).text == text


def test_what_is_no_json():
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    for value in (nested, {1, 2}, float("nan"), b"x"):
        refused(Say, {"turn": 1, "text": value})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
field_names = sorted({name for model in SUBMISSIONS.values() for name in model.model_fields})


@given(st.sampled_from(sorted(SUBMISSIONS)), st.dictionaries(st.sampled_from(field_names), json_values, max_size=6))
def test_whatever_comes_is_taken_or_refused_and_what_is_taken_can_be_stored(act, submission):
    try:
        read = read_submission(SUBMISSIONS[act], submission)
    except InvalidSubmissionError:
        return
    stored = json.dumps(read.as_json())
    assert "\\u0000" not in stored
    assert read_stored(type(read), json.loads(stored)) == read


@pytest.mark.parametrize("act", sorted(SUBMISSIONS))
def test_nothing_unbounded_is_taken(act):
    """Every text and list of every submission has a most, down to the last."""
    schema = SUBMISSIONS[act].model_json_schema()
    definitions = {"": schema, **schema.get("$defs", {})}
    looked_at = 0
    for definition in definitions.values():
        for name, field in definition["properties"].items():
            for part in (field, *field.get("anyOf", ())):
                looked_at += 1
                if part.get("type") == "string" and "const" not in part and "enum" not in part:
                    assert "maxLength" in part, name
                if part.get("type") == "array":
                    assert "maxItems" in part, name
                    assert part["items"].get("maxLength") or part["items"].get("maximum") or "$ref" in part["items"]
                if part.get("type") in ("integer", "number"):
                    assert "maximum" in part or "exclusiveMaximum" in part or "enum" in part, name
        assert definition["additionalProperties"] is False
    assert looked_at


def test_a_stored_value_of_another_version_is_told():
    with pytest.raises(ValueError, match="unknown_key"):
        read_stored(MessageJson, {"role": "human", "text": "x", "unknown_key": 1})


def test_a_stored_object_is_read_from_its_text_as_from_its_values():
    stored = {"role": "human", "text": "é \n"}
    text = JsonText(json.dumps(stored))
    assert dict(text) == stored
    assert (len(text), text["text"]) == (2, "é \n")
    assert read_stored(MessageJson, text) == read_stored(MessageJson, stored)
