"""A training run: sources → a model folder with its card, description and manifest."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from plumbline.formats import Loaded
from plumbline.lineage import Manifest, refuse_foreign_folder
from plumbline.loop.earlier_outputs import refuse_other_model
from plumbline.loop.sources import (
    Reading,
    Step,
    is_synthetic,
    known_axis,
    load_stage,
    only_axis,
    own_terms_told,
    resolved_options,
)
from plumbline.models.card import format_card
from plumbline.models.figures.evaluation import figures_only
from plumbline.models.linear.default_features import RECIPES, training_options
from plumbline.models.linear.saving import save_model
from plumbline.models.linear.training import TrainingOptions
from plumbline.models.loading import require_transformers
from plumbline.models.model_folder import CARD_NAME
from plumbline.models.out_of_fold import OUT_OF_FOLD_NAME, out_of_fold_content
from plumbline.models.scored_model import Task
from plumbline.models.training import REQUIRED_USES, TrainedTask, train_task
from plumbline.records import Axis, UsageError, unknown_name

LINEAR = "linear"
LINEAR_SETTINGS = ("features", "l2", "out_of_fold", "recipe")
COMMON_SETTINGS = ("seed", "max_false_positive_rate")


@dataclass(frozen=True)
class TrainingRun:
    """What to train, on what, and where to put it.

    Attributes:
        task: preference, cost or moderation; of `together` the first.
        sources: files, folders, hub ids; their split train, or all of a single file.
        out: the model's folder.
        kind: ``linear``, or the transformer to start from: a path or a hub id.
        on: axis, where the comparisons are on several.
        settings: features, l2, seed, max_false_positive_rate, out_of_fold, recipe (of moderation), and those of `transformer_options`; None
            or absent takes the default. A setting of the other kind of model is refused.
        load_options: of `formats.load`.
        command: for the manifest.
        together: tasks that are trained on one trunk, see `joint_run`; none for one task alone.
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
    together: tuple[Task, ...] = ()

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What is trained."""
        return self.together or (self.task,)


@dataclass(frozen=True)
class TrainingResult:
    """What a run showed.

    Attributes:
        cross_validated: figures of rows that no fit had seen which scored them.
        reading: what reading the sources turned up.
        measured: on what the figures were found.
    """

    cross_validated: dict[str, Any]
    summary: dict[str, Any]
    reading: Reading
    measured: str

    @property
    def quarantined(self) -> dict[str, int]:
        """Rows that could not be read, by code."""
        return self.reading.quarantined


def run_training(run: TrainingRun, step: Step = lambda _: None) -> TrainingResult | None:
    """Load, train, and write the model's folder.

    Returns:
        What the run showed; None in processes of a distributed run other than the first, which write nothing.
    Raises:
        PlumblineError: the sources, the data or the options do not allow it; no model is written then.
    """
    refuse_other_settings(run)
    with own_terms_told(run.load_options.get("stated_terms"), REQUIRED_USES[run.task]):
        if run.kind == LINEAR:
            return _run_linear(run, step)
        refuse_unknown_model(run.kind)
        require_transformers("--model")  # before what needs them is imported
        from plumbline.loop.training.transformer_run import run_transformer_training

        return run_transformer_training(run, step)


def refuse_unknown_model(name: str) -> None:
    """A word that is neither linear nor a folder nor owner/name is none of those there are.

    Raises:
        UsageError: it is such a word.
    """
    if "/" not in name and not Path(name).is_dir():
        raise unknown_name("--model", name, (LINEAR, "a folder", "owner/name"))


def refuse_other_settings(run: TrainingRun) -> None:
    """Refuse what has no meaning for the kind of model.

    Raises:
        UsageError: such a setting is given.
    """
    is_linear = run.kind == LINEAR
    given = [name for name, value in run.settings.items() if value is not None and value is not False]
    others = [name for name in given if name not in COMMON_SETTINGS and (name in LINEAR_SETTINGS) is not is_linear]
    if others:
        flag = f"--{others[0].replace('_', '-')}"
        raise UsageError(
            "PL-ARG-003",
            flag,
            f"it means nothing for {'linear models' if is_linear else 'transformers'}",
            found=f"--model {run.kind}",
            advice=f"leave {flag} out"
            + (", or name a transformer: --model PATH" if is_linear else ", or: --model linear"),
        )


def _run_linear(run: TrainingRun, step: Step) -> TrainingResult:
    refuse_foreign_folder(run.out, "model")
    options = training_options(run.task, run.settings, run.sources)
    axis = known_axis(run.on)
    began = time.monotonic()
    loaded = load_for_training(run, axis, step)
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
    manifest = _with_recipe(with_repeats(_manifest(run, loaded, options, durations), trained.summary), trained.summary)
    name = run.out.resolve().name
    synthetic = is_synthetic(loaded)
    card = format_card(name, trained.model, manifest, trained.cross_validated, trained.summary, synthetic=synthetic)
    training = {**trained.summary, "cross_validated": figures_only(trained.cross_validated)}
    save_model(
        run.out,
        trained.model,
        manifest,
        name=name,
        synthetic=synthetic,
        training=training,
        files={CARD_NAME: card.encode(), OUT_OF_FOLD_NAME: out_of_fold_content(trained.out_of_fold)},
        trained_rows=trained.trained_rows,
    )
    measured = f"cross-validated on {_described(trained)}"
    reading = Reading.of(loaded, run.sources)
    return TrainingResult(trained.cross_validated, trained.summary, reading, measured)


def load_for_training(run: TrainingRun, axis: Axis | None, step: Step) -> Loaded:
    """The run's sources; what stands at its output is looked at as soon as task and axis are known.

    Raises:
        PlumblineError: as `load_stage`; or a model of another task or axis stands at the output.
    """
    refuse_other_model(run.out, run.task, axis)
    loaded = load_stage(run.sources, "train", run.load_options, step)
    refuse_other_model(run.out, run.task, axis or only_axis(loaded))
    return loaded


def with_repeats(manifest: Manifest, summary: Mapping[str, Any]) -> Manifest:
    """The manifest with how many training rows are repetitions, where some are."""
    if not summary.get("repeats"):
        return manifest
    return manifest.model_copy(update={"configuration": {**manifest.configuration, "repeats": summary["repeats"]}})


def _with_recipe(manifest: Manifest, summary: Mapping[str, Any]) -> Manifest:
    """The manifest with the training recipe and what each source gave, where one was asked for."""
    if "recipe" not in summary:
        return manifest
    counts = [
        {key: value for key, value in each.items() if not isinstance(value, dict)} for each in summary["by_source"]
    ]
    told = {"recipe": summary["recipe"], "by_source": counts}
    return manifest.model_copy(update={"configuration": {**manifest.configuration, **told}})


def _manifest(run: TrainingRun, loaded: Loaded, options: TrainingOptions, durations: dict[str, float]) -> Manifest:
    configuration: dict[str, JsonValue] = {
        "task": run.task,
        "model": run.kind,
        "sources": list(run.sources),
        "on": run.on,
        "features": next(name for name, recipe in RECIPES[run.task].items() if recipe == options.recipe),
        "l2": options.solver.l2,
        "max_false_positive_rate": options.max_false_positive_rate,
        "out_of_fold": options.every_row,
        **resolved_options(run.sources, "train", run.load_options),
    }
    overridden = run.override_uses and REQUIRED_USES[run.task] not in loaded.terms.uses
    manifest = loaded.manifest("model", run.command, configuration, seed=options.seed)
    seconds = {name: round(spent, 3) for name, spent in durations.items()}
    return manifest.model_copy(update={"uses_overridden": overridden, "durations_seconds": seconds})


def _described(trained: TrainedTask) -> str:
    parts = [f"{trained.summary[key]:,} {key}" for key in ("comparisons", "labels") if key in trained.summary]
    return " and ".join(parts)
