"""The demo's models: which ones each source can teach, training and measuring them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from plumbline.loop.demo.own_sources import FEWEST_ROWS, DemoSource, Say
from plumbline.loop.measuring.evaluation_run import EvaluationRun, run_evaluation, write_evaluation
from plumbline.loop.sources import is_synthetic
from plumbline.loop.training.run import TrainingRun, run_training
from plumbline.models.linear.default_features import training_options
from plumbline.models.prompt_categories import cross_validate_prompt_categories
from plumbline.models.scored_model import Task
from plumbline.records import Axis, Outcome


@dataclass(frozen=True)
class PlannedModel:
    """One model to train and measure."""

    name: str
    task: Task
    source: DemoSource
    on: Axis | None = None


def plan_models(sources: Sequence[DemoSource], left_out: dict[str, str]) -> list[PlannedModel]:
    """Which models each source can teach; a source that can teach none goes to `left_out`, with why."""
    plan = []
    for source in sources:
        found = _models_of(source)
        plan += found
        if not found and len(source.loaded.prompts) < FEWEST_ROWS:
            left_out.setdefault(source.name, f"checked only: fewer than {FEWEST_ROWS} judged rows to train on")
    return plan


def _models_of(source: DemoSource) -> list[PlannedModel]:
    pairs, labels = source.loaded.comparisons, source.loaded.safety_labels
    has_labels = _train_count(labels, "is_safe") >= FEWEST_ROWS
    planned = []
    for axis in Axis:
        on_axis = pairs.filter(pa.compute.equal(pairs["axis"].cast(pa.string()), axis.value))
        if _decided_train_count(on_axis) < FEWEST_ROWS:
            continue
        if axis is Axis.HARMLESSNESS and has_labels:
            planned.append(PlannedModel(f"{source.name}-cost", "cost", source))
        else:
            planned.append(PlannedModel(f"{source.name}-{axis.value}", "preference", source, axis))
    if has_labels and not any(model.task == "cost" for model in planned):
        planned.append(PlannedModel(f"{source.name}-moderation", "moderation", source))
    return planned


def _train_count(table: pa.Table, column: str) -> int:
    in_train = pa.compute.equal(table["split"].cast(pa.string()), "train")
    return int(pa.compute.sum(pa.compute.and_(in_train, pa.compute.is_valid(table[column]))).as_py() or 0)


def _decided_train_count(pairs: pa.Table) -> int:
    outcome = pairs["outcome"].cast(pa.string())
    decided = pa.compute.is_in(outcome, pa.array([Outcome.FIRST.value, Outcome.SECOND.value]))
    return _train_count(pairs.filter(decided), "outcome")


def train_planned(model: PlannedModel, out: Path, seed: int, say: Say) -> None:
    """Train one model into ``out``.

    Raises:
        PlumblineError: as `run_training`.
    """
    say(f"train: {model.name}")
    run_training(
        TrainingRun(
            task=model.task,
            sources=(str(model.source.path),),
            out=out / "models" / model.name,
            on=model.on,
            settings={"seed": seed},
            command=("demo",),
        )
    )


def evaluate_planned(model: PlannedModel, out: Path, seed: int, say: Say) -> dict[str, Any]:
    """Measure one model on the split test of its source; what ``evaluation.json`` holds.

    Raises:
        PlumblineError: as `run_evaluation`.
    """
    say(f"measure: {model.name}")
    return run_evaluation(
        EvaluationRun(
            model=out / "models" / model.name,
            source=str(model.source.path),
            out=out / "evaluations" / model.name,
            on=model.on,
            seed=seed,
            command=("demo",),
        )
    )


def evaluate_prompt_categories(sources: Sequence[DemoSource], out: Path, seed: int, say: Say) -> list[dict[str, Any]]:
    """Evaluations of category heads on prompts that carry categories, by cross-validation."""
    results = []
    for source in sources:
        prompts = source.loaded.prompts
        if len(prompts) < FEWEST_ROWS:
            continue
        say(f"measure: categories of {source.name}")
        options = training_options("moderation", {"seed": seed})
        name = f"{source.name} categories"
        result = {
            "plumbline": "evaluation",
            "version": 1,
            "name": f"{name}, cross-validated",
            "task": "moderation",
            "axis": None,
            "model": name,
            "source": source.name,
            "split": None,
            "synthetic": is_synthetic(source.loaded),
            "note": "Heads trained and measured on these prompts by cross-validation; no model is kept.",
            **cross_validate_prompt_categories(prompts, options, place=source.name),
        }
        manifest = source.loaded.manifest("evaluation", ["demo"], {"source": source.name}, seed=seed)
        write_evaluation(out / "evaluations" / f"{source.name}-categories", result, manifest)
        results.append(result)
    return results
