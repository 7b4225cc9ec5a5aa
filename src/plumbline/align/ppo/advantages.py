"""Advantages and returns of replies, token by token.

Everything is padded to one length: shape (B, T), a mask says which tokens belong to the reply, and what stands at the others
changes nothing.
"""

from __future__ import annotations

import torch

Tensor = torch.Tensor


def shaped_rewards(
    scores: Tensor, log_probabilities: Tensor, reference: Tensor, mask: Tensor, divergence_weight: float
) -> Tensor:
    """What each token earns: the reply's score at its last token, less what it moved away from the reference.

    Args:
        scores: shape (B,).
        log_probabilities, reference: shape (B, T), of the tokens by the policy that wrote them and by the reference.
        mask: shape (B, T), bool; at least one token a row.
        divergence_weight: β, taken from a reward; of a cost, −β adds it.
    Returns:
        Shape (B, T), 0 outside of the mask.
    Source: Ouyang et al. 2022, eq. 2, token by token; Dai et al. 2024, app. B.1 for reward and cost. Deviation: none.
    """
    earned = torch.where(mask, -divergence_weight * (log_probabilities - reference), 0.0)
    rows = torch.arange(len(mask), device=mask.device)
    return earned.index_put((rows, _last(mask)), scores.to(earned.dtype), accumulate=True)


def advantages_and_returns(
    rewards: Tensor, values: Tensor, mask: Tensor, *, discount: float = 1.0, smoothing: float = 0.95
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimates, and the returns that a critic learns.

    Args:
        rewards, values: shape (B, T), of each token; values before it is written.
        mask: shape (B, T), bool; a reply's tokens stand together.
        discount: γ.
        smoothing: λ of the estimate; 1 trusts what was earned, 0 trusts the critic.
    Returns:
        Two of shape (B, T), 0 outside of the mask.
    Source: Schulman et al. 2016, eq. 16. Deviation: the value after the last token is 0.
    """
    known = torch.where(mask, values, 0.0)
    advantages = torch.zeros_like(known)
    ahead = torch.zeros_like(known[:, 0])
    for place in range(known.shape[1] - 1, -1, -1):
        after = known[:, place + 1] if place + 1 < known.shape[1] else torch.zeros_like(ahead)
        surprise = rewards[:, place] + discount * after - known[:, place]
        ahead = torch.where(mask[:, place], surprise + discount * smoothing * ahead, 0.0)
        advantages[:, place] = ahead
    return advantages, advantages + known


def _last(mask: Tensor) -> Tensor:
    """Place of the last token of each row, shape (B,)."""
    places = torch.arange(mask.shape[1], device=mask.device)
    return torch.where(mask, places, -1).amax(dim=1)
