"""``plumbline train``: preference, cost and moderation models."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from plumbline.cli import options
from plumbline.cli.console import (
    exit_where_rows_are_missing,
    print_json,
    progress,
)
from plumbline.cli.interruptions import interruption_told
from plumbline.cli.option_groups import with_options
from plumbline.cli.source_flags import DataFlags
from plumbline.cli.train import cascade, interchange, joint
from plumbline.cli.train.told import tell_trained
from plumbline.cli.train.transformer_flags import TransformerFlags

app = typer.Typer(
    help="Train a preference, cost or moderation model; carry transformers to and from other tools.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Model = Annotated[
    str,
    typer.Option(help="What to train: linear, or a transformer to start from: a folder, or a hub id owner/name."),
]
Features = Annotated[
    str | None,
    typer.Option(help="Features: words or characters; the better one for the task by default."),
]
L2 = Annotated[
    float | None, typer.Option("--l2", help="Strength of the regularisation; the task's own by default.", min=1e-6)
]


OutOfFold = Annotated[
    bool,
    typer.Option(
        "--out-of-fold",
        help="Above 20,000 rows, score every row by a model that has not seen it, not a tenth alone; up to three times as slow.",
    ),
]
On = Annotated[str | None, typer.Option("--on", help="Which axis to train on, where the data has several.")]


@app.command()
@with_options("transformer", TransformerFlags)
@with_options("reading", DataFlags)
def preference(
    sources: options.Sources,
    out: options.Out,
    model: Model = "linear",
    on: On = None,
    features: Features = None,
    l2: L2 = None,
    out_of_fold: OutOfFold = False,
    seed: options.Seed = 0,
    axis: options.Axis = None,
    override_uses: options.OverrideUses = False,
    as_json: options.Json = False,
    *,
    reading: DataFlags,
    transformer: TransformerFlags,
) -> None:
    """Train a model that scores a reply: higher is better. Bradley–Terry on judged pairs of one axis.

    \b
    Example: plumbline train preference hh-rlhf --data-dir harmless-base -o models/harmless
    Example: plumbline train preference hh-rlhf --data-dir harmless-base --model Qwen/Qwen3-0.6B --lora 16 -o models/qwen
    """
    how = reading.load_options(axis)
    settings = {**transformer.settings(), "features": features, "l2": l2, "out_of_fold": out_of_fold, "seed": seed}
    asked = _Asked("preference", sources, out, model, on, settings, override_uses)
    _train(asked, how, as_json=as_json)


@app.command()
@with_options("transformer", TransformerFlags)
@with_options("reading", DataFlags)
def cost(
    sources: options.Sources,
    out: options.Out,
    model: Model = "linear",
    features: Features = None,
    l2: L2 = None,
    out_of_fold: OutOfFold = False,
    seed: options.Seed = 0,
    override_uses: options.OverrideUses = False,
    as_json: options.Json = False,
    *,
    reading: DataFlags,
    transformer: TransformerFlags,
) -> None:
    """Train a model of harm: higher is more harmful, above 0 is unsafe. Needs pairs judged on harmlessness and labels.

    \b
    Example: plumbline train cost pku-saferlhf -o models/cost
    """
    how = reading.load_options()
    settings = {**transformer.settings(), "features": features, "l2": l2, "out_of_fold": out_of_fold, "seed": seed}
    asked = _Asked("cost", sources, out, model, None, settings, override_uses)
    _train(asked, how, as_json=as_json)


@app.command()
@with_options("transformer", TransformerFlags)
@with_options("reading", DataFlags)
def moderation(
    sources: options.Sources,
    out: options.Out,
    model: Model = "linear",
    features: Features = None,
    l2: L2 = None,
    false_positive_rate: Annotated[
        float, typer.Option(help="Thresholds let at most this share of harmless rows be flagged.", min=0.0001, max=0.5)
    ] = 0.05,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="How labels are weighed: transfer, for several sources and texts of another origin; or a TOML file."
        ),
    ] = None,
    out_of_fold: OutOfFold = False,
    seed: options.Seed = 0,
    override_uses: options.OverrideUses = False,
    as_json: options.Json = False,
    *,
    reading: DataFlags,
    transformer: TransformerFlags,
) -> None:
    """Train a model that says whether an answer is unsafe, and in which categories where the labels name them.

    \b
    Example: plumbline train moderation beavertails -o models/moderation --false-positive-rate 0.01
    Example: plumbline train moderation beavertails pku-saferlhf --recipe transfer -o models/moderation
    """
    how = reading.load_options()
    settings = {
        **transformer.settings(),
        "features": features,
        "l2": l2,
        "out_of_fold": out_of_fold,
        "seed": seed,
        "max_false_positive_rate": false_positive_rate,
        "recipe": recipe,
    }
    asked = _Asked("moderation", sources, out, model, None, settings, override_uses)
    _train(asked, how, as_json=as_json)


interchange.register(app)
joint.register(app)
cascade.register(app)


@dataclass(frozen=True)
class _Asked:
    """The options that say what to train, and where to put it."""

    task: Any
    sources: list[str]
    out: Path
    kind: str
    on: str | None
    settings: dict[str, Any]
    override_uses: bool


def _train(asked: _Asked, how: dict[str, Any], *, as_json: bool) -> None:
    from plumbline.cli.figures import print_figures
    from plumbline.loop.training.run import TrainingRun, run_training

    run = TrainingRun(
        task=asked.task,
        sources=tuple(asked.sources),
        out=asked.out,
        kind=asked.kind,
        on=asked.on,
        override_uses=asked.override_uses,
        settings=asked.settings,
        load_options=how,
        command=tuple(sys.argv[1:]),
    )
    with interruption_told(run.out), progress(f"training {asked.task}") as shown:
        result = run_training(run, step=shown.step)
    if result is None:  # a further process of a distributed run
        return
    if as_json:
        print_json({**result.cross_validated, "quarantined": result.quarantined})
    else:
        print_figures(result.cross_validated, result.measured)
        tell_trained(result, run)
    exit_where_rows_are_missing(result.quarantined)
