"""Words for numbers and names: counts, figures, short labels, sentences that compare.

No arithmetic on figures; the one rate here is a count per 1,000 rows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from plumbline.measure import Figure, format_figure

BEST = "the best any model could reach"
"""What a noise ceiling is, beside an accuracy."""

NOT_STATED = "not stated"
_DIGEST = 12
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_WIDE = frozenset("MW@%…—")
_NO_INTERVAL = re.compile(r"\(no interval: (.*), n=(\d+)\)$")
_FAR_PATH = re.compile(r"~?[/\\]|[A-Za-z]:[/\\]|\.\.[/\\]")
_PIECES = re.compile(r"[^\s/_,·-]*[\s/_,·-]+|[^\s/_,·-]+")


def visible(text: str) -> str:
    """The text with control, format and unassigned characters spelled out, so that none can hide or turn a line."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"⟨U+{ord(each):04X}⟩" if unicodedata.category(each) in _HIDDEN else each for each in text)


def shorten(text: str, characters: int) -> str:
    """The text made visible, its middle left out where it is longer than that."""
    shown = visible(text)
    if len(shown) <= characters:
        return shown
    head = (characters - 1) * 2 // 3
    return f"{shown[:head]}…{shown[len(shown) - (characters - 1 - head) :]}"


def wrap(text: str, columns: int, most: int) -> tuple[str, ...]:
    """The text made visible, in lines; its middle is left out where it would take more lines than that.

    Args:
        text: on one line; broken behind blanks, hyphens, slashes, underscores and commas where it has any.
        columns: of a line, at least 2; a wide letter, such as a Chinese one or an M, takes two.
        most: lines, at least 1.
    """
    lines = _lines(visible(text), columns)
    characters = min(len(visible(text)), columns * most)
    while len(lines) > most:
        lines = _lines(shorten(text, characters), columns)
        characters -= 1
    return tuple(lines)


def _lines(text: str, columns: int) -> list[str]:
    lines, line = [], ""
    for piece in _PIECES.findall(text):
        if line and _columns_of(line + piece) > columns:
            lines.append(line)
            line = ""
        line += piece
        while (fitting := _fitting(line, columns)) < len(line):
            lines.append(line[:fitting])
            line = line[fitting:]
    return [each.strip() for each in [*lines, line]]


def _fitting(line: str, columns: int) -> int:
    """How many characters at the beginning of the line fit; blanks at its end take no room."""
    taken = 0
    for at, each in enumerate(line):
        taken += _width(each)
        if taken > columns and not each.isspace():
            return at
    return len(line)


def _columns_of(line: str) -> int:
    return sum(map(_width, line.rstrip()))


def _width(character: str) -> int:
    return 1 + (character in _WIDE or unicodedata.east_asian_width(character) in "WF")


def count(number: int) -> str:
    """A count with thousands apart by a narrow space: ``12 312``."""
    return f"{number:,}".replace(",", "\u202f")


def plural(number: int, noun: str) -> str:
    """A count with its noun: ``1 row``, ``2 rows``."""
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"


def marked(name: str, synthetic: bool) -> str:
    """The name, with ``(synthetic)`` after it where it names something that a program made up."""
    return f"{name} (synthetic)" if synthetic else name


def percent(part: int, whole: int) -> str:
    """A share of so many: ``42.0\u202f%``, ``under 0.1\u202f%``, ``over 99.9\u202f%``; ``undefined`` of none."""
    if not whole:
        return "undefined"
    if part in (0, whole):
        return "100\u202f%" if part else "0\u202f%"
    rounded = f"{100 * part / whole:.1f}"
    return {"0.0": "under 0.1\u202f%", "100.0": "over 99.9\u202f%"}.get(rounded, f"{rounded}\u202f%")


def per_thousand(number: int, rows: int) -> float | None:
    """How many to 1,000 rows; None where there are no rows."""
    return 1000 * number / rows if rows else None


