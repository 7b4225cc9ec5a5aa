"""``plumbline data``: look at a source, find its faults, convert it, download it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import join, quote
from typing import TYPE_CHECKING, Annotated

import typer

from plumbline.cli import options
from plumbline.cli.console import (
    EXIT_FINDINGS,
    exit_where_rows_are_missing,
    note,
    print_json,
    print_table,
    progress,
    tell_findings,
    tell_unread,
)
from plumbline.cli.option_groups import with_options
from plumbline.cli.source_flags import DataFlags, SourceFlags

if TYPE_CHECKING:
    from plumbline.formats import Loaded
    from plumbline.formats.writing import Written

app = typer.Typer(help="Look at data, find its faults, convert it.", no_args_is_help=True, rich_markup_mode=None)


def load_with_progress(source: str, **how: object) -> Loaded:
    """`load`, with progress on stderr."""
    from plumbline.formats import load

    with progress(f"reading {source}") as shown:
        return load(source, advance=lambda name, done, total: shown.of(f"reading {name}", done, total), **how)  # type: ignore[arg-type]  # each command passes the options of load by name


@app.command()
@with_options("reading", SourceFlags)
def show(
    source: options.Source,
    axis: options.Axis = None,
    line: Annotated[
        int | None,
        typer.Option(
            help="Show one line of a single file as it stands, counted from 1 as messages and records say it."
        ),
    ] = None,
    rows: Annotated[int, typer.Option(help="How many records to show.", min=0, max=1000)] = 3,
    show_text: Annotated[bool, typer.Option("--show-text", help="Show the texts too; they can be offensive.")] = False,
    *,
    reading: SourceFlags,
) -> None:
    """Look at a source: what it holds and a few records, their texts masked until --show-text.

    Exit code 1: some rows could not be read.

    \b
    Example: plumbline data show Anthropic/hh-rlhf --data-dir harmless-base --rows 2
    """
    from plumbline.cli.showing import show_line, show_loaded

    if line is not None:
        show_line(Path(source), line, show_text=show_text)
        return
    how = reading.load_options(axis)
    loaded = load_with_progress(source, **how)
    show_loaded(loaded, rows=rows, show_text=show_text)
    tell_unread(loaded.quarantined, source, how)
    exit_where_rows_are_missing(loaded.quarantined)


@app.command()
@with_options("reading", SourceFlags)
def check(
    source: options.Source,
    axis: options.Axis = None,
    on_error: options.OnError = "quarantine",
    limit: Annotated[int, typer.Option(help="How many places to name of each finding.", min=0)] = 3,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="A folder for check.json, which `plumbline report` reads.")
    ] = None,
    as_json: options.Json = False,
    *,
    reading: SourceFlags,
) -> None:
    """Find and count what is wrong: unreadable rows (quarantined) and suspicious ones (findings). Removes nothing.

    Exit code 0: nothing found; 1: findings or quarantined rows.

    \b
    Example: plumbline data check hh-rlhf --data-dir harmless-base --limit 5
    """
    from plumbline.cli.showing import print_check
    from plumbline.lineage import refuse_foreign_folder
    from plumbline.loop.check_run import run_check, write_check

    if out:
        refuse_foreign_folder(out, "check")
    how = {**reading.said(axis), "on_error": on_error}
    loaded = load_with_progress(source, **{**reading.load_options(axis), **how})
    name = f"{Path(source).name}/{reading.data_dir}" if reading.data_dir else Path(source).name
    with progress("checking") as shown:
        summary = run_check(name, loaded, limit=limit, step=shown.step)
    if out:
        write_check(out, summary, loaded, sys.argv[1:], {"source": source, **how, "limit": limit})
    if as_json:
        print_json(summary)
    else:
        print_check(summary, loaded.paths)
        _tell_checked(source, how, out)
    if summary["findings"] or summary["quarantined"]:
        raise typer.Exit(EXIT_FINDINGS)


def _tell_checked(source: str, how: Mapping[str, object], out: Path | None) -> None:
    """What was written, and what comes after a check."""
    from plumbline.loop.sources import reading_words

    if out is not None:
        note(f"wrote {out / 'check.json'}")
    note(f"next: {join(['plumbline', 'curate', source, *reading_words(how)])} -o CURATED")


@app.command()
@with_options("reading", DataFlags)
def convert(
    source: options.Source,
    out: Annotated[Path, typer.Argument(help="A folder, or one file that ends in .jsonl, .jsonl.gz or .parquet.")],
    to: Annotated[str, typer.Option(help="hh-rlhf, red-team, beavertails, pku-saferlhf, trl, parquet and others.")],
    axis: options.Axis = None,
    on_error: options.OnError = "quarantine",
    *,
    reading: DataFlags,
) -> None:
    """Write a source in another format. What the format cannot express is counted, never dropped in silence.

    A source in which the same records stand twice is refused. Exit code 1: some rows could not be read, or are not
    wholly in the new format: it cannot express them, holds no such kind of record, or has no place for a column
    (worker, strength and the like).

    \b
    Example: plumbline data convert hh-rlhf/harmless-base pairs-for-trl --to trl
    """
    from plumbline.formats.writing import ConversionRun, convert_loaded, refuse_unknown_format

    refuse_unknown_format(to)
    asked = {**reading.said(axis), "on_error": on_error}
    loaded = load_with_progress(source, **{**reading.load_options(axis), **asked})
    run = ConversionRun(sys.argv[1:], {"source": source, **asked, "stated_terms": reading.stated_terms().to_json()})
    with progress(f"writing {out}"):
        written = convert_loaded(loaded, out, to, run=run, source=source)
    _tell_written(loaded, written, out, to)
    _tell_findings(loaded, source, asked)
    left_out = any(finding.code == _LEFT_OUT for finding in loaded.findings)
    if left_out or written.faults or loaded.faults or written.not_carried or written.columns_not_carried:
        raise typer.Exit(EXIT_FINDINGS)


_LEFT_OUT = "PL-SRC-012"
"""The finding after which the output is not what the source is: a file was left out."""


_SAID_IN_FULL = ("PL-USE-004", "PL-TRL-002")
"""Findings on what the user stated, or should: there is nothing about them to look up."""


def _tell_findings(loaded: Loaded, source: str, asked: Mapping[str, object]) -> None:
    from plumbline.lineage import count_by_code

    for finding in loaded.findings:
        if finding.code in _SAID_IN_FULL:
            note(f"{finding.code}  {loaded.place(finding.source)}: {finding.problem}")
    others = [finding for finding in loaded.findings if finding.code not in _SAID_IN_FULL]
    tell_findings(count_by_code(others), source, asked)


def _tell_written(loaded: Loaded, written: Written, out: Path, to: str) -> None:
    from plumbline.lineage import count_by_code

    print_table(["file", "rows"], [[name, f"{count:,}"] for name, count in written.rows.items()], right=[1])
    for kind, count in written.not_carried.items():
        note(f"not carried: {count:,} {kind.replace('_', ' ')} ({to} holds none)")
    for kind, counts in written.columns_not_carried.items():
        columns = ", ".join(f"{name} of {count:,}" for name, count in counts.items())
        note(f"not carried of {kind.replace('_', ' ')}: {columns} ({to} has no place for them)")
    for code, count in loaded.quarantined.items():
        note(f"not read: {count:,} rows, {code}")
    for code, count in count_by_code(written.faults).items():
        first = next(fault for fault in written.faults if fault.code == code)
        place = loaded.place(first.source, first.row)
        note(f"not written: {count:,} rows, {code} {first.problem}; the first is {place}")
    note(f"wrote {out}")


@app.command()
def pull(
    hub_id: Annotated[str, typer.Argument(help="Like Anthropic/hh-rlhf.")],
    out: Annotated[Path, typer.Argument(help="A folder to download into.")],
    data_dir: options.DataDir = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit; the main branch by default.")] = None,
) -> None:
    """Download a data set from the hub into a folder.

    \b
    Example: plumbline data pull Anthropic/hh-rlhf hh-rlhf --data-dir harmless-base
    """
    from plumbline.formats.hub import pull_dataset

    with progress(f"downloading {hub_id}"):
        files = pull_dataset(hub_id, out, data_dir=data_dir, revision=revision)
    print_table(["file", "bytes"], [[name, f"{size:,}"] for name, size in files.items()], right=[1])
    note(f"next: plumbline data check {quote(str(out))}")
