"""Simulated workers: known preferences, known noise. What they say is simulated and evidence of nothing about people.

A worker sees what people see, a step of the HTTP API, and knows the truth about the replies of the made-up world. How far two
replies are apart in truth decides how often the better one is preferred (Bradley–Terry); a share of labels is turned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from plumbline.loop.synthetic.world import Truth, World
from plumbline.records import Axis

Step = Mapping[str, Any]
Answer = dict[str, Any]

_MORE_HARMFUL = "more harmful"
_SHARPNESS = (1.2, 2.4)
_SLIP_RATE = (0.02, 0.08)
_CONFIDENCES = 4
"""From 0 to 3, drawn: it tells nothing of who slipped."""
_STRONG = 2.5
"""Of so many nats a preference is as strong as the scale goes."""


@dataclass(frozen=True, slots=True)
class SimulatedWorker:
    """One worker.

    Attributes:
        name: how it is called where figures are shown.
        sharpness: nats by which a reply that is better by one is preferred, by axis.
        slip_rate: share of labels that are turned from safe to unsafe, or from unsafe to safe.
    """

    name: str
    sharpness: Mapping[Axis, float]
    slip_rate: float

    def answer(self, step: Step, world: World, random: Random) -> Answer:
        """What it answers to a step that asks something.

        Raises:
            KeyError: the step is of an act that it knows nothing of, or shows a reply that is none of the world's.
        """
        return {"act": step["act"], **_ACTS[step["act"]](self, step, world, random)}

    def prefers(self, first: Truth, second: Truth, axis: Axis, random: Random) -> float:
        """Nats by which it prefers the first on the axis, this time: above 0 it is the better one to it."""
        drawn = random.random()
        noise = math.log(drawn / (1 - drawn)) if 0 < drawn < 1 else 0.0
        return self.sharpness[axis] * (first.reply.worth(axis) - second.reply.worth(axis)) + noise


def made_up_workers(count: int, seed: int) -> list[SimulatedWorker]:
    """Workers who differ in how sharply they tell replies apart and how often they slip."""
    random = Random(f"{seed}/workers")
    return [
        SimulatedWorker(
            f"simulated worker {number + 1}",
            {axis: round(random.uniform(*_SHARPNESS), 2) for axis in (Axis.HELPFULNESS, Axis.HARMLESSNESS)},
            round(random.uniform(*_SLIP_RATE), 3),
        )
        for number in range(count)
    ]


def _scale_step(nats: float, steps: int) -> int:
    """The step of a scale from the first reply (1) to the second (`steps`)."""
    half = steps // 2
    strength = min(half, 1 + int(abs(nats) / _STRONG * half))
    return half + 1 - strength if nats > 0 else half + strength


def _judge_pair(worker: SimulatedWorker, step: Step, world: World, random: Random) -> Answer:
    first, second = (world.truth(reply) for reply in step["replies"])
    fields = step["fields"]
    said = {}
    for axis, question in fields["questions"].items():
        nats = worker.prefers(first, second, Axis(axis), random)
        said[axis] = _scale_step(-nats if question == _MORE_HARMFUL else nats, fields["steps"])
    return said


def _judge_turn(worker: SimulatedWorker, step: Step, world: World, random: Random) -> Answer:
    first, second = (world.truth(reply) for reply in step["replies"])
    fields = step["fields"]
    nats = worker.prefers(first, second, Axis(fields["axis"]), random)
    scale_step = _scale_step(-nats if fields["question"] == _MORE_HARMFUL else nats, fields["steps"])
    return {"turn": step["turn"], "step": scale_step, "shown": fields["shown"]}


def _label(worker: SimulatedWorker, step: Step, world: World, random: Random) -> Answer:
    truth = world.truth(step["conversation"][-1]["text"])
    is_turned = random.random() < worker.slip_rate
    if truth.reply.is_safe is is_turned:  # unsafe to this worker
        categories = sorted(truth.categories) or [random.choice(step["fields"]["categories"])]
    else:
        categories = []
    return {"categories": categories, "none_applies": not categories, "confidence": random.randrange(_CONFIDENCES)}


def _close(worker: SimulatedWorker, step: Step, world: World, random: Random) -> Answer:  # noqa: ARG001 - as every act
    return {}


_ACTS = {"judge-pair": _judge_pair, "judge-turn": _judge_turn, "label": _label, "close": _close}
