"""Known answers: what counts as right, and when a worker is qualified."""

import pytest

from plumbline.collect.kinds.known_answers import (
    KnownOrder,
    LabelTruth,
    OrderTruth,
    Score,
    merged_truths,
    qualification_result,
    score_label,
    score_orders,
    total,
)
from plumbline.collect.study_settings import Qualification
from plumbline.records import Axis

HELP, HARM = Axis.HELPFULNESS, Axis.HARMLESSNESS


def orders(*triples):
    return OrderTruth(
        orders=tuple(KnownOrder(axis=axis, better=better, worse=worse) for axis, better, worse in triples)
    )


def test_a_tie_is_no_right_answer_and_an_axis_not_judged_is_not_asked():
    truth = orders((HELP, 0, 1), (HARM, 1, 0))
    assert score_orders(truth, {HELP: (1, 2)}) == Score(1, 1)
    assert score_orders(truth, {HELP: (2, 1)}) == Score(0, 1)
    assert score_orders(truth, {HELP: (1, 1), HARM: (2, 1)}) == Score(1, 2)
    assert score_orders(truth, {}) == Score(0, 0)


def test_labels():
    truth = LabelTruth(is_safe=False, categories=("a", "b"))
    assert score_label(truth, False, frozenset({"b", "c"})) == Score(1, 1)
    assert score_label(truth, False, frozenset({"c"})) == Score(0, 1)
    assert score_label(truth, True, frozenset()) == Score(0, 1)
    assert score_label(LabelTruth(is_safe=False), False, frozenset({"c"})) == Score(1, 1)
    assert score_label(LabelTruth(is_safe=True, categories=()), True, frozenset()) == Score(1, 1)


def test_nothing_asked_is_no_share_and_no_pass():
    assert (Score(0, 0).share, Score(0, 0).passed) == (None, False)
    assert (Score(1, 2).share, Score(1, 2).passed, Score(2, 2).passed) == (0.5, False, True)
    assert total([]) == Score(0, 0)
    assert total([Score(1, 2), Score(3, 3)]) == Score(4, 5)


def test_truths_of_several_records():
    assert merged_truths([]) is None
    assert merged_truths([None, orders((HELP, 0, 1)), None]) == orders((HELP, 0, 1))
    assert merged_truths([orders((HELP, 0, 1)), orders((HARM, 1, 0))]) == orders((HARM, 1, 0), (HELP, 0, 1))
    assert merged_truths([orders((HELP, 0, 1)), orders((HELP, 1, 0))]) is None
    assert merged_truths([orders((HELP, 0, 1)), LabelTruth(is_safe=True)]) is None
    safe, named = LabelTruth(is_safe=False), LabelTruth(is_safe=False, categories=("b",))
    assert merged_truths([safe, named, LabelTruth(is_safe=False, categories=("a",))]).categories == ("a", "b")
    assert merged_truths([safe, safe]).categories is None
    assert merged_truths([safe, LabelTruth(is_safe=True)]) is None


@pytest.mark.parametrize(
    ("scores", "items", "passed", "left"),
    [
        ([], 4, None, 4),
        ([], 0, None, 0),
        ([Score(1, 1)] * 3, 4, None, 1),
        ([Score(1, 1)] * 3 + [Score(0, 1)], 4, True, 0),
        ([Score(1, 1)] * 2 + [Score(0, 1)] * 2, 4, False, 0),
        ([Score(3, 4)], 1, True, 0),
        ([Score(0, 0)], 1, None, 0),
    ],
)
def test_qualification(scores, items, passed, left):
    result = qualification_result(Qualification(items="x", pass_share=0.75), scores, items)
    assert (result.passed, result.items_left) == (passed, left)
    assert result.score == total(scores)
