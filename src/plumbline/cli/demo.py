"""``plumbline demo``: the whole loop on made-up data, or the main job on data of one's own; ends with a report to open."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plumbline.cli import options
from plumbline.cli.console import note, print_table, progress

if TYPE_CHECKING:
    from plumbline.loop.demo.whole_loop import LoopResult


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(context_settings={"allow_extra_args": True})(demo)


def demo(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option(
            help="A folder with folders of data, or a file: check it, train on it, report. Made-up data by default."
        ),
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where to write.")] = Path("demo-out"),
    seed: options.Seed = 0,
    serve: Annotated[
        bool,
        typer.Option(
            "--serve",
            help="Afterwards serve the app and moderation, to click through, until Ctrl-C; a demo that stands there is served as it is.",
        ),
    ] = False,
    open_report: Annotated[
        bool | None,
        typer.Option(
            "--open/--no-open",
            help="Open the report in a browser; by default where there is a screen.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """The whole loop on made-up data: an app, simulated workers who judge over its API, two rounds of data, models and samplers, a report.

    With --data: check that data, train preference, cost and moderation models on it, measure them, and report.

    \b
    Example: plumbline demo -o demo-out
    Example: plumbline demo --serve
    Example: plumbline demo --data my-data -o my-report
    """
    _refuse_more(context.args)
    if data is not None and serve:
        from plumbline.records import UsageError

        raise UsageError(
            "PL-ARG-005",
            "--serve",
            "data of your own has no app to serve",
            found="--data",
            advice="leave --data out; plumbline serve my-report/models/NAME serves a model",
        )
    if data is not None:
        _on_own_data(data, out, seed, open_report=open_report)
        return
    from plumbline.loop.demo.extras import require_extras

    require_extras()  # before what needs them is imported
    from plumbline.loop.demo.serving import is_servable, serve_demo

    if not (serve and is_servable(out)):
        result = _whole_loop(out, seed)
        _tell_loop(result)
        _show(result.report, open_report=open_report)
    if serve:
        serve_demo(out, lambda said: print(said, flush=True))


def _refuse_more(words: Sequence[str]) -> None:
    """Of a folder that no option names, say which one would."""
    from plumbline.records import UsageError

    if words:
        raise UsageError(
            "PL-ARG-006",
            words[0],
            "nothing says what this is",
            expected="--data before a folder or a file of your own",
            advice=f"plumbline demo --data {quote(words[0])}",
        )


def _whole_loop(out: Path, seed: int) -> LoopResult:
    from plumbline.loop.demo.whole_loop import run_whole_loop
    from plumbline.loop.pages import moment_shown

    with progress("demo, SYNTHETIC") as shown:
        return run_whole_loop(out, seed=seed, created=moment_shown(), say=shown.step)


def _tell_loop(result: LoopResult) -> None:
    from plumbline.measure import Figure, format_figure

    def shown(fields: Any, digits: int = 3) -> str:
        """A figure as a cell."""
        return "" if fields is None else format_figure(Figure.from_json(fields), digits)

    figures = result.figures
    print_table(
        ["model (synthetic)", "round", "figure", "by the known truth", "by simulated workers"],
        [
            [each["name"], each["round"], each["figure"], shown(each["by_truth"]), shown(each["by_workers"])]
            for each in figures.models
        ],
    )
    print()
    print_table(
        ["study (synthetic)", "up to", "judgements", "agreement", "right by the known truth"],
        [
            [
                each["name"],
                each["round"],
                f"{each['comparisons'] + each['labels']:,}",
                shown(each["agreement"]),
                shown(each["right"]),
            ]
            for each in figures.studies
        ],
    )
    print()
    print_table(
        ["sampler (synthetic)", "Elo by simulated workers", "true helpfulness of a reply"],
        [[each["name"], shown(each["elo"], 0), shown(each["true_helpfulness"])] for each in figures.samplers],
    )
    note("everything in this run is SYNTHETIC: made-up texts, simulated workers; its figures say nothing about people")
    note(f"{len(result.notes)} notes of the rounds stand in {result.report.with_name('loop.json')}")
    _tell_seconds(result.seconds)


def _on_own_data(data: Path, out: Path, seed: int, *, open_report: bool | None) -> None:
    from plumbline.loop.demo.own_data import run_on_own_data
    from plumbline.loop.pages import moment_shown

    with progress("demo") as shown:
        result = run_on_own_data(data, out, seed=seed, created=moment_shown(), say=shown.step)
    print_table(
        ["model, measured on its test split", "figure", "value (95 % interval, n)"],
        [_row(each) for each in result.evaluations],
    )
    for name, counts in result.dealt.items():
        note(f"{name} has no splits train and test of its own: the demo dealt its prompts out, to {counts}")
    for name, why in result.left_out.items():
        note(f"left out: {name}: {why}")
    _tell_seconds(result.seconds)
    _show(result.report, open_report=open_report)


def _row(evaluation: dict[str, Any]) -> list[str]:
    from plumbline.measure import Figure, format_figure

    key = "auprc" if evaluation["task"] == "moderation" and evaluation["auprc"]["value"] is not None else "accuracy"
    label = " (synthetic)" if evaluation["synthetic"] else ""
    return [f"{evaluation['name']}{label}", key, format_figure(Figure.from_json(evaluation[key]))]


def _tell_seconds(seconds: dict[str, float]) -> None:
    stages = "; ".join(f"{stage} {spent:.1f}" for stage, spent in seconds.items())
    note(f"seconds: {stages}; in all {sum(seconds.values()):.1f}")


def _show(report: Path, *, open_report: bool | None) -> None:
    """Say where the page is, and open it where somebody sits before a screen."""
    print(f"\nopen {report.resolve().as_uri()}")
    if open_report if open_report is not None else _has_screen():
        import webbrowser

        webbrowser.open(report.resolve().as_uri())


def _has_screen() -> bool:
    """A terminal, and beside it a desktop: else a browser without windows might take the terminal over."""
    if not sys.stdout.isatty():
        return False
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
