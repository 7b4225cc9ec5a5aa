"""A PPO-Lagrangian step the plain way: six models of full size that share nothing, each with passes of its own.

Actor, reference, reward and cost model, and a critic for each of both. Replies come from transformers' own `generate`, with its
cache; then every model reads them once, without gradients, in minibatches; then the actor and both critics each take a gradient step
a minibatch. Losses, advantages and the multiplier are those of the product: what differs is what is computed how often.

Where it could be done worse it is not: logits only where replies are, no padding beside the batch's own, hidden states of the models
that score without a vocabulary's logits, no recomputation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from plumbline.align.lagrangian import Lagrangian, LagrangianSettings
from plumbline.align.ppo.advantages import advantages_and_returns, shaped_rewards
from plumbline.align.ppo.objective import policy_loss, value_loss
from plumbline.align.ppo.ppo_lag import PpoSettings


class Headed(nn.Module):
    """A decoder with a linear head of one number a token."""

    def __init__(self, decoder: Any, width: int) -> None:
        super().__init__()
        self.decoder = decoder
        self.head = nn.Linear(width, 1)

    def forward(self, tokens: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
        """Shape (rows, tokens)."""
        told = self.decoder(input_ids=tokens, attention_mask=mask, position_ids=positions, use_cache=False)
        values: Tensor = self.head(told.last_hidden_state)[:, :, 0]
        return values


@dataclass(frozen=True, eq=False)
class Read:
    """Replies and what the six models say of them; shapes as `rollouts.Rollouts`, values without a last axis."""

    tokens: Tensor
    is_token: Tensor
    mask: Tensor
    log_probabilities: Tensor
    reference: Tensor
    scores: tuple[Tensor, Tensor]
    values: tuple[Tensor, Tensor]


class SixModels:
    """The models and their optimizers.

    Attributes:
        actor, reference: causal models.
        scorers, critics: of reward and cost.
    """

    def __init__(
        self, actor: Any, reference: Any, scorers: Sequence[Headed], critics: Sequence[Headed], settings: PpoSettings
    ) -> None:
        self.actor, self.reference, self.scorers, self.critics = actor, reference, scorers, critics
        self.settings = settings
        self.lagrangian = Lagrangian(LagrangianSettings())
        for model in (reference, *scorers):
            model.eval().requires_grad_(False)
        self._optimizers = [
            torch.optim.AdamW(
                [weight for weight in model.parameters() if weight.requires_grad],
                lr=rate,
                betas=(0.9, 0.95),
                weight_decay=0.0,
            )
            for model, rate in ((actor, settings.policy_rate), *((each, settings.critic_rate) for each in critics))
        ]

    @torch.no_grad()
    def write(self, prompts: Tensor, is_token: Tensor, most_tokens: int, end_ids: Sequence[int]) -> tuple[Tensor, ...]:
        """Replies to prompts, padded on the left: tokens, is_token, and the replies' mask."""
        self.actor.eval()
        tokens = self.actor.generate(
            input_ids=prompts,
            attention_mask=is_token.long(),
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            max_new_tokens=most_tokens,
            eos_token_id=list(end_ids) or None,
            pad_token_id=0,
        )
        written = tokens[:, prompts.shape[1] :]
        ends = torch.isin(written, torch.tensor(list(end_ids), dtype=torch.long)).long()
        mask = ends.cumsum(dim=1) - ends == 0
        return tokens, torch.cat([is_token, mask], dim=1), mask

    @torch.no_grad()
    def read(self, tokens: Tensor, is_token: Tensor, mask: Tensor) -> list[Read]:
        """What every model says of the replies, minibatch by minibatch."""
        return [
            self._read_some(*some)
            for some in zip(*(each.split(self.settings.minibatch) for each in (tokens, is_token, mask)), strict=True)
        ]

    def _read_some(self, tokens: Tensor, is_token: Tensor, mask: Tensor) -> Read:
        length, positions = mask.shape[1], positions_of(is_token)
        last = tokens.shape[1] - length + mask.sum(dim=1) - 1
        rows = torch.arange(len(tokens))
        scores = [each(tokens, is_token.long(), positions)[rows, last] for each in self.scorers]
        values = [each(tokens, is_token.long(), positions)[:, -length - 1 : -1] for each in self.critics]
        return Read(
            tokens,
            is_token,
            mask,
            log_probabilities(self.actor, tokens, is_token, mask),
            log_probabilities(self.reference, tokens, is_token, mask),
            (scores[0], scores[1]),
            (values[0], values[1]),
        )

    def learn(self, read: Sequence[Read]) -> None:
        """Move the multiplier, then a gradient step of actor and critics a minibatch."""
        self.lagrangian.update([cost for each in read for cost in each.scores[1].tolist()])
        for model in (self.actor, *self.critics):
            model.train()
        for each in read:
            self._descend(each)

    def _descend(self, read: Read) -> None:
        settings, length = self.settings, read.mask.shape[1]
        columns = [
            advantages_and_returns(
                shaped_rewards(score, read.log_probabilities, read.reference, read.mask, weight),
                values,
                read.mask,
                discount=settings.discount,
                smoothing=settings.smoothing,
            )
            for score, values, weight in zip(
                read.scores, read.values, (settings.divergence_weight, -settings.divergence_weight), strict=True
            )
        ]
        for_reward, for_cost = self.lagrangian.weights
        advantages = for_reward * columns[0][0] + for_cost * columns[1][0]
        now = log_probabilities(self.actor, read.tokens, read.is_token, read.mask)
        loss = policy_loss(now, read.log_probabilities, advantages, read.mask, settings.clip).loss
        self._take_step(self.actor, self._optimizers[0], loss)
        positions = positions_of(read.is_token)
        for critic, optimizer, before, (_, returns) in zip(
            self.critics, self._optimizers[1:], read.values, columns, strict=True
        ):
            values = critic(read.tokens, read.is_token.long(), positions)[:, -length - 1 : -1]
            self._take_step(critic, optimizer, value_loss(values, before, returns, read.mask, settings.value_clip))

    def _take_step(self, model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), self.settings.most_gradient)
        optimizer.step()


def positions_of(is_token: Tensor) -> Tensor:
    """Of each token among those of its row."""
    return (is_token.long().cumsum(dim=1) - 1).clamp(min=0)


def log_probabilities(model: Any, tokens: Tensor, is_token: Tensor, mask: Tensor) -> Tensor:
    """Of the replies' tokens, shape (rows, T); 0 outside of the mask."""
    length = mask.shape[1]
    told = model(
        input_ids=tokens,
        attention_mask=is_token.long(),
        position_ids=positions_of(is_token),
        use_cache=False,
        logits_to_keep=length + 1,
    )
    logs = told.logits[:, -length - 1 : -1].log_softmax(dim=-1)
    return torch.where(mask, logs.gather(2, tokens[:, -length:, None])[:, :, 0], 0.0)
