"""Evaluating and scoring runs: a model and a source → ``evaluation.json``, or a file of scores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import join
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from pydantic import JsonValue

from plumbline.formats import Loaded
from plumbline.lineage import (
    FileEntry,
    Manifest,
    is_own_file,
    is_there,
    refuse_foreign_file,
    refuse_foreign_folder,
    strictest_terms,
    write_aside,
    write_folder_aside,
)
from plumbline.loop.earlier_outputs import EVALUATION_NAME, refuse_other_evaluation
from plumbline.loop.measuring.figures_on_train import figures_on_train
from plumbline.loop.sources import Step, is_synthetic, known_axis, load_stage, resolved_options, told_records
from plumbline.measure import Bootstrap
from plumbline.models.figures.evaluation import evaluate_model
from plumbline.models.loading import load_any_model
from plumbline.models.model_folder import DESCRIPTION_NAME, FolderDescription, with_model
from plumbline.models.reply_readings import NO_NUMBER
from plumbline.models.rows.trained_rows import Overlap, TrainedRows, read_trained_rows
from plumbline.models.rows.training_rows import Records
from plumbline.models.scored_model import Advance, ScoredModel
from plumbline.models.scoring import ScoredReplies, score_tables
from plumbline.models.training import TaskRows, rows_of_task
from plumbline.records import Axis, Kind, NoDataError, SourceError, UsageError

SCORE_ENDINGS = (".parquet", ".jsonl", ".csv")
READ_IN_PART = "PL-SCO-002"
"""Counted in the manifest of scores: replies of whose conversation the model read a part only."""
NOT_CALIBRATED = "PL-SCO-003"
"""Counted there as well: probabilities of a model that was never calibrated."""


@dataclass(frozen=True)
class EvaluationRun:
    """Which model, on what.

    Attributes:
        model: a model's folder.
        source: its split test, or all of a single file.
        out: a folder for ``evaluation.json``; None writes nothing.
        on: axis to measure on; a preference model's own by default.
        seed: of the bootstrap.
        load_options: of `formats.load`.
        command: for the manifest.
        trust_remote_code: run code that comes with a transformer.
        tokens_per_batch: that a transformer computes at a time; None takes its default.
        called: the model's name in the evaluation, where it has to be told from another of its own name.
    """

    model: Path
    source: str
    out: Path | None = None
    on: str | None = None
    seed: int = 0
    load_options: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    trust_remote_code: bool = False
    tokens_per_batch: int | None = None
    called: str | None = None


@dataclass(frozen=True)
class ScoringRun:
    """Which model, on what, and the file to write."""

    model: Path
    source: str
    out: Path
    load_options: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    trust_remote_code: bool = False
    tokens_per_batch: int | None = None


def run_evaluation(run: EvaluationRun, step: Step = lambda _: None) -> dict[str, Any]:
    """Measure a model; the returned object is what ``evaluation.json`` holds.

    Raises:
        PlumblineError: the model or the source cannot be read, or the source has no rows of the model's task.
    """
    if run.out is not None:
        refuse_foreign_folder(run.out, "evaluation")
    model, description = _loaded_model(run)
    if run.called is not None:
        description = description.model_copy(update={"name": run.called})
    if run.out is not None:
        refuse_other_evaluation(run.out, description.name, model.task, model.axis)
    trained_rows = read_trained_rows(run.model, description)
    loaded = load_stage([run.source], "test", run.load_options, step)
    rows = _rows(run, model, loaded)
    step("measuring")
    figures = evaluate_model(model, rows.pairs, rows.labels, Bootstrap(seed=run.seed), advance=_told(step))
    overlap = None if trained_rows is None else Overlap.of(trained_rows, (rows.pairs, rows.labels))
    result = {**_heading(run, model, description, loaded, rows), **_seen(overlap), **figures}
    result["note"] = _note(model, rows, overlap, _files_seen(description, loaded))
    result["rows"]["set_aside"] = {**loaded.quarantined, **result["rows"]["set_aside"]}
    result |= figures_on_train(description.training)
    if run.out is not None:
        write_evaluation(run.out, result, _manifest("evaluation", run, "test", loaded))
    return result


def _loaded_model(run: EvaluationRun | ScoringRun) -> tuple[ScoredModel, FolderDescription]:
    try:
        return load_any_model(run.model, trust_remote_code=run.trust_remote_code, tokens_per_batch=run.tokens_per_batch)
    except SourceError as error:
        if not is_there(Path(run.source) / DESCRIPTION_NAME):
            raise
        error.advice = f"the model comes first, then the data: {join([run.source, str(run.model)])}"
        error.retold(lambda text: text)
        raise


def _told(step: Step) -> Advance:
    """Say how many replies are scored."""
    return lambda done, total: step(f"scoring, {done:,} of {total:,} replies")


def write_evaluation(folder: Path, result: Mapping[str, Any], manifest: Manifest) -> None:
    """Write a folder with ``evaluation.json`` and its manifest.

    Args:
        folder: new, empty, or an earlier evaluation's.
        result: what ``evaluation.json`` holds.
        manifest: of the run; `Loaded.manifest` makes it.
    Raises:
        UsageError: something else stands there.
        WriteError: the disk is full or not writable.
    """
    with write_folder_aside(folder, "evaluation") as aside:
        text = json.dumps(result, ensure_ascii=False, indent=1, allow_nan=False)
        (aside / EVALUATION_NAME).write_text(text + "\n", encoding="utf-8")
        manifest.write(aside)


def _rows(run: EvaluationRun, model: ScoredModel, loaded: Loaded) -> TaskRows:
    """The source's rows of the model's task. A cost model is measured by whichever it finds, pairs or labels."""
    asked = known_axis(run.on)
    if model.task != "cost":
        return rows_of_task(loaded.tables, model.task, axis=asked or model.axis, place=run.source)
    pairs = loaded.tables.get(Kind.COMPARISONS)
    labels = loaded.tables.get(Kind.SAFETY_LABELS)
    if pairs is None or not len(pairs):
        return TaskRows(None, rows_of_task({Kind.SAFETY_LABELS: labels}, "moderation", place=run.source).labels)
    return rows_of_task(loaded.tables, "cost", axis=asked, place=run.source)


def _heading(
    run: EvaluationRun, model: ScoredModel, description: FolderDescription, loaded: Loaded, rows: TaskRows
) -> dict[str, Any]:
    splits = sorted(
        {split for table in loaded.tables.values() for split in table["split"].unique().to_pylist() if split}
    )
    subsets = sorted(
        {subset for part in (rows.pairs, rows.labels) if part for subset in part.places.subsets.unique() if subset}
    )
    place = ", ".join(subsets) or Path(run.source).name
    return {
        "plumbline": "evaluation",
        "version": 1,
        "name": _name(description.name, place, splits),
        "task": model.task,
        "axis": model.axis,
        "model": description.name,
        "source": run.source,
        "split": splits[0] if len(splits) == 1 else None,
        "synthetic": is_synthetic(loaded) or description.synthetic,
        "note": None,
    }


def _seen(overlap: Overlap | None) -> dict[str, Any]:
    """How much of what is measured was trained on, where the model says what that was."""
    return {} if overlap is None else {"trained_on": overlap.to_json()}


def _name(model: str, place: str, splits: list[str]) -> str:
    """``harmless-base test``, with the model's name before it where that does not say it already."""
    measured = " ".join([place, *splits])
    if model == place:
        return measured
    return (
        f"{measured} ({model.removeprefix(f'{place}-')})" if model.startswith(f"{place}-") else f"{model} on {measured}"
    )


