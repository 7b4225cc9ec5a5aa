"""The known ways a run goes wrong, told from its figures while it can still be stopped.

A reward that rises is no proof: policies learn to be long, to say one thing, or to please the scorer where it errs. Each alarm says
what was seen and what people do about it. An alarm never changes or ends a run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from plumbline.align.ppo.ppo_lag import StepFigures

LENGTH, DIVERGENCE, FAR, ENTROPY, CLIPPED, HELD_OUT, CUT, EMPTY, LIMIT = (
    "length-explosion",
    "negative-divergence",
    "far-from-reference",
    "entropy-collapse",
    "clipped",
    "reward-hacking",
    "cut-replies",
    "empty-replies",
    "limit-out-of-reach",
)


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """From when on an alarm is told.

    Attributes:
        window: steps whose means are compared: the first ones and the latest ones.
        longer: times the first length.
        negative: nats a reply below 0.
        far: nats a reply.
        entropy_left: share of the first entropy.
        clipped: share of tokens.
        cut: share of replies that did not end.
        empty: share of replies that say nothing.
        reward_risen: by so much, in standard deviations of the first steps' rewards, while the held-out preference fell.
        preference_fallen: by so much, as a share of pairs.
    """

    window: int = 10
    longer: float = 1.5
    negative: float = 0.5
    far: float = 50.0
    entropy_left: float = 0.3
    clipped: float = 0.3
    cut: float = 0.5
    empty: float = 0.1
    reward_risen: float = 1.0
    preference_fallen: float = 0.05

    @property
    def first_step(self) -> int:
        """The first that an alarm can be told of: before it there are no two windows to compare."""
        return 2 * self.window


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that goes wrong.

    Attributes:
        kind: which of the known ways.
        told: what was seen and what to do, a sentence or two.
    """

    kind: str
    told: str


def without_alarms(steps: int, settings: AlarmSettings) -> str | None:
    """What is to be said of a run that is too short for any alarm; None where it is long enough.

    Args:
        steps: of the run.
    """
    if steps >= settings.first_step:
        return None
    return (
        f"no alarm can come in {steps:,} steps: they compare the first {settings.window} with the latest {settings.window}, "
        f"from step {settings.first_step:,} on; look at the figures, and at replies"
    )


def alarms_of(
    steps: Sequence[StepFigures],
    settings: AlarmSettings,
    *,
    held_out: Sequence[float] = (),
    most_multiplier: float | None = None,
    cost_limit: float = -math.inf,
) -> list[Alarm]:
    """What a run's figures warn of, as of its latest step.

    Args:
        steps: all steps so far.
        settings: from when on.
        held_out: how often a preference model that had no part in the training prefers the policy's reply to the reference's, each
            time it was asked; oldest first.
        most_multiplier: the bound of λ; None where there is none.
        cost_limit: of the mean cost; where the latest steps keep it, λ at its bound is no alarm.
    Returns:
        None of them before there are two windows of steps. Of figures that are no numbers there is none.
    """
    if len(steps) < settings.first_step:
        return []
    first, latest = _means(steps[: settings.window]), _means(steps[-settings.window :])
    found = [Alarm(rule.kind, rule.told(first, latest)) for rule in _RULES if rule.holds(first, latest, settings)]
    bound = _at_bound(steps[-settings.window :], latest, most_multiplier, cost_limit)
    return [*found, *bound, *_hacking(steps, first, latest, held_out, settings)]


_Means = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Rule:
    """An alarm that the means of the first and the latest steps decide.

    Attributes:
        holds: first, latest, settings → whether it is told.
        told: first, latest → what.
    """

    kind: str
    holds: Callable[[_Means, _Means, AlarmSettings], bool]
    told: Callable[[_Means, _Means], str]


