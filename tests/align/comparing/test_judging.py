"""Judges read each prompt once, and what they did not judge is neither a tie nor safe."""

import numpy as np
import pytest
from scipy.special import expit

from plumbline.align.comparing.judging import Panel, ReplyPair, judge_pairs, require_judge_of, require_judge_of_safety
from plumbline.models.reply_readings import NO_NUMBER, READ_IN_PART, SCORER_FAILED
from plumbline.records import Axis, UsageError
from tests.align.made_up_judges import Judge, prompt


def pairs(*replies, each=1):
    """A pair of each two replies, `each` of them to one prompt."""
    return [ReplyPair(at // each, at % each, prompt(at // each).conversation, *both) for at, both in enumerate(replies)]


def test_preferences_are_of_the_difference_and_of_a_cost_the_lower_one_wins():
    helpful, cost = Judge(), Judge("cost", None)
    said = judge_pairs(
        Panel({Axis.HELPFULNESS: helpful, Axis.HARMLESSNESS: cost}, cost), pairs(("2", "0.5"), ("-1", "0"))
    )
    assert said.probabilities["helpfulness"] == pytest.approx(expit([1.5, -1.0]))
    assert said.probabilities["harmlessness"] == pytest.approx(expit([-1.5, 1.0]))
    assert said.safe.tolist() == [[0, 0], [1, 1]]
    assert said.safety is said.by_axis[Axis.HARMLESSNESS]


def test_a_prompt_is_read_once_for_all_its_replies_and_a_judge_of_two_things_once():
    helpful, cost, steps = Judge(), Judge("cost", None), []
    judge_pairs(
        Panel({Axis.HELPFULNESS: helpful, Axis.HARMLESSNESS: cost}, cost),
        pairs(("1", "2"), ("3", "4"), ("5", "6"), ("7", "8"), each=2),
        lambda done, total: steps.append((done, total)),
    )
    assert helpful.groups == cost.groups == [[4, 4]]
    assert steps == [(8, 16), (16, 16)]


@pytest.mark.parametrize(
    ("reply", "code"), [("fail", SCORER_FAILED), ("coded", "PL-XYZ-001"), ("nan", NO_NUMBER), ("2!", READ_IN_PART)]
)
@pytest.mark.parametrize("side", [0, 1])
def test_one_reply_without_a_score_leaves_its_pair_alone_unjudged(reply, code, side):
    cost = Judge("cost", None)
    both = ["-1", "-1"]
    both[side] = reply
    said = judge_pairs(Panel({Axis.HARMLESSNESS: cost}, cost), pairs(("1", "-1"), tuple(both), ("-2", "3")))
    assert said.by_axis[Axis.HARMLESSNESS].codes == (None, code, None)
    assert np.isnan(said.probabilities["harmlessness"]).tolist() == [False, True, False]
    assert np.isnan(said.safe).tolist() == [[False, False], [side == 0, side == 1], [False, False]]
    assert said.safe[[0, 2]].tolist() == [[0, 1], [1, 0]]


def test_a_judge_that_fails_on_everything_judges_nothing():
    said = judge_pairs(Panel({Axis.HELPFULNESS: Judge()}, None), pairs(("fail", "nan"), ("coded", "1")))
    assert np.isnan(said.probabilities["helpfulness"]).all()
    assert said.by_axis[Axis.HELPFULNESS].codes == (SCORER_FAILED, "PL-XYZ-001")
    assert (said.safe, said.safety) == (None, None)


def test_who_stands_first_plays_no_part_even_for_a_judge_that_leans():
    leaning = Panel({Axis.HELPFULNESS: Judge(offset=0.7)}, None)
    one = judge_pairs(leaning, pairs(("1", "3"), ("2", "2"))).probabilities["helpfulness"]
    other = judge_pairs(leaning, pairs(("3", "1"), ("2", "2"))).probabilities["helpfulness"]
    assert one == pytest.approx(1 - other)
    assert one[1] == 0.5


@pytest.mark.parametrize(
    ("judge", "axis", "taken"),
    [
        (Judge(), Axis.HELPFULNESS, True),
        (Judge(axis=Axis.HARMLESSNESS), Axis.HARMLESSNESS, True),
        (Judge("cost", None), Axis.HARMLESSNESS, True),
        (Judge(axis=Axis.HARMLESSNESS), Axis.HELPFULNESS, False),
        (Judge(axis=Axis.OVERALL), Axis.HELPFULNESS, False),
        (Judge("cost", None), Axis.HELPFULNESS, False),
        (Judge("moderation", None, 0.5), Axis.HARMLESSNESS, False),
    ],
)
def test_an_axis_is_judged_by_a_model_of_that_axis(judge, axis, taken):
    if taken:
        require_judge_of(judge, axis, "m")
    else:
        with pytest.raises(UsageError, match="PL-CMP-004"):
            require_judge_of(judge, axis, "m")


def test_safety_is_judged_by_a_model_that_decides():
    require_judge_of_safety(Judge("cost", None), "m")
    require_judge_of_safety(Judge("moderation", None, 0.5), "m")
    for judge in (Judge(axis=Axis.HARMLESSNESS), Judge("moderation", None)):
        with pytest.raises(UsageError, match="PL-CMP-005"):
            require_judge_of_safety(judge, "m")
