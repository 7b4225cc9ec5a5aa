"""The beta-binomial model: votes for two classes, whose chances follow a beta distribution over items.

What the likelihood of n items depends on is how many of them have more than r votes, for every r. Between two numbers of
votes that occur these counts stay the same, so that a stretch of r is one column: items of 3 votes and one of 10,000 make
five columns, not 10,000. Clusters (prompts) are held as how many items of each kind they have; memory grows with the
items, and with the draws times the numbers of votes that occur.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.special import digamma, gammaln, zeta

from plumbline.measure.arrays import FloatArray, IntArray
from plumbline.measure.bootstrap import Bootstrap, Clusters
from plumbline.measure.figure import Figure
from plumbline.measure.pooling import MOST_NUMBERS_DRAWN, figure_of_values

_MOST_STEPS = 200
_LOWEST, _HIGHEST = -8.0, 12.0  # of the logarithms of α and β: from clear items only to items that are all alike
_NUMBERS_AT_ONCE = 1 << 20  # 8 MB of float64

OfBeta = Callable[[FloatArray, FloatArray], FloatArray]
"""A statistic of beta distributions: α and β, shape (draws,) each, to (draws,)."""


def beta_figure(
    votes: FloatArray, statistic: OfBeta, clusters: Clusters, bootstrap: Bootstrap, *, symmetric: bool
) -> Figure:
    """Give a statistic of the fitted beta distribution its value and its interval.

    Args:
        votes: shape (n, 2); counts of each item, at least one a row; n >= 1.
        statistic: of α and β.
        clusters: which items are drawn together.
        bootstrap: seed, number of draws, confidence; fewer draws where clusters are of many kinds, never under 100.
        symmetric: hold α = β.
    Returns:
        The figure, the same for the items in any order; without an interval where there is one cluster only.
    Source: Skellam 1948, JRSS B 10; the interval as `bootstrap`. Deviation: maximum likelihood.
    """
    ladder = Ladder.of(votes)
    kinds, sizes = _kinds_of_clusters(_held(votes, clusters))
    columns = csr_array(kinds @ ladder.of_kinds)
    value = _fitted(columns.T @ sizes.astype(np.float64)[:, None], ladder, statistic, symmetric=symmetric)
    if clusters.count < 2:
        return figure_of_values(value, None, len(votes), bootstrap, "no rows")
    drawn = [
        _fitted(columns.T @ taken.T, ladder, statistic, symmetric=symmetric)
        for taken in _draws(sizes, bootstrap, ladder.edges)
    ]
    return figure_of_values(value, np.concatenate(drawn), len(votes), bootstrap, "no rows")


@dataclass(frozen=True, eq=False)
class Ladder:
    """The numbers of votes that occur, and where each kind of item stands among them.

    Attributes:
        edges: shape (k + 1,); 0 and the numbers of votes that occur, for a class or in all, rising.
        of_kinds: shape (kinds, 3·(k + 1)), sparse; 1 at the edge that is the number of votes for the first class, for
            the second, and in all.
    """

    edges: FloatArray
    of_kinds: csr_array

    @classmethod
    def of(cls, votes: FloatArray) -> Ladder:
        """Read items, shape (n, 2); kinds are their distinct rows, as `_codes` numbers them."""
        kinds = votes[np.unique(_codes(votes), return_index=True)[1]]
        counts = np.stack([kinds[:, 0], kinds[:, 1], kinds.sum(axis=1)], axis=1)
        edges = np.unique(np.append(counts, 0.0))
        places = np.searchsorted(edges, counts) + len(edges) * np.arange(3)
        rows = np.repeat(np.arange(len(kinds)), 3)
        ones = np.ones(places.size)
        return cls(edges, csr_array((ones, (rows, places.ravel())), shape=(len(kinds), 3 * len(edges))))

    def counts_above(self, standing: FloatArray) -> FloatArray:
        """How many items stand at each edge, (draws, 3·(k + 1)), to how many stand above it: (draws, 3, k)."""
        at_edge = standing.reshape(len(standing), 3, -1)
        return np.ascontiguousarray(np.cumsum(at_edge[:, :, ::-1], axis=2)[:, :, ::-1][:, :, 1:])


def _codes(votes: FloatArray) -> IntArray:
    """Number the distinct rows, shape (n, 2), in rising order: (n,)."""
    order = np.lexsort(votes.T[::-1])
    ordered = votes[order]
    new = np.concatenate([[False], (ordered[1:] != ordered[:-1]).any(axis=1)])
    codes = np.empty(len(votes), dtype=np.int64)
    codes[order] = np.cumsum(new)
    return codes


def _held(votes: FloatArray, clusters: Clusters) -> csr_array:
    """How many items of each kind a cluster has: (clusters, kinds)."""
    codes = _codes(votes)
    places = np.arange(len(votes)) if clusters.codes is None else clusters.codes
    held = csr_array((np.ones(len(votes)), (places, codes)), shape=(clusters.count, int(codes.max()) + 1))
    held.sum_duplicates()
    return held


def _kinds_of_clusters(held: csr_array) -> tuple[csr_array, IntArray]:
    """The distinct rows, in an order that depends on nothing but them, and how often each occurs."""
    lengths = np.diff(held.indptr)
    kept: list[IntArray] = []
    sizes: list[IntArray] = []
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        cells = held.indptr[rows][:, None] + np.arange(length)
        contents = np.concatenate([held.indices[cells], held.data[cells]], axis=1)
        order = np.lexsort(contents.T[::-1])
        ordered = contents[order]
        starts = np.flatnonzero(np.concatenate([[True], (ordered[1:] != ordered[:-1]).any(axis=1)]))
        kept.append(rows[order[starts]])
        sizes.append(np.diff(np.append(starts, len(rows))))
    return held[np.concatenate(kept)], np.concatenate(sizes)


def _draws(sizes: IntArray, bootstrap: Bootstrap, edges: FloatArray) -> Iterator[FloatArray]:
    """How often each kind of cluster is drawn, in blocks: (draws, kinds)."""
    count = int(sizes.sum())
    resamples = min(bootstrap.resamples, max(100, MOST_NUMBERS_DRAWN // len(sizes)))
    at_once = max(1, _NUMBERS_AT_ONCE // max(len(sizes), 3 * len(edges)))
    rng = np.random.default_rng(bootstrap.seed)
    for start in range(0, resamples, at_once):
        taken = rng.multinomial(count, sizes / count, size=min(at_once, resamples - start))
        yield taken.astype(np.float64)


def _fitted(standing: FloatArray, ladder: Ladder, statistic: OfBeta, *, symmetric: bool) -> FloatArray:
    """The statistic of the fits to items standing at each edge, (3·(k + 1), draws): (draws,)."""
    return statistic(*fit_beta(ladder.counts_above(standing.T), ladder.edges, symmetric=symmetric))


def fit_beta(above: FloatArray, edges: FloatArray, *, symmetric: bool) -> tuple[FloatArray, FloatArray]:
    """Fit beta-binomial counts by maximum likelihood, many samples at once.

    Args:
        above: shape (draws, 3, k); how many items have more votes than each edge but the last, for the first class, for
            the second, and in all.
        edges: shape (k + 1,); 0 and every number of votes that occurs, rising.
        symmetric: hold α = β.
    Returns:
        α and β, shape (draws,) each, between e^−8 and e^12: the ends stand for items that are clear, and for items that
        are all alike.
    Source: Griffiths 1973, Biometrics 29. Deviation: Newton steps on the log scale, damped while they overshoot.
    """
    first, second, both = above.transpose(1, 0, 2)
    if symmetric:
        first = second = (first + second) / 2.0
    counts = (first, second, both)
    logs = np.zeros((len(above), 2))
    damping = np.full(len(above), 1e-3)
    likelihood = _beta_likelihood(logs, counts, edges)
    for _ in range(_MOST_STEPS):
        tried = np.clip(logs + _newton_step(logs, counts, edges, damping), _LOWEST, _HIGHEST)
        climbed = _beta_likelihood(tried, counts, edges)
        better = climbed > likelihood
        moved = np.abs(tried - logs).max(axis=1) * better
        logs, likelihood = np.where(better[:, None], tried, logs), np.where(better, climbed, likelihood)
        damping = np.where(better, damping / 10.0, damping * 10.0)
        if ((moved < 1e-7) & (better | (damping > 1e3))).all():
            break
    return np.exp(logs[:, 0]), np.exp(logs[:, 1])


_Counts = tuple[FloatArray, FloatArray, FloatArray]


def _beta_likelihood(logs: FloatArray, counts: _Counts, edges: FloatArray) -> FloatArray:
    """Log-likelihood of log α and log β (draws, 2), but for a constant: (draws,)."""
    alpha, beta = np.exp(logs).T
    gained = counts[0] * _log_rise(alpha, edges) + counts[1] * _log_rise(beta, edges)
    return np.asarray((gained - counts[2] * _log_rise(alpha + beta, edges)).sum(axis=1))


def _log_rise(values: FloatArray, edges: FloatArray) -> FloatArray:
    """Σ log(x + r), r from one edge to below the next: (draws, k)."""
    low, high = values[:, None] + edges[:-1], values[:, None] + edges[1:]
    single = np.diff(edges) == 1.0  # where a difference would only lose digits
    return np.log(low) if single.all() else np.where(single, np.log(low), gammaln(high) - gammaln(low))


def _inverse_rises(values: FloatArray, edges: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Σ 1/(x + r) and Σ 1/(x + r)², r from one edge to below the next: (draws, k) each."""
    low, high = values[:, None] + edges[:-1], values[:, None] + edges[1:]
    single = np.diff(edges) == 1.0
    inverse = 1.0 / low
    if single.all():
        return inverse, inverse**2
    return (
        np.where(single, inverse, digamma(high) - digamma(low)),
        np.where(single, inverse**2, zeta(2.0, low) - zeta(2.0, high)),
    )


