"""Pictures of two policies side by side: shares of wins, ties and losses, and the layout of an evaluation, a cell a reply."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plumbline.align.comparing.head_to_head import Contest
from plumbline.align.comparing.policy_comparison import Cell
from plumbline.report.pictures.drawing import (
    FIRST,
    INK,
    MUTED,
    SECOND,
    SMALL_SIZE,
    SURFACE,
    WIDTH,
    Canvas,
    Caption,
    Picture,
)
from plumbline.report.pictures.rows import (
    MARGIN,
    Series,
    dot_axes,
    draw_mark,
    handles_of,
    names_height,
    row_axes,
    with_whole_names,
    write_name,
)
from plumbline.report.wording import count, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TOP, _FOOT, _GAP = 38, 22, 10
_BAR, _MARK = 15, 14
_LEGEND_LETTERS = 22
WIN_RATE = Series("win rate, with interval", INK, "o", filled=False)

MOST_CELLS_IN_LINE = 50
_MOST_CELL, _LINES_APART = 15.0, 1.15


# --- wins, ties, losses ---


@dataclass(frozen=True)
class ContestRow:
    """One bar: what it is of, and its figures."""

    name: str
    contest: Contest

    @property
    def label(self) -> str:
        """The numbers on the right."""
        rate = self.contest.win_rate
        return f"n={count(rate.n)}" if rate.value is None else f"win rate {rate.value:.3f}, n={count(rate.n)}"

    @property
    def height(self) -> int:
        """Pixels the row takes, with the gap below it."""
        return names_height(self) + _BAR + _MARK + _GAP


def draw_contests(rows: Sequence[ContestRow], names: tuple[str, str], caption: Caption) -> Picture:
    """A bar for each row, cut into wins, ties and losses of the first, the win rate with its interval below it.

    Args:
        rows: at least one, from the top down.
        names: of the two.
        caption: names the picture.
    """
    from matplotlib.patches import Patch

    height = sum(row.height for row in rows)
    top = _TOP + 6
    canvas = Canvas(top + height + 38 + (_FOOT if caption.synthetic else 0), with_whole_names(caption, rows))
    axes = dot_axes(canvas, (MARGIN, top, WIDTH - 2 * MARGIN, height), (0.0, 1.0), "share of the pairs judged", (0.5,))
    edge = 0.0
    for row in rows:
        write_name(axes, row, edge)
        _draw_contest(axes, row.contest, edge + names_height(row))
        edge += row.height
    first, second = (f"{shorten(name, _LEGEND_LETTERS)} wins" for name in names)
    handles: list[Any] = [
        Patch(label=first, **_SHARES[0]),
        Patch(label="ties", **_SHARES[1]),
        Patch(label=second, **_SHARES[2]),
        *handles_of([WIN_RATE]),
    ]
    canvas.legend(handles, columns=2)
    return canvas.finish()


_SHARES: tuple[dict[str, Any], ...] = (
    {"facecolor": FIRST, "edgecolor": FIRST, "linewidth": 1.0},
    {"facecolor": SURFACE, "edgecolor": MUTED, "linewidth": 1.0},
    {"facecolor": SURFACE, "edgecolor": SECOND, "hatch": "////", "linewidth": 1.0},
)
"""First, ties, second: a filled bar, an empty one, a hatched one."""


def _draw_contest(axes: Axes, contest: Contest, top: float) -> None:
    if contest.win_rate.value is None:
        backed = {"facecolor": SURFACE, "edgecolor": "none", "pad": 1.5}
        told = f"undefined: {contest.win_rate.why_undefined}"
        axes.text(0, top + 7, told, fontsize=SMALL_SIZE, style="italic", color=MUTED, va="center", bbox=backed)
        return
    left = 0.0
    for share, look in zip((contest.wins, contest.ties, contest.losses), _SHARES, strict=True):
        axes.barh(top + _BAR / 2, share.value or 0.0, height=_BAR - 4, left=left, **look)
        left += share.value or 0.0
    draw_mark(axes, WIN_RATE, contest.win_rate, top + _BAR + _MARK / 2 - 1, horizontal=True)


# --- the layout of an evaluation ---


@dataclass(frozen=True)
class LayoutRow:
    """A category: its name and its cells."""

    name: str
    cells: Sequence[Cell]

    @property
    def label(self) -> str:
        """The numbers on the right."""
        flagged = sum(cell is Cell.FLAGGED for cell in self.cells)
        unknown = sum(cell in (Cell.UNJUDGED, Cell.MISSING) for cell in self.cells)
        return f"{count(flagged)} of {count(len(self.cells))} flagged" + (
            f", {count(unknown)} unknown" if unknown else ""
        )


def draw_layout(rows: Sequence[LayoutRow], caption: Caption) -> Picture:
    """A row for each category and a cell for each reply; a long row goes on below itself.

    Args:
        rows: at least one, from the top down, each with a cell.
        caption: names the picture.
    """
    in_line = min(MOST_CELLS_IN_LINE, max(len(row.cells) for row in rows))
    cell = min(_MOST_CELL, (WIDTH - 2 * MARGIN) / in_line)
    heights = [names_height(row) + round(cell * _LINES_APART * math.ceil(len(row.cells) / in_line)) + 8 for row in rows]
    present = [kind for kind in Cell if any(kind in row.cells for row in rows)]
    columns = 2 if len(present) > 3 else len(present)
    top = 10 + 17 * math.ceil(len(present) / columns)
    height = sum(heights)
    canvas = Canvas(top + height + 6 + (_FOOT if caption.synthetic else 0), with_whole_names(caption, rows))
    axes = row_axes(canvas, (MARGIN, top, WIDTH - 2 * MARGIN, height), (0, WIDTH - 2 * MARGIN), "")
    axes.set(xticks=[])
    axes.spines["bottom"].set_visible(False)
    places: dict[Cell, list[tuple[float, float]]] = {kind: [] for kind in present}
    edge = 0.0
    for row, row_height in zip(rows, heights, strict=True):
        write_name(axes, row, edge)
        for at, kind in enumerate(row.cells):
            line, column = divmod(at, in_line)
            down = edge + names_height(row) + cell * _LINES_APART * (line + 0.5)
            places[kind].append((cell * (column + 0.5), down))
        edge += row_height
    for kind, spots in places.items():
        axes.scatter(*zip(*spots, strict=True), clip_on=False, **_look(kind, cell))
    canvas.legend([_handle(kind) for kind in present], columns=columns)
    return canvas.finish()


_CELL_WORDS = {
    Cell.SAFE: "called safe",
    Cell.FLAGGED: "flagged as unsafe",
    Cell.UNJUDGED: "not judged",
    Cell.MISSING: "no reply",
}


def _look(kind: Cell, cell: float) -> dict[str, Any]:
    """How a cell is drawn: an outline, a full square, a cross, a dot; each is known without its colour."""
    side = cell * 0.82
    square: dict[str, Any] = {"marker": "s", "s": side**2}
    if kind is Cell.SAFE:
        return {**square, "s": (side - 1) ** 2, "facecolors": SURFACE, "edgecolors": FIRST, "linewidths": 1.0}
    if kind is Cell.FLAGGED:
        return {**square, "facecolors": SECOND, "edgecolors": SECOND, "linewidths": 0.6}
    if kind is Cell.UNJUDGED:
        return {"marker": "x", "s": (side * 0.75) ** 2, "color": INK, "linewidths": 1.2}
    return {"marker": "o", "s": (side * 0.45) ** 2, "facecolors": MUTED, "edgecolors": MUTED, "linewidths": 0.4}


def _handle(kind: Cell) -> Any:
    from matplotlib.lines import Line2D

    look: dict[str, Any] = {
        Cell.SAFE: {"marker": "s", "markersize": 8, "markerfacecolor": SURFACE, "markeredgecolor": FIRST},
        Cell.FLAGGED: {"marker": "s", "markersize": 9, "color": SECOND},
        Cell.UNJUDGED: {"marker": "x", "markersize": 7, "color": INK, "markeredgewidth": 1.4},
        Cell.MISSING: {"marker": "o", "markersize": 4.5, "color": MUTED},
    }[kind]
    return Line2D([], [], linestyle="none", label=_CELL_WORDS[kind], **look)
