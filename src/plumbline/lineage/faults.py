"""Faults and findings: what could not be read, and what could be read but looks wrong.

A fault sends its row to quarantine. A finding is reported and removes nothing. Neither carries conversation text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from plumbline.records import FaultError


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that could not be read.

    Attributes:
        code: stable, listed in ``docs/errors.md``.
        source: file, as the records name it.
        row: 0-based; people are shown the line, row + 1.
        problem: what is wrong, one clause.
        expected, found: both may be empty; never conversation text.
    """

    code: str
    source: str
    row: int
    problem: str
    expected: str = ""
    found: str = ""

    def error(self, shown_path: str) -> FaultError:
        """The same as an error that stops the run."""
        return FaultError(
            self.code,
            f"{shown_path} line {self.row + 1}",
            self.problem,
            expected=self.expected,
            found=self.found,
            advice=f"plumbline data show {shown_path} --line {self.row + 1}, or leave out --on-error stop "
            "to set such rows aside and count them",
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """Something readable but suspicious about a row, a record or a file (then row and record_id are None)."""

    code: str
    source: str
    row: int | None
    record_id: str | None
    problem: str


def count_by_code(entries: Iterable[Fault | Finding]) -> dict[str, int]:
    """How many there are of each code, by code."""
    return dict(sorted(Counter(entry.code for entry in entries).items()))
