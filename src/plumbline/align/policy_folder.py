"""Policies on disk: whole models that any tool of transformers loads, with what they came from beside them.

A folder holds ``config.json``, ``model.safetensors`` and the tokenizer's files; ``adapter/`` too where only adapters were trained, which
are worked into the weights as well; ``policy.json`` (how it was made, figures), ``metrics.jsonl``, a card and a manifest. No pickle.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plumbline.align.finite_steps import are_finite
from plumbline.lineage import Manifest, is_there, write_folder_aside
from plumbline.models.transformer.training.metrics import FIGURES_NAME
from plumbline.models.transformer.trunk.backbone import quiet
from plumbline.records import ModelError

DESCRIPTION_NAME, CARD_NAME = "policy.json", "README.md"
HOLDS = "policy"


@dataclass(frozen=True)
class SavedPolicy:
    """What is saved beside the weights.

    Attributes:
        description: ``policy.json``, without its kind and version.
        card: Markdown.
        manifest: of the run.
        metrics: ``metrics.jsonl``, the figures of every step.
    """

    description: Mapping[str, Any]
    card: str
    manifest: Manifest
    metrics: bytes


Weights = Callable[[Path], object]
"""Writes a policy's weights and tokenizer into a folder."""


def weights_of(model: Any, tokenizer: Any) -> Weights:
    """What writes a model in memory; adapters are kept beside it, and worked into the model for good.

    Raises:
        ModelError: PL-PTR-003, when it writes, see `require_finite`.
    """

    def write(folder: Path) -> None:
        """Write it."""
        require_finite(model, "the policy")
        whole = model
        with quiet():
            if hasattr(model, "merge_and_unload"):
                _save_adapters(model, folder / "adapter")
                whole = model.merge_and_unload()
            whole.save_pretrained(folder, safe_serialization=True)
            tokenizer.save_pretrained(folder)

    return write


def require_finite(model: Any, place: str) -> None:
    """Refuse a policy that training lost.

    Args:
        place: what the error calls it.
    Raises:
        ModelError: PL-PTR-003, a weight is not a finite number.
    """
    lost = [name for name, weight in model.state_dict().items() if not are_finite([weight])]
    if lost:
        raise ModelError(
            "PL-PTR-003",
            place,
            "some of its weights are not finite numbers, so it is not written",
            expected="finite numbers",
            found=f"{len(lost):,} tensors that hold others, the first of them {lost[0]}",
            advice="a lower --learning-rate, with --restart",
        )


def _save_adapters(model: Any, folder: Path) -> None:
    """Adapters, without the place on this machine that their model came from; a card of peft's own would name it, too."""
    for config in model.peft_config.values():
        if is_there(str(config.base_model_name_or_path)):
            config.base_model_name_or_path = ""  # for None peft puts the place in again
    model.save_pretrained(folder, safe_serialization=True)
    (folder / CARD_NAME).unlink(missing_ok=True)


def save_policy(folder: Path, weights: Weights, saved: SavedPolicy) -> None:
    """Write a policy's folder aside and rename it into place.

    Raises:
        WriteError: the disk is full or not writable; what stood there before stands there still.
    """
    with write_folder_aside(folder, HOLDS) as aside:
        weights(aside)
        described = {"plumbline": HOLDS, "version": 1, **saved.description}
        text = json.dumps(described, ensure_ascii=False, indent=1, allow_nan=False)
        (aside / DESCRIPTION_NAME).write_text(text + "\n", encoding="utf-8")
        (aside / CARD_NAME).write_text(saved.card, encoding="utf-8")
        (aside / FIGURES_NAME).write_bytes(saved.metrics)
        saved.manifest.write(aside)


def read_description(folder: Path) -> dict[str, Any]:
    """What ``policy.json`` in a folder says; nothing of a policy that Plumbline did not write."""
    try:
        found = json.loads((folder / DESCRIPTION_NAME).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
