"""What must be the same for a run to go on from a checkpoint: what is learned, and from what."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from pydantic import JsonValue

from plumbline.lineage import json_digest
from plumbline.models.transformer.examples.collation import Collator
from plumbline.models.transformer.scorer import Scorer
from plumbline.models.transformer.settings import LossSettings, TrainerSettings

_CHANGES_NOTHING_LEARNED = ("tokens_per_batch", "gradient_checkpointing", "checkpoint_every", "tensorboard")
"""Settings that a run may go on with changed: how it is computed, not what.

`as_trees` is none of them: which rows are of like size, and so which step learns from them, depends on it.
"""


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """A run.

    Attributes:
        settings: by name, those that change what is learned.
        data: what is learned from, by name: digests, of rows with their number.
    """

    settings: dict[str, JsonValue]
    data: dict[str, str]


def identify(
    scorer: Scorer, learned: Collator, held_out: Collator, settings: TrainerSettings, loss: LossSettings
) -> RunIdentity:
    """What this run learns, and from what."""
    learning = {name: value for name, value in asdict(settings).items() if name not in _CHANGES_NOTHING_LEARNED}
    return RunIdentity(
        {**learning, **asdict(loss), "heads": list(scorer.head_names)},
        {
            "model": _model_digest(scorer),
            **scorer.origin,
            "rows": f"{len(learned.examples):,} of digest {_digest(learned)}",
            "held-out rows": f"{len(held_out.examples):,} of digest {_digest(held_out)}",
        },
    )


def _model_digest(scorer: Scorer) -> str:
    """Of the architecture and of what of it is trained; the weights that it began with are the scorer's `origin`."""
    config: Any = scorer.trunk.config
    shapes = [[name, list(each.shape)] for name, each in scorer.named_parameters() if each.requires_grad]
    return json_digest([type(scorer.trunk).__name__, str(config.model_type), scorer.pooling, shapes])


def _digest(rows: Collator) -> str:
    """Of ids, tokens and targets, in order."""
    found = hashlib.sha256()
    for example in rows.examples:
        parts = (example.ids, example.preferences, example.labels, example.signs, example.values)
        found.update(repr(parts).encode())
        for sequence in example.sequences:
            found.update(len(sequence).to_bytes(8, "little"))
            found.update(np.ascontiguousarray(sequence).tobytes())
    return found.hexdigest()
