"""Small tasks whose constrained optimum is known exactly: what constrained policy optimisation is held against.

Few prompts, few possible replies, each with a reward and a cost that pull apart. Everything a policy is worth follows from its
probabilities without drawing a reply, and so does the best policy there is:

    maximise  E[reward] − β · KL(policy, reference)    where  E[cost] <= limit

With a multiplier λ >= 0 for the limit the best policy is reference · exp((reward − λ · cost) / β), made to add up to 1; its cost
falls as λ grows, so that the right λ is found by bisection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ConstrainedTask:
    """Rewards and costs of every reply to every prompt; prompts are equally likely.

    Attributes:
        rewards, costs: shape (prompts, replies).
        limit: of the expected cost.
        divergence_weight: β > 0, nats to units of reward.
    """

    rewards: Floats
    costs: Floats
    limit: float
    divergence_weight: float


@dataclass(frozen=True)
class PolicyWorth:
    """What a policy is worth on a task, exactly.

    Attributes:
        reward, cost: expected.
        divergence: from the reference, in nats.
        objective: reward − β · divergence.
    """

    reward: float
    cost: float
    divergence: float
    objective: float


@dataclass(frozen=True, eq=False)
class ConstrainedOptimum:
    """The best policy.

    Attributes:
        log_policy: shape (prompts, replies).
        multiplier: λ; 0 where the limit costs nothing.
        worth: of the policy.
    """

    log_policy: Floats
    multiplier: float
    worth: PolicyWorth


def worth_of(task: ConstrainedTask, log_policy: Floats, log_reference: Floats) -> PolicyWorth:
    """What a policy is worth.

    Args:
        log_policy, log_reference: shape (prompts, replies); each prompt's add up to 1, to rounding.
    """
    policy = np.exp(log_policy)
    present = policy > 0  # 0 · ln 0 is 0
    ratios = np.where(present, log_policy - log_reference, 0.0)
    reward = float((policy * task.rewards).sum(axis=1).mean())
    cost = float((policy * task.costs).sum(axis=1).mean())
    divergence = float((policy * ratios).sum(axis=1).mean())
    return PolicyWorth(reward, cost, divergence, reward - task.divergence_weight * divergence)


def constrained_optimum(task: ConstrainedTask, log_reference: Floats) -> ConstrainedOptimum:
    """The best policy within the limit.

    Raises:
        ValueError: no policy is within it that the reference allows.
    Source: the solution of KL-regularised control (e.g. Rafailov et al. 2023, eq. 4) for reward − λ · cost; λ by duality.
    """

    allowed = np.where(np.isfinite(log_reference), task.costs, np.inf)
    least = float(allowed.min(axis=1).mean())
    return _within(task, log_reference, least, lambda multiplier: task.rewards - multiplier * task.costs)


def lagrangian_rest(task: ConstrainedTask, log_reference: Floats) -> ConstrainedOptimum:
    """Where PPO-Lagrangian as published comes to rest, which is not quite the constrained optimum.

    It climbs (reward − λ · cost) / (1 + λ) − β · KL: the divergence, taken from the reward and added to the cost, weighs β whatever λ is,
    and so β · (1 + λ) beside the reward as it is. A limit that only a far policy keeps within is out of its reach.

    Raises:
        ValueError: no λ brings the cost within the limit.
    Source: Dai et al. 2024, app. B; the fixed point is ours.
    """

    def gains(multiplier: float) -> Floats:
        """What is climbed at this price of the cost, beside β · KL; shape (prompts, replies)."""
        return np.asarray((task.rewards - multiplier * task.costs) / (1 + multiplier), np.float64)

    least = _cost(task, _tilted(task, log_reference, -task.costs))
    return _within(task, log_reference, least, gains)


def _within(
    task: ConstrainedTask, log_reference: Floats, least: float, gains: Callable[[float], Floats]
) -> ConstrainedOptimum:
    """The policy that climbs `gains` of the least multiplier which brings the cost within the limit.

    Args:
        least: cost that no multiplier goes below.
        gains: multiplier → what is climbed beside the divergence, shape (prompts, replies).
    """

    def excess(multiplier: float) -> float:
        """By how much the cost of the best policy at this price is above the limit; falls as the price rises."""
        return _cost(task, _tilted(task, log_reference, gains(multiplier))) - task.limit

    multiplier = 0.0
    if excess(0.0) > 0:
        if least >= task.limit:
            raise ValueError(f"limit: expected one above {least:g}, the least cost that there is, found {task.limit:g}")
        most = 1.0
        while excess(most) > 0:
            most *= 2
        multiplier = float(brentq(excess, 0.0, most, xtol=1e-12))
    log_policy = _tilted(task, log_reference, gains(multiplier))
    return ConstrainedOptimum(log_policy, multiplier, worth_of(task, log_policy, log_reference))


def _tilted(task: ConstrainedTask, log_reference: Floats, gains: Floats) -> Floats:
    """The policy that has the most of E[gain] − β · KL."""
    tilted = log_reference + gains / task.divergence_weight
    return np.asarray(tilted - logsumexp(tilted, axis=1, keepdims=True), np.float64)


def _cost(task: ConstrainedTask, log_policy: Floats) -> float:
    return float((np.exp(log_policy) * task.costs).sum(axis=1).mean())
