"""``plumbline loop``: one round, from what people judged to the study that the next round begins with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plumbline.cli import options
from plumbline.cli.console import EXIT_FINDINGS, exit_where_rows_are_missing, note, print_json, print_table, progress

if TYPE_CHECKING:
    from plumbline.loop.rounds.opened_round import Round
    from plumbline.loop.rounds.round_run import RoundResult


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("loop")(loop)


def loop(
    file: Annotated[
        Path, typer.Argument(metavar="ROUND.toml", help="The round's file; paths in it start in its folder.")
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Look whether all that it names is there, say what would be done, and stop.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Do every step again, and export the studies as they stand now.")
    ] = False,
    example: Annotated[
        bool,
        typer.Option("--example", help="Write a file to start from, for the demo's data, where none stands; and stop."),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Run one round: export studies, curate, release, train and measure models, choose the best replies, prepare the next study.

    A round that was stopped, by whatever it was, goes on where it was: give the same command again. What did not change is not done again.

    Exit code 1: rows could not be read or replies did not come, and the rest is done; or a step could not be done, and what was done before stays.

    \b
    Example: plumbline loop round-1.toml
    Example: plumbline loop round-1.toml --check
    """
    from plumbline.loop.rounds.opened_round import open_round
    from plumbline.loop.rounds.round_run import run_round

    if example:
        _write_example(file)
        return
    round_ = open_round(file)
    if check:
        _tell_check(round_, restart=restart, as_json=as_json)
        return
    with progress(f"round {round_.settings.name}") as shown:
        result = run_round(round_, restart=restart, command=sys.argv[1:], say=shown.step, note=note)
    if as_json:
        print_json(_json(round_, result))
    else:
        _tell(round_, result)
    for code, count in result.unread.items():
        note(f"not read: {count:,} rows or records, {code} (docs/errors.md)")
    exit_where_rows_are_missing(result.unread)
    if not result.is_whole:
        raise typer.Exit(EXIT_FINDINGS)


def _write_example(file: Path) -> None:
    from plumbline.loop.rounds.example_round import write_example_round

    write_example_round(file)
    note(f"wrote {file}; next: plumbline loop {quote(str(file))} --check")


def _tell_check(round_: Round, *, restart: bool, as_json: bool) -> None:
    from plumbline.loop.rounds.data_steps import unjudged_studies
    from plumbline.loop.rounds.round_run import plan_of

    plan = plan_of(round_, restart=restart)
    unjudged = unjudged_studies(round_, {each.step for each in plan if each.what == "to do"})
    if as_json:
        steps = [{"step": each.step, "output": each.output, "what": each.what} for each in plan]
        print_json({"name": round_.settings.name, "out": str(round_.out), "steps": steps})
        return
    print_table(["step", "writes", "now"], [[each.step, each.output or "", each.what] for each in plan])
    note(f"everything that {round_.path} names is there; it would be written to {round_.out}")
    for study in unjudged:
        ends = round_.settings.data.empty_studies == "stop"
        what = "the round would stop at its export (PL-RND-010)" if ends else "the round would leave it out"
        note(f"study {study}: nothing in it is judged yet; {what}")


def _tell(round_: Round, result: RoundResult) -> None:
    rows = [[taken.step, taken.output or "", taken.what, f"{taken.seconds:.1f}"] for taken in result.steps]
    print_table(["step", "writes", "now", "seconds"], rows, right=[3])
    if figures := list(_figure_rows(result)):
        print()
        print_table(["model", "figure", "value (95 % interval, n)", "the round before's on the same rows"], figures)
    for told in result.notes:
        note(told)
    note(f"wrote {round_.out}: {sum(taken.what != 'kept' for taken in result.steps)} of {len(result.steps)} steps now")
    report = round_.out / "report.html"
    if report.is_file():
        note(f"open {report}")
    if round_.settings.next is None:
        note(
            f'next: a file for the next round, beside this one, with before = "{round_.settings.out or round_.path.stem}"'
        )


def _figure_rows(result: RoundResult) -> Iterator[list[str]]:
    from plumbline.loop.rounds.chance import figures_against_chance
    from plumbline.measure import format_figure

    for one in result.models:
        before = {each.key: each for each in figures_against_chance(one.model, one.before)} if one.before else {}
        for each in figures_against_chance(one.model, one.now):
            earlier = format_figure(before[each.key].figure) if each.key in before else ""
            yield [one.model.name, each.key, format_figure(each.figure), earlier]


def _json(round_: Round, result: RoundResult) -> dict[str, Any]:
    from plumbline.loop.rounds.chance import figures_against_chance

    def figures(model: Any, evaluation: Any) -> dict[str, Any]:
        """The figures by their names."""
        return (
            {each.key: each.figure.to_json() for each in figures_against_chance(model, evaluation)}
            if evaluation
            else {}
        )

    return {
        "name": round_.settings.name,
        "out": str(round_.out),
        "steps": [
            {"step": each.step, "output": each.output, "what": each.what, "seconds": each.seconds}
            for each in result.steps
        ],
        "models": [
            {
                "name": one.model.name,
                "task": one.model.task,
                "figures": figures(one.model, one.now),
                "before": figures(one.model, one.before),
            }
            for one in result.models
        ],
        "notes": result.notes,
        "unread": result.unread,
    }
