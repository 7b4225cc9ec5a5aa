"""Figures of training rows as they stand in ``model.json``, under a key that says how they were measured.

A linear model's are `cross_validated`: each row scored by fits that had not seen it. A transformer is trained once, so its
figures are of one deal of prompts held out of training: `held_out_of_train`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CROSS_VALIDATED, _HELD_OUT = "cross_validated", "held_out_of_train"
_HELD_OUT_PROMPTS = "held-out prompts"


def held_out_figures(figures: Mapping[str, Any]) -> dict[str, Any]:
    """A transformer's figures as they stand in its description."""
    return {_HELD_OUT: dict(figures), "figures_are_of": _HELD_OUT_PROMPTS}


def figures_on_train(training: Mapping[str, Any]) -> dict[str, Any]:
    """What an evaluation repeats of a model's description: `cross_validated`, and `held_out_of_train` where it is there.

    Transformers saved earlier have their figures under `cross_validated`, and say beside it what they are.
    """
    crossed, held_out = training.get(_CROSS_VALIDATED), training.get(_HELD_OUT)
    if training.get("figures_are_of") == _HELD_OUT_PROMPTS and held_out is None:
        crossed, held_out = None, crossed
    return {_CROSS_VALIDATED: crossed, **({} if held_out is None else {_HELD_OUT: held_out})}
