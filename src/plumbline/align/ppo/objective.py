"""What a policy and its critics descend: clipped objectives over the tokens of replies."""

from __future__ import annotations

from dataclasses import dataclass

import torch

Tensor = torch.Tensor


@dataclass(frozen=True)
class PolicyLoss:
    """What the policy descends, and what is watched.

    Attributes:
        loss: scalar.
        clipped: share of tokens whose ratio lies outside of the clip range.
        divergence: mean of the tokens' estimate of KL(before, now), in nats; never negative.
    """

    loss: Tensor
    clipped: float
    divergence: float


def policy_loss(log_probabilities: Tensor, before: Tensor, advantages: Tensor, mask: Tensor, clip: float) -> PolicyLoss:
    """PPO's clipped objective, to be descended; tokens count alike.

    Args:
        log_probabilities, before: shape (B, T), of the tokens by the policy now and as it wrote them.
        advantages: shape (B, T).
        mask: shape (B, T), bool.
        clip: ε; a ratio beyond 1 ± ε earns nothing more.
    Source: Schulman et al. 2017, eq. 7. Deviation: none; from safe-rlhf, which first takes each reply's mean: there a token of a
        short reply counts more, and what a reply earns as a whole counts less the longer it is.
    """
    logs = torch.where(mask, log_probabilities - before, 0.0)
    ratios = logs.exp()
    gains = torch.minimum(ratios * advantages, ratios.clamp(1 - clip, 1 + clip) * advantages)
    with torch.no_grad():
        outside = float(masked_mean(((ratios - 1).abs() > clip).to(gains.dtype), mask))
        divergence = float(masked_mean(ratios - 1 - logs, mask))
    return PolicyLoss(-masked_mean(gains, mask), outside, divergence)


def value_loss(values: Tensor, before: Tensor, returns: Tensor, mask: Tensor, clip: float) -> Tensor:
    """Half the squared error of a critic, of the worse of its value and the value kept near the one before.

    Args:
        values, before: shape (B, T), now and when the replies were written.
        returns: shape (B, T).
        clip: how far a value may move for the error's sake.
    Source: the reference implementation of PPO (Dhariwal et al. 2017); safe-rlhf does the same. Deviation: none;
        from safe-rlhf, tokens count alike.
    """
    kept = torch.maximum(torch.minimum(values, before + clip), before - clip)
    return 0.5 * masked_mean(torch.maximum((values - returns) ** 2, (kept - returns) ** 2), mask)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the tokens of the mask; at least one."""
    return torch.where(mask, values, 0.0).sum() / mask.sum()
