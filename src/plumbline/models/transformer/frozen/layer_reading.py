"""What heads read of an encoder that does not learn: several of its layers, as their likeness to landmarks.

The middle layers of an encoder that was trained for something else tell more than its last, and safe replies lie on one
side of a *curved* border rather than of a straight one (``docs/design/encoder-features.md``). Landmarks are rows of the
fit; a row's features are ``exp(−nearness · squared distance)`` to each, turned so that inner products of features are
such likenesses themselves. So linear heads draw curved borders, and whatever works on features (heads, ensembles,
saving) stays as it is.

Source: Williams & Seeger 2001, as `dense_features.Landmarks`. Deviation: likenesses count `LIKENESS_SCALE` times, so that
they ask for penalties of the same size as features of variance 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from plumbline.models.linear.dense_features import fit_landmarks, fit_scaling
from plumbline.models.transformer.trunk.layers import layer_count, layer_list

LANDMARKS = 1024
"""At most so many, where nobody says otherwise."""
NEARNESS = 1.0
LIKENESS_SCALE = 1000.0
_PREFIX = "layer_reading."
_READ_LAYERS = 3
_LEAST_SHARE = 1e-6
"""Directions that tell less are left out: 32 bits would not hold them."""


class LayerReading(nn.Module):
    """Some layers side by side, as likeness to landmarks.

    Attributes:
        layers: whose output is read, see `features.FeatureSettings`.
        shifts, factors: shape (d,); scale features.
        landmarks: shape (m, d), scaled.
        turn: shape (m, r).
    """

    shifts: Tensor
    factors: Tensor
    landmarks: Tensor
    turn: Tensor

    def __init__(self, layers: Sequence[int], tensors: Mapping[str, Tensor]) -> None:
        """A reading with these buffers.

        Args:
            tensors: by the names of the attributes, float32.
        Raises:
            KeyError: one is missing.
        """
        super().__init__()
        self.layers = tuple(layers)
        for name in ("shifts", "factors", "landmarks", "turn"):
            self.register_buffer(name, tensors[name])

    @property
    def width(self) -> int:
        """r, how many numbers the heads read."""
        return self.turn.shape[1]

    def forward(self, features: Tensor) -> Tensor:
        """What heads read, (n, d) → (n, r); in 32 bits, whatever the trunk computes in."""
        with torch.autocast(features.device.type, enabled=False):
            rows = (features.float() - self.shifts) * self.factors
            squared = (rows**2).sum(1)[:, None] + (self.landmarks**2).sum(1) - 2 * rows @ self.landmarks.T
            read: Tensor = torch.exp(-NEARNESS * squared.clamp(min=0)) @ self.turn
            return read

    @torch.no_grad()
    def of_rows(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same of rows on the CPU."""
        found: NDArray[np.float32] = self(torch.from_numpy(rows).to(self.turn.device)).cpu().numpy()
        return found


def fit_reading(rows: NDArray[np.floating], layers: Sequence[int], *, seed: int, most: int = LANDMARKS) -> LayerReading:
    """A reading for features like these.

    Args:
        rows: shape (n, d); of the rows that heads are fitted on, and no others: they set shift and scale, and the
            landmarks are drawn from them.
        layers: whose features stand side by side in the rows, each as wide as the others.
        seed: of the draw.
        most: landmarks; all rows where there are no more.
    """
    scaling = fit_scaling(rows, [rows.shape[1] // len(layers)] * len(layers))
    found = fit_landmarks(scaling.apply(rows), nearness=NEARNESS, most=most, seed=seed, least_share=_LEAST_SHARE)
    arrays = {
        "shifts": scaling.shifts,
        "factors": scaling.factors,
        "landmarks": found.rows,
        "turn": np.sqrt(LIKENESS_SCALE) * found.turn,
    }
    return LayerReading(layers, {name: torch.from_numpy(value).float() for name, value in arrays.items()})


def reading_state(reading: LayerReading | None) -> Iterator[tuple[str, Tensor]]:
    """Names and tensors, as they are saved beside those of the heads; nothing of None."""
    if reading is not None:
        yield from ((f"{_PREFIX}{name}", value) for name, value in reading.named_buffers())


def take_reading(layers: Sequence[int], state: dict[str, Tensor]) -> LayerReading:
    """The reading whose tensors stand among others, which are left.

    Raises:
        KeyError: one is missing.
    """
    names = [name for name in state if name.startswith(_PREFIX)]
    return LayerReading(layers, {name.removeprefix(_PREFIX): state.pop(name) for name in names})


def middle_layers(trunk: nn.Module) -> tuple[int, ...]:
    """The layers before the last, at most three; empty where the trunk has too few or does not show them."""
    count = layer_count(trunk)
    return tuple(range(count - _READ_LAYERS, count)) if count > _READ_LAYERS and layer_list(trunk) else ()
