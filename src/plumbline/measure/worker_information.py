"""How sure abilities of workers are, where the scores of items were estimated from the same judgements.

What judgements tell of scores and of the workers' log odds is one table of both, the observed information. Taking the
scores out of it (Schur complement) leaves a table of workers, whose inverse holds the variances. Items that no chain of
comparisons links never meet, so scores are taken out set by set of linked items. What is held is the table of workers
and the square of one set; where that would be too much no error is given, and the reason says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from scipy.linalg import solve_triangular
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from plumbline.measure.arrays import FloatArray, IntArray
from plumbline.measure.worker_ability import TOO_LITTLE_TOLD

MOST_WORKERS = 4096
"""A table of as many is 134 MB, and three of them are held."""
MOST_LINKED = 6000
"""A table of as many items is 288 MB."""
TOO_MANY_WORKERS = f"errors are worked out for up to {MOST_WORKERS:,} workers"
TOO_MANY_LINKED = f"errors are worked out for up to {MOST_LINKED:,} items that chains of comparisons link"

_ITEMS_AT_ONCE = 64  # small sets are taken together until they are as many


def ability_errors(of_scores: csr_array, mixed: csr_array, own: FloatArray) -> tuple[FloatArray, str]:
    """Standard errors of the workers' log odds, the scores free.

    Args:
        of_scores: shape (items, items), symmetric; minus the second slopes of the objective in the scores.
        mixed: shape (items, workers); minus the slopes by a score and by a worker's log odds.
        own: shape (workers,); minus the second slopes in the log odds.
    Returns:
        Errors, shape (workers,), log odds; and why there is none where they are all NaN: the table is no maximum's, or
        larger than `MOST_WORKERS` and `MOST_LINKED` allow.
    Source: the inverse of a table in four blocks, as in any book on matrices. Deviation: none.
    """
    nothing = np.full(len(own), np.nan)
    sets = connected_components(of_scores, directed=False)[1].astype(np.int64)
    sizes = np.bincount(sets)
    if len(own) > MOST_WORKERS:
        return nothing, TOO_MANY_WORKERS
    if sizes.max() > MOST_LINKED:
        return nothing, TOO_MANY_LINKED
    order = np.argsort(sets, kind="stable")
    information = np.diag(own)
    try:
        for told, who in _told_by_scores(of_scores[order][:, order], mixed[order], sizes):
            information[np.ix_(who, who)] -= told.T @ told
        root = np.linalg.cholesky(information)
    except np.linalg.LinAlgError:  # not positive definite
        return nothing, TOO_LITTLE_TOLD
    inverse = solve_triangular(root, np.eye(len(root)), lower=True, overwrite_b=True)
    return np.sqrt(np.einsum("kw,kw->w", inverse, inverse)), TOO_LITTLE_TOLD


def _told_by_scores(of_scores: csr_array, mixed: csr_array, sizes: IntArray) -> Iterator[tuple[FloatArray, IntArray]]:
    """Tables R, (items of some sets, some workers), and the workers: all RᵀR add up to what the scores take away.

    Items of a set stand together; `sizes`: of the sets in their order. Raises LinAlgError where a set is no maximum's.
    """
    starts = np.cumsum(sizes) - sizes
    edges = np.append(starts[np.diff(starts // _ITEMS_AT_ONCE, prepend=-1) > 0], sizes.sum())
    for start, stop in pairwise(edges.tolist()):
        root = np.linalg.cholesky(of_scores[start:stop, start:stop].toarray())
        judged = mixed[start:stop]
        who = np.unique(judged.indices).astype(np.int64)
        yield solve_triangular(root, judged[:, who].toarray(), lower=True), who