def _newton_step(logs: FloatArray, counts: _Counts, edges: FloatArray, damping: FloatArray) -> FloatArray:
    """A step uphill in log α and log β, at most 2 long in each direction of curvature: (draws, 2)."""
    values = np.exp(logs)
    rises = [_inverse_rises(number, edges) for number in (*values.T, values.sum(axis=1))]
    shared, shared_squares = ((counts[2] * each).sum(axis=1) for each in rises[2])
    gradient = np.stack([values[:, k] * ((counts[k] * rises[k][0]).sum(axis=1) - shared) for k in (0, 1)], axis=1)
    curvature = values[:, :, None] * values[:, None, :] * shared_squares[:, None, None]
    for k in (0, 1):
        own = values[:, k] ** 2 * (counts[k] * rises[k][1]).sum(axis=1)
        curvature[:, k, k] += gradient[:, k] - own
    sizes, directions = np.linalg.eigh(-curvature)
    # Where the surface bends the wrong way its bend still says how far to go: hence the absolute value.
    stiffness = np.abs(sizes) + (damping * np.maximum(counts[2][:, 0], 1.0))[:, None]
    along = np.clip(np.einsum("dij,di->dj", directions, gradient) / stiffness, -2.0, 2.0)
    return np.asarray(np.einsum("dij,dj->di", directions, along))
