"""L2-regularised logistic regression on dense rows: features of a frozen trunk, a few hundred to a few thousand columns.

The objective is that of `logistic`, and so are its three uses. Newton's method solves it, in as many unknowns as the smaller
of rows and columns, and from inner products alone where that is all there is: of a kernel, of columns that several models
share, or of one fold at many penalties.

    minimise  sum_i weight_i * ln(1 + exp(−y_i * (x_i·w + c_i*b)))  +  l2/2 * |w|²,   y_i = ±1, b unpenalised
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit
from threadpoolctl import threadpool_limits

from plumbline.models.linear.logistic import LogisticSettings, check_arrays, check_classes

Floats = NDArray[np.float64]

_MOST_STEPS = 60
_MOST_HALVINGS = 30
_LEAST_CURVATURE = 1e-10


@dataclass(frozen=True)
class DenseFit:
    """What one fit found, and how exactly.

    Attributes:
        weights: shape (d,).
        intercept: unitless; 0 where the fit had none.
        loss_nats: the objective divided by the total row weight, penalty included.
        decrement_nats: how much lower the minimum of the objective's parabola at this point is, a unit of row weight.
        steps: of Newton's method.
        converged: the decrement is below 1e-8 nats.
    """

    weights: Floats
    intercept: float
    loss_nats: float
    decrement_nats: float
    steps: int
    converged: bool

    def score(self, rows: ArrayLike) -> Floats:
        """Log-odds of positive, shape (b,), of rows of shape (b, d)."""
        scores: Floats = np.asarray(rows, np.float64) @ self.weights + self.intercept
        return scores


@dataclass(frozen=True)
class GramFit:
    """The same, where rows are known by their inner products only.

    Attributes:
        duals: shape (n,); a row's share in the weights.
        intercept, loss_nats, decrement_nats, steps, converged: as of `DenseFit`.
    """

    duals: Floats
    intercept: float
    loss_nats: float
    decrement_nats: float
    steps: int
    converged: bool

    def score(self, products: ArrayLike) -> Floats:
        """Log-odds of positive, shape (b,), of inner products with the n fitted rows, shape (b, n)."""
        scores: Floats = np.asarray(products, np.float64) @ self.duals + self.intercept
        return scores


def fit_dense(
    rows: ArrayLike,
    is_positive: NDArray[np.bool_],
    *,
    l2: float,
    row_weights: Floats | None = None,
    intercept_column: Floats | None = None,
) -> DenseFit:
    """Fit one logistic regression.

    Args:
        rows: shape (n, d). For pairs: features of first − features of second.
        is_positive: shape (n,).
        l2: the penalty on squared weights is half of it, against the *sum* of the row losses; > 0.
        row_weights: shape (n,), >= 0; all 1 where absent.
        intercept_column: shape (n,), what the intercept is multiplied by; no intercept where absent.
    Raises:
        UsageError: shapes do not pair, a number is not finite, or `l2` is not above 0.
        NoDataError: no row has a positive weight, or an intercept is asked for and its rows have one class only.
    """
    matrix = np.asarray(rows, np.float64)
    if matrix.shape[1] > matrix.shape[0]:
        with threadpool_limits(1, user_api="blas"):
            products = matrix @ matrix.T
        found = fit_gram(products, is_positive, l2=l2, row_weights=row_weights, intercept_column=intercept_column)
        weights = matrix.T @ found.duals
        return DenseFit(weights, found.intercept, found.loss_nats, found.decrement_nats, found.steps, found.converged)
    problem = _Problem.of(matrix, is_positive, l2, row_weights, intercept_column)
    with threadpool_limits(1, user_api="blas"):
        point, steps, decrement = _newton(problem, _primal_step, matrix.shape[1])
    loss = problem.loss(problem.margins(point), float(point[:-1] @ point[:-1]))
    return DenseFit(point[:-1], float(point[-1]), *_told(problem, loss, decrement, steps))


def fit_gram(
    products: ArrayLike,
    is_positive: NDArray[np.bool_],
    *,
    l2: float,
    row_weights: Floats | None = None,
    intercept_column: Floats | None = None,
) -> GramFit:
    """Fit one logistic regression from inner products, of any features or of a kernel.

    Args:
        products: shape (n, n); symmetric, positive semi-definite.
        is_positive, l2, row_weights, intercept_column: as of `fit_dense`.
    Raises:
        UsageError, NoDataError: as `fit_dense`.
    """
    matrix = np.asarray(products, np.float64)
    whole = _Problem.of(matrix, is_positive, l2, row_weights, intercept_column)
    kept = np.flatnonzero(whole.weights > 0)  # rows of weight 0 have no share, and would have no curvature
    problem = whole.take(kept, matrix[np.ix_(kept, kept)])
    with threadpool_limits(1, user_api="blas"):
        point, steps, decrement = _newton(problem, _dual_step, len(kept))
    duals = np.zeros(len(matrix))
    duals[kept] = point[:-1]
    loss = problem.loss(problem.margins(point), float(point[:-1] @ problem.rows @ point[:-1]))
    return GramFit(duals, float(point[-1]), *_told(problem, loss, decrement, steps))


def _told(problem: _Problem, loss: float, decrement: float, steps: int) -> tuple[float, float, int, bool]:
    total = float(problem.weights.sum())
    return loss / total, decrement / total, steps, decrement <= 1e-8 * total


@dataclass(frozen=True)
class _Problem:
    """Rows (or inner products) and what they are fitted to; a point is the unknowns with the intercept last."""

    rows: Floats
    targets: Floats
    weights: Floats
    column: Floats | None
    l2: float

    @classmethod
    def of(
        cls,
        rows: Floats,
        is_positive: NDArray[np.bool_],
        l2: float,
        row_weights: Floats | None,
        column: Floats | None,
    ) -> _Problem:
        """The problem, once its numbers have been looked at."""
        count = len(rows)
        weights = np.ones(count) if row_weights is None else np.asarray(row_weights, np.float64)
        column = None if column is None else np.asarray(column, np.float64)
        LogisticSettings(l2=l2)  # refuses what is out of range
        check_arrays(count, rows, is_positive, weights, column)
        check_classes(np.asarray(is_positive, bool), weights, column)
        return cls(rows, np.asarray(is_positive, np.float64), weights, column, l2)

    def take(self, kept: NDArray[np.int64], rows: Floats) -> _Problem:
        """The problem of some rows."""
        column = None if self.column is None else self.column[kept]
        return _Problem(rows, self.targets[kept], self.weights[kept], column, self.l2)

    def margins(self, point: Floats) -> Floats:
        """Log-odds, shape (n,)."""
        margins: Floats = self.rows @ point[:-1]
        return margins if self.column is None else margins + point[-1] * self.column

    def loss(self, margins: Floats, squared_length: float) -> float:
        """The objective, a sum in nats."""
        losses = np.logaddexp(0.0, margins) - self.targets * margins
        return float(self.weights @ losses) + 0.5 * self.l2 * squared_length


def _primal_step(problem: _Problem, point: Floats, pull: Floats, curvature: Floats) -> Floats:
    """Newton's step in the weights; `pull` is the loss's slope by each margin."""
    rows, column = problem.rows, problem.column
    slope = rows.T @ pull + problem.l2 * point[:-1]
    hessian = (rows * curvature[:, None]).T @ rows
    hessian[np.diag_indices_from(hessian)] += problem.l2
    factor = cho_factor(hessian, lower=True, overwrite_a=True, check_finite=False)
    if column is None:
        return np.append(-cho_solve(factor, slope), 0.0)
    border = rows.T @ (curvature * column)
    solved = cho_solve(factor, np.stack([slope, border], axis=1))
    corner = float(column @ (curvature * column) - border @ solved[:, 1])
    intercept = -float(pull @ column - border @ solved[:, 0]) / corner
    return np.append(-solved[:, 0] - intercept * solved[:, 1], intercept)


def _dual_step(problem: _Problem, point: Floats, pull: Floats, curvature: Floats) -> Floats:
    """Newton's step in the rows' shares: ``(K + l2 / curvature) duals = aims − column * intercept``."""
    aims = problem.margins(point) - pull / curvature
    system = problem.rows.copy()
    system[np.diag_indices_from(system)] += problem.l2 / curvature
    factor = cho_factor(system, lower=True, overwrite_a=True, check_finite=False)
    if problem.column is None:
        return np.append(cho_solve(factor, aims), 0.0) - point
    solved = cho_solve(factor, np.stack([aims, problem.column], axis=1))
    intercept = float(problem.column @ solved[:, 0]) / float(problem.column @ solved[:, 1])
    return np.append(solved[:, 0] - intercept * solved[:, 1], intercept) - point


_Step = Callable[[_Problem, Floats, Floats, Floats], Floats]


def _newton(problem: _Problem, step_of: _Step, unknowns: int) -> tuple[Floats, int, float]:
    """From 0 until a step promises next to nothing; a step that overshoots is halved."""
    point = np.zeros(unknowns + 1)
    total = float(problem.weights.sum())
    in_rows = step_of is _dual_step
    decrement = np.inf

    def squared_length(at: Floats) -> float:
        """Of the weights that the unknowns stand for."""
        return float(at[:-1] @ problem.rows @ at[:-1]) if in_rows else float(at[:-1] @ at[:-1])

    for number in range(_MOST_STEPS):
        margins = problem.margins(point)
        chance = expit(margins)
        pull = problem.weights * (chance - problem.targets)
        curvature = np.maximum(problem.weights * chance * (1 - chance), _LEAST_CURVATURE)
        step = step_of(problem, point, pull, curvature)
        moved = problem.margins(point + step) - margins
        decrement = 0.5 * float(curvature @ moved**2) + 0.5 * problem.l2 * squared_length(step)
        if decrement <= 1e-10 * total:
            return point + step, number + 1, decrement
        loss, length = problem.loss(margins, squared_length(point)), 1.0
        for _ in range(_MOST_HALVINGS):
            there = point + length * step
            if problem.loss(margins + length * moved, squared_length(there)) <= loss:
                break
            length /= 2
        point = point + length * step
    return point, _MOST_STEPS, decrement
