"""The labels behind judgements of fallible workers, and how often each worker errs: Dawid & Skene by EM.

Each item has one true label; each worker gives label l to items of true label c with probability `confusion[w, c, l]`,
whoever else judged. Labels and error rates are estimated together, from the judgements alone: a worker is good who
agrees with those who are. Where all workers share an error, it is not seen.

Covers classes without order. Several categories that may all apply (multi-label) are several calls, one a category.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from plumbline.measure.arrays import FloatArray, IntArray, check_same_length, divide_or_nan, indices, numbers

_TINY = 1e-300  # stands for 0 inside a logarithm
_MOST_WEIGHT = 2.0**53  # beyond it one judgement more is no other number


@dataclass(frozen=True)
class DawidSkeneSettings:
    """How to fit.

    Attributes:
        prior_judgements: imaginary judgements that each worker starts with, of items of each true label; >= 0. They are
            spread as the judgements of all workers are spread against the other votes of their items, so that a worker
            of few judgements is taken for an average one, but never for one who is worse than chance: where votes of
            an item differ more than by chance, that would turn its majority round. 0: plain maximum likelihood.
        prior_counts: the imaginary judgements themselves, shape (k, k), [true, said], instead of the spread above; with
            `one_coin` their diagonal is right and the rest wrong. None: the spread above.
        one_coin: each worker has one chance to be right, the same for every label, and errs evenly among the others;
            k − 1 times fewer numbers to learn than a confusion matrix. Their prior judgements are pooled over labels.
        even_classes: hold the class prior at 1/k each instead of estimating it: for pairs, whose sides are exchangeable.
        tolerance_nats: stop where a step raises the objective by no more than this, an item; > 0.
        max_iterations: stop there in any case; >= 1.
    Raises:
        ValueError: a setting is out of its range.
    """

    prior_judgements: float = 1.0
    prior_counts: tuple[tuple[float, ...], ...] | None = None
    one_coin: bool = False
    even_classes: bool = False
    tolerance_nats: float = 1e-8
    max_iterations: int = 1000

    def __post_init__(self) -> None:
        """Refuse settings that no fit could follow."""
        if not 0.0 <= self.prior_judgements < np.inf:
            raise ValueError(f"prior_judgements: expected a finite number >= 0, found {self.prior_judgements!r}.")
        if not 0.0 < self.tolerance_nats < np.inf:
            raise ValueError(f"tolerance_nats: expected a finite number > 0, found {self.tolerance_nats!r}.")
        if self.max_iterations < 1:
            raise ValueError(f"max_iterations: expected >= 1, found {self.max_iterations}.")


@dataclass(frozen=True, eq=False)
class DawidSkene:
    """The fit.

    Attributes:
        posteriors: shape (items, k); probability of each true label; an item that nobody judged has the class prior.
        confusion: shape (workers, k, k); [w, c, l] = P(worker w says l | the truth is c). A worker without judgements
            has the prior's, or even chances where there is none.
        class_prior: shape (k,).
        accuracy: shape (workers,); chance that a judgement of the worker gives the true label, at the class prior.
        objective_nats: one a step, never falling: the log-likelihood plus the log prior of the imaginary judgements.
        log_likelihood_nats: of the judgements, at the end.
        iterations: EM steps taken.
        converged: whether the tolerance was reached within them.
    """

    posteriors: FloatArray
    confusion: FloatArray
    class_prior: FloatArray
    accuracy: FloatArray
    objective_nats: tuple[float, ...] = field(repr=False)
    log_likelihood_nats: float
    iterations: int
    converged: bool


def fit_dawid_skene(
    item_indices: ArrayLike,
    worker_indices: ArrayLike,
    labels: ArrayLike,
    *,
    class_count: int,
    item_count: int | None = None,
    worker_count: int | None = None,
    weights: ArrayLike | None = None,
    settings: DawidSkeneSettings | None = None,
) -> DawidSkene:
    """Estimate true labels and workers' error rates by expectation maximisation.

    It starts from the share of each label among an item's votes, ties as they are, and draws nothing by chance: the
    same judgements in any order give the same result up to rounding.

    Args:
        item_indices: shape (n,); 0 … item_count − 1, one row a judgement. A worker may judge an item repeatedly.
        worker_indices: shape (n,); 0 … worker_count − 1.
        labels: shape (n,); 0 … class_count − 1.
        class_count: k >= 2.
        item_count, worker_count: how many there are; None: one more than the highest index.
        weights: shape (n,); how much a judgement counts, 0 … 2^53; None: 1 each. Two rows of one half are a tie.
        settings: prior, model and when to stop; None: the defaults.
    Returns:
        The fit; for n = 0 everything at its prior.
    Raises:
        ValueError: lengths differ, or an index, a weight or a count is out of its range.
    Source: Dawid & Skene 1979, Applied Statistics 28, eq. (2.3)–(2.5). Deviation: the prior judgements above, so that
        a worker of one judgement is neither faultless nor hopeless; the one-coin model and the even class prior.
    """
    if class_count < 2:
        raise ValueError(f"class_count: expected >= 2, found {class_count}.")
    chosen = settings or DawidSkeneSettings()
    items = indices("item_indices", item_indices, _count(item_indices, item_count))
    workers = indices("worker_indices", worker_indices, _count(worker_indices, worker_count))
    classes = indices("labels", labels, class_count)
    weighted = np.ones(len(items)) if weights is None else numbers("weights", weights)
    check_same_length(item_indices=items, worker_indices=workers, labels=classes, weights=weighted)
    if ((weighted < 0) | (weighted > _MOST_WEIGHT)).any():
        found = weighted.min() if weighted.min() < 0 else weighted.max()
        raise ValueError(f"weights: expected 0 … 2^53, found {found:g}.")
    shape = (_count(item_indices, item_count), _count(worker_indices, worker_count) * class_count)
    votes = csr_array((weighted, (items, workers * class_count + classes)), shape=shape)
    votes.sum_duplicates()
    return _Judgements(votes, class_count, chosen).fit()


def _count(values: ArrayLike, count: int | None) -> int:
    if count is not None:
        return count
    given = np.asarray(values)
    return int(given.max()) + 1 if given.size and given.dtype.kind in "iu" else 0  # `indices` refuses the others


class _Judgements:
    """Judgements as a sparse table, and what EM needs of them at every step.

    Attributes:
        votes: shape (items, workers × k); column w·k + l: how often worker w said l.
        by_column: the same the other way round.
        prior: shape (k, k), [true, said]; the imaginary judgements each worker starts with.
    """

    def __init__(self, votes: csr_array, class_count: int, settings: DawidSkeneSettings) -> None:
        self.votes, self.by_column = votes, votes.T.tocsr()
        self.class_count, self.settings = class_count, settings
        self.totals = self._label_totals()
        self.prior = self._prior()

    def _prior(self) -> FloatArray:
        if self.settings.prior_counts is None:
            return self.settings.prior_judgements * self._spread()
        counts = np.asarray(self.settings.prior_counts, dtype=np.float64)
        if counts.shape != (self.class_count,) * 2 or not (counts >= 0).all() or not np.isfinite(counts).all():
            raise ValueError(
                f"prior_counts: expected finite numbers >= 0, shape ({self.class_count}, {self.class_count}), "
                f"found shape {counts.shape}."
            )
        return counts

    def _label_totals(self) -> FloatArray:
        """Votes of each item for each label: (items, k)."""
        to_label = np.tile(np.eye(self.class_count), (self.votes.shape[1] // self.class_count, 1))
        return np.asarray(self.votes @ to_label)

    def _spread(self) -> FloatArray:
        """How votes are spread against the other votes of their items: (k, k), rows sum to 1.

        One vote, spread evenly, comes on top of each row, so that nothing is impossible. The true label is said at
        least as often as it is said at all: a row that is below that is brought up to it.
        """
        total = self.totals.sum(axis=1)
        others = np.where(total > 1.0, total - 1.0, np.inf)
        pairs = (self.totals / others[:, None]).T @ self.totals
        pairs -= np.diag((self.totals / others[:, None]).sum(axis=0))
        pairs = np.maximum(pairs, 0.0) + 1.0 / self.class_count
        spread = pairs / pairs.sum(axis=1, keepdims=True)
        right, chance = np.diag(spread), pairs.sum(axis=0) / pairs.sum()
        raised = np.maximum(right, chance)
        spread *= ((1.0 - raised) / np.maximum(1.0 - right, _TINY))[:, None]
        np.fill_diagonal(spread, raised)
        return self._one_coin(spread[None])[0] if self.settings.one_coin else np.asarray(spread)

    def fit(self) -> DawidSkene:
        """Climb until the tolerance is reached."""
        items, even = len(self.totals), np.full(self.class_count, 1.0 / self.class_count)
        total = self.totals.sum(axis=1, keepdims=True)
        posteriors = np.where(total > 0, self.totals / np.where(total > 0, total, 1.0), even)
        trajectory: list[float] = []
        converged = False
        while not converged and len(trajectory) < self.settings.max_iterations:
            class_prior, confusion = self._maximise(posteriors)
            posteriors, likelihood = self._expect(class_prior, confusion)
            trajectory.append(likelihood + self._log_prior(confusion))
            risen = trajectory[-1] - trajectory[-2] if len(trajectory) > 1 else np.inf
            converged = bool(risen <= self.settings.tolerance_nats * max(1, items))
        accuracy = np.einsum("wcc,c->w", confusion, class_prior)
        return DawidSkene(
            posteriors, confusion, class_prior, accuracy, tuple(trajectory), likelihood, len(trajectory), converged
        )

    def _maximise(self, posteriors: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Class prior (k,) and confusion (workers, true, said) that fit the posteriors best."""
        k = self.class_count
        judged = self.totals.sum(axis=1) > 0
        even = self.settings.even_classes or not judged.any()
        class_prior = np.full(k, 1.0 / k) if even else posteriors[judged].mean(axis=0)
        said = np.asarray(self.by_column @ posteriors).reshape(-1, k, k).transpose(0, 2, 1) + self.prior
        if self.settings.one_coin:
            return class_prior, self._one_coin(said)
        total = said.sum(axis=2, keepdims=True)
        return class_prior, np.where(total > 0, said / np.where(total > 0, total, 1.0), 1.0 / k)

    def _one_coin(self, said: FloatArray) -> FloatArray:
        """Confusion (workers, k, k) with one chance a worker to be right, from counts of the same shape."""
        k = self.class_count
        right = divide_or_nan(np.einsum("wcc->w", said), said.sum(axis=(1, 2)))
        right = np.where(np.isnan(right), 1.0 / k, right)
        wrong = (1.0 - right) / (k - 1)
        return np.asarray(wrong[:, None, None] + (right - wrong)[:, None, None] * np.eye(k))

    def _expect(self, class_prior: FloatArray, confusion: FloatArray) -> tuple[FloatArray, float]:
        """Posteriors (items, k) and the log-likelihood."""
        k = self.class_count
        logs = np.log(np.maximum(confusion, _TINY)).transpose(0, 2, 1).reshape(-1, k)
        joint = np.asarray(self.votes @ logs) + np.log(np.maximum(class_prior, _TINY))
        highest = joint.max(axis=1, keepdims=True, initial=-np.inf)
        scaled = np.exp(joint - highest)
        total = scaled.sum(axis=1, keepdims=True)
        return scaled / total, float((highest + np.log(total)).sum())

    def _log_prior(self, confusion: FloatArray) -> float:
        return float((self.prior * np.log(np.maximum(confusion, _TINY))).sum())


def judged_truth(fit: DawidSkene, item_indices: IntArray, labels: IntArray) -> FloatArray:
    """Chance that each judgement gives the true label: the posterior of the label it gave.

    Args:
        fit: of these judgements.
        item_indices, labels: shape (n,); as they were fitted.
    Returns:
        Shape (n,), in [0, 1].
    """
    return np.asarray(fit.posteriors[item_indices, labels])
