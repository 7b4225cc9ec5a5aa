"""The clustered bootstrap of large tables: clusters that look the same are one row and a number.

A statistic of column totals cannot tell clusters with the same totals apart. So how often each *kind* of cluster is drawn
has exactly the distribution that drawing clusters has, and costs as much as there are kinds: 67,000 items with three
ratings of two categories each are four kinds.

Source: as `bootstrap`; the multinomial counts of its draws, added up within kinds. Deviation: none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from plumbline.measure.arrays import FloatArray, IntArray
from plumbline.measure.bootstrap import (
    Bootstrap,
    TotalsStatistic,
    one_cluster_figure,
    percentile_figure,
)
from plumbline.measure.figure import Figure
from plumbline.measure.rates import at_the_edge, mean_of_totals

MOST_NUMBERS_DRAWN = 1 << 20
"""Resamples times kinds: where kinds are many there are fewer resamples, never fewer than 100."""


@dataclass(frozen=True, eq=False)
class Pooled:
    """Clusters by kind.

    Attributes:
        totals: shape (kinds, k); the column totals of one cluster of each kind.
        sizes: shape (kinds,); how many clusters are of it.
        n: rows in all.
    """

    totals: FloatArray
    sizes: IntArray
    n: int

    @classmethod
    def of(cls, columns: FloatArray, cluster_codes: IntArray | None = None) -> Pooled:
        """Pool rows.

        Args:
            columns: shape (n, k); what is summed over the rows.
            cluster_codes: shape (n,); integers, any; rows of one code are drawn together. None: each row alone.
        """
        summed = columns
        if cluster_codes is not None and len(columns):
            codes = np.unique(cluster_codes, return_inverse=True)[1]
            summed = np.stack([np.bincount(codes, weights=column) for column in columns.T], axis=1)
        kinds, sizes = _distinct_rows(np.ascontiguousarray(summed, dtype=np.float64))
        return cls(kinds, sizes, len(columns))

    @property
    def clusters(self) -> int:
        """How many there are."""
        return int(self.sizes.sum())

    def bounded(self, bootstrap: Bootstrap) -> Bootstrap:
        """The same with as many resamples as the kinds allow."""
        most = max(100, MOST_NUMBERS_DRAWN // max(1, len(self.sizes)))
        return replace(bootstrap, resamples=min(bootstrap.resamples, most))

    def flops(self, bootstrap: Bootstrap) -> int:
        """Additions and multiplications of the totals of all resamples."""
        return 2 * self.bounded(bootstrap).resamples * int(self.totals.size)

    def draws(self, bootstrap: Bootstrap) -> FloatArray:
        """How often each kind is drawn: (resamples, kinds)."""
        count = self.clusters
        rng = np.random.default_rng(bootstrap.seed)
        taken = rng.multinomial(count, self.sizes / count, size=self.bounded(bootstrap).resamples)
        return np.asarray(taken, dtype=np.float64)

    def weighted(self, weights: FloatArray) -> FloatArray:
        """Totals of weighted kinds: (draws, kinds) to (draws, k); without BLAS, whose threads wait for each other."""
        return np.asarray(np.einsum("dk,kc->dc", weights, self.totals, optimize=False))

    @property
    def once(self) -> FloatArray:
        """The weights of the rows as they are: (1, kinds)."""
        return self.sizes[None, :].astype(np.float64)


def pooled_figure(pooled: Pooled, statistic: TotalsStatistic, bootstrap: Bootstrap, why_undefined: str) -> Figure:
    """Give a statistic its value and its interval.

    Args:
        pooled: the rows.
        statistic: maps totals (draws, k) to values (draws,), NaN where undefined.
        bootstrap: seed, number of draws, confidence.
        why_undefined: what to say where the statistic of all rows is NaN.
    Returns:
        The figure; undefined for no rows; without an interval where there is one cluster only.
    """
    if pooled.n == 0:
        return Figure.undefined(0, "no rows")
    drawn = pooled.weighted(pooled.draws(bootstrap)) if pooled.clusters > 1 else None
    value = statistic(pooled.weighted(pooled.once))
    return figure_of_values(value, None if drawn is None else statistic(drawn), pooled.n, bootstrap, why_undefined)


def figure_of_values(
    value: FloatArray, drawn: FloatArray | None, n: int, bootstrap: Bootstrap, why_undefined: str
) -> Figure:
    """A figure whose statistic is worked out already.

    Args:
        value: shape (1,); of all rows, NaN where undefined.
        drawn: shape (draws,); of the draws; None where there is one cluster only.
        n: rows.
        bootstrap: for the confidence.
        why_undefined: what to say where the value is NaN.
    """
    if np.isnan(value[0]):
        return Figure.undefined(n, why_undefined)
    if drawn is None:
        return one_cluster_figure(float(value[0]), n)
    return percentile_figure(float(value[0]), drawn, n, bootstrap)


def pooled_rate(values: FloatArray, bootstrap: Bootstrap, cluster_codes: IntArray | None = None) -> Figure:
    """Share of rows for which something holds, as `rate_figure` gives it, for many rows.

    Args:
        values: shape (n,); 0 or 1 a row, or a share in between.
        bootstrap: seed, number of draws, confidence.
        cluster_codes: shape (n,); integers; rows of one code are drawn together.
    Returns:
        The rate in [0, 1]; where every row is 0, or every row is 1, with Wilson's interval over clusters.
    """
    pooled = Pooled.of(np.stack([values, np.ones(len(values))], axis=1), cluster_codes)
    return at_the_edge(pooled_figure(pooled, mean_of_totals, bootstrap, "no rows"), pooled.clusters, bootstrap)


def _distinct_rows(rows: FloatArray) -> tuple[FloatArray, IntArray]:
    """The distinct rows, in an order that depends on nothing but them, and how often each occurs."""
    if len(rows) == 0:
        return rows, np.zeros(0, dtype=np.int64)
    order = np.lexsort(rows.T[::-1])
    ordered = rows[order]
    starts = np.concatenate([[0], np.flatnonzero((ordered[1:] != ordered[:-1]).any(axis=1)) + 1])
    return ordered[starts], np.diff(np.append(starts, len(rows)))
