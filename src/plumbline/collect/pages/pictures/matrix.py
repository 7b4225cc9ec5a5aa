"""Rows against columns: a table whose cells are shaded by the share that the row has of the column; each says it in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plumbline.collect.pages.wording import reason
from plumbline.measure import Figure

SHADES = 10


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """A cell.

    Attributes:
        shade: 0 to 10; None where nothing stands, or nothing is defined.
        share, n: in words; why there is none, where there is none.
        interval: in words; empty where there is none.
    """

    shade: int | None
    share: str
    interval: str
    n: str


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A row with its whole name; its number is that of its column."""

    number: int
    name: str
    cells: tuple[MatrixCell, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """A picture of shares; rows and columns are the same, and numbered."""

    title: str
    description: str
    rows: tuple[MatrixRow, ...]
    shape: str = "matrix"


def matrix(title: str, description: str, names: Sequence[str], shares: Mapping[tuple[str, str], Figure]) -> Matrix:
    """Shares in [0, 1] of row against column; pairs that are not named never met."""
    rows = tuple(
        MatrixRow(number, row, tuple(_cell(row, column, shares.get((row, column))) for column in names))
        for number, row in enumerate(names, start=1)
    )
    return Matrix(title, description, rows)


def turned(share: Figure) -> Figure:
    """The share of the other of two, whose shares are 1 together."""
    if share.value is None:
        return share
    low = None if share.high is None else 1 - share.high
    high = None if share.low is None else 1 - share.low
    return Figure(1 - share.value, low, high, share.n, share.why_undefined)


def _cell(row: str, column: str, share: Figure | None) -> MatrixCell:
    if row == column:
        return MatrixCell(None, "", "", "")
    if share is None:
        return MatrixCell(None, "never met", "", "")
    if share.value is None:
        return MatrixCell(None, reason(share.why_undefined or "undefined"), "", f"n {share.n:,}")
    interval = ""
    if share.low is not None and share.high is not None:
        interval = f"{100 * share.low:.0f} to {100 * share.high:.0f}"
    return MatrixCell(round(SHADES * share.value), f"{100 * share.value:.0f} %", interval, f"n {share.n:,}")
