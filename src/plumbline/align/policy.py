"""A policy, its critics and its reference, on one trunk.

The policy is a causal model, whole or by adapters. Its critics are linear heads on the hidden states from which it writes, so that
one pass tells the next token's probabilities and what is expected of the rest of the reply. With adapters the reference is the
same model without them; else a copy as it was at the start, which is the only second trunk there is.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from plumbline.align.rollouts import Rollouts

CRITICS = ("reward", "cost")


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
    """

    log_probabilities: Tensor
    values: Tensor
    entropy: Tensor


class Policy(nn.Module):
    """A causal model with critics.

    Attributes:
        model: of transformers; with adapters a `peft.PeftModel`.
        critic_heads: hidden states → one value a critic, in the order of `CRITICS`.
    """

    def __init__(self, model: Any, *, temperature: float = 1.0) -> None:
        """A policy over a model; critics begin at 0 everywhere.

        Args:
            model: a causal model of transformers; where some of its weights train and others do not, those that train are
                adapters of peft, and it is the reference without them.
            temperature: at which it writes.
        """
        super().__init__()
        self.model = model
        self.temperature = temperature
        self.critic_heads = nn.Linear(model.config.get_text_config().hidden_size, len(CRITICS))
        nn.init.zeros_(self.critic_heads.weight)
        nn.init.zeros_(self.critic_heads.bias)
        self._hidden: Tensor | None = None
        _decoder(model).register_forward_hook(self._keep)
        self._has_adapters = hasattr(model, "disable_adapter")
        self._reference = None if self._has_adapters else _frozen(model)
        self._keeps_logits = "logits_to_keep" in inspect.signature(_plain(model).forward).parameters

    @property
    def critics(self) -> int:
        """How many."""
        return len(CRITICS)

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

    def forward(self, rollouts: Rollouts) -> TokenReading:
        """What it says now of replies that are written, whoever wrote them."""
        logits = self._reply_logits(self.model, rollouts)
        hidden = self._last_hidden()[:, rollouts.prompt_length - 1 : -1]
        logs = logits.float().div(self.temperature).log_softmax(dim=-1)
        with torch.no_grad():
            entropy = -(logs.exp() * logs).sum(dim=-1)
        return TokenReading(_of_tokens(logs, rollouts), self.critic_heads(hidden.float()), entropy)

    @torch.no_grad()
    def reference(self, rollouts: Rollouts) -> Tensor:
        """Log-probabilities of the replies' tokens by the reference, shape (B, T)."""
        with self._as_reference() as model:
            logits = self._reply_logits(model, rollouts)
        return _of_tokens(logits.float().div(self.temperature).log_softmax(dim=-1), rollouts)

    @contextmanager
    def _as_reference(self) -> Iterator[Any]:
        if self._reference is not None:
            yield self._reference[0]
            return
        with self.model.disable_adapter():
            yield self.model

    def _reply_logits(self, model: Any, rollouts: Rollouts) -> Tensor:
        """Logits that the replies' tokens were drawn from, shape (B, T, vocabulary)."""
        length = rollouts.mask.shape[1]
        keep = {"logits_to_keep": length + 1} if self._keeps_logits else {}
        told = model(
            input_ids=rollouts.tokens,
            attention_mask=rollouts.is_token.long(),
            position_ids=_positions(rollouts.is_token),
            use_cache=False,
            **keep,
        )
        logits: Tensor = told.logits[:, -length - 1 : -1]
        return logits

    def _read(self, tokens: Tensor, is_token: Tensor, cache: Any) -> Reading:
        keep = {"logits_to_keep": 1} if self._keeps_logits else {}
        told = self.model(
            input_ids=tokens,
            attention_mask=is_token.long(),
            position_ids=_positions(is_token)[:, -tokens.shape[1] :],
            past_key_values=cache,
            use_cache=True,
            **keep,
        )
        return Reading(
            told.logits[:, -1], self.critic_heads(self._last_hidden()[:, -1].float()), told.past_key_values, is_token
        )

    def _last_hidden(self) -> Tensor:
        """What the decoder's last call left, shape (rows, tokens, width)."""
        if self._hidden is None:
            raise ValueError("expected a causal model that calls its own decoder, found one that does not")
        return self._hidden

    def _keep(self, _module: nn.Module, _given: Any, told: Any) -> None:
        """Keeps the hidden states of the decoder's last call: the critics read what the model writes from."""
        self._hidden = told.last_hidden_state


def _decoder(model: Any) -> nn.Module:
    decoder: nn.Module = _plain(model).get_decoder()
    return decoder


def _plain(model: Any) -> Any:
    """The causal model itself, below adapters."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


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
