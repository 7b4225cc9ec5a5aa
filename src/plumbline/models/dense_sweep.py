"""How strongly to penalise a head on dense rows: each penalty tried on held-out rows, in one go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from plumbline.models.dense_logistic import fit_dense, fit_gram
from plumbline.models.folds import Deal

Floats = NDArray[np.float64]

PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


@dataclass(frozen=True)
class Sweep:
    """What each penalty gave on rows that its fits had not seen.

    Attributes:
        penalties: p values of l2.
        scores: shape (p, k); of the deal's k positions.
        losses_nats: shape (p,); mean log loss of those scores, as they are.
    """

    penalties: tuple[float, ...]
    scores: Floats
    losses_nats: Floats

    @property
    def best(self) -> float:
        """The penalty of the lowest held-out loss."""
        return self.penalties[int(np.argmin(self.losses_nats))]


def sweep_penalties(
    rows: NDArray[np.floating],
    is_positive: NDArray[np.bool_],
    deal: Deal,
    *,
    with_intercept: bool,
    penalties: Sequence[float] = PENALTIES,
    prepare: Callable[[Floats], Callable[[Floats], Floats]] | None = None,
) -> Sweep:
    """Fit without each fold at each penalty; inner products are computed once a fold.

    Args:
        rows: shape (n, d). For pairs: differences.
        is_positive: shape (n,).
        deal: which rows are held out of which fit.
        with_intercept: False for pairs.
        penalties: values of l2.
        prepare: fits, on the rows of a fit, what makes rows ready (`dense_features`); None takes rows as they are.
    Raises:
        UsageError, NoDataError: as `fit_dense`.
    """
    scores = []
    for fold in deal.folds:
        others = deal.others(fold)
        known, held = np.asarray(rows[others], np.float64), np.asarray(rows[fold], np.float64)
        if prepare is not None:
            ready = prepare(known)
            known, held = ready(known), ready(held)
        column = np.ones(len(known)) if with_intercept else None
        scores.append(_scores(known, is_positive[others], held, column, penalties))
    joined = np.concatenate(scores, axis=1)
    signs = np.where(is_positive[deal.positions], 1.0, -1.0)
    return Sweep(tuple(penalties), joined, np.logaddexp(0.0, -signs * joined).mean(axis=1))


def _scores(
    known: Floats, is_positive: NDArray[np.bool_], held: Floats, column: Floats | None, penalties: Sequence[float]
) -> Floats:
    """Scores of held rows at each penalty, shape (p, m)."""
    if known.shape[1] <= known.shape[0]:
        fits = [fit_dense(known, is_positive, l2=l2, intercept_column=column) for l2 in penalties]
        return np.stack([fit.score(held) for fit in fits])
    with threadpool_limits(1, user_api="blas"):
        products, across = known @ known.T, held @ known.T
    of_gram = [fit_gram(products, is_positive, l2=l2, intercept_column=column) for l2 in penalties]
    return np.stack([fit.score(across) for fit in of_gram])
