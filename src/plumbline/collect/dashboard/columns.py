"""Tables by column that grow at their end, and frozen copies of them."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Frozen = dict[str, NDArray[Any]]


class Columns:
    """Rows by column; a frozen copy stays as it is while more come."""

    def __init__(self, **kinds: str) -> None:
        """Columns by name, each with its type as `array` spells it: ``q`` whole, ``d`` real, ``b`` small."""
        self._columns: dict[str, array[Any]] = {name: array(kind) for name, kind in kinds.items()}
        self._appends = [column.append for column in self._columns.values()]

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def __getitem__(self, name: str) -> array[Any]:
        return self._columns[name]

    def append(self, *values: float) -> int:
        """A row, its values in the order of the columns; its number."""
        number = len(self)
        for append, value in zip(self._appends, values, strict=True):
            append(value)
        return number

    def extend(self, rows: Sequence[Sequence[float]]) -> None:
        """Many rows."""
        for column, values in zip(self._columns.values(), zip(*rows, strict=True), strict=False):
            column.extend(values)

    def frozen(self) -> Frozen:
        """A copy of every column."""
        return {name: np.frombuffer(column, dtype=column.typecode).copy() for name, column in self._columns.items()}
