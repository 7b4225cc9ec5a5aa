"""``plumbline demo``: the main job on this machine, ending with a report to open."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from plumbline.cli import options
from plumbline.cli.console import note, print_table, progress


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    data: Annotated[
        Path | None, typer.Option(help="A folder with folders of data, or a file; a small synthetic corpus by default.")
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where to write.")] = Path("demo-out"),
    seed: options.Seed = 0,
) -> None:
    """Check data, train preference, cost and moderation models on it, measure them, and write a report.

    \b
    Example: plumbline demo -o demo-out
    """
    from datetime import UTC, datetime

    from plumbline.loop.demo.run import run_demo

    created = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    if data is None:
        note("no --data given: this run uses a small SYNTHETIC corpus; its figures say nothing about people")
    with progress("demo") as shown:
        result = run_demo(data, out, seed=seed, created=created, say=shown.step)
    print_table(
        ["model, measured on its test split", "figure", "value (95 % interval, n)"],
        [_row(each) for each in result.evaluations],
    )
    for name, why in result.left_out.items():
        note(f"left out: {name}: {why}")
    stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in result.seconds.items())
    note(f"seconds: {stages}; in all {sum(result.seconds.values()):.1f}")
    print(f"\nopen {result.report.resolve().as_uri()}")


def _row(evaluation: dict[str, Any]) -> list[str]:
    from plumbline.measure import Figure, format_figure

    key = "auprc" if evaluation["task"] == "moderation" and evaluation["auprc"]["value"] is not None else "accuracy"
    label = " (synthetic)" if evaluation["synthetic"] else ""
    return [f"{evaluation['name']}{label}", key, format_figure(Figure.from_json(evaluation[key]))]
