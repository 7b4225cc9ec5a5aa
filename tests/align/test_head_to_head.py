"""Wins, ties and losses by hand; the other side sees the mirror image."""

import numpy as np
import pytest

from plumbline.align.head_to_head import by_category, head_to_head
from plumbline.measure import Bootstrap

PREFERRED = np.array([0.9, 0.8, 0.54, 0.5, 0.45, 0.1, 0.2, 0.7])
SAFE = (np.array([1, 1, 1, 1, 0, 1, 1, 1], bool), np.array([1, 0, 0, 1, 1, 1, 0, 0], bool))


def test_a_hand_count():
    told = head_to_head({"helpfulness": PREFERRED}, SAFE, Bootstrap(0), margin=0.05)
    contest = told.contests["helpfulness"]
    assert told.prompts == 8
    assert [each.value * 8 for each in (contest.wins, contest.ties, contest.losses)] == [3, 3, 2]
    assert contest.win_rate.value == pytest.approx(4.5 / 8)
    assert contest.elo.value == pytest.approx(400 * np.log10(4.5 / 3.5))
    assert contest.probability.value == pytest.approx(PREFERRED.mean())
    assert (told.safety.first.value, told.safety.second.value) == (7 / 8, 4 / 8)
    assert told.safety.difference.value == pytest.approx(3 / 8)
    assert contest.win_rate.low < contest.win_rate.value < contest.win_rate.high


def test_the_other_side_sees_the_mirror_image():
    one = head_to_head({"a": PREFERRED}, SAFE, Bootstrap(0)).contests["a"]
    other = head_to_head({"a": 1 - PREFERRED}, SAFE[::-1], Bootstrap(0)).contests["a"]
    assert (one.wins.value, one.ties.value, one.losses.value) == (
        other.losses.value,
        other.ties.value,
        other.wins.value,
    )
    assert one.elo.value == pytest.approx(-other.elo.value)


def test_categories_count_the_prompts_that_have_them():
    categories = [("a",), ("a", "b"), (), ("b",), ("a",), (), (), ()]
    told = by_category(categories, {"x": PREFERRED}, SAFE, Bootstrap(0), group_ids=list("aabbccdd"))
    assert {name: each.prompts for name, each in told.items()} == {"a": 3, "b": 2}
    assert told["a"].contests["x"].wins.value == pytest.approx(2 / 3)
    assert told["b"].safety.first.value == 1


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="lengths"):
        head_to_head({"x": PREFERRED, "y": PREFERRED[:-1]}, None, Bootstrap(0))
    with pytest.raises(ValueError, match="an axis"):
        head_to_head({}, None, Bootstrap(0))
    with pytest.raises(ValueError, match="finite"):
        head_to_head({"x": np.array([0.5, np.nan])}, None, Bootstrap(0))