def _files_seen(description: FolderDescription, loaded: Loaded) -> list[str]:
    """The files that the model was trained on, to the byte."""
    trained_on = {str(entry["sha256"]) for entry in description.data}
    return [file.path for file in loaded.files if file.sha256 in trained_on]


def _note(model: ScoredModel, rows: TaskRows, overlap: Overlap | None, files_seen: list[str]) -> str | None:
    """What a reader must know before trusting the figures; None where there is nothing."""
    notes = []
    if overlap is not None and overlap.told:
        notes.append(overlap.told)
    elif overlap is None and files_seen:  # saved before models kept what they were trained on
        notes.append(f"the model was TRAINED on these very rows ({', '.join(files_seen)}): the figures flatter it")
    if rows.pairs is not None and model.axis is not None and rows.pairs.axis is not model.axis:
        notes.append(f"the model was trained on {model.axis} and is measured on {rows.pairs.axis}")
    return "; ".join(notes) or None


def _manifest(holds: str, run: EvaluationRun | ScoringRun, split: str | None, loaded: Loaded) -> Manifest:
    """The manifest of what a model says of a source."""
    configuration: dict[str, JsonValue] = {
        "model": str(run.model),
        "source": run.source,
        **({"on": run.on} if isinstance(run, EvaluationRun) else {}),
        **resolved_options([run.source], split, run.load_options),
    }
    seed = run.seed if isinstance(run, EvaluationRun) else None
    return with_model(loaded.manifest(holds, run.command, configuration, seed=seed), run.model)


