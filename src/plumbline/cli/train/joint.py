"""``plumbline train together``: several tasks at once on one trunk."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plumbline.cli import options
from plumbline.cli.console import exit_where_rows_are_missing, print_json, progress
from plumbline.cli.interruptions import interruption_told
from plumbline.cli.option_groups import with_options
from plumbline.cli.source_flags import DataFlags
from plumbline.cli.train.told import tell_trained
from plumbline.cli.train.transformer_flags import TransformerFlags

if TYPE_CHECKING:
    from plumbline.loop.training.run import TrainingResult, TrainingRun


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(together)


@with_options("transformer", TransformerFlags)
@with_options("reading", DataFlags)
def together(
    sources: options.Sources,
    out: options.Out,
    model: Annotated[str, typer.Option(help="The transformer to start from: a folder, or a hub id owner/name.")],
    task: Annotated[
        list[str] | None,
        typer.Option(help="preference, cost or moderation; may be repeated. By default all that the sources teach."),
    ] = None,
    on: Annotated[str | None, typer.Option("--on", help="Of rewards: this axis alone; every axis by default.")] = None,
    false_positive_rate: Annotated[
        float, typer.Option(help="Thresholds let at most this share of harmless rows be flagged.", min=0.0001, max=0.5)
    ] = 0.05,
    seed: options.Seed = 0,
    axis: options.Axis = None,
    override_uses: options.OverrideUses = False,
    as_json: options.Json = False,
    *,
    reading: DataFlags,
    transformer: TransformerFlags,
) -> None:
    """Train rewards, a cost and a moderation model at once on one transformer. Writes a folder of model folders.

    \b
    Example: plumbline train together pku-saferlhf beavertails --model Qwen/Qwen3-0.6B -o models/both
    Example: plumbline train together pku-saferlhf --task preference --task cost --model Qwen/Qwen3-0.6B -o models/pku
    """
    from plumbline.loop.training.run import TrainingRun

    settings = {**transformer.settings(), "seed": seed, "max_false_positive_rate": false_positive_rate}
    tasks = _tasks(task)
    run = TrainingRun(
        task=tasks[0] if tasks else "preference",
        sources=tuple(sources),
        out=out,
        kind=model,
        on=on,
        override_uses=override_uses,
        settings=settings,
        load_options=reading.load_options(axis),
        command=tuple(sys.argv[1:]),
        together=tasks,
    )
    _train(run, as_json=as_json)


def _tasks(names: list[str] | None) -> tuple[Any, ...]:
    """Tasks, each once, in the order of `TASKS`; none where none is asked for."""
    from plumbline.models.scored_model import TASKS
    from plumbline.records import unknown_name

    for name in names or ():
        if name not in TASKS:
            raise unknown_name("--task", name, TASKS)
    return tuple(each for each in TASKS if each in (names or ()))


def _train(run: TrainingRun, *, as_json: bool) -> None:
    from plumbline.models.loading import require_transformers

    require_transformers("--model")  # before what needs them is imported
    from plumbline.loop.training.joint_run import run_joint_training

    with interruption_told(run.out), progress("training together") as shown:
        results = run_joint_training(run, step=shown.step)
    if results is None:  # a further process of a distributed run
        return
    if as_json:
        print_json({name: {**each.cross_validated, "quarantined": each.quarantined} for name, each in results.items()})
    else:
        _tell(results, run)
    exit_where_rows_are_missing(next(iter(results.values())).quarantined)


def _tell(results: dict[str, TrainingResult], run: TrainingRun) -> None:
    """Figures of each model, then what a person must know."""
    from dataclasses import replace

    from plumbline.cli.figures import print_figures

    for name, result in results.items():
        print_figures(result.cross_validated, f"{name}, {result.measured}")
        tell_trained(result, replace(run, out=run.out / name))
