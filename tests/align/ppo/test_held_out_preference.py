"""A model that has no part in the training, and how often it prefers what the policy says now."""

import numpy as np
import pytest
import torch

from plumbline.align.policy import Policy
from plumbline.align.ppo.held_out_preference import HeldOutPreference
from plumbline.align.rollouts import RolloutSettings
from plumbline.models.scored_model import Scores
from plumbline.records import Message, ModelError, Role
from tests.align.conftest import tiny_model

PROMPTS = [(Message(Role.HUMAN, str(number)),) for number in range(40)]


class LikesNines:
    """Scores a reply by its nines; of a cost model that is the harm."""

    def __init__(self, task="preference"):
        self.task = task

    def read_conversations(self, conversations, **_how):
        texts = [turns[-1]["text"] for turns in conversations.to_pylist()]
        return Scores(np.array([[float(text.count("9"))] for text in texts]))


def watching(model):
    tokens = [[number % 11] for number in range(40)]
    text = lambda ids: " ".join(map(str, ids))  # noqa: E731
    return HeldOutPreference(model, PROMPTS, tokens, text, frozenset({11}), 0, RolloutSettings(6))


def leaning_to_nine():
    policy = Policy(tiny_model())
    with torch.no_grad():
        policy.model.lm_head.weight[9] *= 3
    return policy


def test_the_policy_of_the_start_is_as_good_as_itself():
    policy, watched = Policy(tiny_model()), watching(LikesNines())
    first = watched.reference_scores(policy)
    assert watched.verdicts(policy, first) == [0.5] * 40


@pytest.mark.parametrize(("task", "liked"), [("preference", True), ("cost", False)])
def test_which_reply_is_preferred_turns_with_what_the_score_means(task, liked):
    watched = watching(LikesNines(task))
    first = watched.reference_scores(Policy(tiny_model()))
    policy = leaning_to_nine()
    verdicts = watched.verdicts(policy, first)
    assert set(verdicts) <= {0.0, 0.5, 1.0}
    count = sum(each != 0.5 for each in verdicts)
    assert count > 5
    share = float(np.mean(verdicts))
    assert (share > 0.6, share < 0.4) == (liked, not liked)
    assert policy.training, "it is left as it was"


def test_a_score_that_is_none_is_told_and_counted():
    watched = watching(LikesNines())
    watched.model.read_conversations = lambda conversations, **_how: Scores(np.full((len(conversations), 1), np.inf))
    with pytest.raises(ModelError, match="PL-PPO-006"):
        watched.reference_scores(Policy(tiny_model()))
