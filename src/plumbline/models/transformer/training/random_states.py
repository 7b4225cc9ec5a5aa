"""The states of the random generators that training draws from, as tensors that a checkpoint can hold."""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

_WORDS = 624
"""Of the state of a Mersenne Twister, which Python and numpy draw from."""


def random_states(device: torch.device) -> dict[str, Tensor]:
    """The states of this process, each of dtype uint8: of Python, numpy, torch, and the device where it is a GPU."""
    words = random.getstate()[1]
    _, key, position, _, _ = np.random.get_state()  # the global one, which libraries draw from
    found = {
        "python": _bytes(np.array(words, np.int64)),
        "numpy": _bytes(np.append(np.asarray(key, np.int64), int(position))),
        "torch": torch.get_rng_state(),
    }
    if device.type == "cuda":
        found["cuda"] = torch.cuda.get_rng_state(device)
    return found


def put_random_states(states: Mapping[str, Tensor], device: torch.device) -> None:
    """Set the generators of this process as `random_states` found them."""
    words = states["python"].numpy().view(np.int64)
    random.setstate((3, tuple(words.tolist()), None))
    numbers = states["numpy"].numpy().view(np.int64)
    np.random.set_state(("MT19937", numbers[:_WORDS].astype(np.uint32), int(numbers[_WORDS]), 0, 0.0))
    torch.set_rng_state(states["torch"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)


def _bytes(numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(numbers).view(np.uint8).copy())
