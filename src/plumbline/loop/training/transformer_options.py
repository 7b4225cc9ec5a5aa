"""The flags of a transformer's training → its options."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from plumbline.formats.cache import cache_folder
from plumbline.records import UsageError, unknown_name

if TYPE_CHECKING:
    from plumbline.models.transformer.training.task_training import TransformerOptions

TRAINER_SETTINGS = {
    "epochs": "epochs",
    "learning_rate": "learning_rate",
    "head_learning_rate": "head_learning_rate",
    "rows_per_step": "rows_per_step",
    "tokens_per_batch": "tokens_per_batch",
    "precision": "precision",
    "gradient_checkpointing": "gradient_checkpointing",
    "patience": "patience",
    "checkpoint_every": "checkpoint_every",
    "tensorboard": "tensorboard",
    "seed": "seed",
}
LOSS_SETTINGS = {
    "margin": "margin",
    "smoothing": "smoothing",
    "centring": "centring",
    "balance_categories": "balance_categories",
}
OWN_SETTINGS = {
    "held_out": "held_out_share",
    "max_false_positive_rate": "max_false_positive_rate",
    "threads": "threads",
    "frozen": "frozen",
    "ensemble": "ensemble",
}
NOT_FROZEN = (
    *("epochs", "learning_rate", "rows_per_step", "lora", "precision", "gradient_checkpointing", "patience"),
    *("checkpoint_every", "tensorboard", "head_learning_rate", "merge_adapter", *LOSS_SETTINGS),
)
"""What says how weights are found, and means nothing where none are."""
CHOICES = {"template": ("hh", "chat"), "precision": ("fp32", "bf16")}


def transformer_options(name: str, settings: Mapping[str, Any], tasks: Collection[str]) -> TransformerOptions:
    """Options from settings; what is absent or None takes the default.

    Args:
        name: of the trunk: a path or a hub id.
        settings: by the names of the command line's flags.
        tasks: that are trained.
    Raises:
        UsageError: a value is out of its range, or a flag would change nothing.
    """
    from plumbline.models.transformer.settings import (
        BackboneSettings,
        LoraSettings,
        LossSettings,
        TokenSettings,
        TrainerSettings,
    )
    from plumbline.models.transformer.training.task_training import TransformerOptions

    given = {key: value for key, value in settings.items() if value is not None and value is not False}
    _refuse_idle(given, tasks)
    lora = LoraSettings(rank=given["lora"], alpha=2.0 * given["lora"]) if "lora" in given else None
    tokens = TokenSettings()
    for key in ("max_tokens", "template"):
        if key in given:
            tokens = replace(tokens, **{key: given[key]})
    if lora is not None:  # adapters learn at a higher rate than whole weights do
        given.setdefault("learning_rate", 2e-4)
    for key, known in CHOICES.items():
        if key in given and given[key] not in known:
            raise unknown_name(f"--{key}", given[key], known)
    return TransformerOptions(
        backbone=BackboneSettings(name, given.get("revision"), given.get("trust_remote_code", False), lora=lora),
        tokens=tokens,
        trainer=TrainerSettings(**{own: given[key] for key, own in TRAINER_SETTINGS.items() if key in given}),
        loss=LossSettings(**{own: given[key] for key, own in LOSS_SETTINGS.items() if key in given}),
        feature_cache=cache_folder() / "features",
        **{own: given[key] for key, own in OWN_SETTINGS.items() if key in given},
    )


def _refuse_idle(given: Mapping[str, Any], tasks: Collection[str]) -> None:
    """Refuse flags that would change nothing."""
    others = [key for key in NOT_FROZEN if key in given]
    if given.get("frozen") and others:
        raise _idle(others[0], "with --frozen", "or --frozen out")
    if "merge_adapter" in given and "lora" not in given:
        raise _idle("merge_adapter", "without --lora", "out, or add --lora 16")
    if "balance_categories" in given and "moderation" not in tasks:
        raise _idle("balance_categories", f"for {' and '.join(tasks)}", "out: moderation alone has categories")


def _idle(key: str, where: str, instead: str) -> UsageError:
    flag = f"--{key.replace('_', '-')}"
    return UsageError("PL-ARG-005", flag, f"it means nothing {where}", advice=f"leave {flag} {instead}")
