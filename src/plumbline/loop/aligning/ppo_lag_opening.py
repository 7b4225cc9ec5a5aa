"""What a run of PPO-Lagrangian is asked, and all that it needs, opened: prompts, a policy, models that judge, other texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plumbline.lineage import Use, json_digest
from plumbline.loop.aligning.policy_training import Origin, Unfinished, given, origin_of
from plumbline.loop.aligning.taught_replies import taught_replies
from plumbline.loop.asked_prompts import AskedPrompts, read_asked_prompts
from plumbline.loop.opened_models import OpenedModel, open_model_of
from plumbline.loop.sources import Step, is_synthetic, known_axis, load_stage, own_terms_told
from plumbline.records import Axis, NoDataError, PlumblineError, Prompt, UsageError

if TYPE_CHECKING:
    from plumbline.align.demonstrations import Demonstrations
    from plumbline.align.lagrangian import LagrangianSettings
    from plumbline.align.ppo.ppo_lag import PpoSettings
    from plumbline.align.ppo.run import RunSettings
    from plumbline.align.rollouts import RolloutSettings
    from plumbline.formats import Loaded
    from plumbline.models.scored_model import ScoredModel
    from plumbline.models.transformer.training.run_identity import RunIdentity
    from plumbline.sources.causal_model import CausalModel

_OF_TAUGHT = re.compile(r"--(replies|on)(?![\w-])")
"""Options by which `taught_replies` is told what to take where a policy learns nothing else."""


@dataclass(frozen=True)
class PpoLagRun:
    """What to align by what, on what, and where to put it.

    Attributes:
        source: prompts, or comparisons or labels with what was replied to.
        policy: a folder or a hub id.
        reward: the folder of a preference model.
        cost: the folder of a cost or moderation model.
        out: the policy's folder.
        held_out: the folder of a preference model that has no part in the training; None for none.
        held_out_prompts: that it looks at, which are not trained on.
        pretraining: a source with replies whose likelihood keeps the policy from forgetting; None for none.
        pretraining_replies, pretraining_on: which of them, see `taught_replies`.
        plain: λ is held at 0: costs are watched and weigh nothing.
        lora: rank of adapters; None trains every weight.
        most_prompt_tokens: longer prompts are left out, and counted; None for what the policy's positions leave.
        ppo, lagrangian, rollouts, going: settings by name of `PpoSettings`, `LagrangianSettings`, `RolloutSettings` and
            `RunSettings`; None takes the default.
        unfinished: what to do with an earlier run's folder.
        override_uses: go on though the prompts do not permit the use.
        load_options: of `formats.load`, for the prompts.
        command: for the manifest.
    """

    source: str
    policy: str
    reward: Path
    cost: Path
    out: Path
    held_out: Path | None = None
    held_out_prompts: int = 64
    pretraining: str | None = None
    pretraining_replies: str | None = None
    pretraining_on: str | None = None
    plain: bool = False
    lora: int | None = None
    most_prompt_tokens: int | None = None
    ppo: Mapping[str, Any] = field(default_factory=dict)
    lagrangian: Mapping[str, Any] = field(default_factory=dict)
    rollouts: Mapping[str, Any] = field(default_factory=dict)
    going: Mapping[str, Any] = field(default_factory=dict)
    unfinished: Unfinished = field(default_factory=Unfinished)
    override_uses: bool = False
    load_options: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        """As descriptions name it."""
        return "ppo" if self.plain else "ppo-lag"


@dataclass(frozen=True)
class Settings:
    """Of a run; without a multiplier the costs weigh nothing."""

    ppo: PpoSettings
    lagrangian: LagrangianSettings | None
    rollouts: RolloutSettings
    going: RunSettings

    def to_json(self) -> dict[str, Any]:
        """By the part that they are of."""
        return {
            "ppo": asdict(self.ppo),
            "lagrangian": None if self.lagrangian is None else asdict(self.lagrangian),
            "rollouts": asdict(self.rollouts),
            "going": asdict(self.going),
        }


@dataclass(frozen=True)
class FittingPrompts:
    """Prompts that leave room for a reply.

    Attributes:
        learnt, tokens: that are trained on.
        held_out: that the held-out model looks at, and nobody trains on.
        too_long: how many leave no room.
    """

    learnt: Sequence[Prompt]
    tokens: Sequence[list[int]]
    held_out: Sequence[Prompt]
    too_long: int


@dataclass(frozen=True)
class OtherTexts:
    """What keeps a policy from forgetting, and the source that it came from."""

    loaded: Loaded
    found: Demonstrations


@dataclass(frozen=True)
class OpenedPpoLag:
    """What a run works with.

    Attributes:
        asked: the source of prompts.
        policy, origin: that it starts from, and what is known of it.
        judges: by what they say: reward, cost, and held-out where somebody watches.
        pretraining: other texts; None without.
    """

    settings: Settings
    asked: AskedPrompts
    policy: CausalModel
    origin: Origin
    judges: Mapping[str, OpenedModel]
    prompts: FittingPrompts
    pretraining: OtherTexts | None

    @property
    def sources(self) -> list[Loaded]:
        """Of the prompts, and of other texts."""
        return [self.asked.loaded, *([self.pretraining.loaded] if self.pretraining else [])]

    @property
    def is_synthetic(self) -> bool:
        """Whether data, or what a model was made of, were made up by a program."""
        judged = any(each.description.synthetic for each in self.judges.values())
        return judged or self.origin.is_synthetic or any(map(is_synthetic, self.sources))


def open_ppo_lag(run: PpoLagRun, step: Step) -> OpenedPpoLag:
    """All that a run needs; what is wrong with any of it is told before anything is trained.

    Raises:
        PlumblineError: the prompts, the models or the settings do not allow the run.
    """
    from plumbline.align.processes import take_own_device
    from plumbline.sources.causal_model import load_causal_model

    settings = _settings(run)
    step("reading the prompts")
    with own_terms_told(run.load_options.get("stated_terms"), Use.POLICY):
        asked = read_asked_prompts(
            run.source, run.load_options, Use.POLICY, split="train", override_uses=run.override_uses
        )
    step("loading the models")
    take_own_device()
    judges = {
        "reward": open_model_of("--reward", run.reward, ["preference"]),
        "cost": open_model_of("--cost", run.cost, ["cost", "moderation"]),
    }
    if run.held_out is not None:
        judges["held-out"] = open_model_of("--held-out", run.held_out, ["preference"])
        _refuse_teaching_judge(judges["reward"], judges["held-out"])
    policy = load_causal_model(run.policy, place="--policy", device="cpu", whole=True)
    step("writing tokens")
    return OpenedPpoLag(
        settings,
        asked,
        policy,
        origin_of(run.policy, policy.snapshot, policy.files),
        judges,
        _prompts(run, asked.prompts, policy, [each.model for each in judges.values()], settings.rollouts),
        _pretraining(run, policy, step),
    )


def identity_of(run: PpoLagRun, opened: OpenedPpoLag) -> RunIdentity:
    """What a run must agree in to go on."""
    from plumbline.models.transformer.training.run_identity import RunIdentity

    settings, going = opened.settings, asdict(opened.settings.going)
    for name in ("steps", "checkpoint_every"):  # how long it is, and how often it is kept, change no step
        del going[name]
    price = {} if settings.lagrangian is None else asdict(settings.lagrangian)
    texts = [] if opened.pretraining is None else opened.pretraining.found.rows
    return RunIdentity(
        {
            **asdict(settings.ppo),
            **asdict(settings.rollouts),
            **going,
            "lora": run.lora,
            "plain": run.plain,
            **{f"lambda_{name}": value for name, value in price.items()},
        },
        {
            "policy": opened.policy.snapshot,
            "prompts": f"{len(opened.prompts.tokens):,} of digest {json_digest(list(opened.prompts.tokens))}",
            "held-out prompts": json_digest([prompt.id for prompt in opened.prompts.held_out]),
            "texts": f"{len(texts):,} of digest {json_digest([[each.tokens, each.prompt_length] for each in texts])}",
            **{name: each.digest for name, each in opened.judges.items()},
        },
    )


def _settings(run: PpoLagRun) -> Settings:
    from plumbline.align.lagrangian import LagrangianSettings
    from plumbline.align.ppo.ppo_lag import PpoSettings
    from plumbline.align.ppo.run import RunSettings
    from plumbline.align.rollouts import RolloutSettings

    return Settings(
        PpoSettings(**given(run.ppo)),
        None if run.plain else LagrangianSettings(**given(run.lagrangian)),
        RolloutSettings(**given(run.rollouts)),
        RunSettings(**given(run.going)),
    )


def _refuse_teaching_judge(reward: OpenedModel, held_out: OpenedModel) -> None:
    """The held-out model must have no part in the training, and must mean the same by better."""
    if held_out.digest == reward.digest:
        raise UsageError(
            "PL-PPO-009",
            "--held-out",
            "it is the very model that gives the reward, so it shows nothing of reward hacking",
            expected="a preference model trained on other judgements",
            found=str(held_out.folder),
            advice="name another, or leave --held-out out",
        )
    axes = {reward.model.axis, held_out.model.axis}
    if axes == {Axis.HELPFULNESS, Axis.HARMLESSNESS}:
        raise UsageError(
            "PL-PPO-012",
            "--held-out",
            "it prefers on another axis than the reward: what it likes less may be no error of the reward's",
            expected=f"a preference model on {reward.model.axis}, or overall",
            found=f"one on {held_out.model.axis}",
            advice="name another, or leave --held-out out",
        )


def _prompts(
    run: PpoLagRun,
    prompts: Sequence[Prompt],
    policy: CausalModel,
    judges: Sequence[ScoredModel],
    rollouts: RolloutSettings,
) -> FittingPrompts:
    """Prompts with their tokens, those that leave room for a reply and its end; some of them for the held-out model."""
    fitting = _fitting(run, prompts, policy, judges, rollouts)
    held = (
        held_out_prompts([prompt for prompt, _ in fitting], run.held_out_prompts) if run.held_out is not None else set()
    )
    if run.held_out is not None and not held:
        raise NoDataError(
            "PL-PPO-008",
            run.source,
            "no prompt is left for the held-out model: at most half of them are its own, and prompts that begin alike stay together",
            expected="at least two prompts that begin differently",
            found=f"{len(fitting):,}",
            advice="name more prompts, or leave --held-out out",
        )
    learnt = [each for number, each in enumerate(fitting) if number not in held]
    return FittingPrompts(
        [prompt for prompt, _ in learnt],
        [tokens for _, tokens in learnt],
        [fitting[number][0] for number in sorted(held)],
        len(prompts) - len(fitting),
    )


def _fitting(
    run: PpoLagRun,
    prompts: Sequence[Prompt],
    policy: CausalModel,
    judges: Sequence[ScoredModel],
    rollouts: RolloutSettings,
) -> list[tuple[Prompt, list[int]]]:
    """Prompts that leave policy and judges room for a reply, with their tokens."""
    from plumbline.align.judge_room import leave_room

    room = None if policy.positions is None else policy.positions - rollouts.most_tokens - 1
    if room is not None and room < 1:
        raise UsageError(
            "PL-PPO-010",
            "--max-tokens",
            "a reply so long leaves no room for a prompt",
            expected=f"fewer than {policy.positions - 1:,} tokens: the policy has {policy.positions:,} positions",  # type: ignore[operator]  # known where there is a room
            found=f"{rollouts.most_tokens:,}",
            advice="allow shorter replies with --max-tokens, or take a policy with more positions",
        )
    limit = min(each for each in (run.most_prompt_tokens, room, 1 << 30) if each is not None)
    found = [(prompt, policy.prompts.encode(prompt.conversation)) for prompt in prompts]
    is_judged = leave_room(judges, [prompt.conversation for prompt in prompts], rollouts.most_tokens)
    kept = [each for each, judged in zip(found, is_judged, strict=True) if judged and len(each[1]) <= limit]
    if not kept:
        raise NoDataError(
            "PL-PPO-007",
            run.source,
            "no prompt leaves room for a reply",
            expected=f"prompts of at most {limit:,} tokens",
            found=f"{len(found):,} that are longer, or that leave a judge no room",
            advice="allow shorter replies with --max-tokens, longer prompts with --max-prompt-tokens, or take a policy and judges with more positions",
        )
    return kept


def held_out_prompts(prompts: Sequence[Prompt], wanted: int) -> set[int]:
    """Numbers of prompts for the held-out model, at most half of all: whole groups of those that begin alike, in the order of their ids."""
    groups: dict[str, list[int]] = {}
    for number, prompt in enumerate(prompts):
        groups.setdefault(prompt.group_id, []).append(number)
    most, found = min(wanted, len(prompts) // 2), set[int]()
    for name in sorted(groups):
        if len(found) + len(groups[name]) <= most:
            found.update(groups[name])
    return found


@contextmanager
def _told_by_own_flags() -> Iterator[None]:
    """Let an error on which replies are learnt name the options that say it here."""
    try:
        yield
    except PlumblineError as error:
        raise error.retold(lambda text: _OF_TAUGHT.sub(r"--pretraining-\1", text)) from None


def _pretraining(run: PpoLagRun, policy: CausalModel, step: Step) -> OtherTexts | None:
    from plumbline.align.demonstrations import demonstrations

    if run.pretraining is None:
        return None
    reading = {"cache": run.load_options.get("cache", True)}
    loaded = load_stage([run.pretraining], "train", reading, step)
    with _told_by_own_flags():
        said = taught_replies(
            loaded,
            run.pretraining_replies,
            on=known_axis(run.pretraining_on),
            place=run.pretraining,
            override_uses=run.override_uses,
        )
    found = demonstrations(said.said, policy, most_tokens=None)
    if not found.rows:
        raise NoDataError(
            "PL-SUP-002",
            run.pretraining,
            "there is no reply to learn",
            expected="conversations that end with a reply and fit into the policy's positions",
            found=f"{found.too_long:,} that are too long, {found.without_reply:,} without a reply",
            advice="name another source with --pretraining, or leave it out",
        )
    return OtherTexts(loaded, found)
