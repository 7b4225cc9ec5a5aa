"""What TRL logs of a step, as the figures that alarms read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from plumbline.align.ppo.ppo_lag import StepFigures
from plumbline.align.trl.settings import Method


def step_figures(method: Method, logged: Mapping[str, Any]) -> StepFigures:
    """The figures of a step of GRPO or RLOO; what TRL does not log is no number, and no alarm is told of it.

    GRPO logs the divergence a token, RLOO a reply; both are a reply's here.

    Args:
        logged: an entry of `training.train_on_prompts`.
    """

    def of(name: str) -> float:
        """A figure by TRL's name."""
        value = logged.get(name)
        return math.nan if value is None else float(value)

    length = of("completions/mean_length")
    return StepFigures(
        reward=of("rewards/reward/mean"),
        cost=of("rewards/cost/mean"),
        multiplier=of("lagrangian/multiplier"),
        divergence=of("kl") * (length if method == "grpo" else 1.0),
        entropy=of("entropy"),
        length=length,
        ended=1 - of("completions/clipped_ratio"),
        clipped=of("clip_ratio/region_mean"),
        step_divergence=math.nan,
        policy_loss=of("loss"),
        reward_critic_loss=math.nan,
        cost_critic_loss=math.nan,
        pretraining_loss=None,
        empty=of("reward/empty"),
    )
