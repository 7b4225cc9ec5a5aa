"""Replies of a policy to a batch of prompts, with what training needs of each token.

Prompts are padded on the left, so that all replies begin in one column; a row that has ended leaves the batch. Each reply draws
from a generator of its own seed: what it says does not depend on what it is batched with, beyond rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from plumbline.records import UsageError

Progress = Callable[[int, int], None]
"""Told how many tokens of at most how many are written."""


@dataclass(frozen=True, slots=True)
class RolloutSettings:
    """How replies are written.

    Attributes:
        most_tokens: of a reply.
        temperature: > 0; probabilities are told at this temperature, too.
    """

    most_tokens: int = 128
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: PL-ROL-001, one is out of its range.
        """
        if self.most_tokens < 1 or not 0 < self.temperature < float("inf"):
            raise UsageError(
                "PL-ROL-001",
                "rollouts",
                "a setting is out of its range",
                expected="at least one token, and a temperature above 0: training needs the probability of what is written",
                found=f"{self.most_tokens} tokens, temperature {self.temperature:g}",
                advice="mend the setting",
            )


@dataclass(frozen=True, eq=False)
class Rollouts:
    """B prompts with a reply each, as one batch.

    Attributes:
        tokens: shape (B, P + T); prompts end at column P.
        is_token: shape (B, P + T), bool; false on padding.
        prompt_length: P.
        mask: shape (B, T), bool; the tokens of the replies, their end token included. Never empty.
        log_probabilities: shape (B, T), of the tokens as they were drawn; 0 outside of the mask.
        values: shape (B, T, k), of the critics before each token; 0 outside of the mask.
        has_ended: shape (B,), bool; false where the reply was cut at its most tokens.
    """

    tokens: Tensor
    is_token: Tensor
    prompt_length: int
    mask: Tensor
    log_probabilities: Tensor
    values: Tensor
    has_ended: Tensor

    def reply_ids(self, row: int, end_ids: frozenset[int]) -> list[int]:
        """Tokens of a reply without its end token."""
        ids = self.tokens[row, self.prompt_length :][self.mask[row]].tolist()
        return [each for each in ids if each not in end_ids]


@torch.no_grad()
def write_replies(
    policy: Any,
    prompts: Sequence[Sequence[int]],
    seeds: Sequence[int],
    end_ids: frozenset[int],
    padding_id: int,
    settings: RolloutSettings,
) -> Rollouts:
    """A reply to each prompt.

    Args:
        policy: see `policy.Policy.begin` and `go_on`.
        prompts: B lists of at least one token.
        seeds: B.
        end_ids: tokens that end a reply.
        padding_id: fills rows up.
        settings: limits.
    """
    device = policy.device
    tokens, is_token = _padded_left(prompts, padding_id, device)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    count, most = len(prompts), settings.most_tokens
    written = torch.full((count, most), padding_id, dtype=torch.long, device=device)
    mask = torch.zeros((count, most), dtype=torch.bool, device=device)
    logs = torch.zeros((count, most), device=device)
    values = torch.zeros((count, most, policy.critics), device=device)
    has_ended = torch.zeros(count, dtype=torch.bool, device=device)
    ends = torch.tensor(sorted(end_ids), dtype=torch.long, device=device)
    alive = torch.arange(count, device=device)
    reading = policy.begin(tokens, is_token)
    for place in range(most):
        told = (reading.logits.float() / settings.temperature).log_softmax(dim=-1)
        drawn = _draw(told, [generators[row] for row in alive.tolist()])
        written[alive, place], mask[alive, place] = drawn, True
        logs[alive, place] = told.gather(1, drawn[:, None])[:, 0]
        values[alive, place] = reading.values.float()
        ended = torch.isin(drawn, ends)
        has_ended[alive] = ended
        going = (~ended).nonzero()[:, 0]
        if place + 1 == most or not len(going):
            break
        alive = alive[going]
        reading = policy.go_on(reading, drawn[going], going)
    longest = int(mask.sum(dim=1).max())
    mask = mask[:, :longest]
    return Rollouts(
        torch.cat([tokens, written[:, :longest]], dim=1),
        torch.cat([is_token, mask], dim=1),
        tokens.shape[1],
        mask,
        logs[:, :longest],
        values[:, :longest],
        has_ended,
    )


def _padded_left(prompts: Sequence[Sequence[int]], padding_id: int, device: torch.device) -> tuple[Tensor, Tensor]:
    longest = max(map(len, prompts))
    tokens = torch.full((len(prompts), longest), padding_id, dtype=torch.long)
    is_token = torch.zeros((len(prompts), longest), dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        tokens[row, longest - len(prompt) :] = torch.tensor(list(prompt))
        is_token[row, longest - len(prompt) :] = True
    return tokens.to(device), is_token.to(device)


def _draw(log_probabilities: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """A token of each row by its probability, one uniform number a row; shape (rows,)."""
    cumulated = log_probabilities.double().exp().cumsum(dim=-1)
    uniform = torch.stack([torch.rand((), generator=each, dtype=torch.float64) for each in generators])
    wanted = uniform.to(cumulated.device)[:, None] * cumulated[:, -1:]
    places = torch.searchsorted(cumulated, wanted, right=True)[:, 0]
    return places.clamp(max=log_probabilities.shape[-1] - 1)
