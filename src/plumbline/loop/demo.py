"""The demo: data → check → split → models → figures → report, on a synthetic corpus or on a folder of the user's.

Each stage is one function; what it writes is a Plumbline folder like any command's. A folder of data is taken apart by
its own folders: pairs become preference models, labels moderation models, pairs with labels of both sides cost models.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from plumbline.curate import assign_splits
from plumbline.formats import Loaded, convert_loaded, load
from plumbline.formats.locations import is_data_file
from plumbline.lineage import (
    Manifest,
    read_manifest,
    refuse_foreign_folder,
    strictest_terms,
    write_aside,
    write_folder_aside,
)
from plumbline.loop.check_run import CHECK_NAME, run_check
from plumbline.loop.evaluation_run import EVALUATION_NAME, EvaluationRun, run_evaluation
from plumbline.loop.sources import is_synthetic
from plumbline.loop.synthetic_corpus import write_synthetic_corpus
from plumbline.loop.training_run import TrainingRun, run_training
from plumbline.models.linear_model import Task
from plumbline.models.prompt_categories import cross_validate_prompt_categories
from plumbline.models.recipes import training_options
from plumbline.records import Axis, Kind, NoDataError, Outcome, PlumblineError, SourceError, UsageError

Say = Callable[[str], None]

FEWEST_ROWS = 200
"""A source with fewer judged rows is checked, but no model is trained on it."""
SHARES = {"train": 0.8, "test": 0.2}


@dataclass(frozen=True)
class DemoSource:
    """One folder of data.

    Attributes:
        name: unique within the demo.
        path: where it is read from: the folder itself, or a copy with splits.
        loaded: all of it.
    """

    name: str
    path: Path
    loaded: Loaded


@dataclass(frozen=True)
class PlannedModel:
    """One model to train and measure."""

    name: str
    task: Task
    source: DemoSource
    on: Axis | None = None


@dataclass
class DemoResult:
    """What the demo left.

    Attributes:
        report: the page to open.
        evaluations: what each model's ``evaluation.json`` holds.
        left_out: folder or model → why.
        seconds: by stage.
    """

    report: Path
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def run_demo(data: Path | None, out: Path, *, seed: int, created: str, say: Say = lambda _: None) -> DemoResult:
    """Run every stage.

    Args:
        data: a folder with folders of data; None makes the synthetic corpus.
        out: gets checks, splits, models, evaluations and ``report.html``; an earlier demo's are replaced one by one.
        seed: of the corpus, the splits, the folds and the bootstrap.
        created: the moment shown in the report.
        say: told what begins.
    Raises:
        PlumblineError: the data hold nothing to train on, or the disk is full.
    """
    _refuse_output(out, data)
    result = DemoResult(out / "report.html")
    clock = _Clock(result.seconds)
    folder = data
    if folder is None:
        _claim(out, seed)
        say("data: making a small synthetic corpus")
        folder = out / "data-synthetic"
        _write_corpus(folder, seed)
        clock.lap("data")
    sources = _load_sources(folder, result.left_out, say)
    clock.lap("reading")
    _claim(out, seed)
    _clear_parts(out, keep=data is None)
    _check_sources(sources, out, say)
    clock.lap("checking")
    sources = [_with_splits(source, out, seed, say) for source in sources]
    clock.lap("splitting")
    plan = _plan_models(sources, result.left_out)
    for model in plan:
        _train(model, out, seed, say)
    clock.lap("training")
    for model in plan:
        result.evaluations.append(_evaluate(model, out, seed, say))
    result.evaluations += _prompt_categories(sources, out, seed, say)
    clock.lap("measuring")
    if not result.evaluations:
        raise NoDataError(
            "PL-RUN-002",
            str(folder),
            "there is nothing to train a model on",
            found="; ".join(f"{name}: {why}" for name, why in result.left_out.items()) or "no judged rows",
            advice=f"a folder needs {FEWEST_ROWS} judged rows; see: plumbline data show {folder}",
        )
    _report(out, created, synthetic=data is None, say=say)
    clock.lap("report")
    _write_manifest(out, sources, seed, result.seconds)
    return result


PARTS = ("data-synthetic", "checks", "splits", "models", "evaluations", "report.html")
"""What a demo writes into its folder."""


def _refuse_output(out: Path, data: Path | None) -> None:
    """Refuse an output folder inside the data, and one that holds anything but an earlier demo."""
    if data is not None and Path(os.path.realpath(out)).is_relative_to(os.path.realpath(data)):
        raise UsageError(
            "PL-OUT-010",
            str(out),
            "the output would stand inside the data",
            expected="a folder outside of --data",
            advice="-o demo-out, from a folder that is not the data's",
        )
    if not _is_demo(out):
        refuse_foreign_folder(out, "demo")


def _is_demo(out: Path) -> bool:
    try:
        earlier = read_manifest(out)
    except SourceError:
        return False
    return earlier is not None and earlier.holds == "demo"


def _claim(out: Path, seed: int) -> None:
    """Make the output folder the demo's own before anything else is written, so that a stopped one can be run again."""
    if not _is_demo(out):
        manifest = Manifest(
            holds="demo", command=["demo"], configuration={}, seed=seed, inputs=[], uses=None, licence=None
        )
        manifest.write_listing(out, ())


def _clear_parts(out: Path, *, keep: bool) -> None:
    """Remove what an earlier demo wrote: its models and figures must not stand in this one's report.

    Args:
        out: the demo's own folder.
        keep: whether the synthetic corpus, just made anew, stays.
    """
    for part in PARTS:
        if part == "data-synthetic" and keep:
            continue
        if (out / part).is_dir():
            shutil.rmtree(out / part)
        else:
            (out / part).unlink(missing_ok=True)


