"""Values of TRL's settings that would turn what a run learns, or that no run can use: TRL takes many of them without a word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PREFERENCE_LOSSES = (
    *("sigmoid", "sigmoid_norm", "hinge", "ipo", "robust", "exo_pair"),
    *("nca_pair", "bco_pair", "sppo_hard", "aot", "aot_unpaired", "apo_zero"),
)
"""TRL's losses of DPO that raise the preferred reply against the other, wherever the policy stands, and learn from nothing else.

Not among them: ``sft`` is supervised training, ``apo_down`` lowers the preferred reply too, ``discopop`` has margins below which it
lowers the margin (Lu et al. 2024, §5).
"""

_Range = tuple[str, Callable[[Any], bool]]
_ABOVE_0: _Range = ("above 0", lambda value: value > 0)
_NOT_BELOW_0: _Range = ("0 or more", lambda value: value >= 0)
_SHARE: _Range = ("from 0 to 1", lambda value: 0 <= value <= 1)
_BELOW_1: _Range = ("0 or more, below 1", lambda value: 0 <= value < 1)

RANGES: dict[str, _Range] = {
    # A negative one turns every gradient, or what a judgement says.
    "max_grad_norm": _NOT_BELOW_0,
    "label_smoothing": ("0 or more, below 0.5", lambda value: 0 <= value < 0.5),
    "f_alpha_divergence_coef": ("above 0, below 1", lambda value: 0 < value < 1),
    "ld_alpha": _SHARE,
    "epsilon": _ABOVE_0,
    "epsilon_high": _ABOVE_0,
    "delta": _ABOVE_0,
    "vllm_importance_sampling_clip_max": _ABOVE_0,
    "vllm_importance_sampling_clip_min": _NOT_BELOW_0,
    "vllm_importance_sampling_cap": _ABOVE_0,
    "weight_decay": _NOT_BELOW_0,
    "adam_beta1": _BELOW_1,
    "adam_beta2": _BELOW_1,
    "adam_epsilon": _ABOVE_0,
    "temperature": _ABOVE_0,
    "top_p": ("above 0, at most 1", lambda value: 0 < value <= 1),
    "top_k": _NOT_BELOW_0,
    "min_p": _SHARE,
    "repetition_penalty": _ABOVE_0,
    "num_iterations": ("at least 1", lambda value: value >= 1),
    "scale_rewards": ("none, group or batch", lambda value: value in ("none", "group", "batch")),
    "importance_sampling_level": ("token or sequence", lambda value: value in ("token", "sequence")),
}


def wanted_instead(method: str, name: str, value: Any) -> str | None:
    """What a setting may be where its value is none that a run takes; None where it is one.

    Args:
        method: dpo, grpo or rloo.
        value: of the type that TRL asks for.
    """
    if method == "dpo" and name == "loss_type":
        fits = bool(value) and set(value) <= set(PREFERENCE_LOSSES)
        return None if fits else f"of {', '.join(PREFERENCE_LOSSES)}, one or several"
    if name not in RANGES or value is None:
        return None
    told, holds = RANGES[name]
    return None if holds(value) else told
