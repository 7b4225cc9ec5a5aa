"""A training run of a transformer: sources → a model folder, by way of a folder beside it that outlives a killed run.

Checkpoints and metrics stand in ``OUT.training`` until the model is written whole to ``OUT``; then that folder goes, and
the metrics stand in the model's folder.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.formats import Loaded
from plumbline.formats.cache import cache_folder
from plumbline.lineage import Manifest, count_by_code, refuse_foreign_folder, write_aside
from plumbline.loop.sources import Step, is_synthetic, known_axis, resolved_options
from plumbline.loop.training_run import TrainingResult, TrainingRun, load_for_training, with_repeats
from plumbline.models.evaluation import figures_only
from plumbline.models.loading import require_transformers
from plumbline.models.training import REQUIRED_USES
from plumbline.records import UsageError, unknown_name

if TYPE_CHECKING:
    from plumbline.models.transformer.task_training import TrainedTransformer, TransformerOptions

MARK_NAME = "training.json"
METRICS_NAME = "metrics.jsonl"
_VERSIONED = ("torch", "transformers", "accelerate", "peft")

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
}
NOT_FROZEN = (
    *("epochs", "learning_rate", "rows_per_step", "lora", "precision", "gradient_checkpointing", "patience"),
    *("checkpoint_every", "tensorboard", "head_learning_rate", "merge_adapter", *LOSS_SETTINGS),
)
"""What says how weights are found, and means nothing where none are."""
CHOICES = {"template": ("hh", "chat"), "precision": ("fp32", "bf16")}


def run_transformer_training(run: TrainingRun, step: Step = lambda _: None) -> TrainingResult | None:
    """Load, train, and write the model's folder.

    Returns:
        What the run showed; None in processes of a distributed run other than the first, which write nothing.
    Raises:
        PlumblineError: the sources, the data, the model or the options do not allow it; no model is written then, and
            what training came to stands in the folder beside it.
    """
    require_transformers("--model")
    refuse_foreign_folder(run.out, "model")
    options = transformer_options(run.kind, run.settings)
    axis = known_axis(run.on)
    work = training_folder(run.out)
    resume, restart = bool(run.settings.get("resume")), bool(run.settings.get("restart"))
    if resume and restart:
        raise UsageError(
            "PL-ARG-004", "--restart", "it contradicts --resume", advice="--resume to go on, or --restart to begin anew"
        )
    if is_first_process():  # it alone writes there
        refuse_unfinished(work, decided=resume or restart)
    began = time.monotonic()
    loaded = load_for_training(run, axis, step)
    read = time.monotonic()
    if is_first_process() and not resume:
        shutil.rmtree(work, ignore_errors=True)
    trained = _train(run, loaded, options, axis, work, step)
    if trained is None:
        return None
    _save(run, loaded, trained, options, {"reading": read - began, "training": time.monotonic() - read})
    shutil.rmtree(work, ignore_errors=True)
    rows = [f"{trained.summary[key]:,} {key}" for key in ("comparisons", "labels") if key in trained.summary]
    held = trained.summary["held_out_rows"]
    return TrainingResult(
        trained.held_out,
        trained.summary,
        " and ".join(rows),
        loaded.quarantined,
        count_by_code(loaded.findings),
        measured=f"on {held:,} held-out rows of {' and '.join(rows)}",
    )


def transformer_options(name: str, settings: Mapping[str, Any]) -> TransformerOptions:
    """Options from settings; what is absent or None takes the default.

    Args:
        name: of the trunk: a path or a hub id.
        settings: by the names of the command line's flags.
    Raises:
        UsageError: a value is out of its range.
    """
    from plumbline.models.transformer.settings import (
        BackboneSettings,
        LoraSettings,
        LossSettings,
        TokenSettings,
        TrainerSettings,
    )
    from plumbline.models.transformer.task_training import TransformerOptions

    given = {key: value for key, value in settings.items() if value is not None and value is not False}
    others = [key for key in NOT_FROZEN if key in given]
    if given.get("frozen") and others:
        flag = f"--{others[0].replace('_', '-')}"
        raise UsageError("PL-ARG-005", flag, "it means nothing with --frozen", advice=f"leave {flag} or --frozen out")
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


def is_first_process() -> bool:
    """Whether this is the process of a distributed run that writes.

    As launchers say it: the state of Accelerate is the training loop's to make, with the devices that it finds.
    """
    return int(os.environ.get("RANK", "0")) == 0


def training_folder(out: Path) -> Path:
    """Where a run's checkpoints stand while it lasts."""
    return out.with_name(f"{out.name}.training")


