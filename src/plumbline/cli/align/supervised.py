"""``plumbline align supervised``: a policy learns replies."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plumbline.cli import options
from plumbline.cli.align.training_flags import Half, Lora, UnfinishedFlags, refuse_idle
from plumbline.cli.align.training_told import tell_policy
from plumbline.cli.console import note, progress
from plumbline.cli.interruptions import interruption_told
from plumbline.cli.option_groups import with_options
from plumbline.cli.source_flags import DataFlags

if TYPE_CHECKING:
    from plumbline.loop.aligning.supervised_opening import SupervisedRun


@dataclass(frozen=True)
class NewModelFlags:
    """Of a model made from nothing."""

    layers: Annotated[int | None, typer.Option(help="Of --model new; 4.", min=1)] = None
    width: Annotated[int | None, typer.Option(help="Of --model new; 256.", min=2)] = None
    heads: Annotated[int | None, typer.Option(help="Of --model new; 4.", min=1)] = None
    vocabulary: Annotated[int | None, typer.Option(help="Tokens of --model new; 4096.", min=260)] = None
    positions: Annotated[int | None, typer.Option(help="Tokens of a sequence of --model new; 1024.", min=8)] = None


@dataclass(frozen=True)
class TeachingFlags:
    """How replies are learnt."""

    epochs: Annotated[int | None, typer.Option(help="Passes over the replies; 3.", min=1)] = None
    batch: Annotated[int | None, typer.Option(help="Replies a step, over all processes; 16.", min=1)] = None
    learning_rate: Annotated[float | None, typer.Option(help="At its peak; 3e-4.", min=0.0)] = None
    max_tokens: Annotated[
        int | None, typer.Option(help="Longer conversations are left out and counted; what the model takes.", min=8)
    ] = None
    checkpoint_every: Annotated[int | None, typer.Option(help="Steps; 100.", min=1)] = None
    lora: Lora = None
    bf16: Half = False

    def settings(self) -> dict[str, Any]:
        """As `SupervisedSettings` names them."""
        return {
            "epochs": self.epochs,
            "rows_per_step": self.batch,
            "learning_rate": self.learning_rate,
            "checkpoint_every": self.checkpoint_every,
            "in_half": self.bf16,
        }


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("supervised")(supervised)


@with_options("unfinished", UnfinishedFlags)
@with_options("made", NewModelFlags)
@with_options("teaching", TeachingFlags)
@with_options("reading", DataFlags)
def supervised(
    source: options.Source,
    out: options.Out,
    model: Annotated[
        str, typer.Option("--model", help="Who learns: a folder, a hub id, or new for one made from nothing.")
    ],
    replies: Annotated[
        str | None,
        typer.Option(help="Which replies: better (judged better), safe (labelled safe), or all.", show_default=False),
    ] = None,
    on: Annotated[
        str | None, typer.Option("--on", help="Which axis better is meant on, where the data has several.")
    ] = None,
    seed: options.Seed = 0,
    axis: options.Axis = None,
    override_uses: options.OverrideUses = False,
    as_json: options.Json = False,
    *,
    reading: DataFlags,
    teaching: TeachingFlags,
    made: NewModelFlags,
    unfinished: UnfinishedFlags,
) -> None:
    """Teach a policy the replies of a source: a first policy, or one that learns the best of n.

    \b
    Example: plumbline align supervised beavertails --replies safe --model new -o policies/start
    Example: plumbline align supervised best/comparisons --replies better --model policies/start -o policies/second
    """
    from plumbline.models.loading import require_transformers

    require_transformers("plumbline align supervised")  # before what needs them is imported
    from plumbline.loop.aligning.supervised_opening import NEW, SupervisedRun
    from plumbline.loop.aligning.supervised_run import run_supervised

    if model != NEW:
        refuse_idle(asdict(made), "for a model that is there", "make one with --model new")
    if replies != "better":
        refuse_idle({"on": on}, "where both sides are learnt, or labels", "take --replies better")
    run = SupervisedRun(
        source,
        model,
        out,
        replies,
        on,
        settings={**teaching.settings(), "seed": seed},
        new_model={**asdict(made), "seed": seed},
        lora=teaching.lora,
        most_tokens=teaching.max_tokens,
        unfinished=unfinished.decided(),
        override_uses=override_uses,
        load_options=reading.load_options(axis),
        command=tuple(sys.argv[1:]),
    )
    with interruption_told(out), progress("teaching") as shown:
        told = run_supervised(run, step=shown.step)
    if told is not None:
        _tell(told, run, as_json=as_json)


def _tell(told: dict[str, Any], run: SupervisedRun, *, as_json: bool) -> None:
    note(f"wrote {run.out}: taught {told['rows']:,} replies in {told['steps']:,} steps")
    nats = told["nats_a_held_out_token"]
    if nats["after"] is not None:
        note(
            f"{told['held_out_rows']:,} held-out replies: {nats['before']:.3f} nats a token before, {nats['after']:.3f} after"
        )
    tell_policy(told, as_json=as_json, figures={})
