"""Rank correlation of two quantities of the same rows, with a clustered interval.

Covers Spearman's coefficient. Which of the two causes the other, no coefficient says.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from plumbline.measure.arrays import FloatArray, Ids, check_same_length, divide_or_nan, numbers
from plumbline.measure.bootstrap import Bootstrap, Clusters, figure_of_totals
from plumbline.measure.figure import Figure

_LEAST_ROWS = 3
_ROUNDING = 1e-12


def rank_correlation(
    first: ArrayLike, second: ArrayLike, *, bootstrap: Bootstrap, group_ids: Ids | None = None
) -> Figure:
    """How far two quantities rise together, by their ranks.

    Args:
        first, second: shape (n,); any units; paired by position.
        bootstrap: seed, number of draws, confidence.
        group_ids: shape (n,); rows of one id are drawn together. None: rows are independent.
    Returns:
        Spearman's coefficient in [-1, 1], equal values sharing their mean rank; undefined for n < 3 and where one of the
        two is the same in every row; without an interval where all draws agree.
    Raises:
        ValueError: lengths differ, a value is not finite, or group_ids do not fit.
    Source: Spearman 1904. Deviation: a draw keeps the ranks among all rows, so that it costs sums alone.
    """
    sides = numbers("first", first), numbers("second", second)
    check_same_length(first=sides[0], second=sides[1])
    n = len(sides[0])
    clusters = Clusters.of(group_ids, n)
    if n < _LEAST_ROWS:
        return Figure.undefined(n, f"fewer than {_LEAST_ROWS} rows")
    left, right = (_centred_ranks(side) for side in sides)
    columns = np.stack([np.ones(n), left, right, left * left, right * right, left * right], axis=1)
    return figure_of_totals(columns, _correlation, clusters, bootstrap, "one of the two is the same in every row")


def _centred_ranks(values: FloatArray) -> FloatArray:
    """Mean ranks, in (-1, 1): numbers whose squares add up without loss at any n."""
    return np.asarray(2.0 * (rankdata(values) - 0.5) / len(values) - 1.0, np.float64)


def _correlation(totals: FloatArray) -> FloatArray:
    """Pearson's coefficient from totals (draws, 6) of rows, both sides, their squares and their product: (draws,)."""
    n, left, right, left_squared, right_squared, both = totals.T
    spreads = (left_squared / n - (left / n) ** 2, right_squared / n - (right / n) ** 2)
    varied = (spreads[0] > _ROUNDING) & (spreads[1] > _ROUNDING)
    scale = np.where(varied, np.sqrt(np.maximum(spreads[0] * spreads[1], 0.0)), 0.0)
    return np.clip(divide_or_nan(both / n - left * right / n**2, scale), -1.0, 1.0)
