"""Several samples of one prompt from a causal model: the prompt is computed once, and each sample has a seed of its own.

The library's own ``generate`` repeats the prompt for every sample and draws from the process's one random state, which a
server shares with everything else in it. Here a sample depends on its seed and on the model's probabilities only: a draw is
one uniform number a token, looked up in the cumulated probabilities, so that devices differ only where their arithmetic
does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from plumbline.sources.replies import Finish, Sampling
from plumbline.sources.turn_markers import TurnMarkers


class StoppedError(Exception):
    """The caller no longer wants the samples."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What ends a sample.

    Attributes:
        token_ids: the model's end tokens; not part of the text.
        markers: as soon as the text holds one of them; None where only tokens end it.
        most_tokens: then it is cut.
        is_unwanted: asked before each token.
    """

    token_ids: frozenset[int]
    markers: TurnMarkers | None
    most_tokens: int
    is_unwanted: Callable[[], bool]


@dataclass(slots=True)
class Sample:
    """One sample, growing. `finish` stays "length" where nothing ends it before its limit."""

    generator: torch.Generator
    token_ids: list[int] = field(default_factory=list)
    finish: Finish = "length"
    is_finished: bool = False

    def take(self, token: int, ending: Ending) -> None:
        """Add a token, and see whether the sample ends with it."""
        if token in ending.token_ids:
            self.finish, self.is_finished = "stop", True
            return
        self.token_ids.append(token)
        if ending.markers is not None and ending.markers.are_closed_by(self.token_ids):
            self.finish, self.is_finished = "stop", True
        self.is_finished = self.is_finished or len(self.token_ids) >= ending.most_tokens


@torch.inference_mode()
def sample_tokens(
    model: Any, prompt_ids: Sequence[int], sampling: Sampling, seeds: Sequence[int], ending: Ending
) -> list[Sample]:
    """One sample a seed.

    Args:
        model: a causal language model of transformers, in evaluation mode.
        prompt_ids: at least one token.
        seeds: different ones; the order of the samples returned.
    Raises:
        StoppedError: `ending.is_unwanted` said so.
    """
    samples = [Sample(torch.Generator().manual_seed(seed)) for seed in seeds]
    logits, cache = _read_prompt(model, prompt_ids, len(samples))
    alive = samples
    while True:
        if ending.is_unwanted():
            raise StoppedError
        tokens = _draw(logits, sampling, [sample.generator for sample in alive])
        for sample, token in zip(alive, tokens.tolist(), strict=True):
            sample.take(token, ending)
        going = [row for row, sample in enumerate(alive) if not sample.is_finished]
        if not going:
            return samples
        if len(going) < len(alive):
            rows = torch.tensor(going, device=tokens.device)
            cache.batch_select_indices(rows)
            tokens, alive = tokens[rows], [alive[row] for row in going]
        logits = model(input_ids=tokens[:, None], past_key_values=cache, use_cache=True).logits[:, -1]


def _read_prompt(model: Any, prompt_ids: Sequence[int], count: int) -> tuple[Tensor, Any]:
    """Logits behind the prompt, shape (count, vocabulary), and the cache for as many rows, from one pass over one row."""
    last_only = {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(model.forward).parameters else {}
    prompt = torch.tensor([list(prompt_ids)], device=model.device)
    output = model(input_ids=prompt, use_cache=True, **last_only)
    cache = output.past_key_values
    cache.batch_repeat_interleave(count)
    return output.logits[:, -1].expand(count, -1), cache


def _draw(logits: Tensor, sampling: Sampling, generators: Sequence[torch.Generator]) -> Tensor:
    """The next token of each row, shape (rows,)."""
    logits = logits.float()
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    order: Tensor | None = None
    if sampling.top_k is not None and sampling.top_k < logits.shape[-1]:
        logits, order = logits.topk(sampling.top_k, dim=-1)
    elif sampling.top_p < 1:
        logits, order = logits.sort(dim=-1, descending=True)
    probabilities = (logits / sampling.temperature).softmax(dim=-1)
    if sampling.top_p < 1:
        before = probabilities.cumsum(dim=-1) - probabilities
        probabilities = probabilities.masked_fill(before >= sampling.top_p, 0.0)
    places = _look_up(probabilities, generators)
    return places if order is None else order.gather(-1, places[:, None])[:, 0]


def _look_up(probabilities: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """A place of each row, drawn by its probability; shape (rows,)."""
    cumulated = probabilities.double().cumsum(dim=-1)
    uniform = torch.stack([torch.rand((), generator=generator, dtype=torch.float64) for generator in generators])
    wanted = uniform.to(cumulated.device)[:, None] * cumulated[:, -1:]
    # "right": a place of probability 0 is never drawn, not even by a uniform number of 0.
    places = torch.searchsorted(cumulated, wanted, right=True)[:, 0]
    return places.clamp(max=probabilities.shape[-1] - 1)
