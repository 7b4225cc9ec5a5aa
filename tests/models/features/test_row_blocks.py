"""Stacking: order, pieces, and no rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from plumbline.models.features import row_blocks
from plumbline.models.features.row_blocks import map_row_blocks, stack_rows

DENSE = np.arange(60, dtype=np.float32).reshape(20, 3) % 4


def take(start: int, stop: int) -> csr_array:
    return csr_array(DENSE[start:stop])


@pytest.mark.parametrize("piece_entries", [1, 7, 1 << 24])
@pytest.mark.parametrize("threads", [1, 3])
def test_blocks_come_back_in_order(monkeypatch: pytest.MonkeyPatch, threads: int, piece_entries: int) -> None:
    monkeypatch.setattr(row_blocks, "BLOCK_ROWS", 3)
    monkeypatch.setattr(row_blocks, "_PIECE_ENTRIES", piece_entries)
    stacked = map_row_blocks(take, 20, width=3, threads=threads)
    assert np.array_equal(stacked.toarray(), DENSE)
    assert (stacked.dtype, stacked.indices.dtype) == (np.float32, np.int32)


def test_stacking_empties_its_parts_and_accepts_none() -> None:
    parts = [take(0, 4), take(4, 4), take(4, 20)]
    assert np.array_equal(stack_rows(parts, 3).toarray(), DENSE)
    assert parts == []
    assert stack_rows([], 3).shape == (0, 3)


def test_an_error_in_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_blocks, "BLOCK_ROWS", 3)

    def fail(start: int, stop: int) -> csr_array:
        raise KeyError(start)

    with pytest.raises(KeyError):
        map_row_blocks(fail, 20, width=3)
