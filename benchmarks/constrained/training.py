"""Policies trained on a made-up task, watched step by step by what they are worth exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.constrained.instances import Instance
from benchmarks.constrained.optimum import (
    ConstrainedOptimum,
    PolicyWorth,
    constrained_optimum,
    lagrangian_rest,
    worth_of,
)
from plumbline.align.lagrangian import Lagrangian, LagrangianSettings
from plumbline.align.policy import Policy
from plumbline.align.ppo.ppo_lag import PpoLag, PpoSettings
from plumbline.align.ppo.reply_scorers import ReplyScores, TokenScorer
from plumbline.align.rollouts import Rollouts, RolloutSettings

Floats = NDArray[np.float64]

EVERY = 5
"""Steps from one look at what a policy is worth to the next."""


@dataclass(frozen=True)
class Training:
    """How every policy of the benchmark is trained: one setting for all tasks and all seeds.

    Attributes:
        steps: of PPO.
        replies: a step, dealt evenly over the prompts.
        minibatch, epochs, policy_rate, critic_rate, smoothing: see `PpoSettings`.
        multiplier_first, multiplier_rate, multiplier_most: see `LagrangianSettings`; its window is the replies of a step. λ begins
            below where it rests on any task, so that it has to find its way up.
        averaged: share of the steps, the last ones, over which weights are averaged for the averaged policy.
    """

    steps: int = 200
    replies: int = 256
    minibatch: int = 64
    epochs: int = 2
    policy_rate: float = 3e-3
    critic_rate: float = 1e-2
    smoothing: float = 0.95
    multiplier_first: float = 0.3
    multiplier_rate: float = 0.05
    multiplier_most: float = 20.0
    averaged: float = 0.25


@dataclass(frozen=True, eq=False)
class Trained:
    """A policy after its steps.

    Attributes:
        reference: what the policy was worth before the first step.
        worths: what it was worth after every `EVERY` steps, the last one among them.
        multipliers: λ after the same steps; 0 throughout for plain PPO.
        averaged: what the policy of the averaged weights is worth.
        best: the constrained optimum, of the same reference.
        rest: where PPO-Lagrangian as published comes to rest.
    """

    reference: PolicyWorth
    worths: Sequence[PolicyWorth]
    multipliers: Sequence[float]
    averaged: PolicyWorth
    best: ConstrainedOptimum
    rest: ConstrainedOptimum


def small_model(seed: int, vocabulary: int) -> Any:
    """A Llama of two layers, 16 wide, with weights large enough that its distributions are not flat."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        initializer_range=0.5,
        tie_word_embeddings=False,
    )
    return LlamaForCausalLM(config).eval()


def train(instance: Instance, seed: int, training: Training, *, constrained: bool) -> Trained:
    """Train a policy from scratch.

    Args:
        seed: of its first weights, which are the reference, and of its replies.
        constrained: by PPO-Lagrangian; else plain PPO, in all else the same.
    """
    policy = Policy(small_model(seed, instance.vocabulary))
    before = instance.log_policy(policy.model)
    lagrangian = (
        Lagrangian(
            LagrangianSettings(
                cost_limit=instance.limit,
                first=training.multiplier_first,
                rate=training.multiplier_rate,
                most=training.multiplier_most,
                window=training.replies,
            )
        )
        if constrained
        else None
    )
    run = _run(instance, policy, lagrangian, training)
    average = _Average()
    worths, multipliers = [], []
    for step in range(training.steps):
        _set_rates(run, training, step)
        numbers = [row % instance.prompts for row in range(training.replies)]
        seeds = [(seed * training.steps + step) * training.replies + row for row in range(training.replies)]
        told = run.step(numbers, [[number] for number in numbers], seeds)
        if (training.steps - step - 1) % EVERY == 0:
            multipliers.append(told.multiplier)
            worths.append(worth_of(instance.task, instance.log_policy(policy.model), before))
        if step + 1 > (1 - training.averaged) * training.steps:
            average.add(policy.model)
    average.write_to(policy.model)
    return Trained(
        worth_of(instance.task, before, before),
        worths,
        multipliers,
        worth_of(instance.task, instance.log_policy(policy.model), before),
        constrained_optimum(instance.task, before),
        lagrangian_rest(instance.task, before),
    )


def share_of(worth: PolicyWorth, best: ConstrainedOptimum, limit: float, floor: float = 0.0) -> float:
    """What a policy reaches of the constrained optimum's objective, nothing credited for breaking the limit.

    The objective is E[reward] − β · KL, of the exact distribution; what the cost exceeds the limit by is taken from it at the
    optimum's own price λ. By duality no policy, within the limit or not, has more than 1.

    Args:
        floor: what counts as nothing: 0, or the reference's objective for the share of what there was to gain.
    """
    fined = worth.objective - best.multiplier * max(0.0, worth.cost - limit)
    return (fined - floor) / (best.worth.objective - floor)


def _run(instance: Instance, policy: Policy, lagrangian: Lagrangian | None, training: Training) -> PpoLag:
    def score(numbers: Sequence[int], written: Rollouts) -> ReplyScores:
        said = written.tokens[:, written.prompt_length :]
        rewards, costs = instance.scored(torch.tensor(numbers), said, written.mask)
        return ReplyScores(rewards, costs)

    settings = PpoSettings(
        epochs=training.epochs,
        minibatch=training.minibatch,
        policy_rate=training.policy_rate,
        critic_rate=training.critic_rate,
        divergence_weight=instance.divergence_weight,
        smoothing=training.smoothing,
    )
    return PpoLag(
        policy,
        TokenScorer(score),
        settings,
        lagrangian,
        end_ids=instance.end_ids,
        padding_id=0,
        rollouts=RolloutSettings(instance.most_tokens),
    )


def _set_rates(run: PpoLag, training: Training, step: int) -> None:
    """The settings' rates for the first half, then half a cosine down to nothing."""
    late = max(0.0, 2 * step / training.steps - 1)
    share = 0.5 * (1 + math.cos(math.pi * late))
    for group, rate in zip(run.optimizer.param_groups, (training.policy_rate, training.critic_rate), strict=True):
        group["lr"] = rate * share


@dataclass
class _Average:
    """The mean of a model's weights over some steps."""

    count: int = 0
    sums: dict[str, Tensor] = field(default_factory=dict)

    def add(self, model: Any) -> None:
        """Take its weights in."""
        self.count += 1
        for name, weight in model.state_dict().items():
            self.sums[name] = self.sums.get(name, 0) + weight.double()

    def write_to(self, model: Any) -> None:
        """Give the model the mean."""
        model.load_state_dict({name: total / self.count for name, total in self.sums.items()})
