"""Fewer columns for the same logistic problem: unused ones left out, those of a single row merged, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

Floats = NDArray[np.float64]

_LARGEST_TO_REDUCE = 1 << 22
_SLICE_ENTRIES = 1 << 22  # fancy indexing copies 32-bit indices to 64 bits; by slices that stays small


@dataclass(frozen=True)
class ReducedRows:
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


def reduce_columns(rows: csr_array) -> ReducedRows:
    """Leave out unused columns where they are many, and merge single ones where that is cheap.

    Args:
        rows: CSR, shape (N, D), sorted, without duplicates.
    """
    nothing = np.empty(0, np.intp)
    if rows.nnz > _LARGEST_TO_REDUCE or not rows.nnz:
        used = _used_columns(rows)
        return ReducedRows(_keep_columns(rows, used), used, nothing, np.empty(0), nothing)
    counts = np.bincount(rows.indices, minlength=rows.shape[1])
    used = np.flatnonzero(counts > 1)
    is_single = counts[rows.indices] == 1
    row_of_entry = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    single_rows, values = row_of_entry[is_single], rows.data[is_single].astype(np.float64)
    lengths = np.sqrt(np.bincount(single_rows, values * values, minlength=rows.shape[0]))
    share = np.divide(values, lengths[single_rows], out=np.zeros_like(values), where=lengths[single_rows] > 0)
    with_single = np.flatnonzero(np.bincount(single_rows, minlength=rows.shape[0]))
    unknown = len(used) + np.searchsorted(with_single, single_rows)
    return ReducedRows(
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
