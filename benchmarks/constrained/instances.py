"""Made-up tasks in which reward and cost pull apart, small enough that every reply can be written down.

A prompt is one token; a reply is some tokens of the same vocabulary. Each word has a worth and a price, and which word is which is
another matter for each prompt; a word said twice running costs more, where the task says so, so that what was said before
matters. Nothing here is drawn from anywhere: worths and prices are given or come from a fixed seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.constrained.optimum import ConstrainedTask

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Instance:
    """A task.

    Attributes:
        name: as tables show it.
        worths, prices: shape (words,), of each word.
        most_tokens: of a reply.
        limit: of the expected cost of a reply.
        has_end: a reply may end early, by a token that is no word; else each has `most_tokens` words.
        repeat_price: what a word costs on top where it follows itself.
        prompts: how many; each is as likely as another.
        divergence_weight: β.
    """

    name: str
    worths: Floats
    prices: Floats
    most_tokens: int
    limit: float
    has_end: bool = False
    repeat_price: float = 0.0
    prompts: int = 4
    divergence_weight: float = 0.1

    @property
    def words(self) -> int:
        """How many words there are."""
        return len(self.worths)

    @property
    def vocabulary(self) -> int:
        """Tokens: the words, and the end token behind them where there is one."""
        return self.words + self.has_end

    @property
    def end_ids(self) -> frozenset[int]:
        """Tokens that end a reply."""
        return frozenset({self.words}) if self.has_end else frozenset()

    @cached_property
    def replies(self) -> tuple[Tensor, Tensor]:
        """Every reply there is: tokens and a mask, both of shape (replies, most_tokens); an end token belongs to its reply."""
        tokens = torch.cartesian_prod(*[torch.arange(self.vocabulary)] * self.most_tokens).view(-1, self.most_tokens)
        ends = (tokens == self.words).long()
        mask = ends.cumsum(dim=1) - ends == 0
        # Behind its end a reply is nothing: of those that say the same, one stays.
        kept = (torch.where(mask, 0, tokens) == 0).all(dim=1)
        return tokens[kept], mask[kept]

    def scored(self, prompts: Tensor, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Rewards and costs of replies, shape (replies,), 64 bits.

        Args:
            prompts: shape (replies,), numbers.
            tokens, mask: shape (replies, T).
        """
        said = mask & (tokens < self.words)
        which = torch.where(said, (tokens + prompts[:, None]) % self.words, 0)
        worths, prices = (torch.where(said, torch.from_numpy(of)[which], 0.0) for of in (self.worths, self.prices))
        repeats = (said[:, 1:] & said[:, :-1] & (tokens[:, 1:] == tokens[:, :-1])).sum(dim=1)
        return worths.sum(dim=1), prices.sum(dim=1) + self.repeat_price * repeats

    @cached_property
    def task(self) -> ConstrainedTask:
        """Rewards and costs of every reply to every prompt."""
        tokens, mask = self.replies
        scored = [self.scored(torch.full((len(tokens),), number), tokens, mask) for number in range(self.prompts)]
        rewards, costs = (torch.stack(column).numpy() for column in zip(*scored, strict=True))
        return ConstrainedTask(rewards, costs, self.limit, self.divergence_weight)

    def log_policy(self, model: torch.nn.Module) -> Floats:
        """Log-probability of every reply to every prompt by a causal model, shape (prompts, replies): nothing is drawn.

        Asked of the model itself, sequence by sequence from its first token, not by the code that is on trial.

        Raises:
            ValueError: they do not add up to 1.
        """
        tokens, mask = self.replies
        rows = []
        for number in range(self.prompts):
            sequences = torch.cat([torch.full((len(tokens), 1), number), tokens], dim=1)
            with torch.no_grad():
                logs = model(sequences).logits[:, :-1].double().log_softmax(dim=-1)
            of_tokens = logs.gather(2, tokens[:, :, None])[:, :, 0]
            rows.append(torch.where(mask, of_tokens, 0.0).sum(dim=1))
        found = torch.stack(rows)
        if not torch.allclose(found.exp().sum(dim=1), torch.ones(self.prompts, dtype=torch.float64), atol=1e-5):
            raise ValueError("expected probabilities of all replies that add up to 1")
        told: Floats = found.numpy()
        return told


def instances() -> list[Instance]:
    """All of them; the first is the one that the picture shows."""
    worths, prices = np.array([0.0, 0.5, 1.0, 2.0]), np.array([-1.0, -0.5, 0.5, 2.0])
    first = Instance("4 words, 2 tokens, limit 0", worths, prices, 2, 0.0)
    many = np.random.default_rng(8)
    wide = many.uniform(0.0, 2.0, size=32)
    return [
        first,
        replace(first, name="the same, limit −0.5", limit=-0.5),
        Instance("4 words, 4 tokens, repeats cost", worths, prices, 4, 0.5, repeat_price=0.5),
        Instance("32 words, 2 tokens", wide, 1.5 * wide - 1.0 + 0.3 * many.normal(size=32), 2, 0.0),
        Instance("4 words, up to 4 tokens, may end early", worths, prices, 4, 0.5, has_end=True, repeat_price=0.5),
    ]
