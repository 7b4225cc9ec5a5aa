"""L2-regularised logistic regression on CSR rows, in threads, with a certificate of convergence.

One objective serves three models, by what the rows and the intercept column are:

- preference: rows are differences (first − second), no intercept: Bradley–Terry;
- cost: difference rows with 0 in the intercept column, and single replies with 1 (cost > 0 is unsafe);
- moderation: single replies with 1 in the intercept column, one fit a label.

    minimise  sum_i weight_i * ln(1 + exp(−y_i * (x_i·w + c_i*b)))  +  l2/2 * |w|²,   y_i = ±1, b unpenalised

The loss is a *sum*, so the same ``l2`` means the same prior whatever the number of rows.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize
from scipy.sparse import csr_array
from threadpoolctl import ThreadpoolController

from plumbline.models.linear.column_reduction import reduce_columns
from plumbline.models.linear.penalised_loss import PenalisedLoss
from plumbline.records.errors import NoDataError, UsageError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LogisticSettings:
    """How strongly to regularise and how exactly to solve.

    Attributes:
        l2: the penalty on squared weights, against the *sum* of the row losses; 1/C of scikit-learn; > 0.
        tolerance_nats: stop when the loss is within this many nats per unit of row weight of its minimum.
        max_iterations: of L-BFGS; reaching it is reported as not converged.
        threads: row blocks worked on at a time.
    """

    l2: float = 1.0
    tolerance_nats: float = 1e-4
    max_iterations: int = 500
    threads: int = 2

    def __post_init__(self) -> None:
        """Refuse settings without a unique optimum or without an end."""
        for name in ("l2", "tolerance_nats", "max_iterations", "threads"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise UsageError(
                    "PL-LIN-004",
                    name,
                    "the setting is out of range",
                    expected="a number > 0",
                    found=str(value),
                    advice=f"set {name} to a number above 0",
                )


@dataclass(frozen=True)
class LogisticFit:
    """What one fit found, and how exactly.

    Attributes:
        weights: shape (D,), float32; 0 in columns that no row uses.
        intercept: unitless; 0 where the fit had none.
        loss_nats: the objective divided by the total row weight, penalty included.
        gap_nats: bound on how far ``loss_nats`` is above its minimum: |gradient|² / (2 * l2), from strong
            convexity; for the intercept the same with its own curvature (a local estimate).
        iterations: of L-BFGS.
        converged: ``gap_nats`` is within the tolerance.
    """

    weights: NDArray[np.float32]
    intercept: float
    loss_nats: float
    gap_nats: float
    iterations: int
    converged: bool


def fit_logistic(
    rows: csr_array,
    is_positive: NDArray[np.bool_],
    *,
    row_weights: Floats | None = None,
    intercept_column: Floats | None = None,
    settings: LogisticSettings | None = None,
) -> LogisticFit:
    """Fit one logistic regression.

    Args:
        rows: CSR, shape (N, D); float32 is used as it is. For pairs: features of first − features of second.
        is_positive: shape (N,); for pairs True where the *first* is better (preference) or more harmful (cost).
        row_weights: shape (N,), >= 0; all 1 where absent; a row of weight 0 takes no part.
        intercept_column: shape (N,), what the intercept is multiplied by; no intercept where absent.
        settings: regularisation and tolerance.

    Returns:
        The weights and a bound on their distance from the optimum. Higher score = more positive.

    Raises:
        UsageError: shapes do not match, or a number is not finite or negative where it may not be.
        NoDataError: no row has a positive weight, or an intercept is asked for and its rows have one class only.
    """
    settings = settings or LogisticSettings()
    weights = np.asarray(np.ones(rows.shape[0]) if row_weights is None else row_weights, np.float64)
    column = None if intercept_column is None else np.asarray(intercept_column, np.float64)
    check_arrays(rows.shape[0], rows.data, is_positive, weights, column)
    check_classes(np.asarray(is_positive, bool), weights, column)
    reduced = reduce_columns(rows)
    signs = np.where(is_positive, 1.0, -1.0)
    with _blas_threads().limit(limits=1, user_api="blas"), ThreadPoolExecutor(settings.threads) as pool:
        objective = PenalisedLoss(reduced.rows, signs, weights, column, settings.l2, pool)
        solution, iterations = _minimise(objective, settings)
        loss, gradient = objective(solution)
    total, gap = weights.sum(), objective.gap(gradient)
    return LogisticFit(
        weights=reduced.expand(solution[: objective.width], rows.shape[1]),
        intercept=float(solution[-1]) if column is not None else 0.0,
        loss_nats=float(loss / total),
        gap_nats=float(gap / total),
        iterations=iterations,
        converged=bool(gap <= settings.tolerance_nats * total),
    )


def score_rows(rows: csr_array, fit: LogisticFit, intercept_column: Floats | None = None) -> Floats:
    """Linear scores: log-odds of positive.

    Args:
        rows: CSR, shape (N, D); for a reward, the features of one reply (not a difference).
        fit: from ``fit_logistic`` on rows of the same features.
        intercept_column: shape (N,); all 1 where absent, so pass zeros for difference rows.

    Returns:
        Shape (N,), in nats of log-odds.
    """
    scores: Floats = np.asarray(rows @ fit.weights, np.float64)
    if intercept_column is None:
        return scores + fit.intercept
    return scores + fit.intercept * intercept_column


@cache
def _blas_threads() -> ThreadpoolController:
    """What sets the threads of BLAS; looked up once, for looking takes longer than a small fit.

    L-BFGS calls BLAS for many short vectors between the blocks that our own threads work on. Threads of BLAS then wait
    for cores that are taken: 1,362 rows took 1.6 s instead of 0.07 s.
    """
    return ThreadpoolController()


def _minimise(objective: PenalisedLoss, settings: LogisticSettings) -> tuple[Floats, int]:
    """L-BFGS from 0 until the gap is within the tolerance."""
    allowed = settings.tolerance_nats * float(objective.row_weights.sum())
    last: dict[str, float] = {}

    scales = objective.column_scales()

    def evaluate(scaled: Floats) -> tuple[float, Floats]:
        """Loss and gradient in the scaled unknowns; remembers both loss and gap."""
        loss, gradient = objective(scaled / scales)
        last["loss"], last["gap"] = loss, objective.gap(gradient)
        return loss, gradient / scales

    def stop_when_close(intermediate_result: OptimizeResult) -> None:
        """End where the step just taken is the point last evaluated and is close enough."""
        if intermediate_result.fun == last["loss"] and last["gap"] <= allowed:
            raise StopIteration

    result = minimize(
        evaluate,
        np.zeros(len(scales)),
        jac=True,
        method="L-BFGS-B",
        callback=stop_when_close,
        options={"maxiter": settings.max_iterations, "maxfun": 4 * settings.max_iterations, "gtol": 0.0, "ftol": 0.0},
    )
    return np.asarray(result.x / scales, np.float64), int(result.nit)


def check_arrays(
    row_count: int,
    values: NDArray[np.floating],
    is_positive: NDArray[np.bool_],
    row_weights: Floats,
    intercept_column: Floats | None,
) -> None:
    """Refuse arrays that do not pair with the rows, and numbers that are not finite.

    Args:
        row_count: N.
        values: the features, in any shape.
        is_positive, row_weights, intercept_column: one value a row.
    Raises:
        UsageError: they do not pair, or a number is out of range.
    """
    columns = {"is_positive": np.asarray(is_positive), "row_weights": row_weights}
    if intercept_column is not None:
        columns["intercept_column"] = intercept_column
    for name, column in columns.items():
        if column.shape != (row_count,):
            raise UsageError(
                "PL-LIN-005",
                name,
                "the array does not pair with the rows",
                expected=f"shape ({row_count},)",
                found=f"shape {column.shape}",
                advice=f"pass one {name} value a row",
            )
    if not (np.isfinite(values).all() and np.isfinite(row_weights).all() and (row_weights >= 0).all()):
        raise UsageError(
            "PL-LIN-006",
            "rows, row_weights",
            "a number is out of range",
            expected="finite features and finite row weights >= 0",
            found="NaN, infinity or a negative weight",
            advice="look for a division by 0 where the features or weights are made",
        )


def check_classes(is_positive: NDArray[np.bool_], row_weights: Floats, intercept_column: Floats | None) -> None:
    """Refuse data without an optimum: no rows, or an intercept that runs off to infinity."""
    in_use = row_weights > 0
    if not in_use.any():
        raise NoDataError("PL-LIN-007", "rows", "no row has a positive weight", advice="check the labels and weights")
    if intercept_column is None:
        return
    towards = np.where(is_positive, 1.0, -1.0) * intercept_column
    if not ((towards[in_use] > 0).any() and (towards[in_use] < 0).any()):
        raise NoDataError(
            "PL-LIN-008",
            "is_positive",
            "the rows with an intercept have one class only",
            advice="give rows of both classes, or leave the intercept out",
        )
