"""Replies of a policy to a batch of prompts, with what training needs of each token.

Prompts are padded on the left, so that all replies begin in one column; a row that has ended leaves the batch. Each reply draws
from a generator of its own seed: what it says does not depend on what it is batched with, beyond rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from plumbline.align.finite_steps import are_finite, policy_lost
from plumbline.records import UsageError
from plumbline.sources.turn_markers import TurnMarkers

_WITHOUT_DOUBLES = frozenset({"mps"})
"""Kinds of devices that have no numbers of 64 bits."""
_BLOCK = 128
_BELOW_ONE = 1 - 2.0**-52
"""A share of a sum that is less than the sum, however it is rounded."""


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
        mask: shape (B, T), bool; the tokens of the replies, their end token included, or the turn marker that ended them. Never
            empty.
        log_probabilities: shape (B, T), of the tokens as they were drawn; 0 outside of the mask.
        values: shape (B, T, k), of the critics before each token; 0 outside of the mask.
        has_ended: shape (B,), bool; false where the reply was cut at its most tokens.
        temperature: at which they were drawn; whoever is asked about them is asked at the same.
    """

    tokens: Tensor
    is_token: Tensor
    prompt_length: int
    mask: Tensor
    log_probabilities: Tensor
    values: Tensor
    has_ended: Tensor
    temperature: float = 1.0

    def take(self, rows: Tensor) -> Rollouts:
        """Some of them, without the columns in which none has a token."""
        length = int(self.mask[rows].sum(dim=1).max())
        is_token = self.is_token[rows][:, : self.prompt_length + length]
        first = int(is_token.long().argmax(dim=1).min())
        return Rollouts(
            self.tokens[rows][:, first : self.prompt_length + length],
            is_token[:, first:],
            self.prompt_length - first,
            self.mask[rows][:, :length],
            self.log_probabilities[rows][:, :length],
            self.values[rows][:, :length],
            self.has_ended[rows],
            self.temperature,
        )

    def closed(self, end_id: int | None) -> tuple[Tensor, Tensor, Tensor]:
        """The sequences with one and the same end token: behind a reply that was cut before it came to one, in the place of another.

        Of a reply that a turn marker ended the marker's last token goes: whoever reads such a reply must not read it here.

        Args:
            end_id: the end token; None where there is none.
        Returns:
            tokens and is_token, shape (B, P + T + 1), and the place of each row's end token, shape (B,); without an end
            token that of its last one.
        """
        column = self.tokens[:, :1]
        tokens = torch.cat([self.tokens, column], dim=1)
        is_token = torch.cat([self.is_token, torch.zeros_like(self.is_token[:, :1])], dim=1)
        last = self.prompt_length + self.mask.sum(dim=1) - 1
        if end_id is None:
            return tokens, is_token, last
        ends = last + (~self.has_ended).long()
        rows = torch.arange(len(tokens), device=tokens.device)
        tokens[rows, ends], is_token[rows, ends] = end_id, True
        return tokens, is_token, ends

    def reply_ids(self, row: int, end_ids: frozenset[int]) -> list[int]:
        """Tokens of a reply without its end token; a turn marker that ended it is among them."""
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
        policy: see `policy.Policy.begin` and `go_on`; its `markers` end replies, too.
        prompts: B lists of at least one token.
        seeds: B.
        end_ids: tokens that end a reply.
        padding_id: fills rows up.
        settings: limits.
    Raises:
        ModelError: PL-PPO-003, what the policy says of a token is no number.
    """
    device = policy.device
    tokens, is_token = padded_left(prompts, padding_id, device)
    count, most = len(prompts), settings.most_tokens
    uniform = _uniform(seeds, most).to(_doubles_on(device))
    written = torch.full((count, most), padding_id, dtype=torch.long, device=device)
    mask = torch.zeros((count, most), dtype=torch.bool, device=device)
    logs = torch.zeros((count, most), device=device)
    values = torch.zeros((count, most, policy.critics), device=device)
    has_ended = torch.zeros(count, dtype=torch.bool, device=device)
    ends = torch.tensor(sorted(end_ids), dtype=torch.long, device=device)
    is_closed = _Closing(policy.markers, count)
    alive = torch.arange(count, device=device)
    reading = policy.begin(tokens, is_token)
    for place in range(most):
        told = policy.next_tokens(reading.logits, settings.temperature)
        drawn = _draw(told.to(uniform.device), uniform[alive.to(uniform.device), place]).to(device)
        written[alive, place], mask[alive, place] = drawn, True
        logs[alive, place] = told.gather(1, drawn[:, None])[:, 0]
        values[alive, place] = reading.values.float()
        ended = torch.isin(drawn, ends) | is_closed(alive, drawn)
        has_ended[alive] = ended
        going = (~ended).nonzero()[:, 0]
        if place + 1 == most or not len(going):
            break
        alive = alive[going]
        reading = policy.go_on(reading, drawn[going], going)
    if not are_finite([logs]):  # nothing that can be drawn has a probability of 0
        raise policy_lost("its probabilities")
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
        settings.temperature,
    )


class _Closing:
    """Which replies a turn marker ends, as they grow."""

    def __init__(self, markers: TurnMarkers | None, count: int) -> None:
        self._markers = markers
        self._replies: list[list[int]] = [[] for _ in range(count)]

    def __call__(self, rows: Tensor, drawn: Tensor) -> Tensor:
        """Those of these rows whose reply holds a marker with the token that was drawn; shape (rows,), bool."""
        if self._markers is None:
            return torch.zeros_like(drawn, dtype=torch.bool)
        found = []
        for row, token in zip(rows.tolist(), drawn.tolist(), strict=True):
            self._replies[row].append(token)
            found.append(self._markers.are_closed_by(self._replies[row]))
        return torch.tensor(found, device=drawn.device)


def padded_left(prompts: Sequence[Sequence[int]], padding_id: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Prompts as one batch: tokens, and which of them are no padding; both of shape (B, P)."""
    longest = max(map(len, prompts))
    tokens = torch.full((len(prompts), longest), padding_id, dtype=torch.long)
    is_token = torch.zeros((len(prompts), longest), dtype=torch.bool)
    for row, prompt in enumerate(prompts):
        tokens[row, longest - len(prompt) :] = torch.tensor(list(prompt))
        is_token[row, longest - len(prompt) :] = True
    return tokens.to(device), is_token.to(device)


