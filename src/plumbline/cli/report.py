"""``plumbline report``: one HTML page from what checks, trainings and evaluations wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plumbline.cli.console import note, progress


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(report)


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders with check.json, evaluation.json, models, curated data or releases below them."),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The page to write.")],
    title: Annotated[str, typer.Option(help="The heading of the page.")] = "Plumbline report",
) -> None:
    """Draw one self-contained HTML page: data health, what curating removed and why, quality of the models with intervals, where all came from.

    \b
    Example: plumbline report demo-out/checks demo-out/evaluations -o report.html
    """
    from plumbline.lineage import refuse_foreign_file
    from plumbline.loop.pages import moment_shown
    from plumbline.report import write_report

    refuse_foreign_file(out, is_ours=is_own_page(out))
    with progress("drawing"):
        summary = write_report(folders, out, title=title, created=moment_shown())
    for place in summary.passed_over:
        note(f"passed over: {place}, which Plumbline did not write")
    kinds = [("evaluation", summary.evaluations), ("check", summary.checks), ("model", summary.models)]
    kinds += [("curation", summary.curations)] if summary.curations else []
    note(f"wrote {out}: {', '.join(f'{count} {kind}' if count == 1 else f'{count} {kind}s' for kind, count in kinds)}")


def is_own_page(path: Path) -> bool:
    """Whether a page of ours stands there: it says so within its first bytes."""
    try:
        return b'<meta name="generator" content="plumbline">' in path.read_bytes()[:1000]
    except OSError:
        return False
