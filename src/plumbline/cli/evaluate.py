"""``plumbline evaluate`` and ``plumbline score``: what a model is worth, and what it says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plumbline.cli import options
from plumbline.cli.console import exit_where_rows_are_missing, note, print_json, progress, tell_set_aside, tell_unread
from plumbline.cli.option_groups import with_options
from plumbline.cli.source_flags import SourceFlags

if TYPE_CHECKING:
    from plumbline.loop.measuring.evaluation_run import ScoringResult


def register(app: typer.Typer) -> None:
    """Add both commands."""
    app.command()(evaluate)
    app.command()(score)


@with_options("reading", SourceFlags)
def evaluate(
    model: options.Model,
    source: options.Source,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="A folder for evaluation.json, which `plumbline report` reads.")
    ] = None,
    on: Annotated[str | None, typer.Option("--on", help="Which axis of the source to measure on.")] = None,
    axis: options.Axis = None,
    seed: options.Seed = 0,
    trust_remote_code: options.TrustRemoteCode = False,
    tokens_per_batch: options.TokensPerBatch = None,
    as_json: options.Json = False,
    *,
    reading: SourceFlags,
) -> None:
    """Measure a model on labelled data: figures with 95 % intervals over prompts. Reads the split test where there is one.

    \b
    Example: plumbline evaluate models/harmless hh-rlhf --data-dir harmless-base --json
    """
    from plumbline.cli.figures import print_figures
    from plumbline.loop.measuring.evaluation_run import EvaluationRun, run_evaluation

    how = reading.load_options(axis)
    run = EvaluationRun(model, source, out, on, seed, how, tuple(sys.argv[1:]), trust_remote_code, tokens_per_batch)
    with progress("evaluating") as shown:
        result = run_evaluation(run, step=shown.step)
    if as_json:
        print_json(result)
        exit_where_rows_are_missing(_unread(result))
        return
    of_what = f"{result['task']} model" + (f" of {result['axis']}" if result["axis"] else "")
    print_figures(result, f"{result['name']}: {of_what}, {result['rows']['evaluated']:,} rows")
    if out:
        note(f"wrote {out / 'evaluation.json'}")
    _tell_truncated(result.get("truncated_replies", 0))
    tell_unread(_unread(result), source, how)
    tell_set_aside({code: count for code, count in result["rows"]["set_aside"].items() if code.startswith("PL-TRN-")})
    exit_where_rows_are_missing(_unread(result))


def _unread(result: dict[str, Any]) -> dict[str, int]:
    """Rows that could not be read; those set aside for training reasons are not among them."""
    return {code: count for code, count in result["rows"]["set_aside"].items() if not code.startswith("PL-TRN-")}


@with_options("reading", SourceFlags)
def score(
    model: options.Model,
    source: options.Source,
    out: Annotated[Path, typer.Option("-o", "--out", help="A file that ends in .parquet, .jsonl or .csv.")],
    axis: options.Axis = None,
    trust_remote_code: options.TrustRemoteCode = False,
    tokens_per_batch: options.TokensPerBatch = None,
    *,
    reading: SourceFlags,
) -> None:
    """Score every reply of a source, of all its splits: columns id, side, score, probability, kind, source, row, split.

    \b
    Example: plumbline score models/harmless hh-rlhf --data-dir harmless-base -o scores.parquet
    """
    from plumbline.loop.measuring.evaluation_run import ScoringRun, run_scoring

    how = reading.load_options(axis)
    with progress("scoring") as shown:
        result = run_scoring(
            ScoringRun(model, source, out, how, tuple(sys.argv[1:]), trust_remote_code, tokens_per_batch),
            step=shown.step,
        )
    _tell_scored(result, out)
    tell_unread(result.quarantined, source, how)
    exit_where_rows_are_missing(result.quarantined)


def _tell_scored(result: ScoringResult, out: Path) -> None:
    """What was scored, of which splits, what was not, and what to beware of."""
    parts = [
        f"{count:,} {kind.replace('_', ' ')}" + (f" of split {name}" if name else "")
        for kind, by_split in result.records.items()
        for name, count in sorted(by_split.items())
    ]
    trained = f"; {result.trained:,} of them are of items that the model was trained on" if result.trained else ""
    note(f"wrote {out}: {result.replies:,} replies, of {', '.join(parts)}{trained}")
    for kind, count in result.passed_over.items():
        note(f"not scored: {count:,} {kind.replace('_', ' ')}, which have no reply")
    _tell_truncated(result.truncated)
    if result.without_number:
        note(
            f"the model gave no finite number for {result.without_number:,} replies: what they lack is null, and NOT safe"
        )
    if result.not_calibrated:
        note(
            "the model was imported and is not calibrated: probabilities read its scores as log-odds; trust their order only"
        )
    if result.note:
        note(result.note)


def _tell_truncated(replies: int) -> None:
    """Say how many replies the model judged without having read all that was said before them, or all of them."""
    if replies:
        note(f"{replies:,} replies stand in conversations too long for the model, which were cut at their beginning")