def _doubles_on(device: torch.device) -> torch.device:
    """Where tokens are drawn: on the device itself where it has numbers of 64 bits."""
    return torch.device("cpu") if device.type in _WITHOUT_DOUBLES else device


def _uniform(seeds: Sequence[int], most: int) -> Tensor:
    """A number of [0, 1) for each token of each row, from the row's own seed; shape (rows, most), 64 bits."""
    generators = (torch.Generator().manual_seed(seed) for seed in seeds)
    return torch.stack([torch.rand(most, generator=each, dtype=torch.float64) for each in generators])


def _draw(log_probabilities: Tensor, uniform: Tensor) -> Tensor:
    """A token of each row by its probability; shape (rows,).

    Sums of 64 bits, which rare tokens ask for, take longer over a whole vocabulary than all the rest: they are made over blocks of
    tokens, and then within the block that was drawn.

    Args:
        log_probabilities: shape (rows, vocabulary).
        uniform: shape (rows,), in [0, 1), 64 bits.
    """
    rows, vocabulary = log_probabilities.shape
    blocks = nn.functional.pad(log_probabilities.exp(), (0, -vocabulary % _BLOCK)).view(rows, -1, _BLOCK)
    block, within = _look_up(blocks.sum(dim=-1), uniform)
    place, _ = _look_up(blocks[torch.arange(rows, device=block.device), block], within)
    return (block * _BLOCK + place).clamp(max=vocabulary - 1)  # beyond it only where there are no numbers


def _look_up(weights: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Where this share of the weights is reached: a place that weighs something, and the share of its own weight; both of shape (rows,)."""
    weights = weights.double()
    reached = weights.cumsum(dim=-1)
    wanted = share.clamp(max=_BELOW_ONE)[:, None] * reached[:, -1:]
    place = torch.searchsorted(reached, wanted, right=True).clamp(max=weights.shape[-1] - 1)
    own = weights.gather(1, place)
    return place[:, 0], ((wanted - reached.gather(1, place) + own) / own).clamp(min=0.0)[:, 0]
