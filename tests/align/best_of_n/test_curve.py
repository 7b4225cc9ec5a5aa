"""Best of n against every choice there is."""

from itertools import combinations
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.align.best_of_n.curve import best_of_n_curve, divergence_bound, expected_best
from plumbline.measure import Bootstrap
from plumbline.records import UsageError

numbers = st.integers(-3, 3)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=7), st.integers(1, 7))
def test_it_is_the_mean_over_all_choices(replies, n):
    n = min(n, len(replies))
    scores, judged = np.array(replies, float).T
    assert expected_best(scores, n) == pytest.approx(np.mean([max(each) for each in combinations(scores, n)]))
    # Of equally good replies each is as likely to be the one that is chosen.
    best = [np.mean([b for a, b in each if a == max(each)[0]]) for each in combinations(replies, n)]
    if len(set(scores)) == len(scores):
        assert expected_best(scores, n, judged) == pytest.approx(np.mean(best))


def test_equal_scores_share_their_places():
    scores, judged = np.array([1.0, 1.0, 0.0]), np.array([10.0, 20.0, 0.0])
    for order in ([0, 1, 2], [1, 0, 2], [2, 1, 0]):
        assert expected_best(scores[order], 2, judged[order]) == pytest.approx(15.0)


def test_large_numbers_of_replies_are_no_trouble():
    scores = np.arange(5000.0)
    assert expected_best(scores, 1) == pytest.approx(2499.5)
    assert expected_best(scores, 5000) == pytest.approx(4999)
    assert expected_best(scores, 999) == pytest.approx(999 / 1000 * 5001 - 1)


def test_a_curve_has_intervals_over_prompts_and_a_judge():
    rng = np.random.default_rng(0)
    scores = [rng.normal(size=16) for _ in range(200)]
    judged = [-each for each in scores]
    one, four = best_of_n_curve(scores, [1, 4], Bootstrap(0), judged=judged)
    assert (one.n, four.n, one.divergence) == (1, 4, 0.0)
    assert one.score.low < 0 < one.score.high
    assert four.score.low < 1.0294 < four.score.high  # the expected largest of four normal draws
    assert four.judged.value == pytest.approx(-four.score.value)
    assert one.gain is one.judged_gain is None
    assert four.gain.value == pytest.approx(four.score.value - one.score.value)
    assert four.judged_gain.value == pytest.approx(-four.gain.value)
    assert four.gain.high - four.gain.low < four.score.high - four.score.low  # of the same prompts
    assert four.divergence == divergence_bound(4) == log(4) - 3 / 4


def test_what_cannot_be_told_is_refused():
    with pytest.raises(UsageError, match="PL-BON-001"):
        best_of_n_curve([np.zeros(4), np.zeros(3)], [1, 4], Bootstrap(0))
    with pytest.raises(UsageError, match="PL-BON-001"):
        best_of_n_curve([], [1], Bootstrap(0))
    with pytest.raises(UsageError, match=r"PL-BON-002.*judged, prompt 1"):
        best_of_n_curve([np.zeros(2)] * 2, [1], Bootstrap(0), judged=[np.zeros(2), np.array([0.0, np.nan])])
