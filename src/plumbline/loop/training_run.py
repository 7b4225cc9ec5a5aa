"""A training run: sources → a model folder with its card, description and manifest."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from plumbline.formats import Loaded
from plumbline.lineage import Manifest, count_by_code, refuse_foreign_folder
from plumbline.loop.sources import Step, is_synthetic, known_axis, load_stage, resolved_options
from plumbline.models.card import format_card
from plumbline.models.evaluation import figures_only
from plumbline.models.linear_model import Task
from plumbline.models.linear_training import TrainingOptions
from plumbline.models.recipes import RECIPES, training_options
from plumbline.models.saving import save_model
from plumbline.models.training import REQUIRED_USES, TrainedTask, train_task
from plumbline.records import unknown_name

MODEL_KINDS = ("linear",)


@dataclass(frozen=True)
class TrainingRun:
    """What to train, on what, and where to put it.

    Attributes:
        task: preference, cost or moderation.
        sources: files, folders, hub ids; their split train, or all of a single file.
        out: the model's folder.
        kind: ``linear``.
        on: axis, where the comparisons are on several.
        settings: features, l2, seed, max_false_positive_rate; None or absent takes the task's default.
        load_options: of `formats.load`.
        command: for the manifest.
    """

    task: Task
    sources: tuple[str, ...]
    out: Path
    kind: str = "linear"
    on: str | None = None
    override_uses: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    load_options: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingResult:
    """What a run showed.

    Attributes:
        quarantined, findings: what reading the sources turned up, by code.
    """

    cross_validated: dict[str, Any]
    summary: dict[str, Any]
    rows_described: str
    quarantined: dict[str, int]
    findings: dict[str, int] = field(default_factory=dict)


def run_training(run: TrainingRun, step: Step = lambda _: None) -> TrainingResult:
    """Load, train, and write the model's folder.

    Raises:
        PlumblineError: the sources, the data or the options do not allow it; nothing is written then.
    """
    if run.kind not in MODEL_KINDS:
        raise unknown_name("--model", run.kind, MODEL_KINDS)
    refuse_foreign_folder(run.out, "model")
    options = training_options(run.task, run.settings)
    axis = known_axis(run.on)
    began = time.monotonic()
    loaded = load_stage(run.sources, "train", run.load_options, step)
    read = time.monotonic()
    trained = train_task(
        loaded.tables,
        run.task,
        options,
        axis=axis,
        place=", ".join(run.sources),
        override_uses=run.override_uses,
        step=step,
    )
    durations = {"reading": read - began, "training": time.monotonic() - read}
    manifest = _manifest(run, loaded, options, durations)
    name = run.out.resolve().name
    synthetic = is_synthetic(loaded)
    card = format_card(name, trained.model, manifest, trained.cross_validated, trained.summary, synthetic=synthetic)
    training = {**trained.summary, "cross_validated": figures_only(trained.cross_validated)}
    save_model(run.out, trained.model, manifest, name=name, synthetic=synthetic, training=training, card=card)
    return TrainingResult(
        trained.cross_validated,
        trained.summary,
        _described(trained),
        loaded.quarantined,
        count_by_code(loaded.findings),
    )


def _manifest(run: TrainingRun, loaded: Loaded, options: TrainingOptions, durations: dict[str, float]) -> Manifest:
    configuration: dict[str, JsonValue] = {
        "task": run.task,
        "model": run.kind,
        "sources": list(run.sources),
        "on": run.on,
        "features": next(name for name, recipe in RECIPES[run.task].items() if recipe == options.recipe),
        "l2": options.solver.l2,
        "max_false_positive_rate": options.max_false_positive_rate,
        **resolved_options(run.sources, "train", run.load_options),
    }
    overridden = run.override_uses and REQUIRED_USES[run.task] not in loaded.terms.uses
    manifest = loaded.manifest("model", run.command, configuration, seed=options.seed)
    seconds = {name: round(spent, 3) for name, spent in durations.items()}
    return manifest.model_copy(update={"uses_overridden": overridden, "durations_seconds": seconds})


def _described(trained: TrainedTask) -> str:
    parts = [f"{trained.summary[key]:,} {key}" for key in ("comparisons", "labels") if key in trained.summary]
    return " and ".join(parts)
