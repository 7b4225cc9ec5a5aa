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
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize
from scipy.sparse import csr_array, hstack
from scipy.special import expit
from threadpoolctl import ThreadpoolController

from plumbline.records.errors import NoDataError, UsageError

Floats = NDArray[np.float64]

_BLOCK_ENTRIES = 1 << 18
_LARGEST_TO_REDUCE = 1 << 22
_SLICE_ENTRIES = 1 << 22  # fancy indexing copies 32-bit indices to 64 bits; by slices that stays small


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
    weights = np.ones(rows.shape[0]) if row_weights is None else np.asarray(row_weights, np.float64)
    column = None if intercept_column is None else np.asarray(intercept_column, np.float64)
    _check_shapes(rows, is_positive, weights, column)
    _check_classes(np.asarray(is_positive, bool), weights, column)
    reduced = _reduce_columns(rows)
    with _blas_threads().limit(limits=1, user_api="blas"), ThreadPoolExecutor(settings.threads) as pool:
        objective = _Objective(reduced.rows, np.where(is_positive, 1.0, -1.0), weights, column, settings.l2, pool)
        solution, iterations = _minimise(objective, settings)
        loss, gradient = objective(solution)
        gap = objective.gap(gradient)
    total = weights.sum()
    return LogisticFit(
        weights=reduced.expand(solution[: reduced.rows.shape[1]], rows.shape[1]),
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


class _Objective:
    """Value and gradient of the penalised loss at a point; keeps the last probabilities for the intercept's curvature."""

    def __init__(
        self,
        rows: csr_array,
        signs: Floats,
        row_weights: Floats,
        intercept_column: Floats | None,
        l2: float,
        pool: ThreadPoolExecutor,
    ) -> None:
        self.signs = signs
        self.row_weights = row_weights
        self.intercept_column = intercept_column
        self.l2 = l2
        self.width = rows.shape[1]
        self.blocks = _blocks(rows)
        self.pool = pool
        self.intercept_curvature = 0.0

    def column_scales(self) -> Floats:
        """What L-BFGS measures each unknown in: the fourth root of its curvature at 0, penalty included.

        Frequent columns curve the loss thousands of times more than rare ones. In units of the full (square) root rare
        columns are overdone; the fourth root took fewest steps: see the design page.
        """
        squares = np.zeros(self.width + (self.intercept_column is not None))
        for part in self.pool.map(self._weighted_squares, self.blocks):
            squares[: self.width] += part
        squares[: self.width] *= 0.25
        squares[: self.width] += self.l2
        if self.intercept_column is not None:
            squares[-1] = max(0.25 * float(self.row_weights @ self.intercept_column**2), 1e-12)
        scales: Floats = squares**0.25
        return scales

    def _weighted_squares(self, block: tuple[int, int, csr_array]) -> NDArray[np.floating]:
        """Sum over one block of rows of row weight times squared entry, for each column."""
        start, stop, rows = block
        squared = csr_array(rows.shape, dtype=rows.dtype)
        squared.data, squared.indices, squared.indptr = rows.data * rows.data, rows.indices, rows.indptr
        return np.asarray(squared.T @ self.row_weights[start:stop].astype(rows.dtype))

    def __call__(self, point: Floats) -> tuple[float, Floats]:
        """Penalised loss in nats (a sum) and its gradient, shape (D,) or (D + 1,) with the intercept last."""
        weights = point[: self.width]
        narrow = weights.astype(self.blocks[0][2].dtype)
        intercept = 0.0 if self.intercept_column is None else float(point[-1])
        results = list(self.pool.map(lambda block: self._block(block, narrow, intercept), self.blocks))
        gradient = np.zeros(len(point))
        for _, pulled, intercept_pull, _ in results:
            gradient[: self.width] += pulled
            if self.intercept_column is not None:
                gradient[-1] += intercept_pull
        gradient[: self.width] += self.l2 * weights
        self.intercept_curvature = sum(result[3] for result in results)
        return sum(result[0] for result in results) + 0.5 * self.l2 * float(weights @ weights), gradient

    def _block(
        self, block: tuple[int, int, csr_array], weights: NDArray[np.floating], intercept: float
    ) -> tuple[float, NDArray[np.floating], float, float]:
        """Loss, gradient of the weights, gradient and curvature of the intercept, over one block of rows."""
        start, stop, rows = block
        margins = np.asarray(rows @ weights, np.float64)
        column = None if self.intercept_column is None else self.intercept_column[start:stop]
        if column is not None:
            margins += intercept * column
        margins *= self.signs[start:stop]
        row_weights = self.row_weights[start:stop]
        wrong = expit(-margins)
        loss = float(row_weights @ np.logaddexp(0.0, -margins))
        pull = -row_weights * self.signs[start:stop] * wrong
        pulled = rows.T @ pull.astype(rows.dtype)
        if column is None:
            return loss, pulled, 0.0, 0.0
        curvature = float((row_weights * wrong * (1.0 - wrong)) @ column**2)
        return loss, pulled, float(pull @ column), curvature

    def gap(self, gradient: Floats) -> float:
        """Upper bound, in nats, on the objective's distance from its minimum at the point last evaluated."""
        bound = float(gradient[: self.width] @ gradient[: self.width]) / (2.0 * self.l2)
        if self.intercept_column is not None:
            bound += float(gradient[-1]) ** 2 / (2.0 * max(self.intercept_curvature, 1e-12))
        return bound


def _minimise(objective: _Objective, settings: LogisticSettings) -> tuple[Floats, int]:
    """L-BFGS from 0 until the gap is within the tolerance."""
    allowed = settings.tolerance_nats * float(objective.row_weights.sum())
    last: dict[str, float] = {}

    scales = objective.column_scales()

    def evaluate(scaled: Floats) -> tuple[float, Floats]:
        loss, gradient = objective(scaled / scales)
        last["loss"], last["gap"] = loss, objective.gap(gradient)
        return loss, gradient / scales

    def stop_when_close(intermediate_result: OptimizeResult) -> None:
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


def _blocks(rows: csr_array) -> list[tuple[int, int, csr_array]]:
    """Up to eight row ranges of about equal entries (fewer where there is little to do), as views of ``rows``."""
    count = min(8, 1 + rows.nnz // _BLOCK_ENTRIES)
    cuts = np.searchsorted(rows.indptr, np.linspace(0, rows.nnz, count + 1)[1:-1])
    edges = sorted({0, *map(int, cuts), rows.shape[0]})
    blocks = []
    for start, stop in pairwise(edges):
        low, high = int(rows.indptr[start]), int(rows.indptr[stop])
        block = csr_array((stop - start, rows.shape[1]), dtype=rows.dtype)
        # Set one by one: the constructor copies arrays that are small views of large ones.
        block.data, block.indices = rows.data[low:high], rows.indices[low:high]
        block.indptr = rows.indptr[start : stop + 1] - low
        blocks.append((start, stop, block))
    return blocks


@dataclass(frozen=True)
class _Reduced:
    """The same problem with fewer unknowns.

    Columns without entries get weight 0. Of columns that one row alone uses, the optimum is the row's entries times a
    number of the row; so a row's columns of that kind become one column, with their Euclidean length. Loss, penalty and
    minimum stay exactly the same. With few texts most n-grams are of that kind.

    Attributes:
        rows: columns ``used``, then one for each row that has single columns.
        used: which columns stay as they are.
        single: columns of one row alone, each with its share of its row's length in ``share``, and the place of its
            unknown in ``unknown``.
    """

    rows: csr_array
    used: NDArray[np.intp]
    single: NDArray[np.intp]
    share: Floats
    unknown: NDArray[np.intp]

    def expand(self, solution: Floats, width: int) -> NDArray[np.float32]:
        """Weights of all columns, shape (width,), from those of the reduced problem."""
        full = np.zeros(width, np.float32)
        full[self.used] = solution[: len(self.used)]
        full[self.single] = solution[self.unknown] * self.share
        return full


def _reduce_columns(rows: csr_array) -> _Reduced:
    """Leave out unused columns where they are many, and merge single ones where that is cheap."""
    nothing = np.empty(0, np.intp)
    if rows.nnz > _LARGEST_TO_REDUCE or not rows.nnz:
        used = _used_columns(rows)
        return _Reduced(_keep_columns(rows, used), used, nothing, np.empty(0), nothing)
    counts = np.bincount(rows.indices, minlength=rows.shape[1])
    used = np.flatnonzero(counts > 1)
    is_single = counts[rows.indices] == 1
    row_of_entry = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    single_rows, values = row_of_entry[is_single], rows.data[is_single].astype(np.float64)
    lengths = np.sqrt(np.bincount(single_rows, values * values, minlength=rows.shape[0]))
    share = np.divide(values, lengths[single_rows], out=np.zeros_like(values), where=lengths[single_rows] > 0)
    with_single = np.flatnonzero(np.bincount(single_rows, minlength=rows.shape[0]))
    unknown = len(used) + np.searchsorted(with_single, single_rows)
    return _Reduced(
        _merge_single(rows, used, is_single, with_single, lengths), used, rows.indices[is_single], share, unknown
    )


def _merge_single(
    rows: csr_array,
    used: NDArray[np.intp],
    is_single: NDArray[np.bool_],
    with_single: NDArray[np.intp],
    lengths: Floats,
) -> csr_array:
    """The columns ``used``, and beside them the lengths of the rows' single columns, one column a row."""
    position = np.zeros(rows.shape[1], np.int32)
    position[used] = np.arange(len(used), dtype=np.int32)
    kept = np.concatenate([[0], np.cumsum(~is_single)])[rows.indptr]
    shared = csr_array(
        (rows.data[~is_single], position[rows.indices[~is_single]], kept), shape=(rows.shape[0], len(used))
    )
    merged = csr_array(
        (lengths[with_single].astype(rows.dtype), (with_single, np.arange(len(with_single)))),
        shape=(rows.shape[0], len(with_single)),
    )
    return csr_array(hstack([shared, merged], format="csr"))


def _used_columns(rows: csr_array) -> NDArray[np.intp]:
    """The columns with entries, or all where most have some; at least one."""
    is_used = np.zeros(rows.shape[1], bool)
    for start in range(0, rows.nnz, _SLICE_ENTRIES):
        is_used[rows.indices[start : start + _SLICE_ENTRIES]] = True
    used = np.flatnonzero(is_used)
    if 2 * len(used) > rows.shape[1]:
        return np.arange(rows.shape[1])
    return used if len(used) else np.arange(1)


def _keep_columns(rows: csr_array, used: NDArray[np.intp]) -> csr_array:
    """``rows[:, used]`` where no other column has entries; shares the values."""
    if len(used) == rows.shape[1]:
        return rows
    position = np.zeros(rows.shape[1], np.int32)
    position[used] = np.arange(len(used), dtype=np.int32)
    columns = np.empty_like(rows.indices)
    for start in range(0, rows.nnz, _SLICE_ENTRIES):
        part = slice(start, start + _SLICE_ENTRIES)
        columns[part] = position[rows.indices[part]]
    return csr_array((rows.data, columns, rows.indptr), shape=(rows.shape[0], len(used)), copy=False)


def _check_shapes(
    rows: csr_array, is_positive: NDArray[np.bool_], row_weights: Floats, intercept_column: Floats | None
) -> None:
    """Refuse arrays that do not pair with the rows, and numbers that are not finite."""
    columns = {"is_positive": np.asarray(is_positive), "row_weights": row_weights}
    if intercept_column is not None:
        columns["intercept_column"] = intercept_column
    for name, column in columns.items():
        if column.shape != (rows.shape[0],):
            raise UsageError(
                "PL-LIN-005",
                name,
                "the array does not pair with the rows",
                expected=f"shape ({rows.shape[0]},)",
                found=f"shape {column.shape}",
                advice=f"pass one {name} value a row",
            )
    if not (np.isfinite(rows.data).all() and np.isfinite(row_weights).all() and (row_weights >= 0).all()):
        raise UsageError(
            "PL-LIN-006",
            "rows, row_weights",
            "a number is out of range",
            expected="finite features and finite row weights >= 0",
            found="NaN, infinity or a negative weight",
            advice="look for a division by 0 where the features or weights are made",
        )


def _check_classes(is_positive: NDArray[np.bool_], row_weights: Floats, intercept_column: Floats | None) -> None:
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
