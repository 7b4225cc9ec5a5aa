"""Adapters for a policy, the same from the same seed in every process."""

from __future__ import annotations

from typing import Any

from accelerate.utils import set_seed
from torch import nn

from plumbline.models.transformer.settings import LoraSettings
from plumbline.models.transformer.trunk.backbone import quiet, with_adapters


def seeded_adapters(model: Any, rank: int, *, seed: int, place: str) -> nn.Module:
    """A causal model with low-rank adapters, which alone train; they begin as the seed says, and change nothing yet.

    Sets the seeds of this process's random generators.

    Args:
        rank: their alpha is twice that.
        place: what errors call it.
    Raises:
        UsageError: PL-BBN-017, they cannot be put onto the model.
    """
    set_seed(seed)
    with quiet():  # a name of transformers that peft uses will be another
        return with_adapters(model, LoraSettings(rank=rank, alpha=2.0 * rank), place, "CAUSAL_LM")
