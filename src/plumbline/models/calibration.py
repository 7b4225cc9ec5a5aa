"""Calibration: scores that were computed out of fold → probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

Floats = NDArray[np.float64]

_LARGEST_SCALE = 100.0


@dataclass(frozen=True)
class Calibration:
    """``probability = sigmoid(scale * score + offset)``."""

    scale: float = 1.0
    offset: float = 0.0

    def probabilities(self, scores: Floats) -> Floats:
        """Probabilities of scores, any shape; higher score = higher probability."""
        calibrated: Floats = expit(self.scale * scores + self.offset)
        return calibrated


def fit_calibration(
    scores: Floats, is_positive: NDArray[np.bool_], *, weights: Floats | None = None, with_offset: bool
) -> Calibration:
    """Scale, and offset where asked for, of the highest likelihood.

    Args:
        scores: shape (n,); out of fold: no model may have seen the rows it scores.
        is_positive: shape (n,).
        weights: shape (n,), >= 0; all 1 where absent.
        with_offset: False for score differences of pairs and for costs, whose zero has a meaning of its own.
    Returns:
        The calibration; the scale is kept in (0, 100], so the order of scores never flips, whatever the data. A model
        that ranks worse than chance gets a scale near 0: it says one half.
    Source: Platt 1999. Deviation: the labels are not smoothed; without offset it is temperature scaling (Guo et al.
        2017, §4.2) with scale = 1/T.
    """
    signs = np.where(is_positive, 1.0, -1.0)
    row_weights = np.ones(len(scores)) if weights is None else weights
    spread = float(np.std(scores)) or 1.0
    unit = scores / spread

    def loss(point: Floats) -> tuple[float, Floats]:
        """Mean loss and its gradient at (log of the scale, offset)."""
        scale = np.exp(point[0])
        margins = signs * (scale * unit + (point[1] if with_offset else 0.0))
        pull = -row_weights * signs * expit(-margins)
        gradient = np.array([scale * float(pull @ unit), float(pull.sum())])
        total = float(row_weights.sum())
        # A slight pull towards scale 1 and offset 0 keeps perfectly separated rows finite.
        penalty = 1e-3 * point
        return (
            float(row_weights @ np.logaddexp(0.0, -margins)) / total + 0.5e-3 * float(point @ point),
            (gradient / total + penalty)[: 2 if with_offset else 1],
        )

    result = minimize(loss, np.zeros(2 if with_offset else 1), jac=True, method="L-BFGS-B")
    scale = min(float(np.exp(result.x[0])) / spread, _LARGEST_SCALE)
    return Calibration(scale, float(result.x[1]) if with_offset else 0.0)
