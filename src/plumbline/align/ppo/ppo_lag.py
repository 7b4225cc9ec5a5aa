"""PPO-Lagrangian: a policy climbs its reward while its cost is kept within a limit; with λ held at 0 it is plain PPO.

A step writes replies, has them scored, moves the multiplier, and descends the clipped objective on them. Source of the procedure:
Dai et al. 2024 (Safe RLHF), app. B, and its published script; where we deviate, the function says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from plumbline.align.demonstrations import TextBatch
from plumbline.align.finite_steps import policy_lost, step_is_finite
from plumbline.align.lagrangian import Lagrangian
from plumbline.align.policy import Policy, ReferenceReading, TokenReading
from plumbline.align.ppo.advantages import advantages_and_returns, shaped_rewards
from plumbline.align.ppo.drivable import require_drivable
from plumbline.align.ppo.objective import masked_mean, policy_loss, value_loss
from plumbline.align.ppo.reply_scorers import ReplyScorer, ReplyScores
from plumbline.align.processes import supported_accelerator, together
from plumbline.align.rollouts import Rollouts, RolloutSettings, write_replies
from plumbline.records import ModelError, UsageError


@dataclass(frozen=True, slots=True)
class PpoSettings:
    """How a policy learns.

    Attributes:
        epochs: passes over the replies of a step.
        minibatch: replies a gradient step.
        policy_rate, critic_rate: learning rates.
        clip: of the policy's ratios.
        value_clip: how far a value may move within a step.
        score_clip: rewards and costs beyond ± this are cut.
        divergence_weight: β, of the divergence from the reference; taken from the reward and added to the cost, so that its
            weight in the objective is β whatever λ is.
        smoothing, discount: of the advantages.
        pretraining_weight: of the likelihood of other texts, where there are some.
        most_gradient: gradients are scaled down to this norm.
        in_half: compute in bfloat16; weights stay in 32 bits.

    Source: the published settings of Safe RLHF. Deviation: they train critics as models of their own; here they are heads on the
        policy's trunk, which begin at 0: at the published 5e-6 they would stay there, so their rate is larger.
    """

    epochs: int = 1
    minibatch: int = 16
    policy_rate: float = 1e-5
    critic_rate: float = 1e-3
    clip: float = 0.2
    value_clip: float = 5.0
    score_clip: float = 50.0
    divergence_weight: float = 0.01
    smoothing: float = 0.95
    discount: float = 1.0
    pretraining_weight: float = 16.0
    most_gradient: float = 1.0
    in_half: bool = False

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: PL-PPO-001, one is out of its range.
        """
        positive = ("epochs", "minibatch", "policy_rate", "clip", "value_clip", "score_clip", "most_gradient")
        wrong = [name for name in positive if not 0 < getattr(self, name) < float("inf")]
        zero_or_more = ("critic_rate", "divergence_weight", "pretraining_weight")
        wrong += [name for name in zero_or_more if not 0 <= getattr(self, name) < float("inf")]
        wrong += [name for name in ("smoothing", "discount") if not 0 <= getattr(self, name) <= 1]
        if wrong:
            raise UsageError(
                "PL-PPO-001",
                "ppo",
                "a setting is out of its range",
                expected="rates, clips, epochs and minibatch above 0, weights of at least 0, smoothing and discount in 0 … 1",
                found=", ".join(f"{name} = {getattr(self, name):g}" for name in wrong),
                advice="leave it out for the published value",
            )


@dataclass(frozen=True)
class StepFigures:
    """What is watched of a step, over its replies.

    Attributes:
        reward, cost: means as the models gave them.
        multiplier: λ after the step.
        divergence: from the reference, a reply, in nats; an estimate by the tokens that were drawn, so it can be negative.
        entropy: of a token, in nats.
        length: tokens of a reply.
        ended: share of replies that came to an end token, or to a turn marker.
        clipped: share of tokens whose ratio left the clip range, over the gradient steps.
        step_divergence: of the policy after a gradient step from the one that wrote the replies, a token, in nats.
        policy_loss, reward_critic_loss, cost_critic_loss: means over the gradient steps.
        pretraining_loss: nats a token; None without other texts.
        empty: share of replies that hold nothing but their end; no number where nobody counted.
    """

    reward: float
    cost: float
    multiplier: float
    divergence: float
    entropy: float
    length: float
    ended: float
    clipped: float
    step_divergence: float
    policy_loss: float
    reward_critic_loss: float
    cost_critic_loss: float
    pretraining_loss: float | None
    empty: float = math.nan


