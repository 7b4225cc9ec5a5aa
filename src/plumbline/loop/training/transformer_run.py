"""A training run of a transformer: sources → a model folder, by way of a folder beside it that outlives a killed run.

Checkpoints and metrics stand in ``OUT.training`` until the model is written whole to ``OUT``; then that folder goes, and
the metrics stand in the model's folder.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from plumbline.formats import Loaded
from plumbline.lineage import (
    Manifest,
    refuse_foreign_folder,
    refuse_output_among_inputs,
)
from plumbline.loop.measuring.figures_on_train import held_out_figures
from plumbline.loop.sources import Reading, Step, is_synthetic, known_axis, resolved_options
from plumbline.loop.training.folder import (
    claimed,
    make_ready,
    refuse_contradiction,
    refuse_unfinished,
    training_folder,
)
from plumbline.loop.training.run import TrainingResult, TrainingRun, load_for_training, with_repeats
from plumbline.loop.training.transformer_options import transformer_options
from plumbline.models.figures.evaluation import figures_only
from plumbline.models.loading import require_transformers
from plumbline.models.out_of_fold import OUT_OF_FOLD_NAME, out_of_fold_content
from plumbline.models.training import REQUIRED_USES
from plumbline.models.transformer.training.metrics import FIGURES_NAME
from plumbline.models.transformer.training.processes import is_first_process
from plumbline.models.transformer.trunk.backbone_files import model_folder

if TYPE_CHECKING:
    from plumbline.models.transformer.training.task_training import TrainedTransformer, TransformerOptions

_VERSIONED = ("torch", "transformers", "accelerate", "peft")


def run_transformer_training(run: TrainingRun, step: Step = lambda _: None) -> TrainingResult | None:
    """Load, train, and write the model's folder.

    Returns:
        What the run showed; None in processes of a distributed run other than the first, which write nothing.
    Raises:
        PlumblineError: the sources, the data, the model or the options do not allow it; no model is written then, and
            what training came to stands in the folder beside it.
    """
    require_transformers("--model")
    refuse_output_on_trunk(run)
    refuse_foreign_folder(run.out, "model")
    with training_held(run.out):
        begun = begin_training(run)
        loaded = load_for_training(run, known_axis(run.on), step)
        done = train_models(run, begun, loaded, step)
        if done is None:
            return None
        save_trained(run, done, done.models[0], run.out)
        shutil.rmtree(training_folder(run.out), ignore_errors=True)
    return result_of(done, done.models[0], run.sources)


@dataclass(frozen=True)
class TrainedModels:
    """What a training came to, before it is written.

    Attributes:
        durations: seconds, by what they were spent on.
    """

    loaded: Loaded
    models: tuple[TrainedTransformer, ...]
    options: TransformerOptions
    durations: Mapping[str, float]


@dataclass(frozen=True)
class Begun:
    """A training of which nothing is read yet.

    Attributes:
        resume: go on with what an earlier run came to.
        at: seconds, by the clock that durations are taken from.
    """

    options: TransformerOptions
    resume: bool
    at: float


def refuse_output_on_trunk(run: TrainingRun) -> None:
    """Refuse an output that is, holds or lies within the folder of the trunk, and a working folder that does.

    Adapters need their trunk where it stands; the output would take its place.

    Raises:
        UsageError: it does.
    """
    trunk = Path(run.kind).expanduser()
    if trunk.is_dir():
        for place in (run.out, training_folder(run.out)):
            refuse_output_among_inputs(place, [trunk])


def begin_training(run: TrainingRun) -> Begun:
    """Look at the options and at what an earlier run left.

    Raises:
        UsageError: an option is out of range; or an unfinished training stands there and nobody decided what of it.
    """
    options = transformer_options(run.kind, run.settings, run.tasks)
    model_folder(options.backbone)  # what is not there is told before data are read
    resume, restart = bool(run.settings.get("resume")), bool(run.settings.get("restart"))
    refuse_contradiction(resume=resume, restart=restart)
    if is_first_process():  # it alone writes there
        refuse_unfinished(training_folder(run.out), decided=resume or restart)
    return Begun(options, resume, time.monotonic())


def train_models(run: TrainingRun, begun: Begun, loaded: Loaded, step: Step) -> TrainedModels | None:
    """Train, in the folder beside the output.

    Returns:
        None in processes of a distributed run other than the first.
    """
    read = time.monotonic()
    models = _train(run, loaded, begun, step)
    durations = {"reading": read - begun.at, "training": time.monotonic() - read}
    return TrainedModels(loaded, models, begun.options, durations) if is_first_process() else None


def result_of(done: TrainedModels, trained: TrainedTransformer, sources: Sequence[str]) -> TrainingResult:
    """What is told of one model of a training."""
    rows = [f"{trained.summary[key]:,} {key}" for key in ("comparisons", "labels") if key in trained.summary]
    held = trained.summary["held_out_rows"]
    return TrainingResult(
        trained.held_out,
        trained.summary,
        Reading.of(done.loaded, sources),
        measured=f"on {held:,} held-out rows of {' and '.join(rows)}",
    )


def training_held(out: Path) -> AbstractContextManager[None]:
    """Keep other runs to this output away meanwhile; the first process of a distributed run does it for all.

    Raises:
        UsageError: another run to it is on the way.
    """
    return claimed(training_folder(out)) if is_first_process() else nullcontext()


def _train(run: TrainingRun, loaded: Loaded, begun: Begun, step: Step) -> tuple[TrainedTransformer, ...]:
    from plumbline.models.transformer.examples.goals import TaskData
    from plumbline.models.transformer.training.task_training import train_transformer

    work = training_folder(run.out)
    place = ", ".join(run.sources)
    data = TaskData(loaded.tables, run.tasks, known_axis(run.on), place, run.override_uses, bool(run.together))
    return train_transformer(
        data, begun.options, work, step=step, loaded=lambda: make_ready(work, run.out, resume=begun.resume)
    )


def save_trained(
    run: TrainingRun, done: TrainedModels, trained: TrainedTransformer, folder: Path, *, twin: Path | None = None
) -> None:
    """Write one model of a training to its folder.

    Args:
        twin: the folder of a model with the same trunk, written before: its files are used again where they can be.
    """
    from plumbline.models.card import format_model_card
    from plumbline.models.transformer.card import transformer_kind
    from plumbline.models.transformer.saving import SavedRun, save_transformer

    manifest = _manifest(run, done, trained)
    history = trained.history
    name, synthetic = folder.resolve().name, is_synthetic(done.loaded) or (history is not None and history.synthetic)
    kind = transformer_kind(trained.model, trained.summary)
    card = format_model_card(
        name, trained.model, kind, manifest, trained.held_out, trained.summary, synthetic=synthetic
    )
    training = {**trained.summary, **held_out_figures(figures_only(trained.held_out))}
    metrics = training_folder(run.out) / FIGURES_NAME
    files = {OUT_OF_FOLD_NAME: out_of_fold_content(trained.out_of_fold)}
    files |= {FIGURES_NAME: metrics.read_bytes()} if metrics.is_file() else {}
    saved = SavedRun(manifest, name, synthetic, json.loads(json.dumps(training)), card, files, trained.trained_rows)
    save_transformer(folder, trained.model, saved, merge_adapter=bool(run.settings.get("merge_adapter")), twin=twin)


def _manifest(run: TrainingRun, done: TrainedModels, trained: TrainedTransformer) -> Manifest:
    task, options = trained.model.task, done.options
    configuration = {
        "task": task,
        **({"together": list(run.together)} if run.together else {}),
        "model": run.kind,
        "sources": list(run.sources),
        "on": run.on,
        **json.loads(json.dumps(options.to_json())),
        **resolved_options(run.sources, "train", run.load_options),
    }
    manifest = done.loaded.manifest("model", run.command, configuration, seed=options.trainer.seed)
    if trained.history is not None:
        manifest = trained.history.carried_into(manifest)
    # The trunk learned from all tasks' rows, whatever this model tells of it.
    missing = {REQUIRED_USES[each] for each in run.tasks} - set(manifest.uses or ())
    manifest = manifest.model_copy(
        update={
            "uses_overridden": manifest.uses_overridden or (run.override_uses and bool(missing)),
            "durations_seconds": {name: round(spent, 3) for name, spent in done.durations.items()},
            "versions": {**manifest.versions, **{name: metadata.version(name) for name in _VERSIONED}},
        }
    )
    return with_repeats(manifest, trained.summary)
