"""Heads by inner products: what `encoder_quality` fits, each part prepared on the rows of a fit and no others.

Also the groups of prompts that share most of their words, which are held out together.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from plumbline.models.linear.default_features import RECIPES
from plumbline.models.linear.dense_features import fit_scaling, similarities
from plumbline.models.linear.dense_logistic import fit_dense, fit_gram
from plumbline.models.linear.training_features import TrainingReplies, training_features
from plumbline.models.rows.folds import Deal, deal_folds

Floats = NDArray[np.float64]
Products = Callable[[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]], Floats]
"""(rows of the fit, rows, columns) → inner products of rows and columns, prepared on the rows of the fit."""


def straight(columns: NDArray[np.float32], widths: list[int]) -> Products:
    """Inner products of scaled columns."""

    def products(known: NDArray[np.int64], rows: NDArray[np.int64], others: NDArray[np.int64]) -> Floats:
        scaling = fit_scaling(columns[known], widths)
        return scaling.apply(columns[rows]) @ scaling.apply(columns[others]).T

    return products


def curved(columns: NDArray[np.float32], widths: list[int], *, nearness: float = 1.0) -> Products:
    """Similarities of scaled columns."""

    def products(known: NDArray[np.int64], rows: NDArray[np.int64], others: NDArray[np.int64]) -> Floats:
        scaling = fit_scaling(columns[known], widths)
        return similarities(scaling.apply(columns[rows]), scaling.apply(columns[others]), nearness)

    return products


def straight_pairs(columns: NDArray[np.float32], widths: list[int], count: int) -> Products:
    """Inner products of differences of scaled columns; first sides stand before second sides."""

    def products(known: NDArray[np.int64], rows: NDArray[np.int64], others: NDArray[np.int64]) -> Floats:
        scaling = fit_scaling(columns[np.concatenate([known, known + count])], widths)

        def differences(of: NDArray[np.int64]) -> Floats:
            return scaling.apply(columns[of]) - scaling.apply(columns[of + count])

        return differences(rows) @ differences(others).T

    return products


def of_pairs(side_products: Products, count: int) -> Products:
    """From products of sides (first sides, then second sides) to those of differences."""

    def products(known: NDArray[np.int64], rows: NDArray[np.int64], others: NDArray[np.int64]) -> Floats:
        both = np.concatenate([known, known + count])
        across = side_products(both, np.concatenate([rows, rows + count]), np.concatenate([others, others + count]))
        n, m = len(rows), len(others)
        return across[:n, :m] - across[:n, m:] - across[n:, :m] + across[n:, m:]

    return products


def times(one: Products, other: Products, *, weight: float) -> Products:
    """One, and its products with the other: ``one * (1 + weight * other)``."""
    return lambda known, rows, others: one(known, rows, others) * (1 + weight * other(known, rows, others))


def added(one: Products, other: Products, weight: float) -> Products:
    """Columns side by side: ``one + weight * other``."""
    return lambda known, rows, others: one(known, rows, others) + weight * other(known, rows, others)


def ngram_products(replies: TrainingReplies, task: str, deal: Deal) -> Products:
    """Inner products of the linear model's n-grams, weighed by frequencies that the held-out rows had no part in."""
    recipe = next(iter(RECIPES[task].values()))
    features = training_features(replies, recipe, deal, threads=1)
    everything = np.arange(deal.row_count)
    kept: dict[bytes, csr_array] = {}

    def products(known: NDArray[np.int64], rows: NDArray[np.int64], others: NDArray[np.int64]) -> Floats:
        key = known.tobytes()
        if key not in kept:
            kept.clear()
            kept[key] = features.matrix_without(np.setdiff1d(everything, known))
        matrix = kept[key]
        return np.asarray((matrix[rows] @ matrix[others].T).todense(), np.float64)

    return products


@dataclass(frozen=True)
class Task:
    """What is foretold."""

    is_positive: NDArray[np.bool_]
    group_ids: NDArray[np.str_]
    with_intercept: bool

    def column(self, count: int) -> Floats | None:
        """What the intercept is multiplied by."""
        return np.ones(count) if self.with_intercept else None


def held_out(task: Task, deal: Deal, products: Products, l2: float) -> Floats:
    """Scores of the deal's positions by fits without their fold."""
    scores = []
    for fold in deal.folds:
        others = deal.others(fold)
        fit = fit_gram(
            products(others, others, others),
            task.is_positive[others],
            l2=l2,
            intercept_column=task.column(len(others)),
        )
        scores.append(fit.score(products(others, fold, others)))
    return np.concatenate(scores)


def _within(products: Products, places: NDArray[np.int64]) -> Products:
    """The products of rows that are numbered among these places."""
    return lambda known, rows, columns: products(places[known], places[rows], places[columns])


def stacked(task: Task, deal: Deal, parts: list[tuple[Products, float]]) -> Floats:
    """A head on the parts' scores; those it learns from are out of fold within the rows of the fit."""
    scores = []
    for fold in deal.folds:
        others = deal.others(fold)
        inner = deal_folds(task.group_ids[others], 0, heads=1_000_000)  # dealt once
        local = Task(task.is_positive[others], task.group_ids[others], task.with_intercept)
        learned, told = [], []
        for products, l2 in parts:
            scored = np.empty(len(others))
            scored[inner.positions] = held_out(local, inner, _within(products, others), l2)
            learned.append(scored)
            fit = fit_gram(
                products(others, others, others),
                local.is_positive,
                l2=l2,
                intercept_column=task.column(len(others)),
            )
            told.append(fit.score(products(others, fold, others)))
        head = fit_dense(
            np.stack(learned, axis=1), local.is_positive, l2=1.0, intercept_column=task.column(len(others))
        )
        scores.append(head.score(np.stack(told, axis=1)))
    return np.concatenate(scores)


def near_groups(prompts: list[str], group_ids: NDArray[np.str_]) -> NDArray[np.str_]:
    """Groups that also hold together prompts that share 60 % of their words (Jaccard), through chains too."""
    sets = [set(re.findall(r"\w+", prompt.lower())) for prompt in prompts]
    names = {word: number for number, word in enumerate(sorted(set().union(*sets)))}
    rows = np.repeat(np.arange(len(sets)), [len(words) for words in sets])
    columns = np.array([names[word] for words in sets for word in sorted(words)])
    matrix = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(sets), len(names)))
    shared = (matrix @ matrix.T).toarray()
    sizes = np.diag(shared)
    near = shared / (sizes[:, None] + sizes - shared) >= 0.6
    near |= group_ids[:, None] == group_ids[None, :]
    return connected_components(csr_array(near))[1].astype(np.str_)
