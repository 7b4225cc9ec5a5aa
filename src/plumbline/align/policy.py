"""A policy, its critics and its reference, on one trunk.

The policy is a causal model, whole or by adapters. Its critics are linear heads on the hidden states from which it writes, so that
one pass tells the next token's probabilities and what is expected of the rest of the reply. With adapters the reference is the
same model without them; else a copy as it was at the start, which is the only second trunk there is.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from plumbline.align.demonstrations import TextBatch
from plumbline.align.rollouts import Rollouts, padded_left
from plumbline.align.roomy_cache import give_room
from plumbline.models.transformer.trunk.layers import kept_outputs, layer_count
from plumbline.sources.turn_markers import TurnMarkers

CRITICS = ("reward", "cost")
_NOT_LEARNED = -100


@dataclass(frozen=True, eq=False)
class Reading:
    """What the policy says after the tokens so far.

    Attributes:
        logits: shape (rows, vocabulary), of the next token.
        values: shape (rows, critics).
        cache: of the library.
        is_token: shape (rows, tokens so far), bool.
    """

    logits: Tensor
    values: Tensor
    cache: Any
    is_token: Tensor


@dataclass(frozen=True, eq=False)
class TokenReading:
    """What the policy says of replies that are written.

    Attributes:
        log_probabilities: shape (B, T), of the tokens.
        values: shape (B, T, critics), before each token.
        entropy: shape (B, T), nats, of the distribution that each token was drawn from; no gradient.
        likelihood: mean negative log-likelihood of other texts' tokens, nats; None where there are none.
    """

    log_probabilities: Tensor
    values: Tensor
    entropy: Tensor
    likelihood: Tensor | None = None


@dataclass(frozen=True, eq=False)
class ReferenceReading:
    """What the reference says of replies that the policy wrote.

    Attributes:
        log_probabilities: shape (B, T), of the tokens; 0 outside of the replies.
        layers: number of a layer → its hidden states at the end token of each reply, shape (B, d); of the layers asked for.
        end_id: of that end token, see `Rollouts.closed`.
        again: sequences of tokens → the same layers at their last tokens: for whoever reads a reply in other tokens than it was
            written in.
    """

    log_probabilities: Tensor
    layers: Mapping[int, Tensor]
    end_id: int | None
    again: Callable[[Sequence[Sequence[int]]], Mapping[int, Tensor]]

    @classmethod
    def joined(cls, parts: Sequence[ReferenceReading], length: int) -> ReferenceReading:
        """Readings one below the other.

        Args:
            length: T, of the longest reply of all parts.
        """
        logs = [
            nn.functional.pad(part.log_probabilities, (0, length - part.log_probabilities.shape[1])) for part in parts
        ]
        layers = {layer: torch.cat([part.layers[layer] for part in parts]) for layer in parts[0].layers}
        return cls(torch.cat(logs), layers, parts[0].end_id, parts[0].again)


class Policy(nn.Module):
    """A causal model with critics.

    Attributes:
        model: of transformers; with adapters a `peft.PeftModel`.
        critic_heads: hidden states → one value a critic, in the order of `CRITICS`.
        markers: what ends a reply besides end tokens; None for nothing.
    """

    def __init__(self, model: Any, never_ids: Collection[int] = (), markers: TurnMarkers | None = None) -> None:
        """A policy over a model; critics begin at 0 everywhere.

        Args:
            model: a causal model of transformers; where some of its weights train and others do not, those that train are
                adapters of peft, and it is the reference without them.
            never_ids: tokens that it never writes. Their probability is 0 wherever one is told: while it writes, while it
                learns, and of the reference.
            markers: in the form of hh-rlhf those of turns.
        """
        super().__init__()
        self.model, self.markers = model, markers
        self._never = torch.tensor(sorted(never_ids), dtype=torch.long)
        self.critic_heads = nn.Linear(model.config.get_text_config().hidden_size, len(CRITICS))
        nn.init.zeros_(self.critic_heads.weight)
        nn.init.zeros_(self.critic_heads.bias)
        self._has_adapters = hasattr(model, "disable_adapter")
        self._reference = None if self._has_adapters else _frozen(model)
        self._keeps_logits = _keeps_logits(model)

    @property
    def critics(self) -> int:
        """How many."""
        return len(CRITICS)

    @property
    def plain(self) -> Any:
        """The causal model itself, below adapters."""
        return _plain(self.model)

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.critic_heads.weight.device

    def begin(self, tokens: Tensor, is_token: Tensor) -> Reading:
        """Read prompts, padded on the left; both of shape (rows, P)."""
        return self._read(tokens, is_token, None)

    def go_on(self, reading: Reading, tokens: Tensor, kept: Tensor) -> Reading:
        """Read one more token a row, of the rows that go on.

        Args:
            tokens: shape (kept rows,).
            kept: rows of `reading` that go on.
        """
        if len(kept) < len(reading.is_token):
            reading.cache.batch_select_indices(kept)
        grown = torch.cat([reading.is_token[kept], torch.ones_like(reading.is_token[kept][:, :1])], dim=1)
        return self._read(tokens[:, None], grown, reading.cache)

    def next_tokens(self, logits: Tensor, temperature: float) -> Tensor:
        """Logits → log-probabilities of the next token, 32 bits, of the same shape."""
        logs = logits.float().div(temperature)
        if len(self._never):
            logs.index_fill_(-1, self._never.to(logs.device), -torch.inf)
        return logs.log_softmax(dim=-1)

    def move_reference(self, device: torch.device) -> None:
        """Take the reference along to a device: where it is a copy, it is no part of the policy's weights."""
        for each in self._reference or ():
            each.to(device)

    def forward(self, rollouts: Rollouts, texts: TextBatch | None = None) -> TokenReading:
        """What it says now of replies that are written, whoever wrote them, and of other texts.

        Both in one call, as whoever averages gradients over processes needs it.
        """
        length = rollouts.mask.shape[1]
        told, hidden = self._told(self.model, rollouts.tokens, rollouts.is_token, length + 1)
        logits, hidden = told.logits[:, -length - 1 : -1], hidden[:, -length - 1 : -1]
        logs = self.next_tokens(logits, rollouts.temperature)
        with torch.no_grad():
            entropy = torch.special.entr(logs.exp()).sum(dim=-1)  # of a probability of 0 it is 0
        likelihood = None if texts is None else text_likelihood(self.model, texts)
        return TokenReading(_of_tokens(logs, rollouts), self._values(hidden), entropy, likelihood)

    def _values(self, hidden: Tensor) -> Tensor:
        """Of the critics, in 32 bits whatever the model computes in."""
        with torch.autocast(hidden.device.type, enabled=False):
            values: Tensor = self.critic_heads(hidden.float())
        return values

    @torch.no_grad()
    def reference(self, rollouts: Rollouts, layers: Sequence[int] = (), end_id: int | None = None) -> ReferenceReading:
        """What the reference says of replies, in one pass.

        Args:
            rollouts: that the policy wrote.
            layers: whose hidden states are kept, numbered as `layer_reading` numbers them; the last one is L. They are read at
                `end_id` behind the reply, see `Rollouts.closed`; without one at the reply's last token.
            end_id: of the end token.
        """
        length = rollouts.mask.shape[1]
        tokens, is_token, ends = rollouts.closed(end_id) if layers else (rollouts.tokens, rollouts.is_token, None)
        behind = tokens.shape[1] - rollouts.tokens.shape[1]
        with self._as_reference() as model:
            last = layer_count(_plain(model))
            with kept_outputs(_decoder(model), [each for each in layers if each < last]) as outputs:
                told, hidden = self._told(model, tokens, is_token, length + behind + 1)
        logits = told.logits[:, -length - behind - 1 : -behind - 1]
        logs = _of_tokens(self.next_tokens(logits, rollouts.temperature), rollouts)
        rows = torch.arange(len(tokens), device=tokens.device)
        kept = {each: (hidden if each == last else outputs[each])[rows, ends] for each in layers}
        return ReferenceReading(logs, kept, end_id, self._reader(layers, at_a_time=len(tokens)))

    def _reader(self, layers: Sequence[int], at_a_time: int) -> Callable[[Sequence[Sequence[int]]], dict[int, Tensor]]:
        """Reads other sequences as it reads now, in the precision that it reads in now."""
        kind = self.device.type
        precision = partial(
            torch.autocast, kind, torch.get_autocast_dtype(kind), enabled=torch.is_autocast_enabled(kind)
        )

        def read(sequences: Sequence[Sequence[int]]) -> dict[int, Tensor]:
            """Hidden states of the reference at the last tokens of sequences, by layer, shape (sequences, d)."""
            parts = [sequences[start : start + at_a_time] for start in range(0, len(sequences), at_a_time)]
            with precision():
                found = [self._at_ends(part, layers) for part in parts]
            return {layer: torch.cat([each[layer] for each in found]) for layer in layers}

        return read

    @torch.no_grad()
    def _at_ends(self, sequences: Sequence[Sequence[int]], layers: Sequence[int]) -> dict[int, Tensor]:
        tokens, is_token = padded_left(sequences, 0, self.device)
        with self._as_reference() as model:
            decoder = _decoder(model)
            last = layer_count(_plain(model))
            with kept_outputs(decoder, [each for each in layers if each < last]) as outputs:
                hidden = decoder(
                    input_ids=tokens,
                    attention_mask=is_token.long(),
                    position_ids=_positions(is_token),
                    use_cache=False,
                ).last_hidden_state
        return {each: (hidden if each == last else outputs[each])[:, -1] for each in layers}

    @contextmanager
    def _as_reference(self) -> Iterator[Any]:
        if self._reference is not None:
            yield self._reference[0]
            return
        with self.model.disable_adapter():
            yield self.model

    def _told(
        self, model: Any, tokens: Tensor, is_token: Tensor, logits: int, cache: Any = None, *, keeps_cache: bool = False
    ) -> tuple[Any, Tensor]:
        """What a model says of the last tokens of sequences, and the hidden states from which its heads read.

        Args:
            is_token: of all tokens so far, those in the cache too.
            logits: of so many of the last places; more may come back.
        """
        hidden: list[Tensor] = []
        handle = _decoder(model).register_forward_hook(
            lambda _module, _given, told: hidden.append(told.last_hidden_state)
        )
        try:
            told = model(
                input_ids=tokens,
                attention_mask=is_token.long(),
                position_ids=_positions(is_token)[:, -tokens.shape[1] :],
                past_key_values=cache,
                use_cache=keeps_cache,
                **({"logits_to_keep": logits} if self._keeps_logits else {}),
            )
        finally:
            handle.remove()
        if len(hidden) != 1:
            raise ValueError(f"expected a causal model that calls its own decoder once, found {len(hidden)} calls")
        return told, hidden[0]

    def _read(self, tokens: Tensor, is_token: Tensor, cache: Any) -> Reading:
        told, hidden = self._told(self.model, tokens, is_token, 1, cache, keeps_cache=True)
        return Reading(told.logits[:, -1], self._values(hidden[:, -1]), give_room(told.past_key_values), is_token)


