"""What differs between two versions of a text, as a page shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of the difference.

    Attributes:
        mark: "+" came, "−" went, "" stayed, "…" stands for lines that are left out.
        kind: came, went, stayed or skipped: a class of the page's style.
        words: what it is, for who hears the page.
        text: of the line.
    """

    mark: str
    kind: str
    words: str
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two versions.

    Attributes:
        older, newer: their numbers.
        came, went: lines.
        lines: with three lines around each change.
        is_cut: whether there were too many lines to show.
    """

    older: int
    newer: int
    came: int
    went: int
    lines: tuple[DiffLine, ...]
    is_cut: bool
