"""The plain way that PPO-Lagrangian is timed against takes the same step: it shares nothing, and comes to the same gradient."""

import copy

import pytest
import torch

from benchmarks.align import FORMS, PLAIN, passes
from benchmarks.peers.align import Headed, SixModels
from plumbline.align.lagrangian import Lagrangian, LagrangianSettings
from plumbline.align.policy import Policy
from plumbline.align.ppo.ppo_lag import PpoLag, PpoSettings
from plumbline.align.ppo.reply_scorers import ReplyScores, TokenScorer
from plumbline.align.rollouts import RolloutSettings
from tests.align.conftest import tiny_model

END, PROMPTS, SEEDS = frozenset({5, 10}), [[1, 2, 3], [4], [5, 6], [7, 8, 9, 10]], [1, 2, 3, 4]


def headed(seed):
    return Headed(tiny_model(seed).model, 16)


def test_six_models_that_share_nothing_take_the_same_step():
    settings = PpoSettings(minibatch=4, divergence_weight=0.5, most_gradient=1e9)
    actor = tiny_model()
    reference = tiny_model(7)
    critics = [headed(0), headed(0)]
    for critic in critics:  # as ours begin: then they do not pull at the trunk that ours share with the policy
        torch.nn.init.zeros_(critic.head.weight)
        torch.nn.init.zeros_(critic.head.bias)
    six = SixModels(copy.deepcopy(actor), reference, [headed(1), headed(2)], critics, settings)
    seen = []

    def score(_numbers, written):
        seen.append(written)
        read = six.read(written.tokens, written.is_token, written.mask)
        return ReplyScores(*(torch.cat([each.scores[k] for each in read]) for k in (0, 1)))

    policy = Policy(actor)
    policy._reference = [copy.deepcopy(reference)]  # elsewhere than the policy, so that the divergence counts
    run = PpoLag(
        policy,
        TokenScorer(score),
        settings,
        Lagrangian(LagrangianSettings()),
        end_ids=END,
        padding_id=0,
        rollouts=RolloutSettings(6),
    )
    run.step([0, 1, 2, 3], PROMPTS, SEEDS)
    (written,) = seen
    assert not written.mask.all(), "replies of different lengths"
    read = six.read(written.tokens, written.is_token, written.mask)
    six.learn(read)
    assert run.lagrangian.multiplier != pytest.approx(1.0)
    theirs = {name: weight.grad for name, weight in six.actor.named_parameters()}
    for name, weight in policy.model.named_parameters():
        assert torch.allclose(weight.grad, theirs[name], rtol=1e-4, atol=1e-6), name
    assert max(float(each.abs().max()) for each in theirs.values()) > 0.01


def test_replies_of_the_plain_way_end_where_ours_do():
    six = SixModels(tiny_model(), tiny_model(), [headed(1), headed(2)], [headed(0), headed(0)], PpoSettings())
    torch.manual_seed(0)
    tokens, is_token, mask = six.write(torch.full((64, 2), 3), torch.ones(64, 2, dtype=torch.bool), 6, [11])
    written, lengths = tokens[:, 2:], mask.sum(dim=1)
    assert torch.equal(is_token[:, 2:], mask)
    last = written.gather(1, lengths[:, None] - 1)[:, 0]
    assert ((last == 11) | (lengths == 6)).all()
    assert 0 < (last == 11).sum() < 64
    assert ((written == 11) & mask).sum() == (last == 11).sum()


def test_the_floor_counts_every_pass():
    assert passes(PLAIN, adapters=False) == {"rollout": 1, "scoring": 6, "learning": 9}
    assert [sum(passes(form, adapters=False).values()) for form in FORMS] == [5, 6, 7]
    assert [sum(passes(form, adapters=True).values()) for form in FORMS] == [4, 5, 6]
