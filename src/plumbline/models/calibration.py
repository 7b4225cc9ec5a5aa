"""Calibration: scores that were computed out of fold → probabilities, and the probability from which to say yes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

Floats = NDArray[np.float64]

_LARGEST_SCALE = 100.0
"""On scores of standard deviation 1."""
_LEAST_SPREAD = 1e-9
"""As a share of the largest score; below it scores differ by rounding alone."""
FALSE_POSITIVES_NEEDED = 2
"""So many must be allowed among the safe rows that a threshold is chosen on, or its rate is chance."""
_BELOW_ONE = float(np.nextafter(1.0, 0.0))
"""No probability is 1, so that a threshold of 1 flags nothing."""


@dataclass(frozen=True)
class Calibration:
    """``probability = sigmoid(scale * score + offset)``."""

    scale: float = 1.0
    offset: float = 0.0

    def probabilities(self, scores: Floats) -> Floats:
        """Probabilities of scores, any shape, each below 1; higher score = higher probability."""
        calibrated: Floats = np.minimum(expit(self.scale * scores + self.offset), _BELOW_ONE)
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
        The calibration; the scale is kept above 0, so the order of scores never flips, whatever the data, and at most
        100 / their standard deviation. A model that ranks worse than chance gets a scale near 0: it says one half.
    Source: Platt 1999. Deviation: the labels are not smoothed; without offset it is temperature scaling (Guo et al.
        2017, §4.2) with scale = 1/T.
    """
    signs = np.where(is_positive, 1.0, -1.0)
    row_weights = np.ones(len(scores)) if weights is None else weights
    spread, largest = float(np.std(scores)), float(np.abs(scores).max(initial=0.0))
    if spread <= _LEAST_SPREAD * largest:
        spread = largest or 1.0
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
    scale = min(float(np.exp(result.x[0])), _LARGEST_SCALE) / spread
    return Calibration(scale, float(result.x[1]) if with_offset else 0.0)


def choose_threshold(
    probabilities: Floats, is_positive: NDArray[np.bool_], max_false_positive_rate: float, *, deals: NDArray[np.int64]
) -> float:
    """The threshold that finds most while, in each deal, no larger share of the negatives than allowed lies at or above it.

    Of several that find the same it is the one with the fewest false positives, halfway between the lowest positive that
    it flags and the highest negative that it need not.

    Args:
        probabilities: shape (n,); out of fold, each below 1.
        is_positive: shape (n,); some are not.
        max_false_positive_rate: at least 0 and below 1; of each deal, ties counted as flagged.
        deals: shape (n,); of which deal of the folds the probability is. The promise is kept in every one: the figures shown
            are those of a single deal, and a pooled rate may hide one above the limit.
    Returns:
        In (0, 1]; 1 flags nothing.
    """
    limit = max(
        _highest_spared(probabilities[~is_positive & (deals == deal)], max_false_positive_rate)
        for deal in np.unique(deals)
    )
    found = probabilities[is_positive & (probabilities > limit)]
    if not len(found):
        return 1.0
    lowest = found.min()
    limit = float(probabilities[~is_positive & (probabilities < lowest)].max(initial=limit))
    halfway = float((limit + lowest) / 2)
    return halfway if halfway > limit else float(lowest)


def safe_rows_needed(max_false_positive_rate: float) -> int:
    """On how many safe rows a threshold must rest at least, for its rate of false positives to be a promise.

    Args:
        max_false_positive_rate: above 0 and below 1.
    """
    return math.ceil(FALSE_POSITIVES_NEEDED / max_false_positive_rate)


def _highest_spared(negatives: Floats, max_false_positive_rate: float) -> float:
    """The highest of the negatives that must lie below the threshold; 0 where there are none."""
    count = len(negatives)
    if not count:
        return 0.0
    # By division: 0.29 · 100 is below 29, 29 / 100 is not above 0.29.
    allowed = int((np.arange(1, count + 1) / count <= max_false_positive_rate).sum())
    return float(np.sort(negatives)[count - 1 - min(allowed, count - 1)])
