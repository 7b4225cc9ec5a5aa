"""Row-wise work on sparse matrices in blocks: mapping over row ranges in threads, and stacking the results.

numpy and scipy release the interpreter lock in their loops, so threads share the matrices without copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.sparse import csr_array

BLOCK_ROWS = 1024
_PIECE_ENTRIES = 1 << 24


def map_row_blocks(
    function: Callable[[int, int], csr_array], row_count: int, *, width: int, threads: int = 2
) -> csr_array:
    """Apply a function to consecutive row ranges in threads and stack what it returns, in order.

    Args:
        function: takes (start, stop) and returns CSR of shape (stop − start, width).
        row_count: number of rows in all; 0 gives a matrix without rows.
        width: number of columns.
        threads: how many ranges are worked on at a time.

    Returns:
        CSR, shape (row_count, width); does not depend on ``threads``.
    """
    starts = range(0, row_count, BLOCK_ROWS)
    stops = [min(start + BLOCK_ROWS, row_count) for start in starts]
    if threads == 1 or len(starts) < 2:
        return _stack_in_pieces(map(function, starts, stops), width)
    with ThreadPoolExecutor(threads) as pool:
        return _stack_in_pieces(pool.map(function, starts, stops), width)


def _stack_in_pieces(parts: Iterable[csr_array], width: int) -> csr_array:
    """Stack parts as they come into pieces so large that the allocator hands them back to the system when freed."""
    pieces: list[csr_array] = []
    pending: list[csr_array] = []
    for part in parts:
        pending.append(part)
        if sum(waiting.nnz for waiting in pending) >= _PIECE_ENTRIES:
            pieces.append(stack_rows(pending, width))
    pieces.append(stack_rows(pending, width))
    return stack_rows(pieces, width)


def stack_rows(parts: list[csr_array], width: int) -> csr_array:
    """Stack CSR matrices of equal width, emptying ``parts`` on the way so that memory peaks at one copy.

    Args:
        parts: CSR of shape (b, width) each; the list is empty afterwards.
        width: number of columns.

    Returns:
        CSR, shape (sum of b, width), float32, int32 column indices (row starts are int64 past 2**31 entries).
    """
    if len(parts) == 1:
        return parts.pop()
    entries = sum(part.nnz for part in parts)
    row_count = sum(part.shape[0] for part in parts)
    starts = np.zeros(row_count + 1, np.int32 if entries < 2**31 else np.int64)
    columns = np.empty(entries, np.int32)
    values = np.empty(entries, np.float32)
    row, entry = 0, 0
    parts.reverse()
    while parts:
        part = parts.pop()
        row_stop, entry_stop = row + part.shape[0], entry + part.nnz
        starts[row + 1 : row_stop + 1] = entry + part.indptr[1:].astype(np.int64)
        columns[entry:entry_stop] = part.indices
        values[entry:entry_stop] = part.data
        row, entry = row_stop, entry_stop
    return csr_array((values, columns, starts), shape=(row_count, width))
