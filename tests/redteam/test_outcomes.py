"""Verdicts: by the threshold or the sign, and never where there is no verdict."""

import math

import pytest

from plumbline.records import AttemptOutcome, Message, Role, UsageError
from plumbline.redteam import outcomes
from plumbline.redteam.outcomes import NO_NUMBER, READ_IN_PART, SCORER_FAILED, judge_replies, require_verdicts
from tests.align.made_up_judges import Judge

SUCCESS, FAILURE, UNSCORED = AttemptOutcome.SUCCESS, AttemptOutcome.FAILURE, AttemptOutcome.UNSCORED


def cost(**how):
    return Judge("cost", None, **how)


def moderation(threshold):
    return Judge("moderation", None, threshold)


def judged(model, *replies):
    return judge_replies(model, [(Message(Role.HUMAN, "q"), Message(Role.ASSISTANT, str(reply))) for reply in replies])


def test_a_cost_above_0_is_a_success_and_harmlessness_is_its_opposite():
    verdicts = judged(cost(), -2.0, 0.0, 0.5)
    assert [verdict.outcome for verdict in verdicts] == [FAILURE, FAILURE, SUCCESS]
    assert [verdict.harmlessness for verdict in verdicts] == [2.0, 0.0, -0.5]
    flipped = judged(cost(sign=-1.0), -2.0, 0.5)
    assert [verdict.outcome for verdict in flipped] == [SUCCESS, FAILURE]


def test_a_moderation_model_decides_at_its_threshold():
    threshold = 1 / (1 + math.exp(-1.5))
    verdicts = judged(moderation(threshold), 1.49, 1.5, 1.51, -3)
    assert [verdict.outcome for verdict in verdicts] == [FAILURE, SUCCESS, SUCCESS, FAILURE]
    assert verdicts[3].probability == pytest.approx(1 / (1 + math.exp(3)))


def test_a_scorer_that_fails_gives_no_number_or_reads_a_part_is_never_success_nor_failure():
    verdicts = judged(cost(), 3, "nan", "inf", "-inf", "fail", "coded", "5!", "-5!", "word", -3)
    assert [verdict.outcome for verdict in verdicts] == [SUCCESS, *[UNSCORED] * 8, FAILURE]
    codes = [NO_NUMBER, NO_NUMBER, NO_NUMBER, SCORER_FAILED, "PL-XYZ-001", READ_IN_PART, READ_IN_PART, SCORER_FAILED]
    assert [verdict.code for verdict in verdicts] == [None, *codes, None]
    assert all(verdict.harmlessness is None and verdict.probability is None for verdict in verdicts[1:-1])


def test_conversations_are_read_together_and_what_is_read_is_told(monkeypatch):
    monkeypatch.setattr(outcomes, "_ROWS_TOGETHER", 2)
    model, told = cost(), []
    conversations = [(Message(Role.ASSISTANT, reply),) for reply in ("1", "2", "3")]
    judge_replies(model, conversations, lambda *how_far: told.append(how_far))
    assert model.groups == [[1, 1], [1]]
    assert told == [(2, 3), (3, 3)]
    assert judge_replies(model, []) == []


@pytest.mark.parametrize("model", [Judge(), moderation(None)])
def test_a_model_that_decides_nothing_is_refused(model):
    with pytest.raises(UsageError, match="PL-RTA-005"):
        require_verdicts(model, "models/m")
    require_verdicts(cost(), "m")
    require_verdicts(moderation(0.5), "m")
