"""What comparisons say of their sides' safety: labels that came along with a pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plumbline.models.rows.training_rows import PreferenceRows


@dataclass(frozen=True, slots=True)
class JudgedSides:
    """Sides of comparisons that were judged safe or unsafe.

    Attributes:
        rows: shape (m,); which comparison.
        sides: shape (m,); 0 or 1.
        is_unsafe: shape (m,).
    """

    rows: NDArray[np.int64]
    sides: NDArray[np.int64]
    is_unsafe: NDArray[np.bool_]


def judged_sides(pairs: PreferenceRows) -> JudgedSides:
    """The judged sides; a side that nobody judged is left out."""
    judged = [
        (row, side, not is_safe)
        for row, sides in enumerate(pairs.records.rows()["is_safe"].to_pylist())
        for side, is_safe in enumerate(sides or ())
        if is_safe is not None
    ]
    rows, sides, unsafe = zip(*judged, strict=True) if judged else ((), (), ())
    return JudgedSides(np.array(rows, np.int64), np.array(sides, np.int64), np.array(unsafe, bool))