class PpoLag:
    """A run of steps on one policy, on as many processes as Accelerate was started with.

    Each process writes, and learns from, a share of a step's replies; gradients are averaged over tokens, and the multiplier moves by
    the costs of all.

    Attributes:
        policy: learns.
        lagrangian: None for plain PPO: costs are watched and weigh nothing.
        optimizer: of policy and critics.
        accelerator: knows the processes and the device.
        padding_id: fills rows up.
        scorer: says what replies are worth.
    """

    def __init__(
        self,
        policy: Policy,
        scorer: ReplyScorer,
        settings: PpoSettings,
        lagrangian: Lagrangian | None,
        *,
        end_ids: frozenset[int],
        padding_id: int,
        rollouts: RolloutSettings,
        end_id: int | None = None,
    ) -> None:
        """A run at its start.

        Args:
            end_ids: tokens that end a reply.
            end_id: the one that is put behind replies that were cut, where the scorer reads there; None for none.
        Raises:
            UsageError: PL-ALN-001, Accelerate is configured for what this does not do.
            ModelError: PL-PTR-004, the policy's architecture cannot be driven here.
        """
        self.policy = policy
        self.settings = settings
        self.lagrangian = lagrangian
        self.scorer = scorer
        self._end_ids, self._end_id = end_ids, end_id
        self.padding_id, self._rollouts = padding_id, rollouts
        critics = list(policy.critic_heads.parameters())
        others = [each for each in policy.model.parameters() if each.requires_grad]
        bare = torch.optim.AdamW(
            [{"params": others, "lr": settings.policy_rate}, {"params": critics, "lr": settings.critic_rate}],
            betas=(0.9, 0.95),
            weight_decay=0.0,
        )
        self.accelerator = supported_accelerator()
        self._learner, self._prepared = self.accelerator.prepare(policy, bare)
        policy.move_reference(self.accelerator.device)
        require_drivable(policy)

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """Of policy and critics, as torch has it."""
        bare: torch.optim.Optimizer = self._prepared.optimizer
        return bare

    def step(
        self,
        numbers: Sequence[int],
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[int],
        others: Iterator[TextBatch] | None = None,
    ) -> StepFigures:
        """Write replies, learn from them.

        Args:
            numbers: of the prompts, as the scorer knows them.
            prompts: B lists of tokens; this process's share, as many in every process.
            seeds: B, of the replies.
            others: other texts, one batch a gradient step.
        Raises:
            ModelError: PL-PPO-002, a reply has no finite reward or cost, or PL-PPO-011, a model read it in part; nothing was learnt
                from the step. PL-PPO-003, a gradient, the weights after it, or what the policy says is not finite. PL-ALN-002,
                another process failed before it learnt.
        """
        # Throughout: with dropout the ratios would be of two policies, the one that wrote and one with holes.
        self.policy.eval()
        with together(self.accelerator):
            with self._precision():
                written = write_replies(self.policy, prompts, seeds, self._end_ids, self.padding_id, self._rollouts)
                readings = [self._reference(written.take(rows)) for rows in self._in_turn(len(prompts))]
            reading = ReferenceReading.joined(readings, written.mask.shape[1])
            scores = _one_a_reply(self.scorer.scores(numbers, written, reading), len(prompts))
        scores = self._checked(scores)
        if self.lagrangian is not None:
            self.lagrangian.update(self._of_all(scores.costs).tolist())
        batch = self._learnable(written, scores, reading.log_probabilities)
        found = [self._descend(rows, batch, others) for rows in self._minibatches(len(prompts), seeds)]
        return self._told(written, scores, reading.log_probabilities, found)

    def _reference(self, written: Rollouts) -> ReferenceReading:
        return self.policy.reference(written, self.scorer.layers, self._end_id)

    def _in_turn(self, count: int) -> Sequence[Tensor]:
        """Rows, as many at a time as are learnt from at a time: more would ask for more memory."""
        return torch.split(torch.arange(count, device=self.policy.device), self.settings.minibatch)

    def _precision(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.policy.device.type, torch.bfloat16, enabled=self.settings.in_half)

    def _of_all(self, column: Tensor) -> Tensor:
        """A column of all processes, in the order of processes."""
        gathered: Tensor = self.accelerator.gather(column.to(self.policy.device))
        return gathered.cpu()

    def _checked(self, scores: ReplyScores) -> ReplyScores:
        """Scores on the policy's device; where one of any process is not finite, all processes stop."""
        device = self.policy.device
        for name, column in (("reward", scores.rewards), ("cost", scores.costs)):
            bad = (~self._of_all(column).isfinite()).sum()
            if bad:
                raise ModelError(
                    "PL-PPO-002",
                    f"the {name} model",
                    "a reply has no finite score",
                    expected="a number for each reply",
                    found=f"{int(bad)} of {len(column) * self.accelerator.num_processes} that are none",
                    advice="try the model with plumbline score; nothing was learnt from these replies",
                )
        return ReplyScores(scores.rewards.to(device), scores.costs.to(device))

    def _learnable(self, written: Rollouts, scores: ReplyScores, reference: Tensor) -> _Batch:
        """Advantages of reward and cost, put together by the multiplier, and the returns of both critics."""
        settings, limit = self.settings, self.settings.score_clip
        columns = []
        for place, (column, weight) in enumerate(
            ((scores.rewards, settings.divergence_weight), (scores.costs, -settings.divergence_weight))
        ):
            earned = shaped_rewards(
                column.clamp(-limit, limit), written.log_probabilities, reference, written.mask, weight
            )
            columns.append(
                advantages_and_returns(
                    earned,
                    written.values[..., place],
                    written.mask,
                    discount=settings.discount,
                    smoothing=settings.smoothing,
                )
            )
        (of_reward, reward_returns), (of_cost, cost_returns) = columns
        for_reward, for_cost = (1.0, 0.0) if self.lagrangian is None else self.lagrangian.weights
        advantages = for_reward * of_reward + for_cost * of_cost
        return _Batch(written, advantages, torch.stack([reward_returns, cost_returns], dim=-1))

    def _minibatches(self, count: int, seeds: Sequence[int]) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(int(seeds[0]))
        for _ in range(self.settings.epochs):
            yield from torch.split(torch.randperm(count, generator=generator), self.settings.minibatch)

    def _descend(self, rows: Tensor, batch: _Batch, others: Iterator[TextBatch] | None) -> dict[str, float]:
        """One gradient step."""
        settings = self.settings
        part = batch.take(rows.to(self.policy.device))
        texts = None if others is None else next(others).to(self.policy.device)
        with self._precision():
            now: TokenReading = self._learner(part.written, texts)
        mask = part.written.mask
        learnt = policy_loss(
            now.log_probabilities, part.written.log_probabilities, part.advantages, mask, settings.clip
        )
        of_critics = [
            value_loss(now.values[..., k], part.written.values[..., k], part.returns[..., k], mask, settings.value_clip)
            for k in range(self.policy.critics)
        ]
        loss = (learnt.loss + of_critics[0] + of_critics[1]) * self._share(mask)
        told = {
            "policy_loss": float(learnt.loss.detach()),
            "reward_critic_loss": float(of_critics[0].detach()),
            "cost_critic_loss": float(of_critics[1].detach()),
            "clipped": learnt.clipped,
            "step_divergence": learnt.divergence,
            "entropy": float(masked_mean(now.entropy, mask)),
        }
        if now.likelihood is not None:
            loss = loss + settings.pretraining_weight * now.likelihood
            told["pretraining_loss"] = float(now.likelihood.detach())
        self._prepared.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        norm = self.accelerator.clip_grad_norm_(self.policy.parameters(), settings.most_gradient)
        if not bool(norm.isfinite()):
            raise policy_lost("its gradients")
        if not step_is_finite(self._prepared):
            raise policy_lost("its weights, after a step,")
        return told

    def _share(self, mask: Tensor) -> Tensor:
        """What a process's mean over tokens counts, so that the mean over processes is one over all their tokens."""
        tokens = mask.sum().float()
        share: Tensor = tokens / self.accelerator.reduce(tokens, "mean")
        return share

    def _told(
        self, written: Rollouts, scores: ReplyScores, reference: Tensor, found: Sequence[dict[str, float]]
    ) -> StepFigures:
        moved = (written.log_probabilities - reference).where(written.mask, torch.zeros((), device=reference.device))
        of_step = {
            "reward": scores.rewards.mean(),
            "cost": scores.costs.mean(),
            "divergence": moved.sum(dim=1).mean(),
            "length": written.mask.sum(dim=1).float().mean(),
            "ended": written.has_ended.float().mean(),
            "empty": torch.tensor([self._is_empty(written, row) for row in range(len(written.mask))]).float().mean(),
        }
        mine = {name: float(each) for name, each in of_step.items()}
        mine |= {name: sum(each[name] for each in found) / len(found) for name in found[0]}
        means = self.accelerator.reduce(torch.tensor(list(mine.values()), device=reference.device), "mean").tolist()
        told: dict[str, Any] = {"pretraining_loss": None, **dict(zip(mine, means, strict=True))}
        return StepFigures(multiplier=0.0 if self.lagrangian is None else self.lagrangian.multiplier, **told)

    def _is_empty(self, written: Rollouts, row: int) -> bool:
        ids, markers = written.reply_ids(row, self._end_ids), self.policy.markers
        return not ids or (markers is not None and markers.are_all_of(ids))


def _one_a_reply(scores: ReplyScores, count: int) -> ReplyScores:
    for name, column in (("reward", scores.rewards), ("cost", scores.costs)):
        if column.shape != (count,):
            raise ValueError(f"expected a {name} for each of {count} replies, found shape {tuple(column.shape)}")
    return scores


@dataclass(frozen=True, eq=False)
class _Batch:
    """Replies with what is learnt from them: advantages (B, T), returns (B, T, critics)."""

    written: Rollouts
    advantages: Tensor
    returns: Tensor

    def take(self, rows: Tensor) -> _Batch:
        """Those rows."""
        kept = self.written.take(rows)
        length = kept.mask.shape[1]
        return _Batch(kept, self.advantages[rows, :length], self.returns[rows, :length])
