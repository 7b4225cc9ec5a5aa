"""The clipped objectives: where they push, where they stop pushing, and that padding is not there."""

import math

import pytest
import torch

from plumbline.align.ppo.objective import masked_mean, policy_loss, value_loss

MASK = torch.tensor([[True, True, False]])


def gradient(log_ratio, advantage):
    """Of the loss by the log-probability of one token."""
    now = torch.tensor([[log_ratio]], requires_grad=True)
    policy_loss(
        now, torch.zeros(1, 1), torch.tensor([[advantage]]), torch.ones(1, 1, dtype=torch.bool), 0.2
    ).loss.backward()
    return now.grad.item()


@pytest.mark.parametrize(
    ("ratio", "advantage", "pushes"),
    [(1.0, 2.0, True), (1.3, 2.0, False), (0.7, 2.0, True), (1.0, -2.0, True), (0.7, -2.0, False), (1.3, -2.0, True)],
)
def test_a_ratio_beyond_the_clip_earns_nothing_more(ratio, advantage, pushes):
    found = gradient(math.log(ratio), advantage)
    assert found == pytest.approx(-ratio * advantage if pushes else 0.0, rel=1e-5)


def test_what_is_watched():
    now, before = torch.tensor([[math.log(1.5), 0.0, 9.0]]), torch.zeros(1, 3)
    told = policy_loss(now, before, torch.ones(1, 3), MASK, 0.2)
    assert told.clipped == 0.5
    assert told.divergence == pytest.approx((1.5 - 1 - math.log(1.5)) / 2)
    assert policy_loss(before, before, torch.ones(1, 3), MASK, 0.2).divergence == 0


def test_padding_is_not_there():
    told = [
        policy_loss(torch.tensor([[0.1, 0.2, noise]]), torch.zeros(1, 3), torch.ones(1, 3), MASK, 0.2).loss
        for noise in (0.0, 1e4, math.nan)
    ]
    assert told[0] == told[1] == told[2]
    values = torch.tensor([[1.0, 3.0, math.nan]])
    assert masked_mean(values, MASK) == 2.0


def test_a_critic_may_not_run_far_for_the_errors_sake():
    before, returns, mask = torch.zeros(1, 1), torch.full((1, 1), 10.0), torch.ones(1, 1, dtype=torch.bool)

    def slope(value):
        now = torch.full((1, 1), value, requires_grad=True)
        value_loss(now, before, returns, mask, 5.0).backward()
        return now.grad.item()

    assert slope(1.0) == pytest.approx(-9.0)
    assert slope(6.0) == 0.0, "beyond the clip the kept value's error counts, which it cannot change"
    assert value_loss(torch.full((1, 1), 6.0), before, returns, mask, 5.0).item() == pytest.approx(12.5)
