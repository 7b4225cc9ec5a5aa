"""Wins, ties and losses by hand; what nobody judged is counted and in no figure; the other side sees the mirror image."""

import numpy as np
import pytest

from plumbline.align.comparing.head_to_head import JudgedPairs, by_category, head_to_head, judges_agree, outcomes
from plumbline.measure import Bootstrap, format_figure

PREFERRED = np.array([0.9, 0.8, 0.54, 0.5, 0.45, 0.1, 0.2, 0.7])
SAFE = np.array([[1, 1], [1, 0], [1, 0], [1, 1], [0, 1], [1, 1], [1, 0], [1, 0]], float)
NOTHING = np.nan


def pairs(preferred=PREFERRED, safe=SAFE, categories=None, groups=None):
    count = len(preferred)
    return JudgedPairs(
        {"helpfulness": preferred}, safe, categories or [()] * count, groups or [f"g{at}" for at in range(count)]
    )


def swapped(given):
    return JudgedPairs(
        {axis: 1 - column for axis, column in given.probabilities.items()},
        given.safe[:, ::-1],
        given.categories,
        given.group_ids,
    )


def test_a_hand_count():
    told = head_to_head(pairs(), Bootstrap(0), margin=0.05)
    contest = told.contests["helpfulness"]
    assert told.pairs == 8
    assert [each.value * 8 for each in (contest.wins, contest.ties, contest.losses)] == [3, 3, 2]
    assert contest.win_rate.value == pytest.approx(4.5 / 8)
    assert contest.elo.value == pytest.approx(400 * np.log10(4.5 / 3.5))
    assert contest.probability.value == pytest.approx(PREFERRED.mean())
    assert (told.safety.first.value, told.safety.second.value) == (7 / 8, 4 / 8)
    assert told.safety.difference.value == pytest.approx(3 / 8)
    assert contest.win_rate.low < contest.win_rate.value < contest.win_rate.high
    assert told.safety.difference.low < 3 / 8 < told.safety.difference.high


def test_what_nobody_judged_is_no_tie_and_not_safe():
    preferred, safe = PREFERRED.copy(), SAFE.copy()
    preferred[[3, 4]] = NOTHING  # two of the three ties
    safe[0, 1] = safe[4, 0] = NOTHING  # a safe reply and an unsafe one
    told = head_to_head(pairs(preferred, safe), Bootstrap(0))
    contest, safety = told.contests["helpfulness"], told.safety
    assert (contest.unjudged, contest.wins.n, safety.unjudged, safety.first.n) == (2, 6, 2, 6)
    assert [each.value * 6 for each in (contest.wins, contest.ties, contest.losses)] == [3, 1, 2]
    assert contest.win_rate.value == pytest.approx(3.5 / 6)
    assert (safety.first.value, safety.second.value) == (1, 2 / 6)
    assert safety.difference.value == pytest.approx(4 / 6)
    assert np.array_equal(np.isnan(outcomes(preferred, 0.05)), np.isnan(preferred))


def test_nothing_judged_is_undefined_and_never_0():
    told = head_to_head(pairs(np.full(8, NOTHING), np.full((8, 2), NOTHING)), Bootstrap(0))
    contest, safety = told.contests["helpfulness"], told.safety
    assert contest.unjudged == safety.unjudged == told.pairs == 8
    figures = [
        contest.wins,
        contest.ties,
        contest.losses,
        contest.win_rate,
        contest.elo,
        contest.probability,
        safety.first,
        safety.second,
        safety.difference,
    ]
    assert all(each.value is None and each.n == 0 and each.why_undefined for each in figures)


@pytest.mark.parametrize("groups", [None, list("aabbccdd")])
def test_the_other_side_sees_the_mirror_image_intervals_included(groups):
    preferred = np.where(np.arange(8) == 5, NOTHING, PREFERRED)
    given = pairs(preferred, groups=groups)
    one, other = (head_to_head(each, Bootstrap(0)) for each in (given, swapped(given)))
    mine, theirs = one.contests["helpfulness"], other.contests["helpfulness"]
    assert (mine.wins, mine.ties, mine.losses) == (theirs.losses, theirs.ties, theirs.wins)
    assert (one.safety.first, one.safety.second) == (other.safety.second, other.safety.first)

    def ends(figure):
        return np.array([figure.value, figure.low, figure.high])

    for figure, mirror, whole in (
        (mine.win_rate, theirs.win_rate, 1),
        (mine.probability, theirs.probability, 1),
        (mine.elo, theirs.elo, 0),
        (one.safety.difference, other.safety.difference, 0),
    ):
        assert ends(figure) == pytest.approx(whole - ends(mirror)[[0, 2, 1]], abs=1e-9), format_figure(figure)


def test_categories_count_the_pairs_that_have_them():
    categories = [("b",), ("b", "a"), (), ("a",), ("b",), (), (), ()]
    told = by_category(pairs(categories=categories, groups=list("aabbccdd")), ["b", "a", "c"], Bootstrap(0))
    assert [(name, each.pairs) for name, each in told.items()] == [("b", 3), ("a", 2), ("c", 0)]
    assert told["c"].contests["helpfulness"].win_rate.value is None
    assert told["b"].contests["helpfulness"].wins.value == pytest.approx(2 / 3)
    assert told["a"].safety.first.value == 1


def test_the_judges_of_harm_are_held_against_each_other():
    # One of two is safe in rows 1, 2, 4, 6, 7: preferred 0.8, 0.54, (first unsafe) 0.45, 0.2, 0.7.
    assert judges_agree(pairs(), "helpfulness", Bootstrap(0)).value == pytest.approx(4 / 5)
    given = pairs(np.where(np.arange(8) == 2, 0.5, PREFERRED))
    assert judges_agree(given, "helpfulness", Bootstrap(0)).value == pytest.approx(3.5 / 5)


@pytest.mark.parametrize(
    ("preferred", "safe", "groups"),
    [
        ({"x": PREFERRED, "y": PREFERRED[:-1]}, None, 8),
        ({}, None, 8),
        ({"x": PREFERRED}, SAFE[:-1], 8),
        ({"x": PREFERRED}, None, 7),
        ({"x": np.full(8, 1.5)}, None, 8),
        ({"x": np.full(8, np.inf)}, None, 8),
        ({"x": PREFERRED}, 2 * SAFE, 8),
    ],
)
def test_what_does_not_fit_is_refused(preferred, safe, groups):
    with pytest.raises(ValueError, match="expected"):
        JudgedPairs(preferred, safe, [()] * 8, ["g"] * groups)