_RULES = (
    _Rule(
        LENGTH,
        lambda first, latest, settings: latest["length"] > settings.longer * first["length"],
        lambda first, latest: (
            f"replies grew from {first['length']:.0f} to {latest['length']:.0f} tokens; a reward that likes length is met by "
            "length: look at replies, raise the divergence weight, or train the reward model on pairs of like length"
        ),
    ),
    _Rule(
        DIVERGENCE,
        lambda _, latest, settings: latest["divergence"] < -settings.negative,
        lambda _, latest: (
            f"the divergence from the reference is {latest['divergence']:.2f} nats a reply, and no true one is negative: "
            "replies are not drawn from the distribution that is trained (another temperature, cut-off sampling, padding)"
        ),
    ),
    _Rule(
        FAR,
        lambda _, latest, settings: latest["divergence"] > settings.far,
        lambda _, latest: (
            f"the policy is {latest['divergence']:.0f} nats a reply from its reference, where reward models know little: stop, "
            "or raise the divergence weight"
        ),
    ),
    _Rule(
        ENTROPY,
        lambda first, latest, settings: latest["entropy"] < settings.entropy_left * first["entropy"],
        lambda first, latest: (
            f"entropy fell from {first['entropy']:.2f} to {latest['entropy']:.2f} nats a token: the policy says ever fewer "
            "things; lower its learning rate or raise the divergence weight"
        ),
    ),
    _Rule(
        CLIPPED,
        lambda _, latest, settings: latest["clipped"] > settings.clipped,
        lambda _, latest: (
            f"{100 * latest['clipped']:.0f} % of tokens leave the clip range: steps are too large; lower the learning rate or "
            "the epochs"
        ),
    ),
    _Rule(
        CUT,
        lambda _, latest, settings: 1 - latest["ended"] > settings.cut,
        lambda _, latest: (
            f"{100 * (1 - latest['ended']):.0f} % of replies are cut before their end, and are scored as they stand: allow "
            "more tokens"
        ),
    ),
    _Rule(
        EMPTY,
        lambda _, latest, settings: latest["empty"] > settings.empty,
        lambda _, latest: (
            f"{100 * latest['empty']:.0f} % of replies say nothing: who judges them likes silence better than what the policy "
            "says; see what reward and cost an empty reply gets, raise the cost limit or the divergence weight"
        ),
    ),
)


def _at_bound(latest_steps: Sequence[StepFigures], latest: _Means, most: float | None, limit: float) -> list[Alarm]:
    """A multiplier that stays as large as it may be, and a limit that is not kept for all that."""
    is_there = most is not None and min(each.multiplier for each in latest_steps) >= 0.999 * most
    if not is_there or latest["cost"] <= limit:  # nor where λ is no number
        return []
    return [
        Alarm(
            LIMIT,
            f"the multiplier stays at its bound {most:g} and the mean cost is {latest['cost']:.2f}: the limit is not "
            "kept; raise the bound, or see whether any reply can be so harmless",
        )
    ]


def _hacking(
    steps: Sequence[StepFigures],
    first: _Means,
    latest: _Means,
    held_out: Sequence[float],
    settings: AlarmSettings,
) -> list[Alarm]:
    """Reward that rises while somebody who had no part in it likes the replies less."""
    if not held_out:
        return []
    looks = [0.5, *held_out]  # as good as itself, at the start
    rewards = [each.reward for each in steps[: settings.window]]
    mean = sum(rewards) / len(rewards)
    spread = (sum((each - mean) ** 2 for each in rewards) / len(rewards)) ** 0.5
    rose, fell = latest["reward"] - first["reward"], max(looks) - looks[-1]
    if rose <= settings.reward_risen * spread or fell <= settings.preference_fallen:
        return []
    return [
        Alarm(
            HELD_OUT,
            f"reward rose by {rose:.2f} while the held-out preference fell by {100 * fell:.0f} points from its best: the policy "
            "learns the reward model's errors; look at replies, and stop earlier with --steps",
        )
    ]


def _means(steps: Sequence[StepFigures]) -> dict[str, float]:
    names = ("reward", "cost", "length", "divergence", "entropy", "clipped", "ended", "empty")
    return {name: sum(getattr(each, name) for each in steps) / len(steps) for name in names}
