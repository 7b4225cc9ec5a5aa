"""``plumbline align dpo``, ``grpo`` and ``rloo``: policies trained by TRL, for those with many GPUs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plumbline.cli import options
from plumbline.cli.align.training_flags import LambdaFlags, Lora, UnfinishedFlags, refuse_idle
from plumbline.cli.align.training_told import tell_policy
from plumbline.cli.console import note, progress
from plumbline.cli.interruptions import interruption_told
from plumbline.cli.option_groups import with_options
from plumbline.cli.source_flags import DataFlags

if TYPE_CHECKING:
    from plumbline.align.lagrangian import LagrangianSettings
    from plumbline.align.trl.settings import Method
    from plumbline.loop.aligning.trl_opening import TrlRun

PolicyModel = Annotated[str, typer.Option("--policy", help="The policy to train: a folder, or a hub id owner/name.")]


@dataclass(frozen=True)
class RunFlags:
    """How a run of TRL goes."""

    batch: Annotated[int | None, typer.Option(help="Pairs, or prompts, a step, over all processes; 16.", min=1)] = None
    device_rows: Annotated[
        int | None,
        typer.Option(help="Rows that a device computes at a time; 8. Changes nothing that is learnt.", min=1),
    ] = None
    learning_rate: Annotated[float | None, typer.Option(help="At the start; 1e-6.", min=0.0)] = None
    checkpoint_every: Annotated[int | None, typer.Option(help="Steps; 50.", min=1)] = None
    lora: Lora = None
    set: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE: a setting of TRL's own, by its name there. May be repeated."),
    ] = None

    def settings(self) -> dict[str, Any]:
        """As `TrlSettings` names them."""
        names = ("batch", "device_rows", "learning_rate", "checkpoint_every", "lora")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class RewardFlags:
    """What replies are worth, and how they are drawn."""

    cost: Annotated[
        Path | None, typer.Option(help="A cost or moderation model's folder: its mean over replies is kept to a limit.")
    ] = None
    steps: Annotated[int | None, typer.Option(help="100.", min=1)] = None
    replies: Annotated[int | None, typer.Option(help="To each prompt; 8.", min=2)] = None
    max_tokens: Annotated[int | None, typer.Option(help="A longer reply is cut; 256.", min=1)] = None
    divergence_weight: Annotated[
        float | None, typer.Option(help="β: the price of a nat away from the policy as it was; 0.05.", min=0.0)
    ] = None

    def settings(self) -> dict[str, Any]:
        """As `TrlSettings` names them."""
        names = ("steps", "replies", "divergence_weight")
        return {"reply_tokens": self.max_tokens, **{name: getattr(self, name) for name in names}}


def _lagrangian(price: LambdaFlags, cost: Path | None) -> LagrangianSettings:
    """How λ moves.

    Raises:
        UsageError: PL-ARG-005, it is told, and nothing has a cost; or a value is out of its range.
    """
    from plumbline.align.lagrangian import LagrangianSettings

    if cost is None:
        refuse_idle(asdict(price), "where no model gives a cost", "name one with --cost")
    return LagrangianSettings(**{name: value for name, value in price.settings().items() if value is not None})


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("dpo")(dpo)
    app.command("grpo")(_on_prompts("grpo"))
    app.command("rloo")(_on_prompts("rloo"))


@with_options("unfinished", UnfinishedFlags)
@with_options("going", RunFlags)
@with_options("reading", DataFlags)
def dpo(
    source: options.Source,
    policy: PolicyModel,
    out: options.Out,
    on: Annotated[str | None, typer.Option("--on", help="Which axis to learn, where the data has several.")] = None,
    epochs: Annotated[float, typer.Option(help="Passes over the pairs.")] = 1.0,
    max_tokens: Annotated[
        int, typer.Option(help="Pairs whose prompt and reply are longer are left out and counted.")
    ] = 1024,
    beta: Annotated[float, typer.Option(help="Of DPO: the larger, the nearer to the policy as it was.")] = 0.1,
    seed: options.Seed = 0,
    axis: options.Axis = None,
    override_uses: options.OverrideUses = False,
    as_json: options.Json = False,
    *,
    reading: DataFlags,
    going: RunFlags,
    unfinished: UnfinishedFlags,
) -> None:
    """Train a policy on judged pairs by DPO (TRL): the preferred reply grows likelier than the other.

    \b
    Example: plumbline align dpo hh-rlhf --data-dir harmless-base --policy Qwen/Qwen3-0.6B -o policies/dpo
    Example: accelerate launch --num_processes 8 -m plumbline align dpo hh-rlhf --data-dir harmless-base --policy Qwen/Qwen3-8B -o policies/dpo
    """
    from plumbline.align.trl.settings import require_trl

    require_trl("align dpo")  # before what needs them is imported
    from plumbline.loop.aligning.trl_opening import TrlRun

    settings = {"epochs": epochs, "most_tokens": max_tokens, "divergence_weight": beta, "seed": seed}
    asked = TrlRun(
        "dpo",
        source,
        policy,
        out,
        on=on,
        settings={**going.settings(), **settings},
        override_uses=override_uses,
        load_options=reading.load_options(axis),
        command=tuple(sys.argv[1:]),
        further=tuple(going.set or ()),
        unfinished=unfinished.decided(),
    )
    _train(asked, as_json=as_json)


Prompts = Annotated[
    str, typer.Argument(help="A source of prompts; of comparisons or labels, what was replied to is asked.")
]
Reward = Annotated[Path, typer.Option(help="A preference model's folder: what it scores, the policy climbs.")]


def _on_prompts(method: Method) -> Callable[..., None]:
    """The command of a method that draws replies and has models judge them."""

    @with_options("unfinished", UnfinishedFlags)
    @with_options("going", RunFlags)
    @with_options("price", LambdaFlags)
    @with_options("judging", RewardFlags)
    @with_options("reading", DataFlags)
    def command(
        prompts: Prompts,
        policy: PolicyModel,
        reward: Reward,
        out: options.Out,
        seed: options.Seed = 0,
        override_uses: options.OverrideUses = False,
        as_json: options.Json = False,
        *,
        reading: DataFlags,
        judging: RewardFlags,
        price: LambdaFlags,
        going: RunFlags,
        unfinished: UnfinishedFlags,
    ) -> None:
        from plumbline.align.trl.settings import require_trl

        require_trl(f"align {method}")  # before what needs them is imported
        from plumbline.loop.aligning.trl_opening import TrlRun

        asked = TrlRun(
            method,
            prompts,
            policy,
            out,
            reward,
            judging.cost,
            _lagrangian(price, judging.cost),
            settings={**going.settings(), **judging.settings(), "seed": seed},
            override_uses=override_uses,
            load_options=reading.load_options(),
            command=tuple(sys.argv[1:]),
            further=tuple(going.set or ()),
            unfinished=unfinished.decided(),
        )
        _train(asked, as_json=as_json)

    command.__doc__ = f"""Train a policy under a reward model, and within a limit of a cost model's mean, by {method.upper()} (TRL).

    \b
    Example: plumbline align {method} prompts.jsonl --policy policies/base --reward models/helpful --cost models/cost --cost-limit 0 -o policies/{method}
    """
    return command


def _train(asked: TrlRun, *, as_json: bool) -> None:
    from plumbline.loop.aligning.trl_run import run_trl

    with interruption_told(asked.out), progress(f"aligning by {asked.method.upper()}") as shown:
        summary = run_trl(asked, step=shown.step)
    if summary is None:
        return
    note(f"wrote {asked.out}: a policy, {summary['steps']:,} steps on {summary['rows']:,} rows")
    tell_policy(summary, as_json=as_json, figures={name.replace("_", " "): name for name in summary["last"]})
