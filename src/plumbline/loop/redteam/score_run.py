"""Scoring red-team attempts: a model and sources → the attempts with its scores, scores of single turns, a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from plumbline.formats import PARQUET, Loaded, write_tables
from plumbline.formats.own_folders import SCORED_ATTEMPTS, SCORES
from plumbline.lineage import (
    FileEntry,
    Manifest,
    Terms,
    count_by_code,
    refuse_foreign_folder,
    refuse_output_among_inputs,
    strictest_terms,
    with_terms,
    write_folder_aside,
)
from plumbline.loop.measuring.evaluation_run import READ_IN_PART
from plumbline.loop.sources import Step, load_stage, resolved_options, told_records
from plumbline.models.loading import load_any_model
from plumbline.models.model_folder import with_model
from plumbline.records import Kind, NoDataError
from plumbline.redteam.transcript_scores import TranscriptScores, require_harmlessness, score_transcripts, with_scores

TURNS_NAME, ATTEMPTS_NAME = f"{SCORES}/turns.parquet", f"{SCORES}/attempts.parquet"


@dataclass(frozen=True)
class TranscriptScoring:
    """Which model, on what, and the folder to write.

    Attributes:
        model: a model's folder.
        source: attempts, of all splits.
        out: gets ``red_team_attempts/SPLIT.parquet``, ``scores/turns.parquet``, ``scores/attempts.parquet``.
        load_options: of `formats.load`.
        command: for the manifest.
        trust_remote_code: run code that comes with a transformer.
        tokens_per_batch: that a transformer computes at a time; None takes its default.
    """

    model: Path
    source: str
    out: Path
    load_options: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    trust_remote_code: bool = False
    tokens_per_batch: int | None = None


@dataclass(frozen=True)
class TranscriptsScored:
    """What was scored.

    Attributes:
        attempts: written, with a score or without.
        transcripts, descriptions, turns: that have a score.
        unscored: what has none, by code.
        former: attempts whose score came with the data and stands in ``scores/attempts.parquet`` alone now.
        truncated: conversations and descriptions of which the model read a part only.
        passed_over: records of other kinds.
        quarantined: rows that could not be read, by code.
        findings: what looked wrong in those that could, by code.
        uses, licence: of what was written.
    """

    attempts: int
    transcripts: int
    descriptions: int
    turns: int
    unscored: dict[str, int]
    former: int
    truncated: int
    passed_over: dict[str, int]
    quarantined: dict[str, int]
    findings: dict[str, int]
    uses: list[str]
    licence: str

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        return dict(vars(self))


def run_transcript_scoring(run: TranscriptScoring, step: Step = lambda _: None) -> TranscriptsScored:
    """Score transcripts and descriptions, and write all of it aside, then into place.

    Raises:
        UsageError: the model does not score harmlessness, or something else stands at the output.
        NoDataError: the source has no attempts.
        PlumblineError: the model or the source cannot be read.
    """
    refuse_output_among_inputs(run.out, [run.model, *([Path(run.source)] if Path(run.source).exists() else [])])
    refuse_foreign_folder(run.out, SCORED_ATTEMPTS)
    model, description = load_any_model(
        run.model, trust_remote_code=run.trust_remote_code, tokens_per_batch=run.tokens_per_batch
    )
    require_harmlessness(model, str(run.model))
    loaded = load_stage([run.source], None, run.load_options, step)
    attempts = attempts_of(loaded, run.source)
    step("scoring")
    scores = score_transcripts(
        model, attempts, advance=lambda done, total: step(f"scoring, {done:,} of {total:,} attempts")
    )
    terms = strictest_terms([loaded.terms, description.permitted])
    with write_folder_aside(run.out, SCORED_ATTEMPTS) as aside:
        rows = _write(with_scores(attempts, scores), scores, terms, aside)
        _manifest(run, loaded, scores, terms, rows).write(aside)
    return _told(loaded, scores, terms)


def attempts_of(loaded: Loaded, place: str) -> pa.Table:
    """The attempts of a source.

    Raises:
        NoDataError: there are none.
    """
    if len(loaded.red_team_attempts):
        return loaded.red_team_attempts
    raise NoDataError(
        "PL-RTS-006",
        place,
        "there are no red-team attempts",
        found=", ".join(told_records([loaded])) or "no rows",
        advice="name a source with attempts, like hh-rlhf/red-team-attempts or the export of a red-team study",
    )


def _write(attempts: pa.Table, scores: TranscriptScores, terms: Terms, folder: Path) -> dict[str, int]:
    """Rows by file name."""
    written = write_tables({Kind.RED_TEAM_ATTEMPTS: with_terms(attempts, terms)}, folder, PARQUET)
    tables = {TURNS_NAME: scores.turns, ATTEMPTS_NAME: scores.attempts}
    (folder / SCORES).mkdir()
    for name, table in tables.items():
        pq.write_table(with_terms(table, terms), folder / name, compression="zstd")
    return {**written.rows, **{name: len(table) for name, table in tables.items()}}


def _manifest(
    run: TranscriptScoring, loaded: Loaded, scores: TranscriptScores, terms: Terms, rows: Mapping[str, int]
) -> Manifest:
    options = resolved_options([run.source], None, run.load_options)
    configuration = {"model": str(run.model), "source": run.source, **options}
    manifest = with_model(loaded.manifest(SCORED_ATTEMPTS, run.command, configuration), run.model)
    truncated = {READ_IN_PART: scores.truncated} if scores.truncated else {}
    return manifest.model_copy(
        update={
            "outputs": [FileEntry(path=name, sha256="", size_bytes=0, rows=count) for name, count in rows.items()],
            "findings": {**manifest.findings, **scores.unscored, **truncated},
            "uses": sorted(terms.uses),
            "licence": terms.licence,
        }
    )


def _told(loaded: Loaded, scores: TranscriptScores, terms: Terms) -> TranscriptsScored:
    def given(table: pa.Table, column: str) -> int:
        """Rows that say something in a column."""
        return len(table) - int(table[column].null_count)

    others = {
        kind.value: len(table)
        for kind, table in loaded.tables.items()
        if kind is not Kind.RED_TEAM_ATTEMPTS and len(table)
    }
    return TranscriptsScored(
        len(scores.attempts),
        given(scores.attempts, "transcript_score"),
        given(scores.attempts, "description_score"),
        given(scores.turns, "score"),
        scores.unscored,
        given(scores.attempts, "former_transcript_score"),
        scores.truncated,
        others,
        loaded.quarantined,
        count_by_code(loaded.findings),
        sorted(terms.uses),
        terms.licence,
    )
