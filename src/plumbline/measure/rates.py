"""Means, rates and the accuracy of preferences, with clustered intervals.

Covers figures that are an average over rows. A rate that is 0 or 1 in every row has no spread to resample; its
interval is Wilson's, with clusters for rows, since an interval of width 0 would claim certainty that is not there.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from plumbline.measure.arrays import (
    FloatArray,
    Ids,
    binary_labels,
    check_fraction,
    check_same_length,
    divide_or_nan,
    numbers,
    probabilities,
)
from plumbline.measure.bootstrap import NO_SPREAD, Bootstrap, Clusters, figure_of_totals
from plumbline.measure.figure import Figure


def mean_figure(values: ArrayLike, *, bootstrap: Bootstrap, group_ids: Ids | None = None) -> Figure:
    """Average of a quantity over rows, with its clustered interval.

    The difference of two models judged on the same rows is the mean of the rows' differences.

    Args:
        values: shape (n,); any unit.
        bootstrap: seed, number of draws, confidence.
        group_ids: shape (n,); rows of one id are drawn together. None: rows are independent.
    Returns:
        The mean, in the unit of the values; undefined for n = 0; without an interval where all clusters agree.
    Raises:
        ValueError: a value is not finite, or group_ids do not fit.
    Source: a ratio of cluster totals, Field & Welsh 2007. Deviation: see `plumbline.measure.bootstrap`.
    """
    rows = numbers("values", values)
    return _mean(rows, Clusters.of(group_ids, len(rows)), bootstrap)


def rate_figure(values: ArrayLike, *, bootstrap: Bootstrap, group_ids: Ids | None = None) -> Figure:
    """Share of rows for which something holds, with its clustered interval.

    Args:
        values: shape (n,); 0 or 1 a row, or a share in between (one half for a tie).
        bootstrap: seed, number of draws, confidence.
        group_ids: shape (n,); rows of one id are drawn together. None: rows are independent.
    Returns:
        The rate in [0, 1]; undefined for n = 0. Where every row is 0, or every row is 1, the interval is Wilson's
        with the number of clusters for n.
    Raises:
        ValueError: a value lies outside [0, 1], or group_ids do not fit.
    Source: a ratio of cluster totals, Field & Welsh 2007; Wilson 1927. Deviation: Wilson's interval at 0 and 1.
    """
    rows = probabilities("values", values)
    return rate_of_rows(rows, Clusters.of(group_ids, len(rows)), bootstrap)


def rate_of_rows(rows: FloatArray, clusters: Clusters, bootstrap: Bootstrap) -> Figure:
    """Do what `rate_figure` does, with rows, shape (n,), and clusters already checked."""
    return at_the_edge(_mean(rows, clusters, bootstrap), clusters.count, bootstrap)


def at_the_edge(figure: Figure, clusters: int, bootstrap: Bootstrap) -> Figure:
    """A rate of exactly 0 or 1 has no spread to resample: Wilson's interval with clusters for rows."""
    if figure.value not in (0.0, 1.0) or figure.why_undefined != NO_SPREAD:
        return figure
    wilson = wilson_figure(clusters if figure.value == 1.0 else 0, clusters, bootstrap.confidence)
    return Figure(figure.value, wilson.low, wilson.high, figure.n, None)


def wilson_figure(successes: int, n: int, confidence: float = 0.95) -> Figure:
    """Share of independent trials that succeeded, with Wilson's score interval.

    Args:
        successes: 0 … n.
        n: trials.
        confidence: strictly between 0 and 1.
    Returns:
        The share in [0, 1]; undefined for n = 0.
    Raises:
        ValueError: successes lie outside 0 … n, or confidence outside (0, 1).
    Source: Wilson 1927, JASA 22, as in Brown, Cai & DasGupta 2001, eq. (4). Deviation: none.
    """
    check_fraction("confidence", confidence)
    if not 0 <= successes <= n:
        raise ValueError(f"successes: expected 0 … n = {n}, found {successes}.")
    if n == 0:
        return Figure.undefined(0, "no rows")
    share = successes / n
    z = float(-ndtri((1.0 - confidence) / 2.0))
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Figure(share, low, high, n, None)


def preference_accuracy(
    score_differences: ArrayLike,
    first_is_better: ArrayLike,
    *,
    bootstrap: Bootstrap,
    group_ids: Ids | None = None,
) -> Figure:
    """Share of judged comparisons in which the better side has the higher score; equal scores count one half.

    Rows judged a tie and rows not judged are no business of this function: the caller leaves them out and counts them.

    Args:
        score_differences: shape (n,); score of the first side minus score of the second; higher = better.
        first_is_better: shape (n,); 1 where the first side was judged better, 0 where the second was.
        bootstrap: seed, number of draws, confidence.
        group_ids: shape (n,); comparisons of one prompt share an id. None: comparisons are independent.
    Returns:
        The accuracy in [0, 1]; undefined for n = 0. At exactly 0 or 1 the interval is that of `rate_figure`.
    Raises:
        ValueError: lengths differ, a difference is not finite, or a label is neither 0 nor 1.
    Source: Bai et al. 2022, §3 (PM accuracy). Deviation: equal scores count one half instead of wrong.
    """
    differences = numbers("score_differences", score_differences)
    labels = binary_labels("first_is_better", first_is_better)
    check_same_length(score_differences=differences, first_is_better=labels)
    right = 0.5 + 0.5 * np.sign(differences) * (2.0 * labels - 1.0)
    return rate_of_rows(right, Clusters.of(group_ids, len(right)), bootstrap)


def _mean(rows: FloatArray, clusters: Clusters, bootstrap: Bootstrap) -> Figure:
    columns = np.stack([rows, np.ones(len(rows))], axis=1)
    return figure_of_totals(columns, mean_of_totals, clusters, bootstrap, "no rows")


def mean_of_totals(totals: FloatArray) -> FloatArray:
    """Mean from totals (draws, 2) of values and of rows: (draws,)."""
    return divide_or_nan(totals[:, 0], totals[:, 1])