class _Clock:
    """Seconds since the last lap, by stage."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds = seconds
        self._last = time.monotonic()

    def lap(self, stage: str) -> None:
        now = time.monotonic()
        self._seconds[stage], self._last = round(now - self._last, 2), now


# --- data ---


def _write_corpus(folder: Path, seed: int) -> None:
    with write_folder_aside(folder, "data") as aside:
        write_synthetic_corpus(aside, seed=seed)
        Manifest(holds="data", command=["demo"], configuration={}, seed=seed, inputs=[], uses=None, licence=None).write(
            aside
        )


def _load_sources(folder: Path, left_out: dict[str, str], say: Say) -> list[DemoSource]:
    sources = []
    for name, path in _named(_data_folders(folder), folder):
        say(f"data: reading {name}")
        try:
            sources.append(DemoSource(name, path, load(path)))
        except PlumblineError as error:
            left_out[name] = f"{error.code} {error.problem}"
    if not sources:
        raise SourceError(
            "PL-SRC-005",
            str(folder),
            "no folder in it holds data that can be read",
            found="; ".join(f"{name}: {why}" for name, why in left_out.items()) or "no data files",
            advice="plumbline demo without --data makes a corpus of its own",
        )
    return sources


def _named(paths: Sequence[Path], folder: Path) -> list[tuple[str, Path]]:
    """Each folder with its own name, or its whole path where two are named alike."""
    leaves = [path.resolve().name for path in paths]
    return [
        (leaf if leaves.count(leaf) == 1 else "-".join(path.relative_to(folder).parts), path)
        for leaf, path in zip(leaves, paths, strict=True)
    ]


def _data_folders(folder: Path) -> list[Path]:
    """The folders that hold data files themselves, in order."""
    if not folder.is_dir():
        raise SourceError(
            "PL-SRC-001",
            str(folder),
            "there is a file, not a folder, at this path" if folder.exists() else "there is no folder at this path",
            advice="name a folder of data, or leave --data out for a synthetic corpus",
        )
    holders = {path.parent for path in folder.rglob("*") if path.is_file() and is_data_file(path.relative_to(folder))}
    return sorted(holders)


def _check_sources(sources: Sequence[DemoSource], out: Path, say: Say) -> None:
    for source in sources:
        say(f"check: {source.name}")
        summary = run_check(source.name, source.loaded, limit=5)
        with write_aside(out / "checks" / source.name / CHECK_NAME) as aside:
            aside.write_text(json.dumps(summary, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _with_splits(source: DemoSource, out: Path, seed: int, say: Say) -> DemoSource:
    """The source where it has train and test; else a copy whose prompts are dealt out to both."""
    judged = [table for kind, table in source.loaded.tables.items() if kind in (Kind.COMPARISONS, Kind.SAFETY_LABELS)]
    splits = {split for table in judged for split in table["split"].unique().to_pylist()}
    if {"train", "test"} <= splits or not any(len(table) >= FEWEST_ROWS for table in judged):
        return source
    say(f"split: {source.name} by prompt")
    tables = {kind: _split(table, seed) for kind, table in source.loaded.tables.items()}
    loaded = Loaded(**{**vars(source.loaded), "tables": tables})
    path = out / "splits" / source.name
    convert_loaded(loaded, path, "parquet", command=["demo"])
    return DemoSource(source.name, path, loaded)


def _split(table: pa.Table, seed: int) -> pa.Table:
    position = table.schema.get_field_index("split")
    names = assign_splits(table["group_id"], SHARES, seed=seed)
    return table.set_column(
        position, table.schema.field(position), names.dictionary_encode().cast(table.schema.field(position).type)
    )


# --- models ---


def _plan_models(sources: Sequence[DemoSource], left_out: dict[str, str]) -> list[PlannedModel]:
    """Which models each source can teach."""
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


def _train(model: PlannedModel, out: Path, seed: int, say: Say) -> None:
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


def _evaluate(model: PlannedModel, out: Path, seed: int, say: Say) -> dict[str, Any]:
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


def _prompt_categories(sources: Sequence[DemoSource], out: Path, seed: int, say: Say) -> list[dict[str, Any]]:
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
        with write_aside(out / "evaluations" / f"{source.name}-categories" / EVALUATION_NAME) as aside:
            aside.write_text(json.dumps(result, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        results.append(result)
    return results


# --- the end ---


def _report(out: Path, created: str, *, synthetic: bool, say: Say) -> None:
    from plumbline.report import write_report

    say("report: drawing")
    title = "Plumbline demo on synthetic data" if synthetic else "Plumbline demo"
    parts = [out / name for name in ("checks", "models", "evaluations") if (out / name).is_dir()]
    write_report(parts, out / "report.html", title=title, created=created)


def _write_manifest(out: Path, sources: Sequence[DemoSource], seed: int, seconds: dict[str, float]) -> None:
    terms = strictest_terms(source.loaded.terms for source in sources)
    Manifest(
        holds="demo",
        command=["demo"],
        configuration={"sources": [source.name for source in sources]},
        seed=seed,
        inputs=[file for source in sources for file in source.loaded.files],
        rows_read=sum(source.loaded.rows_read for source in sources),
        quarantined=_sum_counts([source.loaded.quarantined for source in sources]),
        uses=sorted(terms.uses),
        licence=terms.licence,
        durations_seconds=seconds,
    ).write_listing(out, PARTS)


def _sum_counts(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    codes = sorted({code for count in counts for code in count})
    return {code: sum(count.get(code, 0) for count in counts) for code in codes}
