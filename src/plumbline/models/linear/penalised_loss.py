"""The objective of a logistic fit: penalised loss, gradient, and a bound on the distance to the minimum, in threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit

Floats = NDArray[np.float64]

_BLOCK_ENTRIES = 1 << 18


class PenalisedLoss:
    """Value and gradient of the penalised loss at a point; keeps the intercept's curvature there.

    Attributes:
        width: D, number of weights.
        row_weights: shape (N,).
        intercept_column: shape (N,); None where the fit has no intercept.
        blocks: row ranges, (start, stop, CSR of those rows), worked on at a time.
        intercept_curvature: second derivative by the intercept at the point last evaluated.
    """

    def __init__(
        self,
        rows: csr_array,
        signs: Floats,
        row_weights: Floats,
        intercept_column: Floats | None,
        l2: float,
        pool: ThreadPoolExecutor,
    ) -> None:
        """Cut the rows into blocks.

        Args:
            rows: CSR, shape (N, D).
            signs: shape (N,), −1 or 1.
            row_weights: shape (N,), >= 0.
            intercept_column: shape (N,), what the intercept is multiplied by; None for no intercept.
            l2: the penalty on squared weights is half of it.
            pool: what blocks are worked on in.
        """
        self.signs = signs
        self.row_weights = row_weights
        self.intercept_column = intercept_column
        self.l2 = l2
        self.width = rows.shape[1]
        self.blocks = cut_into_blocks(rows)
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


def cut_into_blocks(rows: csr_array) -> list[tuple[int, int, csr_array]]:
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
