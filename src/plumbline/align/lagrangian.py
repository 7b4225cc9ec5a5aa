"""How much a cost weighs against a reward while a policy learns: a multiplier that grows while the limit is broken.

The policy climbs reward − λ · cost; λ climbs where the mean cost of late lies above the limit and falls where it lies below.
At rest either the limit holds with λ near 0, or the cost is at the limit and λ is the price of the last bit of it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from pydantic import BaseModel, ConfigDict, FiniteFloat

from plumbline.records import UsageError


@dataclass(frozen=True, slots=True)
class LagrangianSettings:
    """How the multiplier moves.

    Attributes:
        cost_limit: d; the mean cost of a reply that is allowed.
        first: λ at the start; > 0.
        rate: step of gradient ascent on ln λ.
        most: λ never exceeds it.
        window: replies whose mean cost counts, the latest ones.
        delay: steps before λ moves, so that a critic can learn first.

    Source: the published settings of Safe RLHF (Dai et al. 2024, app. B, and its training script): limit 0, λ 1 at first, rate
        0.1, at most 5, window 128.
    """

    cost_limit: float = 0.0
    first: float = 1.0
    rate: float = 0.1
    most: float = 5.0
    window: int = 128
    delay: int = 0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: PL-LAG-001, one is out of its range.
        """
        wrong = next(
            (
                f"{name} = {value:g}"
                for name, value, is_fine in (
                    ("cost_limit", self.cost_limit, math.isfinite(self.cost_limit)),
                    ("first", self.first, 0 < self.first < math.inf),
                    ("rate", self.rate, 0 <= self.rate < math.inf),
                    ("most", self.most, self.first <= self.most < math.inf),
                    ("window", self.window, self.window >= 1),
                    ("delay", self.delay, self.delay >= 0),
                )
                if not is_fine
            ),
            None,
        )
        if wrong:
            raise UsageError(
                "PL-LAG-001",
                "lagrangian",
                "a setting is out of its range",
                expected="a finite limit, first > 0, rate >= 0, most >= first, a window of at least 1, delay >= 0",
                found=wrong,
                advice="leave it out for the published value",
            )


class LagrangianState(BaseModel):
    """Where a multiplier stands, as checkpoints hold it; see `Lagrangian`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    log_multiplier: FiniteFloat
    costs: list[FiniteFloat]
    steps: int


@dataclass
class Lagrangian:
    """The multiplier as it stands.

    Attributes:
        settings: how it moves.
        log_multiplier: ln λ.
        costs: of the latest replies, oldest first.
        steps: updates so far, those of the delay included.
    """

    settings: LagrangianSettings
    log_multiplier: float = field(init=False)
    costs: deque[float] = field(init=False)
    steps: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Start at the first value, with an empty window."""
        self.log_multiplier = math.log(self.settings.first)
        self.costs = deque(maxlen=self.settings.window)

    @property
    def multiplier(self) -> float:
        """λ."""
        return math.exp(self.log_multiplier)

    @property
    def weights(self) -> tuple[float, float]:
        """What reward and cost are multiplied by: (1 / (1 + λ), −λ / (1 + λ)); their sizes add up to 1 whatever λ is."""
        multiplier = self.multiplier
        return 1.0 / (1.0 + multiplier), -multiplier / (1.0 + multiplier)

    @property
    def mean_cost(self) -> float | None:
        """Of the window; None while it is empty."""
        return float(np.mean(self.costs)) if self.costs else None

    def update(self, costs: Iterable[float]) -> None:
        """Take the costs of a step's replies, and move λ.

        Raises:
            UsageError: PL-LAG-002, a cost is not finite; nothing has changed then.

        Source: Dai et al. 2024, eq. 31, as its script does it: plain gradient ascent by ln λ on λ · (mean cost − limit), bounded
            above. Deviation: the script moves λ with every minibatch of replies; here it moves once a step, by the replies of all
            minibatches and processes.
        """
        taken = [float(cost) for cost in costs]
        if not all(map(math.isfinite, taken)):
            raise UsageError(
                "PL-LAG-002",
                "costs",
                "a reply's cost is not finite",
                expected="numbers",
                found=f"{sum(not math.isfinite(cost) for cost in taken)} of {len(taken)} that are none",
                advice="see which model scores the cost: it failed on a reply",
            )
        self.costs.extend(taken)
        self.steps += 1
        mean = self.mean_cost
        if mean is None or self.steps <= self.settings.delay:
            return
        moved = self.log_multiplier + self.settings.rate * self.multiplier * (mean - self.settings.cost_limit)
        self.log_multiplier = min(moved, math.log(self.settings.most))

    def state(self) -> LagrangianState:
        """What a run that goes on needs."""
        return LagrangianState(log_multiplier=self.log_multiplier, costs=list(self.costs), steps=self.steps)

    @classmethod
    def resumed(cls, settings: LagrangianSettings, state: LagrangianState) -> Lagrangian:
        """As `state` left it."""
        lagrangian = cls(settings)
        lagrangian.log_multiplier, lagrangian.steps = state.log_multiplier, state.steps
        lagrangian.costs.extend(state.costs)
        return lagrangian