def rate_cell(rate: float | None) -> str:
    """A rate per 1,000: ``0``, ``under 0.1``, ``1.9``, ``1\u202f369``; ``undefined`` where there were no rows."""
    if rate is None:
        return "undefined"
    if 0 < rate < 0.05:
        return "under 0.1"
    return f"{rate:.1f}" if 0 < rate < 9.95 else count(round(rate))


def number(value: float | None, digits: int = 3) -> str:
    """A plain number; a missing one is ``undefined``."""
    return "undefined" if value is None else f"{value:.{digits}f}"


def figure_cell(figure: Figure | None, digits: int = 3) -> str:
    """A figure in a cell of a table: with interval and n, or ``undefined: why``; ``not measured`` where absent."""
    if figure is None:
        return "not measured"
    if figure.value is None:
        return f"undefined: {figure.why_undefined} (n={figure.n})"
    return format_figure(figure, digits)


def missing_interval(cell: str) -> str | None:
    """Why the figure in a cell has no interval; None where it has one or the cell holds no such figure."""
    found = _NO_INTERVAL.search(cell)
    return found.group(1) if found else None


def without_reason(cell: str) -> str:
    """The cell of such a figure without the reason: ``1.000 (no interval, n=3)``."""
    return _NO_INTERVAL.sub(r"(no interval, n=\2)", cell)


def short_path(text: str) -> str:
    """A path that begins at the root, or above the place it was named from, by its last two parts: ``…/models/harmless``.

    A page is passed on: where its reader's files lie is nobody's business. Other text stays as it is.
    """
    if not _FAR_PATH.match(text):
        return text
    parts = [part for part in re.split(r"[/\\]", text) if part not in ("", ".", "..")]
    return "…/" + "/".join(parts[-2:]) if len(parts) > 2 else "/".join(["…", *parts[-1:]])


def short_argument(text: str) -> str:
    """An argument of a command, its path shortened as by `short_path`; also behind ``--option=``."""
    name, equals, value = text.partition("=")
    return f"{name}={short_path(value)}" if equals and name.startswith("-") else short_path(text)


def short_digest(digest: str | None) -> str:
    """The first twelve characters; ``not stated`` where there is none."""
    return digest[:_DIGEST] if digest else NOT_STATED


def figure_label(figure: Figure, positives: int | None = None, digits: int = 3) -> str:
    """A figure beside its mark, whose whisker shows the interval: ``0.643, n=335``, ``0.643, 21 of n=335``.

    Where there is no whisker it says so: ``0.643, no interval, n=3``.
    """
    rows = f"n={figure.n}" if positives is None else f"{positives} of n={figure.n}"
    if figure.value is None:
        return rows
    return f"{figure.value:.{digits}f}, {'no interval, ' if figure.low is None else ''}{rows}"


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names as a list in a sentence; beyond `most` the rest are counted."""
    shown = [*names[:most]]
    if len(names) > most:
        shown.append(f"{len(names) - most} more")
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def verdict(figure: Figure, baseline: Figure) -> str | None:
    """A figure against its best baseline: ``clearly above``, ``not clearly above``, ``below``; None if undefined.

    `clearly above`: the intervals lie apart. `below`: the value itself is no higher than the baseline's.
    """
    if figure.value is None or baseline.value is None:
        return None
    if figure.value <= baseline.value:
        return "below"
    return "clearly above" if comparison(figure, baseline) == "above" else "not clearly above"


def capitalised(text: str) -> str:
    """The text with a capital at its start, all else as it is."""
    return text[:1].upper() + text[1:]


def comparison(figure: Figure, other: Figure) -> str | None:
    """Where a figure's interval lies against another's: ``above``, ``below``, ``overlapping``; None if either lacks one."""
    if figure.low is None or figure.high is None or other.value is None:
        return None
    low = other.value if other.low is None else other.low
    high = other.value if other.high is None else other.high
    if figure.low > high:
        return "above"
    return "below" if figure.high < low else "overlapping"
