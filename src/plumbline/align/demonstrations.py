"""Conversations to learn replies from, as tokens: what a policy is taught before it is aligned, and what keeps it from forgetting.

A conversation is written as the policy's own prompts are, its last reply behind it with an end token; only the reply's tokens are learnt.
What does not fit into the positions loses nothing silently: it is left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from plumbline.records import Conversation, Role
from plumbline.sources.causal_model import CausalModel


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One reply with what stands before it.

    Attributes:
        tokens: ids, the end token included.
        prompt_length: how many of them stand before the reply.
    """

    tokens: list[int]
    prompt_length: int


@dataclass(frozen=True, eq=False)
class TextBatch:
    """Demonstrations, one a row, padded at the end.

    Attributes:
        tokens: shape (rows, L).
        is_token: shape (rows, L), bool.
        is_learned: shape (rows, L), bool; tokens whose likelihood counts.
    """

    tokens: Tensor
    is_token: Tensor
    is_learned: Tensor

    def to(self, device: torch.device) -> TextBatch:
        """On a device."""
        return TextBatch(self.tokens.to(device), self.is_token.to(device), self.is_learned.to(device))


@dataclass(frozen=True, slots=True)
class Demonstrations:
    """What can be learnt.

    Attributes:
        rows: those that fit.
        too_long: how many did not.
        without_reply: how many do not end with a reply that says something.
    """

    rows: list[Demonstration]
    too_long: int
    without_reply: int


def demonstrations(
    conversations: Sequence[Conversation], model: CausalModel, *, most_tokens: int | None
) -> Demonstrations:
    """The last replies of conversations.

    Args:
        model: who is to learn them.
        most_tokens: of a row; None for the model's positions.
    """
    limit = min(each for each in (most_tokens, model.positions, 1 << 30) if each is not None)
    end = [] if model.end_id is None else [model.end_id]
    rows, too_long, without = [], 0, 0
    for conversation in conversations:
        if len(conversation) < 2 or conversation[-1].role is not Role.ASSISTANT or not conversation[-1].text.strip():
            without += 1
            continue
        prompt = model.prompts.encode(conversation[:-1])
        tokens = [*prompt, *model.prompts.encode_reply(conversation[-1].text), *end]
        if len(tokens) > limit:
            too_long += 1
            continue
        rows.append(Demonstration(tokens, len(prompt)))
    return Demonstrations(rows, too_long, without)


def text_batch(rows: Sequence[Demonstration], padding_id: int) -> TextBatch:
    """Rows as one batch."""
    longest = max(len(row.tokens) for row in rows)
    tokens = torch.full((len(rows), longest), padding_id, dtype=torch.long)
    places = torch.arange(longest)
    lengths = torch.tensor([len(row.tokens) for row in rows])
    begins = torch.tensor([row.prompt_length for row in rows])
    for number, row in enumerate(rows):
        tokens[number, : len(row.tokens)] = torch.tensor(row.tokens)
    is_token = places < lengths[:, None]
    return TextBatch(tokens, is_token, is_token & (places >= begins[:, None]))


def endless_batches(
    rows: Sequence[Demonstration], size: int, *, seed: int, start: int = 0
) -> Iterator[list[Demonstration]]:
    """Rows by `size` without end, each row once before any comes again.

    Args:
        rows: at least one.
        start: batches that were taken before; a run that goes on gets the next one.
    """
    places = endless_places(len(rows), seed=seed, start=start * size)
    while True:
        yield [rows[next(places)] for _ in range(size)]


def endless_places(count: int, *, seed: int, start: int = 0) -> Iterator[int]:
    """Numbers below `count` without end, each once before any comes again; every epoch in an order of its own.

    Args:
        count: at least 1.
        start: so many are left out.
    """
    epoch, within = divmod(start, count)
    while True:
        yield from np.random.default_rng([seed, epoch]).permutation(count)[within:].tolist()
        epoch, within = epoch + 1, 0
