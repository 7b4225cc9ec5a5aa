"""Whether a policy can be driven token by token here: asked when a run begins, before anything is learnt.

Architectures differ in what they keep of the tokens so far. Where rows cannot leave a batch, or padding is read, replies would be of
another model than the one that learns; most of these raise, and some would only be wrong.
"""

from __future__ import annotations

import torch
from torch import Tensor

from plumbline.align.policy import Policy
from plumbline.align.rollouts import padded_left
from plumbline.models.transformer.reading_memory import is_out_of_memory
from plumbline.records import ModelError

_LONG, _SHORT = (1, 2, 3), (2,)
_FURTHER = ((3, 1), (1,))
"""Tokens that both rows go on with, then the shorter one alone."""
_TOLERANCE = 0.02
"""Of the range of the logits: far above rounding, far below what another context says."""


def require_drivable(policy: Policy) -> None:
    """Let two rows of unlike length go on, one of them for longer, and hold that against plain passes.

    Raises:
        ModelError: PL-PTR-004, the architecture raises, or says other things than in a plain pass.
    """
    was_training = policy.training
    policy.eval()
    try:
        found = _largest_difference(policy)
    except Exception as error:  # whatever a library's model raises where it is asked for what it does not do
        if is_out_of_memory(error):
            raise
        raise _not_drivable(policy, type(error).__name__) from error
    finally:
        policy.train(was_training)
    if not found <= _TOLERANCE:  # nor where it is no number
        raise _not_drivable(policy, f"logits that differ by {100 * found:.0f} % of their range")


@torch.no_grad()
def _largest_difference(policy: Policy) -> float:
    """Between what is told token by token and in plain passes, as a share of the range of the logits; NaN where only one is a number."""
    most = policy.model.config.get_text_config().vocab_size - 1
    long, short, *further = ([min(token, most) for token in row] for row in (_LONG, _SHORT, *_FURTHER))
    both, alone = further
    reading = policy.begin(*padded_left([long, short], 0, policy.device))
    reading = policy.go_on(reading, _tensor(both, policy), _tensor([0, 1], policy))
    first = reading.logits
    reading = policy.go_on(reading, _tensor(alone, policy), _tensor([1], policy))
    pairs = (
        (first[0], [*long, both[0]]),
        (first[1], [*short, both[1]]),
        (reading.logits[0], [*short, both[1], *alone]),
    )
    return float(torch.stack([_difference(told, _plain(policy, tokens)) for told, tokens in pairs]).max())


def _plain(policy: Policy, tokens: list[int]) -> Tensor:
    told: Tensor = policy.model(input_ids=_tensor(tokens, policy)[None], use_cache=False).logits
    return told[0, -1]


def _difference(told: Tensor, plain: Tensor) -> Tensor:
    known = plain.isfinite()
    if not known.any():  # weights that are no numbers are told of where replies are written
        return torch.zeros((), device=plain.device)
    told, plain = told[known].float(), plain[known].float()
    return (told - plain).abs().max() / (plain.max() - plain.min()).clamp(min=torch.finfo(torch.float32).tiny)


def _tensor(numbers: list[int], policy: Policy) -> Tensor:
    return torch.tensor(numbers, device=policy.device)


def _not_drivable(policy: Policy, found: str) -> ModelError:
    return ModelError(
        "PL-PTR-004",
        "the policy",
        f"a {type(policy.plain).__name__} cannot be aligned here: replies cannot be written with it as they are learnt",
        expected="a causal model whose cache can leave out rows, and whose last hidden states are as wide as its settings say",
        found=found,
        advice="plumbline align grpo, which leaves writing to the library",
    )