@dataclass(frozen=True)
class ScoringResult:
    """What was scored.

    Attributes:
        replies: rows written.
        records: of which kinds and splits they are: kind → split ("" for none) → records.
        trained: how many of the records the model was trained on; None where it does not say.
        passed_over: kinds of records that have no reply to score → how many.
        quarantined: rows that could not be read, by code.
        note: what a reader of the scores must know; None where there is nothing.
        truncated: replies of whose conversation the model read a part only.
        not_calibrated: probabilities of a model that nobody calibrated.
        without_number: replies for which the model gave no finite number; what they lack is null.
    """

    replies: int
    records: dict[str, dict[str, int]]
    trained: int | None
    passed_over: dict[str, int]
    quarantined: dict[str, int]
    note: str | None
    truncated: int = 0
    not_calibrated: int = 0
    without_number: int = 0


def run_scoring(run: ScoringRun, step: Step = lambda _: None) -> ScoringResult:
    """Score every reply of a source, of all its splits, and write the scores aside, then into place.

    Raises:
        UsageError: the file's ending is none that is written.
        PlumblineError: the model or the source cannot be read.
    """
    _refuse_other_endings(run.out)
    refuse_foreign_file(run.out, is_ours=is_own_file(run.out))
    model, description = _loaded_model(run)
    trained_rows = read_trained_rows(run.model, description)
    loaded = load_stage([run.source], None, run.load_options, step)
    step("scoring")
    scored = score_tables(model, loaded.tables, advance=_told(step))
    scores = scored.rows
    if not len(scores):
        raise NoDataError(
            "PL-RUN-003",
            run.source,
            "there is no reply to score",
            found=", ".join(told_records([loaded])),
            advice="name a source with comparisons, safety labels or red-team attempts",
        )
    with write_aside(run.out) as aside:
        _write(scores, aside, run.out.suffix)
    outputs = [FileEntry(path=run.out.name, sha256="", size_bytes=0, rows=len(scores))]
    manifest = _manifest("scores", run, None, loaded)
    terms = strictest_terms([loaded.terms, description.permitted])
    guessed = 0 if description.is_calibrated else len(scores) - scores["probability"].null_count
    counts = {READ_IN_PART: scored.truncated, NOT_CALIBRATED: guessed, NO_NUMBER: scored.without_number}
    findings = {**manifest.findings, **{code: count for code, count in counts.items() if count}}
    of_scores = {"outputs": outputs, "uses": sorted(terms.uses), "licence": terms.licence, "findings": findings}
    manifest.model_copy(update=of_scores).write_beside(run.out)
    return replace(_scored(model, loaded, trained_rows, scored), not_calibrated=guessed)


def _refuse_other_endings(out: Path) -> None:
    if not out.name.endswith(SCORE_ENDINGS):
        raise UsageError(
            "PL-OUT-006",
            str(out),
            "no scores are written to such a file",
            expected=f"a file that ends in {' '.join(SCORE_ENDINGS)}",
            advice=f"-o {out.name.split('.')[0]}.parquet",
        )


def _scored(
    model: ScoredModel, loaded: Loaded, trained_rows: TrainedRows | None, replies: ScoredReplies
) -> ScoringResult:
    """What is told of a scoring."""
    scored = {kind: table for kind, table in loaded.tables.items() if kind is not Kind.PROMPTS and len(table)}
    records = {
        kind.value: {
            entry["values"] or "": entry["counts"]
            for entry in table["split"].cast(pa.string()).value_counts().to_pylist()
        }
        for kind, table in scored.items()
    }
    trained = None
    if trained_rows is not None:
        everything = [Records(table, np.arange(len(table))) for table in scored.values()]
        trained = sum(int(trained_rows.rows_among(rows).sum()) for rows in everything)
    others = {kind.value: len(table) for kind, table in loaded.tables.items() if kind not in scored and len(table)}
    return ScoringResult(
        len(replies.rows),
        records,
        trained,
        others,
        loaded.quarantined,
        _axis_note(model, loaded),
        replies.truncated,
        without_number=replies.without_number,
    )


def _axis_note(model: ScoredModel, loaded: Loaded) -> str | None:
    """On which other axes than the model's the comparisons are, whose sides it gives a probability of being better."""
    own = Axis.HARMLESSNESS if model.task == "cost" else model.axis
    others = sorted({*loaded.comparisons["axis"].unique().to_pylist()} - {own})
    if own is None or not others or model.task == "moderation":
        return None
    return f"the model was trained on {own}, and scores comparisons on {', '.join(others)}"


def _write(scores: pa.Table, path: Path, ending: str) -> None:
    if ending == ".parquet":
        pyarrow.parquet.write_table(scores, path, compression="zstd")
    elif ending == ".csv":
        pyarrow.csv.write_csv(scores, path)
    else:
        lines = (json.dumps(row, ensure_ascii=False) for row in scores.to_pylist())
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
