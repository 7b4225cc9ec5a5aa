"""Rows in portions of so many bytes, so that memory does not hang on how long a row is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def portions(sizes: NDArray[np.integer], most_bytes: int, most_rows: int | None = None) -> Iterator[slice]:
    """Successive rows of at most so many bytes together, or one row that is larger.

    Args:
        sizes: shape (n,); bytes of each row.
        most_bytes: of a portion of several rows.
        most_rows: of a portion, at least 1; None: as many as their bytes allow.
    Returns:
        slices that cover all n rows in order; none is empty.
    """
    ends = np.cumsum(sizes, dtype=np.int64)
    start, before = 0, 0
    while start < len(ends):
        end = max(start + 1, int(np.searchsorted(ends, before + most_bytes, side="right")))
        end = end if most_rows is None else min(end, start + most_rows)
        yield slice(start, end)
        start, before = end, int(ends[end - 1])
