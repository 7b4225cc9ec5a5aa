"""The values of a picture as a table, on the page and as CSV that a spreadsheet opens without running anything."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from plumbline.collect.pages.wording import NOTHING
from plumbline.measure import Figure

Value = str | int | float | date | datetime | None
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
FIGURE_COLUMNS = ("value", "low", "high", "n", "why undefined")


@dataclass(frozen=True)
class Table:
    """Values in rows; a table is never without its column names. What a template asks of it for every cell is told once.

    Attributes:
        columns: their names.
        rows: each as long as `columns`.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]

    @cached_property
    def words(self) -> tuple[tuple[str, ...], ...]:
        """Rows as a page shows them."""
        return tuple(tuple(in_words(value) for value in row) for row in self.rows)

    @cached_property
    def is_number(self) -> tuple[bool, ...]:
        """Of each column, whether it holds numbers, which stand at the right."""
        columns = list(zip(*self.rows, strict=True)) or [()] * len(self.columns)
        return tuple(any(isinstance(value, int | float) for value in column) for column in columns)

    @cached_property
    def is_moment(self) -> tuple[bool, ...]:
        """Of each column, whether it holds days or moments, which stand on one line."""
        columns = list(zip(*self.rows, strict=True)) or [()] * len(self.columns)
        return tuple(any(isinstance(value, date) for value in column) for column in columns)


def table(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> Table:
    """A table.

    Raises:
        ValueError: a row is of another length than the columns' names.
    """
    made = tuple(tuple(row) for row in rows)
    if any(len(row) != len(columns) for row in made):
        raise ValueError(f"expected rows of {len(columns)} values, found {sorted({len(row) for row in made})}")
    return Table(tuple(columns), made)


def figure_values(figure: Figure) -> tuple[Value, ...]:
    """The values of `FIGURE_COLUMNS`."""
    return (figure.value, figure.low, figure.high, figure.n, figure.why_undefined)


def in_words(value: Value) -> str:
    """A value as a page shows it: four digits of a real number that count, moments to the second."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, bool | str | date):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}").replace("-", "−")


def csv_of(told: Table) -> str:
    """As CSV (RFC 4180), whole numbers and all digits of the others; texts that a spreadsheet would run are defused."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([defused(name) for name in told.columns])
    writer.writerows([_cell(value) for value in row] for row in told.rows)
    return file.getvalue()


def defused(text: str) -> str:
    """A text with an apostrophe before it where a spreadsheet would take it for a formula; numbers stay as they are."""
    if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return defused(value)
    return value.isoformat() if isinstance(value, date) else repr(value)
