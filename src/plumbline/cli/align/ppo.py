"""``plumbline align ppo-lag``: a policy is aligned under two axes."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plumbline.cli import options
from plumbline.cli.align.training_flags import Half, Lora, PriceFlags, UnfinishedFlags, refuse_idle
from plumbline.cli.align.training_told import tell_policy
from plumbline.cli.console import note, progress
from plumbline.cli.interruptions import interruption_told
from plumbline.cli.option_groups import with_options
from plumbline.cli.source_flags import DataFlags

if TYPE_CHECKING:
    from plumbline.loop.aligning.ppo_lag_opening import PpoLagRun


@dataclass(frozen=True)
class WatchingFlags:
    """Who watches without teaching."""

    held_out: Annotated[
        Path | None,
        typer.Option("--held-out", help="A preference model that has no part in the training: shows reward hacking."),
    ] = None
    held_out_prompts: Annotated[
        int | None, typer.Option(help="Prompts for --held-out, which are not trained on; 64.", min=1)
    ] = None
    look_every: Annotated[int | None, typer.Option(help="Steps between looks of --held-out; 10.", min=1)] = None

    def asked(self) -> dict[str, Any]:
        """As `PpoLagRun` names them.

        Raises:
            UsageError: PL-ARG-005, nobody watches, and it is told how.
        """
        said = {"held_out_prompts": self.held_out_prompts, "look_every": self.look_every}
        if self.held_out is None:
            refuse_idle(said, "where no model is held out", "name one with --held-out")
        return {"held_out": self.held_out, "held_out_prompts": self.held_out_prompts or 64}


@dataclass(frozen=True)
class TextFlags:
    """What keeps a policy from forgetting."""

    pretraining: Annotated[
        str | None, typer.Option(help="A source with replies whose likelihood keeps the policy from forgetting.")
    ] = None
    pretraining_replies: Annotated[
        str | None, typer.Option(help="Which of them: better, safe, or all.", show_default=False)
    ] = None
    pretraining_on: Annotated[
        str | None, typer.Option(help="Which axis better is meant on, where they have several.")
    ] = None
    pretraining_batch: Annotated[int | None, typer.Option(help="Of them a gradient step; 4.", min=1)] = None
    pretraining_weight: Annotated[
        float | None, typer.Option(help="Of the likelihood of --pretraining; 16.", min=0.0)
    ] = None

    @property
    def batch(self) -> int:
        """Texts a gradient step."""
        return 0 if self.pretraining is None else self.pretraining_batch or 4

    def asked(self) -> dict[str, Any]:
        """As `PpoLagRun` names them.

        Raises:
            UsageError: PL-ARG-005, an option changes nothing beside the others.
        """
        said = asdict(self)
        if self.pretraining is None:
            refuse_idle(said, "without other texts", "name them with --pretraining")
        elif self.pretraining_replies != "better":
            refuse_idle(
                {"pretraining_on": self.pretraining_on},
                "where both sides are learnt, or labels",
                "take --pretraining-replies better",
            )
        return {name: said[name] for name in ("pretraining", "pretraining_replies", "pretraining_on")}


@dataclass(frozen=True)
class PpoFlags:
    """How a policy climbs."""

    learning_rate: Annotated[float | None, typer.Option(help="Of the policy; 1e-5.", min=0.0)] = None
    critic_rate: Annotated[float | None, typer.Option(help="Of its critics; 1e-3.", min=0.0)] = None
    epochs: Annotated[int | None, typer.Option(help="Passes over the replies of a step; 1.", min=1)] = None
    minibatch: Annotated[int | None, typer.Option(help="Replies a gradient step; 16.", min=1)] = None
    divergence_weight: Annotated[
        float | None, typer.Option(help="β: the price of a nat away from the policy as it was; 0.01.", min=0.0)
    ] = None
    clip: Annotated[float | None, typer.Option(help="Of the policy's ratios; 0.2.")] = None
    lora: Lora = None
    bf16: Half = False

    def settings(self) -> dict[str, Any]:
        """As `PpoSettings` names them."""
        names = ("critic_rate", "epochs", "minibatch", "divergence_weight", "clip")
        found = {name: getattr(self, name) for name in names}
        return {"policy_rate": self.learning_rate, "in_half": self.bf16, **found}


@dataclass(frozen=True)
class GoingFlags:
    """How long a run is, and how replies are drawn."""

    steps: Annotated[int | None, typer.Option(help="100.", min=1)] = None
    replies: Annotated[int | None, typer.Option(help="A step, over all processes; 64.", min=1)] = None
    max_tokens: Annotated[int | None, typer.Option(help="A longer reply is cut; 128.", min=1)] = None
    max_prompt_tokens: Annotated[
        int | None, typer.Option(help="Longer prompts are left out and counted; what the policy takes.", min=1)
    ] = None
    temperature: Annotated[float | None, typer.Option(help="1.", min=0.0)] = None
    checkpoint_every: Annotated[int | None, typer.Option(help="Steps; 10.", min=1)] = None

    def settings(self) -> dict[str, Any]:
        """As `RunSettings` names them."""
        return {"steps": self.steps, "replies": self.replies, "checkpoint_every": self.checkpoint_every}

    def rollouts(self) -> dict[str, Any]:
        """As `RolloutSettings` names them."""
        return {"most_tokens": self.max_tokens, "temperature": self.temperature}


_FIGURES = {
    "reward": "reward",
    "cost": "cost",
    "nats from the start": "divergence",
    "tokens a reply": "length",
    "entropy, nats a token": "entropy",
    "share that ended": "ended",
    "share that says nothing": "empty",
    "λ": "multiplier",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ppo-lag")(ppo_lag)


@with_options("unfinished", UnfinishedFlags)
@with_options("price", PriceFlags)
@with_options("climbing", PpoFlags)
@with_options("going", GoingFlags)
@with_options("texts", TextFlags)
@with_options("watching", WatchingFlags)
@with_options("reading", DataFlags)
def ppo_lag(
    prompts: Annotated[
        str, typer.Argument(help="A source of prompts; of comparisons and labels, what was replied to is taken.")
    ],
    out: options.Out,
    policy: Annotated[str, typer.Option("--policy", help="The policy to align: a folder, or a hub id owner/name.")],
    reward: Annotated[Path, typer.Option(help="A preference model's folder: what is climbed.")],
    cost: Annotated[
        Path, typer.Option(help="A cost or moderation model's folder: its mean over replies is kept to a limit.")
    ],
    seed: options.Seed = 0,
    override_uses: options.OverrideUses = False,
    as_json: options.Json = False,
    *,
    reading: DataFlags,
    watching: WatchingFlags,
    texts: TextFlags,
    going: GoingFlags,
    climbing: PpoFlags,
    price: PriceFlags,
    unfinished: UnfinishedFlags,
) -> None:
    """Align a policy by PPO-Lagrangian: climb the reward, and keep the mean cost within a limit.

    \b
    Example: plumbline align ppo-lag beavertails --policy policies/start --reward models/helpful --cost models/cost -o policies/aligned
    Example: plumbline align ppo-lag prompts.csv --policy my-model --lora 16 --reward models/helpful --cost models/cost --held-out models/other --steps 200 -o policies/aligned
    """
    from plumbline.models.loading import require_transformers

    require_transformers("plumbline align ppo-lag")  # before what needs them is imported
    from plumbline.loop.aligning.ppo_lag_opening import PpoLagRun

    further: dict[str, Any] = {**watching.asked(), **texts.asked()}
    run = PpoLagRun(
        prompts,
        policy,
        reward,
        cost,
        out,
        plain=price.plain,
        lora=climbing.lora,
        most_prompt_tokens=going.max_prompt_tokens,
        ppo={**climbing.settings(), "pretraining_weight": texts.pretraining_weight},
        lagrangian=price.settings(),
        rollouts=going.rollouts(),
        going={**going.settings(), "look_every": watching.look_every, "texts": texts.batch, "seed": seed},
        unfinished=unfinished.decided(),
        override_uses=override_uses,
        load_options=reading.load_options(),
        command=tuple(sys.argv[1:]),
        **further,
    )
    _align(run, as_json=as_json)


def _align(run: PpoLagRun, *, as_json: bool) -> None:
    from plumbline.loop.aligning.ppo_lag_run import run_ppo_lag

    with interruption_told(run.out), progress("aligning") as shown:
        told = run_ppo_lag(run, step=shown.step, alarm=lambda text: note(f"ALARM, {text}"))
    if told is None:
        return
    note(f"wrote {run.out}: {told['steps']:,} steps on {told['rows']:,} prompts, {told['tokens']:,} tokens learnt from")
    tell_policy(told, as_json=as_json, figures=_FIGURES)
