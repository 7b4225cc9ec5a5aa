"""``plumbline evaluate`` and ``plumbline score``: what a model is worth, and what it says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from plumbline.cli import options
from plumbline.cli.console import exit_where_rows_are_missing, note, print_json, progress, tell_unread

Model = Annotated[Path, typer.Argument(help="A model's folder.")]


def register(app: typer.Typer) -> None:
    """Add both commands."""
    app.command()(evaluate)
    app.command()(score)


def evaluate(
    model: Model,
    source: options.Source,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="A folder for evaluation.json, which `plumbline report` reads.")
    ] = None,
    on: Annotated[str | None, typer.Option("--on", help="Which axis of the source to measure on.")] = None,
    data_dir: options.DataDir = None,
    split: options.Split = None,
    format: options.Format = None,
    axis: options.Axis = None,
    seed: options.Seed = 0,
    no_cache: options.NoCache = False,
    as_json: options.Json = False,
) -> None:
    """Measure a model on labelled data: figures with 95 % intervals over prompts. Reads the split test where there is one.

    \b
    Example: plumbline evaluate models/harmless hh-rlhf --data-dir harmless-base --json
    """
    from plumbline.cli.train import print_figures
    from plumbline.loop.evaluation_run import EvaluationRun, run_evaluation

    how = {"data_dir": data_dir, "split": split, "format": format, "axis": axis, "cache": not no_cache}
    run = EvaluationRun(
        model=model, source=source, out=out, on=on, seed=seed, load_options=how, command=tuple(sys.argv[1:])
    )
    with progress("evaluating") as shown:
        result = run_evaluation(run, step=shown.step)
    if as_json:
        print_json(result)
        exit_where_rows_are_missing(_unread(result))
        return
    print_figures(result, f"{result['name']}, {result['rows']['evaluated']:,} rows")
    if out:
        note(f"wrote {out / 'evaluation.json'}")
    tell_unread(_unread(result), source)
    exit_where_rows_are_missing(_unread(result))


def _unread(result: dict[str, Any]) -> dict[str, int]:
    """Rows that could not be read; those set aside for training reasons are not among them."""
    return {code: count for code, count in result["rows"]["set_aside"].items() if not code.startswith("PL-TRN-")}


def score(
    model: Model,
    source: options.Source,
    out: Annotated[Path, typer.Option("-o", "--out", help="A file that ends in .parquet, .jsonl or .csv.")],
    data_dir: options.DataDir = None,
    split: options.Split = None,
    format: options.Format = None,
    axis: options.Axis = None,
    no_cache: options.NoCache = False,
) -> None:
    """Score every reply of a source: columns id, side, score, probability.

    \b
    Example: plumbline score models/harmless hh-rlhf --data-dir harmless-base -o scores.parquet
    """
    from plumbline.loop.evaluation_run import ScoringRun, run_scoring

    how = {"data_dir": data_dir, "split": split, "format": format, "axis": axis, "cache": not no_cache}
    with progress("scoring") as shown:
        count, unread = run_scoring(
            ScoringRun(model=model, source=source, out=out, load_options=how, command=tuple(sys.argv[1:])),
            step=shown.step,
        )
    note(f"wrote {out}: {count:,} replies")
    tell_unread(unread, source)
    exit_where_rows_are_missing(unread)