def text_likelihood(model: Any, texts: TextBatch) -> Tensor:
    """Mean negative log-likelihood of the tokens that are learnt, nats; scalar."""
    first = int(texts.is_learned[:, 1:].any(dim=0).long().argmax())  # before this place no row learns anything
    count = texts.tokens.shape[1] - first
    fewer = {"logits_to_keep": count} if _keeps_logits(model) else {}
    told = model(input_ids=texts.tokens, attention_mask=texts.is_token.long(), use_cache=False, **fewer)
    logits = told.logits[:, -count:-1]
    targets = texts.tokens[:, first + 1 :].where(texts.is_learned[:, first + 1 :], _NOT_LEARNED)
    return nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=_NOT_LEARNED)


def _decoder(model: Any) -> nn.Module:
    decoder: nn.Module = _plain(model).get_decoder()
    return decoder


def _plain(model: Any) -> Any:
    """The causal model itself, below adapters."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _keeps_logits(model: Any) -> bool:
    """Whether it can be asked for the logits of the last places alone."""
    return "logits_to_keep" in inspect.signature(_plain(model).forward).parameters


def _frozen(model: Any) -> list[Any]:
    """A copy that never changes; in a list, so that it is no part of the policy's weights."""
    return [copy.deepcopy(model).eval().requires_grad_(False)]


def _positions(is_token: Tensor) -> Tensor:
    """Of each token among the tokens of its row; padding shares the first place."""
    return (is_token.long().cumsum(dim=1) - 1).clamp(min=0)


def _of_tokens(logs: Tensor, rollouts: Rollouts) -> Tensor:
    """The log-probability of each token that was written, 0 outside of the replies; shape (B, T)."""
    written = rollouts.tokens[:, rollouts.prompt_length :]
    found = logs.gather(2, written[:, :, None])[:, :, 0]
    return torch.where(rollouts.mask, found, 0.0)
