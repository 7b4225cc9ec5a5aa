"""Dense columns made ready for a head: scaled on the rows that a fit sees, and, where asked for, near or far.

`Scaling` gives every column mean 0 and every *block* of columns (a layer, a view of the text) the mean squared length 1,
so that one penalty means the same for each. `Landmarks` gives each row its similarity to rows of the fit, which lets a
linear head draw curved borders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float64]

_LEAST_SPREAD = 1e-6
_LEAST_SHARE = 1e-10


@dataclass(frozen=True)
class Scaling:
    """What columns are shifted and multiplied by.

    Attributes:
        shifts, factors: shape (d,).
    """

    shifts: Floats
    factors: Floats

    def apply(self, rows: NDArray[np.floating]) -> Floats:
        """Scaled rows, shape (b, d)."""
        scaled: Floats = (np.asarray(rows, np.float64) - self.shifts) * self.factors
        return scaled


def fit_scaling(rows: NDArray[np.floating], block_widths: Sequence[int] | None = None) -> Scaling:
    """The scaling that gives these rows mean 0, columns of equal spread, and the mean squared length 1.

    Args:
        rows: shape (n, d); of the rows that the fit sees, and no others.
        block_widths: columns of each block, in order; each weighs the same. One block where absent.
    Raises:
        ValueError: the widths do not sum to d.
    """
    widths = [rows.shape[1]] if block_widths is None else list(block_widths)
    if sum(widths) != rows.shape[1]:
        raise ValueError(f"expected block widths that sum to {rows.shape[1]}, found {widths}")
    values = np.asarray(rows, np.float64)
    spreads = values.std(axis=0)
    # A column that says nothing stays 0; it is not blown up to noise.
    factors = np.where(spreads > _LEAST_SPREAD, 1 / np.maximum(spreads, _LEAST_SPREAD), 0.0)
    of_blocks = np.repeat([1 / np.sqrt(width * len(widths)) for width in widths], widths)
    return Scaling(values.mean(axis=0), factors * of_blocks)


@dataclass(frozen=True)
class Landmarks:
    """Similarities to chosen rows, ``exp(−nearness * squared distance)``, turned so that their products are similarities.

    Attributes:
        rows: shape (m, d); the landmarks.
        nearness: > 0; how fast similarity falls with the squared distance.
        turn: shape (m, r).
    """

    rows: Floats
    nearness: float
    turn: Floats

    def apply(self, rows: Floats) -> Floats:
        """Shape (b, r); the inner product of two rows is about their similarity, exactly between landmarks."""
        with threadpool_limits(1, user_api="blas"):
            features: Floats = similarities(rows, self.rows, self.nearness) @ self.turn
        return features


def fit_landmarks(
    rows: Floats, *, nearness: float, most: int = 2048, seed: int = 0, least_share: float = _LEAST_SHARE
) -> Landmarks:
    """Landmarks drawn from rows.

    Args:
        rows: shape (n, d); scaled.
        nearness: > 0. Rows scaled by `fit_scaling` are about √2 apart.
        most: landmarks; all rows where there are no more.
        seed: of the draw.
        least_share: directions whose share is smaller, against the largest, are left out.
    Source: Williams & Seeger 2001 (the Nyström method). Deviation: none.
    """
    chosen = np.arange(len(rows))
    if len(rows) > most:
        chosen = np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False))
    landmarks = rows[chosen]
    with threadpool_limits(1, user_api="blas"):
        shares, directions = eigh(similarities(landmarks, landmarks, nearness), check_finite=False)
    kept = shares > least_share * shares[-1]
    return Landmarks(landmarks, nearness, directions[:, kept] / np.sqrt(shares[kept]))


def similarities(rows: Floats, others: Floats, nearness: float) -> Floats:
    """``exp(−nearness * squared distance)``, shape (b, m), of rows (b, d) and others (m, d)."""
    with threadpool_limits(1, user_api="blas"):
        products = rows @ others.T
    squared = (rows**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * products
    similar: Floats = np.exp(-nearness * np.maximum(squared, 0.0))
    return similar
