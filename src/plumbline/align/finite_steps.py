"""Steps that lose a policy: its weights leave the numbers, and all that is built on them is none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from plumbline.records import ModelError


def are_finite(weights: Iterable[Tensor]) -> bool:
    """Whether every number of every tensor is one."""
    found = [each.detach().isfinite().all() for each in weights]
    return not found or bool(torch.stack(found).all())


def step_is_finite(optimizer: Any) -> bool:
    """Take an optimizer's step; whether all that it trains is finite afterwards.

    A step above the largest number of 32 bits is an error of torch's own, which may come when a part of the weights has moved.
    """
    try:
        optimizer.step()
    except RuntimeError as error:
        if "overflow" not in str(error):
            raise
        return False
    return are_finite(weight for group in optimizer.param_groups for weight in group["params"])


def policy_lost(what: str) -> ModelError:
    """The error where PPO meets numbers that are none.

    Args:
        what: is not finite.
    """
    return ModelError(
        "PL-PPO-003",
        "the policy",
        f"{what} are not finite numbers",
        expected="finite numbers",
        advice="lower the learning rates or the pretraining weight, with --restart; the last checkpoint is untouched",
    )
