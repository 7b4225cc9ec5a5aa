"""Losses of preference, cost and moderation heads. Sums in nats over weighted terms; the caller divides by a count.

Sums, not means, because a step may be computed in several parts, on several devices, with unequal numbers of rows: the
parts' sums divided by the step's whole weight are the step's mean, however it was cut.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def preference_loss(
    preferred: Tensor, other: Tensor, *, margin: Tensor | float = 0.0, smoothing: float = 0.0
) -> Tensor:
    """Bradley–Terry negative log-likelihood that the preferred side wins, one value a pair.

    Args:
        preferred, other: shape (p,); rewards, unitless, higher = better; paired by position.
        margin: shape (p,) or one number, at least 0; by how much the preferred side should lead.
        smoothing: in [0, 0.5); the share of judgements taken to be the wrong way round.
    Returns:
        Shape (p,), nats; ln 2 where both are equal and there is no margin.
    Source: Bai et al. 2022, §2.3; the margin: Touvron et al. 2023 (Llama 2, arXiv 2307.09288), §3.2.2; smoothing: as the
        conservative loss of Mitchell 2023. Deviation: with smoothing the margin belongs to the likely direction only.
    """
    lead = preferred - other
    loss = -functional.logsigmoid(lead - margin)
    if smoothing:
        loss = (1 - smoothing) * loss - smoothing * functional.logsigmoid(-lead)
    return loss


def centring_loss(preferred: Tensor, other: Tensor) -> Tensor:
    """Squared sum of a pair's rewards, one value a pair: it fixes the zero that differences leave open.

    Args:
        preferred, other: shape (p,); rewards.
    Returns:
        Shape (p,), squared reward units.
    Source: Eisenstein et al. 2023 (arXiv 2312.09244), §4; TRL's ``center_rewards_coefficient``.
    """
    return (preferred + other) ** 2


def sign_loss(cost: Tensor, sign: Tensor) -> Tensor:
    """Negative log-likelihood that a cost is above 0 for a harmful reply and below 0 for a harmless one.

    Args:
        cost: shape (s,); unitless, higher = more harmful.
        sign: shape (s,); +1 for harmful, −1 for harmless.
    Returns:
        Shape (s,), nats; ln 2 at cost 0.
    Source: Dai et al. 2023 (Safe RLHF, arXiv 2310.12773), the sign terms of the cost model. Deviation: once a labelled reply, not once a
        pair it stands in.
    """
    return -functional.logsigmoid(sign * cost)


def label_loss(logit: Tensor, label: Tensor, *, positive_weight: Tensor | float = 1.0) -> Tensor:
    """Binary cross-entropy, one value an entry; entries that nobody labelled are simply not passed.

    Args:
        logit: shape (e,); log-odds that the category applies.
        label: shape (e,); 1 where it does, 0 where it does not.
        positive_weight: shape (e,) or one number; weight of the entries that are 1, against rare categories.
    Returns:
        Shape (e,), nats; ln 2 at logit 0 and weight 1.
    """
    positive = -functional.logsigmoid(logit) * label * positive_weight
    return positive - functional.logsigmoid(-logit) * (1 - label)


def value_loss(value: Tensor, target: Tensor) -> Tensor:
    """Half the squared error, one value a row.

    Args:
        value, target: shape (v,); in the units of the return that is foretold.
    """
    return 0.5 * (value - target) ** 2