def refuse_unfinished(work: Path, *, decided: bool) -> None:
    """Refuse to throw away, or to go on with, what is not known to be meant.

    Raises:
        UsageError: an unfinished training stands there and it was not `decided` what to do with it, or something else does.
    """
    if not work.exists():
        return
    if not (work / MARK_NAME).is_file() and (not work.is_dir() or any(work.iterdir())):
        raise UsageError(
            "PL-OUT-002",
            str(work),
            "something stands there that is no training folder of plumbline",
            expected="nothing, or an unfinished training",
            advice="name another output with -o, or move away what stands there",
        )
    if (work / MARK_NAME).is_file() and not decided:
        raise UsageError(
            "PL-RUN-004",
            str(work),
            "a training that was not finished stands there",
            expected="a decision: go on with it, or begin anew",
            advice="--resume to go on with it, or --restart",
        )


def _train(
    run: TrainingRun,
    loaded: Loaded,
    options: TransformerOptions,
    axis: Any,
    work: Path,
    step: Step,
) -> TrainedTransformer | None:
    from plumbline.models.transformer.task_training import TaskData, train_transformer_task

    is_main = is_first_process()
    if is_main:
        work.mkdir(parents=True, exist_ok=True)
        with write_aside(work / MARK_NAME) as aside:
            aside.write_text(json.dumps({"plumbline": "training", "out": run.out.name}) + "\n", encoding="utf-8")
    data = TaskData(loaded.tables, run.task, axis, ", ".join(run.sources), run.override_uses)
    trained = train_transformer_task(data, options, work, step=step)
    return trained if is_main else None


def _save(
    run: TrainingRun,
    loaded: Loaded,
    trained: TrainedTransformer,
    options: TransformerOptions,
    durations: Mapping[str, float],
) -> None:
    from plumbline.models.card import format_model_card
    from plumbline.models.transformer.card import transformer_kind
    from plumbline.models.transformer.saving import SavedRun, save_transformer

    manifest = _manifest(run, loaded, trained, options, durations)
    name, synthetic = run.out.resolve().name, is_synthetic(loaded)
    kind = transformer_kind(trained.model, trained.summary)
    card = format_model_card(
        name, trained.model, kind, manifest, trained.held_out, trained.summary, synthetic=synthetic
    )
    training = {
        **trained.summary,
        "cross_validated": figures_only(trained.held_out),
        "figures_are_of": "held-out prompts",
    }
    metrics = training_folder(run.out) / METRICS_NAME
    files = {METRICS_NAME: metrics.read_bytes()} if metrics.is_file() else {}
    saved = SavedRun(manifest, name, synthetic, json.loads(json.dumps(training)), card, files, trained.trained_rows)
    save_transformer(run.out, trained.model, saved, merge_adapter=bool(run.settings.get("merge_adapter")))


def _manifest(
    run: TrainingRun,
    loaded: Loaded,
    trained: TrainedTransformer,
    options: TransformerOptions,
    durations: Mapping[str, float],
) -> Manifest:
    overridden = run.override_uses and REQUIRED_USES[run.task] not in loaded.terms.uses
    configuration = {
        "task": run.task,
        "model": run.kind,
        "sources": list(run.sources),
        "on": run.on,
        **json.loads(json.dumps(options.to_json())),
        **resolved_options(run.sources, "train", run.load_options),
    }
    manifest = loaded.manifest("model", run.command, configuration, seed=options.trainer.seed)
    manifest = manifest.model_copy(
        update={
            "uses_overridden": overridden,
            "durations_seconds": {name: round(spent, 3) for name, spent in durations.items()},
            "versions": {**manifest.versions, **{name: metadata.version(name) for name in _VERSIONED}},
        }
    )
    return with_repeats(manifest, trained.summary)
