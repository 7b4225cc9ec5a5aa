"""Medians and other quantiles, with intervals that assume nothing of how values are distributed."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr, stdtrit

from plumbline.measure.arrays import check_fraction, numbers
from plumbline.measure.figure import Figure


def quantile_figure(values: ArrayLike, share: float = 0.5, *, confidence: float = 0.95) -> Figure:
    """A quantile of independent values, with the interval between two order statistics.

    Args:
        values: shape (n,); any unit.
        share: 0.5 for the median; strictly between 0 and 1.
        confidence: at least this share of such intervals holds the quantile; strictly between 0 and 1.
    Returns:
        The quantile, in the unit of the values, linear between neighbours; undefined for n = 0; without an interval where
        even the smallest and the largest value together do not reach the confidence.
    Raises:
        ValueError: a value is not finite, or a setting is out of its range.
    Source: David & Nagaraja 2003, Order Statistics, §7.1: the number of values below the quantile is binomial. Deviation:
        the two tails are bounded apart, each by half of what may be missed.
    """
    check_fraction("share", share)
    check_fraction("confidence", confidence)
    ordered = np.sort(numbers("values", values))
    n = len(ordered)
    if n == 0:
        return Figure.undefined(0, "no rows")
    value = float(np.quantile(ordered, share))
    missed = (1.0 - confidence) / 2.0
    # Beyond so many standard deviations no end of an interval lies, short of a confidence of 1 − 10⁻¹⁴.
    reach = 2 + math.ceil(8.0 * math.sqrt(n * share * (1.0 - share)))
    ranks = np.arange(max(0, int(n * share) - reach), min(n, int(n * share) + reach))
    below = bdtr(ranks, n, share)  # chance of at most so many values below the quantile
    low = int(ranks[0]) + int(np.searchsorted(below, missed, side="right")) - 1
    high = int(ranks[0]) + int(np.searchsorted(below, 1.0 - missed, side="left"))
    if low < 0 or high > n - 1:
        return Figure.without_interval(value, n, "too few values for an interval")
    return Figure(value, float(ordered[low]), float(ordered[high]), n, None)


def mean_per_period(counts: ArrayLike, *, confidence: float = 0.95) -> Figure:
    """Average count of a period (a day), with Student's t interval over the periods.

    Args:
        counts: shape (periods,); how much came in each.
        confidence: strictly between 0 and 1.
    Returns:
        The mean, n = periods; undefined for fewer than two; low is never below 0.
    Raises:
        ValueError: a count is not finite, or confidence is out of its range.
    Source: the t interval of a mean. Deviation: cut off at 0.
    """
    check_fraction("confidence", confidence)
    rows = numbers("counts", counts)
    n = len(rows)
    if n < 2:
        return Figure.undefined(n, "a pace needs two days")
    error = float(rows.std(ddof=1)) / math.sqrt(n)
    if error == 0.0:
        return Figure.without_interval(float(rows.mean()), n, "every period is the same")
    reach = float(stdtrit(n - 1, (1.0 + confidence) / 2.0)) * error
    return Figure(float(rows.mean()), max(0.0, float(rows.mean()) - reach), float(rows.mean()) + reach, n, None)
