"""AdamW for a trunk and its heads, and the learning rate by step."""

from __future__ import annotations

import math

import torch
from torch import nn

from plumbline.models.transformer.scorer import Scorer
from plumbline.models.transformer.settings import TrainerSettings

_FUSED_ON = ("cpu", "cuda")


def freeze_unread(scorer: Scorer) -> None:
    """Let alone what no head reads: the pooler that encoders come with. Several devices wait for its gradient in vain."""
    pooler = getattr(scorer.trunk, "pooler", None)
    if isinstance(pooler, nn.Module):
        pooler.requires_grad_(False)


def make_optimizer(scorer: Scorer, settings: TrainerSettings) -> torch.optim.AdamW:
    """AdamW over what can be trained; fused where the device has it.

    Weights are decayed, biases and norms (one dimension) are not.

    Args:
        settings: `learning_rate`, `head_learning_rate` and `weight_decay` are looked at.
    """
    heads = settings.learning_rate if settings.head_learning_rate is None else settings.head_learning_rate
    trunk = [each for each in scorer.trunk.parameters() if each.requires_grad]
    groups = [
        {
            "params": [each for each in members if (each.ndim > 1) == decays],
            "lr": rate,
            "peak": rate,
            "weight_decay": decay,
        }
        for members, rate in ((trunk, settings.learning_rate), (list(scorer.heads.parameters()), heads))
        for decays, decay in ((True, settings.weight_decay), (False, 0.0))
    ]
    fused = all(each.device.type in _FUSED_ON and each.is_floating_point() for each in scorer.parameters())
    return torch.optim.AdamW([group for group in groups if group["params"]], fused=fused)


def set_learning_rate(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Give every group this share of its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * share


def learning_rate_share(step: int, steps: int, warmup_share: float) -> float:
    """Share of the peak learning rate at a step, in [0, 1]: up in a line, then down to 0 in a cosine.

    Args:
        step: from 0 to steps − 1.
        steps: of the whole run.
        warmup_share: of all steps, for the way up; the peak is reached at its last step.
    """
    warmup = math.ceil(warmup_share * steps)
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))
