"""What the card of a transformer says of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plumbline.models.card import KindOfModel
from plumbline.models.transformer.model import TransformerModel

_POOLING = {"last": "its last token", "mean": "the mean of its tokens", "first": "its first token"}

_LIMITS = {
    "preference": "It learns what the judges of its data preferred, their mistakes and their taste for length included. "
    "On text of another origin than its data expect it to be worse: measure it on your own with `plumbline evaluate`.",
    "cost": "Its zero is where its data put it. On text of another origin than its data expect it to be worse.",
    "moderation": "On text of another origin than its data expect it to be clearly worse: measure it on your own with "
    "`plumbline evaluate`, safe text that sounds harmful included.",
}


def transformer_kind(model: TransformerModel, summary: Mapping[str, Any]) -> KindOfModel:
    """The parts of the card that are about transformers.

    Args:
        model: the trained model.
        summary: as `task_training` gives it.
    """
    return KindOfModel("A transformer", _figures_note(summary), _mechanism(model, summary), _LIMITS[model.task])


def _figures_note(summary: Mapping[str, Any]) -> str:
    return (
        f"On {summary['held_out_rows']:,} rows whose prompts were held out of training: the model that stands here, on "
        "one deal of the prompts. Intervals are 95 %, by bootstrap over prompts. Calibration and thresholds are one or "
        "two numbers a head, fitted on the same rows; training looked at their loss where it stopped early."
        + (f" **Note: {summary['figures_flatter']}.**" if "figures_flatter" in summary else "")
    )


def _mechanism(model: TransformerModel, summary: Mapping[str, Any]) -> str:
    base = Path(model.base.name).name if Path(model.base.name).exists() else model.base.name
    notes = "".join(f"\n- {note}" for note in summary["notes"])
    work = _frozen(summary) if summary["settings"]["frozen"] else _fine_tuned(summary)
    work += _ensemble(summary)
    return (
        f"Linear heads read {_what_is_read(model, base)}; {work} Conversations of up to "
        f"{model.encoder.max_tokens:,} tokens are read; longer ones are cut, oldest turns first, then "
        f"the beginning of what is left ({summary['truncated_conversations']:,} were).\n{notes}"
    )


def _what_is_read(model: TransformerModel, base: str) -> str:
    """What the heads read of the trunk."""
    pooled, reading = _POOLING[model.scorer.pooling], model.scorer.layer_reading
    if reading is None:
        return f"{pooled} of `{base}`"
    *others, last = (str(layer) for layer in reading.layers)
    layers = f"layers {', '.join(others)} and {last}" if others else f"layer {last}"
    return (
        f"{pooled} in {layers} of `{base}`, as likeness to {len(reading.landmarks):,} training rows, which draws curved "
        "borders. **Features of those rows stand in this folder and travel with the model: guard it as you guard the "
        "data.** Beyond that"
    )


def _fine_tuned(summary: Mapping[str, Any]) -> str:
    outcome, lora = summary["outcome"], summary["settings"]["backbone"]["lora"]
    trained = f"low-rank adapters of rank {lora['rank']}" if lora else "all weights"
    best = f", of which step {outcome['best_step']} was best" if outcome["best_step"] else ""
    return (
        f"{trained} were trained for {outcome['steps']:,} steps{best}, with {outcome['processed_tokens']:,} tokens "
        f"computed, padding included, for {outcome['sequence_tokens']:,} of the sequences one by one."
    )


def _ensemble(summary: Mapping[str, Any]) -> str:
    found = summary.get("ensemble")
    if not found:
        return ""
    return (
        f" {found['members']} further heads, each fitted on another draw of the prompts (L2 penalty {found['penalty']:g}), "
        "say how far its probability can be trusted (`uncertainty` of score files); they have no part in its scores."
    )


def _frozen(summary: Mapping[str, Any]) -> str:
    chosen = ", ".join(f"{name} {penalty:g}" for name, penalty in summary["outcome"]["penalties"].items())
    return f"its weights are as they were, the heads alone were fitted (L2 penalties by cross-validation: {chosen})."
