"""Advantages against the definition, token by token."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.align.ppo.advantages import advantages_and_returns, shaped_rewards

MASK = torch.tensor([[True, True, True, False], [False, True, True, True], [True, False, False, False]])


def by_definition(rewards, values, discount, smoothing):
    """Sum over later tokens of (γλ)^k · surprise, of one reply without padding."""
    after = [*values[1:], 0.0]
    surprises = [r + discount * b - v for r, b, v in zip(rewards, after, values, strict=True)]
    return [
        sum((discount * smoothing) ** (k - i) * surprises[k] for k in range(i, len(surprises)))
        for i in range(len(surprises))
    ]


@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 0.95, 1.0]))
@settings(max_examples=30, deadline=None)
def test_every_token_has_the_advantage_of_the_definition(seed, discount, smoothing):
    torch.manual_seed(seed % 2**31)
    rewards, values = torch.randn(3, 4, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    advantages, returns = advantages_and_returns(rewards, values, MASK, discount=discount, smoothing=smoothing)
    for row in range(3):
        kept = MASK[row]
        expected = by_definition(rewards[row][kept].tolist(), values[row][kept].tolist(), discount, smoothing)
        assert advantages[row][kept].tolist() == pytest.approx(expected)
        assert returns[row][kept].tolist() == pytest.approx((advantages + values)[row][kept].tolist())
        assert not advantages[row][~kept].any()
        assert not returns[row][~kept].any()


def test_padding_changes_nothing():
    torch.manual_seed(0)
    rewards, values = torch.randn(3, 4), torch.randn(3, 4)
    told = advantages_and_returns(rewards, values, MASK)
    noise = torch.where(MASK, 0.0, 1e9)
    assert all(
        torch.equal(a, b)
        for a, b in zip(told, advantages_and_returns(rewards + noise, values + noise, MASK), strict=True)
    )


def test_the_score_stands_at_the_last_token_and_the_way_from_the_reference_costs():
    now, reference = torch.full((3, 4), -1.0), torch.full((3, 4), -3.0)
    earned = shaped_rewards(torch.tensor([10.0, 20.0, 30.0]), now, reference, MASK, 0.5)
    assert earned.tolist() == [[-1, -1, 9, 0], [0, -1, -1, 19], [29, 0, 0, 0]]
    cost = shaped_rewards(torch.tensor([1.0, 1.0, 1.0]), now, reference, MASK, -0.5)
    assert cost[0].tolist() == [1, 1, 2, 0]
    assert torch.equal(
        shaped_rewards(torch.zeros(3), now, torch.where(MASK, now, torch.nan), MASK, 0.5), torch.zeros(3, 4)
    )
