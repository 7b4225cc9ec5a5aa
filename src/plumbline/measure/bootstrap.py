"""Clustered bootstrap: how sure a figure is when rows that share a prompt rise and fall together.

Clusters (prompts), not rows, are drawn with replacement, as many as there are; a percentile interval is read off the
statistic of the draws. A draw is held as counts per cluster, so a statistic takes row weights and is never recomputed
row by row.

Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, §13.3 (percentile interval); Field & Welsh 2007,
"Bootstrapping clustered data", JRSS B 69 (randomized cluster bootstrap). Deviations: draws in which the statistic is
undefined are left out while they are at most 5 %; beyond that, and where all draws agree, no interval is given.
With few clusters (say under 20) percentile intervals are too short, as everywhere.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from plumbline.measure.arrays import FloatArray, Ids, IntArray, check_fraction, encode_ids
from plumbline.measure.figure import Figure

# Row weights (draws, rows) to one value a draw (draws,); NaN where a draw leaves the statistic undefined.
WeightedStatistic: TypeAlias = Callable[[FloatArray], FloatArray]
# Weighted column totals (draws, columns) to one value a draw (draws,); NaN likewise.
TotalsStatistic: TypeAlias = Callable[[FloatArray], FloatArray]

NO_SPREAD = "every resample gives the same value, which says nothing of how sure it is"
"""Why a figure has no interval where all draws agree; `rates` tells this case from the others by it."""

_UNDEFINED_SHARE_ALLOWED = 0.05
_NUMBERS_PER_BLOCK = 1 << 19  # 4 MB of float64: a block of draws stays near the cache


@dataclass(frozen=True)
class Bootstrap:
    """How to draw.

    Attributes:
        seed: of the random draws; the same seed on the same rows gives the same interval.
        resamples: how many draws; >= 100.
        confidence: share of draws inside the interval; strictly between 0 and 1.
    Raises:
        ValueError: a setting is out of its range.
    """

    seed: int
    resamples: int = 1000
    confidence: float = 0.95

    def __post_init__(self) -> None:
        """Refuse settings that would give an interval nobody could read."""
        if self.seed < 0:
            raise ValueError(f"Bootstrap.seed: expected >= 0, found {self.seed}.")
        if self.resamples < 100:
            raise ValueError(f"Bootstrap.resamples: expected >= 100, found {self.resamples}.")
        check_fraction("Bootstrap.confidence", self.confidence)


@dataclass(frozen=True, eq=False)
class Clusters:
    """Which rows are drawn together.

    Attributes:
        codes: shape (n,); the cluster of each row, 0 … count − 1. None: each row is its own cluster.
        count: how many clusters.
    """

    codes: IntArray | None
    count: int

    @classmethod
    def of(cls, group_ids: Ids | None, n: int) -> "Clusters":
        """Read group ids.

        Args:
            group_ids: shape (n,); strings or integers. None: rows are independent.
            n: how many rows there are.
        Raises:
            ValueError: the length is not n, or an id is neither a string nor an integer.
        """
        if group_ids is None:
            return cls(None, n)
        codes, distinct = encode_ids("group_ids", group_ids)
        if len(codes) != n:
            raise ValueError(f"group_ids: expected one a row, {n} in all, found {len(codes)}.")
        return cls(codes, len(distinct))

    def take(self, rows: IntArray) -> "Clusters":
        """Keep some rows, in the order given; clusters without a row left are gone."""
        if self.codes is None:
            return Clusters(None, len(rows))
        kept, codes = np.unique(self.codes[rows], return_inverse=True)
        return Clusters(codes, len(kept))

    def row_weights(self, counts: FloatArray) -> FloatArray:
        """Spread counts of clusters (draws, clusters) to their rows (draws, n)."""
        return counts if self.codes is None else counts[:, self.codes]

    def totals(self, columns: FloatArray) -> FloatArray:
        """Sum rows (n, columns) within each cluster: (clusters, columns)."""
        if self.codes is None:
            return columns
        summed = [np.bincount(self.codes, weights=column, minlength=self.count) for column in columns.T]
        return np.stack(summed, axis=1)


def bootstrap_figure(
    statistic: WeightedStatistic,
    n: int,
    *,
    bootstrap: Bootstrap,
    group_ids: Ids | None = None,
    why_undefined: str = "the statistic is undefined on these rows",
) -> Figure:
    """Give any weighted statistic its value and its clustered bootstrap interval.

    Args:
        statistic: maps row weights, shape (draws, n), to values, shape (draws,), with NaN where undefined.
            Weights of 1 give the value itself.
        n: rows.
        bootstrap: seed, number of draws, confidence.
        group_ids: shape (n,); rows of one id are drawn together. None: rows are independent.
        why_undefined: what to say where the statistic of all rows is NaN.
    Returns:
        The figure; undefined for n = 0; without an interval where there is one cluster only.
    Raises:
        ValueError: group_ids do not fit n.
    Source: see the module. Deviation: see the module.
    """
    return figure_of_statistic(statistic, n, Clusters.of(group_ids, n), bootstrap, why_undefined)


def figure_of_statistic(
    statistic: WeightedStatistic, n: int, clusters: Clusters, bootstrap: Bootstrap, why_undefined: str
) -> Figure:
    """Do what `bootstrap_figure` does, with the clusters already read; same arguments, same figure."""
    if n == 0:
        return Figure.undefined(0, "no rows")
    value = float(statistic(np.ones((1, n)))[0])
    if math.isnan(value):
        return Figure.undefined(n, why_undefined)
    if clusters.count < 2:
        return one_cluster_figure(value, n)
    draws = np.concatenate([statistic(clusters.row_weights(counts)) for counts in _counts(clusters, n, bootstrap)])
    return percentile_figure(value, draws, n, bootstrap)


def figure_of_totals(
    columns: FloatArray,
    statistic: TotalsStatistic,
    clusters: Clusters,
    bootstrap: Bootstrap,
    why_undefined: str,
) -> Figure:
    """Give a statistic that depends on the rows only through column totals its value and interval, fast.

    Args:
        columns: shape (n, k); what is summed over the rows.
        statistic: maps totals (draws, k) to values (draws,), with NaN where undefined.
        clusters: which rows are drawn together.
        bootstrap: seed, number of draws, confidence.
        why_undefined: what to say where the statistic of all rows is NaN.
    Returns:
        The figure, as `bootstrap_figure` would give it; other draws than there, of the same distribution.
    """
    value, draws = value_and_draws(columns, statistic, clusters, bootstrap)
    n = len(columns)
    if value is None:
        return Figure.undefined(n, why_undefined if n else "no rows")
    return one_cluster_figure(value, n) if draws is None else percentile_figure(value, draws, n, bootstrap)


def value_and_draws(
    columns: FloatArray, statistic: TotalsStatistic, clusters: Clusters, bootstrap: Bootstrap
) -> tuple[float | None, FloatArray | None]:
    """Do the first half of `figure_of_totals`, for those who make the interval themselves.

    Args:
        columns: shape (n, k); what is summed over the rows.
        statistic: maps totals (draws, k) to values (draws,), with NaN where undefined.
        clusters: which rows are drawn together.
        bootstrap: seed, number of draws.
    Returns:
        The value, None where it is undefined; and its draws, shape (resamples,), None where there are fewer than two
        clusters or no value.
    """
    if len(columns) == 0:
        return None, None
    value = float(statistic(columns.sum(axis=0, keepdims=True))[0])
    if math.isnan(value):
        return None, None
    if clusters.count < 2:
        return value, None
    return value, statistic(_totals_of_draws(clusters.totals(columns), bootstrap))


def percentile_figure(value: float, draws: FloatArray, n: int, bootstrap: Bootstrap) -> Figure:
    """Read the percentile interval off the draws.

    Args:
        value: the statistic of all rows; finite.
        draws: shape (resamples,); NaN where a draw left the statistic undefined.
        n: rows.
        bootstrap: for the confidence.
    Returns:
        The figure; without an interval where over 5 % of the draws are undefined, or all draws agree.
    """
    defined = draws[~np.isnan(draws)]
    undefined_count = len(draws) - len(defined)
    if undefined_count > _UNDEFINED_SHARE_ALLOWED * len(draws):
        why = f"the statistic is undefined in {undefined_count} of {len(draws)} resamples"
        return Figure.without_interval(value, n, why)
    if np.ptp(defined) <= 1e-12 * max(1.0, abs(value)):
        return Figure.without_interval(value, n, NO_SPREAD)
    tail = (1.0 - bootstrap.confidence) / 2.0
    low, high = np.quantile(defined, [tail, 1.0 - tail])
    return Figure(value, float(low), float(high), n, None)


def one_cluster_figure(value: float, n: int) -> Figure:
    """Give a value whose rows all belong to one cluster: there is nothing to draw from."""
    return Figure.without_interval(value, n, "one cluster only, an interval needs two")


def _counts(clusters: Clusters, n: int, bootstrap: Bootstrap) -> Iterator[FloatArray]:
    """Draw how often each cluster is taken: blocks of shape (draws, clusters), each row a multinomial draw."""
    rng = np.random.default_rng(bootstrap.seed)
    count = clusters.count
    block = max(1, _NUMBERS_PER_BLOCK // n)
    for start in range(0, bootstrap.resamples, block):
        draws = min(block, bootstrap.resamples - start)
        taken = rng.integers(0, count, size=(draws, count))
        taken += np.arange(0, draws * count, count)[:, None]
        yield np.bincount(taken.ravel(), minlength=draws * count).reshape(draws, count).astype(np.float64)


def _totals_of_draws(totals: FloatArray, bootstrap: Bootstrap) -> FloatArray:
    """Draw clusters and sum their totals (clusters, k): (resamples, k).

    Clusters with the same totals are exchangeable. Where there are few kinds (right, wrong, tie), drawing how often
    each kind is taken has exactly the distribution of drawing clusters, and costs nothing at any n.
    """
    count, width = totals.shape
    if width <= 4:
        order = np.lexsort(totals.T)
        ordered = totals[order]
        starts = np.concatenate([[0], np.flatnonzero((ordered[1:] != ordered[:-1]).any(axis=1)) + 1])
        if len(starts) <= max(8, count // 50):
            sizes = np.diff(np.append(starts, count))
            rng = np.random.default_rng(bootstrap.seed)
            taken = rng.multinomial(count, sizes / count, size=bootstrap.resamples)
            return _weighted_totals(taken.astype(np.float64), ordered[starts])
    clusters = Clusters(None, count)
    return np.concatenate([_weighted_totals(counts, totals) for counts in _counts(clusters, count, bootstrap)])


def _weighted_totals(counts: FloatArray, totals: FloatArray) -> FloatArray:
    """Multiply (draws, clusters) by (clusters, k) without BLAS.

    A threaded BLAS splits these long thin products over cores for nothing; where the cores are shared with other
    programs its threads wait for each other, and 0.5 ms was measured to become 2 s.
    """
    return np.asarray(np.einsum("dc,ck->dk", counts, totals, optimize=False))
