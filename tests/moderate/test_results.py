"""Results: the most harmful turn decides, and what was not judged is never told as safe."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.moderate.judging import TurnScores
from plumbline.moderate.openai_names import NAMES
from plumbline.moderate.policy import Policy, Threshold, decide
from plumbline.moderate.results import Teller
from plumbline.moderate.rows import IMAGE, NO_TEXT, NOT_SCORED, UNJUDGED, Row, Turn
from plumbline.records import Role

HEADS = ("unsafe", "self_harm")
POLICY = Policy("p", 1, {"unsafe": Threshold(0.4, 0.8), "self_harm": Threshold(0.6, 0.6)})
TELLER = Teller(HEADS, POLICY, {"model": "m@1", "data": "d", "policy": "p@1"})
ONE = Row((Turn("text"),))


def scores(probabilities):
    return [None if each is None else TurnScores(each) for each in probabilities]


def told(probabilities, row=ONE):
    (result,) = TELLER.results([row], scores(probabilities))
    return result


@pytest.mark.parametrize(
    ("probabilities", "flagged", "controversial", "categories"),
    [
        ([0.1, 0.1], False, False, {"unsafe": False, "self_harm": False}),
        ([0.4, 0.1], False, True, {"unsafe": False, "self_harm": False}),
        ([0.79, 0.6], True, False, {"unsafe": False, "self_harm": True}),
        ([0.8, 0.1], True, False, {"unsafe": True, "self_harm": False}),
    ],
)
def test_a_policy_decides(probabilities, flagged, controversial, categories):
    result = told([probabilities])
    assert (result["flagged"], result["controversial"]) == (flagged, controversial)
    assert {name: result["categories"][name] for name in HEADS} == categories
    assert {name: result["category_scores"][name] for name in HEADS} == dict(zip(HEADS, probabilities, strict=True))
    assert result["controversial_categories"] == (["unsafe"] if 0.4 <= probabilities[0] < 0.8 else [])
    assert result["error"] is None
    assert result["judged_by"] == {"model": "m@1", "data": "d", "policy": "p@1"}


chances = st.floats(0, 1) | st.sampled_from([0.4, 0.6, 0.8])


@given(
    st.lists(st.tuples(chances, chances), min_size=1, max_size=4), st.sampled_from([("unsafe",), ("self_harm",), ()])
)
def test_it_decides_as_the_policy_does(probabilities, ignored):
    policy = Policy("p", 1, {name: each for name, each in POLICY.thresholds.items() if name not in ignored}, ignored)
    decided = decide(policy, HEADS, np.array(probabilities))
    results = Teller(HEADS, policy, {}).results([ONE] * len(probabilities), scores(probabilities))
    assert [each["flagged"] for each in results] == decided.rows_flagged.tolist()
    assert [each["controversial"] for each in results] == decided.rows_controversial.tolist()
    assert [[each["categories"][name] for name in HEADS] for each in results] == decided.flagged.tolist()
    found = [[name in each["controversial_categories"] for name in HEADS] for each in results]
    assert found == decided.controversial.tolist()


def test_openais_names_stand_beside_ours_and_are_null_where_nothing_comes_close():
    result = told([[0.9, 0.7]])
    assert set(result["categories"]) == set(result["category_scores"]) == {*HEADS, *NAMES}
    assert (result["categories"]["self-harm"], result["category_scores"]["self-harm"]) == (True, 0.7)
    assert (result["categories"]["sexual"], result["category_scores"]["sexual"]) == (None, None)
    assert result["category_applied_input_types"]["self-harm"] == ["text"]
    assert result["category_applied_input_types"]["sexual"] == []


def test_a_conversation_is_as_harmful_as_its_worst_turn_and_says_which():
    row = Row((Turn("a", (), Role.HUMAN, 1), Turn("b", (), Role.ASSISTANT, 2)), None, is_conversation=True)
    result = told([[0.9, 0.2], [0.5, 0.3]], row)
    assert result["flagged"]
    assert result["category_scores"]["unsafe"] == 0.9
    assert result["category_scores"]["self_harm"] == 0.3
    assert [(turn["message"], turn["role"], turn["flagged"], turn["controversial"]) for turn in result["turns"]] == [
        (1, "user", True, False),
        (2, "assistant", False, True),
    ]


@pytest.mark.parametrize(
    ("row", "probabilities", "code"),
    [
        (Row((), NO_TEXT), [], NO_TEXT),
        (Row((), IMAGE), [], IMAGE),
        (ONE, [None], NOT_SCORED),
        (ONE, [[float("nan"), 0.1]], NOT_SCORED),
        (ONE, [[0.1, float("inf")]], NOT_SCORED),
        (Row((Turn("a"), Turn("b"))), [[0.1, 0.1], None], NOT_SCORED),
    ],
)
def test_what_was_not_judged_is_an_error_and_never_safe(row, probabilities, code):
    result = told(probabilities, row)
    assert result["error"]["code"] == code
    assert result["flagged"] is True
    assert set(result["categories"].values()) == set(result["category_scores"].values()) == {None}


def test_a_conversation_that_was_not_judged_says_which_messages_and_tells_the_other_turns():
    first, third, fifth = (Turn(text, (), Role.ASSISTANT, place) for text, place in (("a", 1), ("b", 3), ("c", 5)))
    row = Row((first, third, fifth), None, is_conversation=True)
    result = told([[0.9, 0.1], None, [0.1, float("nan")]], row)
    assert result["error"] == {"code": NOT_SCORED, "message": UNJUDGED[NOT_SCORED], "messages": [3, 5]}
    assert [(turn["message"], turn["flagged"]) for turn in result["turns"]] == [(1, True)]
    assert result["flagged"] is True
    assert set(result["category_scores"].values()) == {None}
    blank = Row((first,), NO_TEXT, is_conversation=True, unjudged_at=(2,))
    result = told([[0.1, 0.1]], blank)
    assert (result["error"]["messages"], result["flagged"]) == ([2], True)
    assert [turn["message"] for turn in result["turns"]] == [1]
    assert "messages" not in told([], Row((), NO_TEXT))["error"]


def test_rows_are_told_apart_whatever_becomes_of_their_neighbours():
    rows = [ONE, Row((), NO_TEXT), Row((Turn("a"), Turn("b"))), ONE]
    probabilities = [[0.1, 0.1], None, [0.9, 0.9], [0.5, 0.1]]
    results = TELLER.results(rows, scores(probabilities))
    codes = [result["error"] and result["error"]["code"] for result in results]
    assert codes == [None, NO_TEXT, NOT_SCORED, None]
    assert [result["flagged"] for result in results] == [False, True, True, False]
    assert results[3]["controversial"]


@pytest.mark.parametrize("truncated", [(False, False), (False, True), (True, True)])
def test_what_was_read_in_part_says_so(truncated):
    row = Row((Turn("a"), Turn("b")))
    (result,) = TELLER.results([row], [TurnScores([0.1, 0.1], each) for each in truncated])
    assert (result["truncated"], result["error"], result["flagged"]) == (any(truncated), None, False)
