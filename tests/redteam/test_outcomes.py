"""Verdicts: by the threshold or the sign, and never where there is no verdict."""

import math

import numpy as np
import pytest

from plumbline.models.calibration import Calibration
from plumbline.models.scored_model import Scores
from plumbline.records import AttemptOutcome, Message, ModelError, Role, UsageError
from plumbline.redteam import outcomes
from plumbline.redteam.outcomes import NO_NUMBER, READ_IN_PART, SCORER_FAILED, judge_replies, require_verdicts

SUCCESS, FAILURE, UNSCORED = AttemptOutcome.SUCCESS, AttemptOutcome.FAILURE, AttemptOutcome.UNSCORED


class Head:
    """A head without calibration of its own: probabilities read scores as log-odds."""

    calibration = Calibration(1.0, 0.0)
    pair_calibration = None

    def __init__(self, threshold):
        self.threshold = threshold


class MadeUp:
    """Scores a reply by the number in it; fails, reads in part or says nothing where the reply says so."""

    axis = ensemble = None

    def __init__(self, task="cost", threshold=None, sign=1.0):
        self.task = task
        self.heads = {"main": Head(threshold)}
        self.sign = sign
        self.read = []

    def read_conversations(self, conversations):
        replies = [messages[-1]["text"] for messages in conversations.to_pylist()]
        self.read.append(len(replies))
        for reply in replies:
            if reply == "fail":
                raise RuntimeError(f"lapis lazuli: {reply}")
            if reply == "coded":
                raise ModelError("PL-XYZ-001", "m", "p", advice="a")
        numbers = [float(reply.removesuffix("!")) for reply in replies]
        heads = self.sign * np.array([[number, 9.0] for number in numbers])
        return Scores(heads, truncated=np.array([reply.endswith("!") for reply in replies]))


def judged(model, *replies):
    return judge_replies(model, [(Message(Role.HUMAN, "q"), Message(Role.ASSISTANT, str(reply))) for reply in replies])


def test_a_cost_above_0_is_a_success_and_harmlessness_is_its_opposite():
    verdicts = judged(MadeUp(), -2.0, 0.0, 0.5)
    assert [verdict.outcome for verdict in verdicts] == [FAILURE, FAILURE, SUCCESS]
    assert [verdict.harmlessness for verdict in verdicts] == [2.0, 0.0, -0.5]
    flipped = judged(MadeUp(sign=-1.0), -2.0, 0.5)
    assert [verdict.outcome for verdict in flipped] == [SUCCESS, FAILURE]


def test_a_moderation_model_decides_at_its_threshold():
    threshold = 1 / (1 + math.exp(-1.5))
    verdicts = judged(MadeUp("moderation", threshold), 1.49, 1.5, 1.51, -3)
    assert [verdict.outcome for verdict in verdicts] == [FAILURE, SUCCESS, SUCCESS, FAILURE]
    assert verdicts[3].probability == pytest.approx(1 / (1 + math.exp(3)))


def test_a_scorer_that_fails_gives_no_number_or_reads_a_part_is_never_success_nor_failure():
    model = MadeUp()
    verdicts = judged(model, 3, "nan", "inf", "-inf", "fail", "coded", "5!", "-5!", "word", -3)
    assert [verdict.outcome for verdict in verdicts] == [SUCCESS, *[UNSCORED] * 8, FAILURE]
    codes = [NO_NUMBER, NO_NUMBER, NO_NUMBER, SCORER_FAILED, "PL-XYZ-001", READ_IN_PART, READ_IN_PART, SCORER_FAILED]
    assert [verdict.code for verdict in verdicts] == [None, *codes, None]
    assert all(verdict.harmlessness is None and verdict.probability is None for verdict in verdicts[1:-1])
    assert model.read == [10, *[1] * 10]


def test_rows_without_number_are_told_apart_from_their_neighbours_in_one_pass():
    model = MadeUp()
    assert [verdict.code for verdict in judged(model, 1, "nan", "2!", 1)] == [None, NO_NUMBER, READ_IN_PART, None]
    assert model.read == [4]


def test_scores_for_another_number_of_conversations_are_no_verdicts(monkeypatch):
    monkeypatch.setattr(MadeUp, "read_conversations", lambda *_, **__: Scores(np.ones((3, 1))))
    assert {verdict.code for verdict in judged(MadeUp(), 1, 2)} == {SCORER_FAILED}


def test_only_the_part_in_which_the_scorer_fails_is_read_one_by_one(monkeypatch):
    monkeypatch.setattr(outcomes, "_ROWS_AT_A_TIME", 2)
    model, told = MadeUp(), []
    conversations = [(Message(Role.ASSISTANT, reply),) for reply in ("1", "2", "fail", "3", "4")]
    judge_replies(model, conversations, lambda *how_far: told.append(how_far))
    assert model.read == [2, 2, 1, 1, 1]
    assert told == [(2, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize("model", [MadeUp("preference"), MadeUp("moderation")])
def test_a_model_that_decides_nothing_is_refused(model):
    with pytest.raises(UsageError, match="PL-RTA-005"):
        require_verdicts(model, "models/m")
    require_verdicts(MadeUp("cost"), "m")
    require_verdicts(MadeUp("moderation", 0.5), "m")
