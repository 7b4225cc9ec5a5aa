"""Pictures made of rows: dots with whiskers (a forest plot) and bars, each row with its name above its marks.

The name stands above and not beside its marks, so that long names leave the marks their room on a phone too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from plumbline.measure import Figure
from plumbline.report.pictures.drawing import (
    FIRST,
    GRID,
    INK,
    LABEL_SIZE,
    MUTED,
    SECOND,
    SMALL_SIZE,
    SURFACE,
    THIRD,
    WIDTH,
    Canvas,
    Caption,
    Picture,
)
from plumbline.report.wording import count, figure_label, listed, visible, wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARGIN = 16
_NAME_HEIGHT = 20
_NAME_LINE = 15
_MARK_HEIGHT = 13
_BAR_HEIGHT = 22
_ROW_GAP = 10
_COLUMNS = 58
"""Letters that stand beside each other between the margins; a name shares them with the number on its right."""
_LEAST_COLUMNS, _NAME_LINES = 16, 3


@dataclass(frozen=True)
class Series:
    """How one kind of mark looks: colour and shape both tell it apart."""

    name: str
    colour: str
    marker: str
    filled: bool = True


MODEL = Series("model", FIRST, "o")
CROSS_VALIDATED = Series("cross-validated on train", THIRD, "s")
HELD_OUT = Series("held-out prompts of train", THIRD, "^")
BASELINE = Series("best baseline", SECOND, "D", filled=False)
JUDGES = Series("judges", SECOND, "D", filled=False)


@dataclass(frozen=True)
class DotRow:
    """One row: its name and its marks, the first of which is named in figures on the right.

    Attributes:
        name: above the marks; wrapped, and shortened in the middle beyond three lines.
        marks: at least one.
        positives: rows of the positive class, where n alone would mislead.
        digits: decimals of the figure that is named.
    """

    name: str
    marks: tuple[tuple[Series, Figure], ...]
    positives: int | None = None
    digits: int = 3

    @property
    def label(self) -> str:
        """The figures on the right."""
        return figure_label(self.marks[0][1], self.positives, self.digits)

    @property
    def lines(self) -> list[tuple[str, ...]]:
        """What stands in place of each mark that cannot be drawn, why, in lines; empty for one that can."""
        return [
            ()
            if figure.value is not None
            else wrap(f"{series.name + ' ' if at else ''}undefined: {figure.why_undefined}", _COLUMNS, _NAME_LINES)
            for at, (series, figure) in enumerate(self.marks)
        ]

    @property
    def height(self) -> int:
        """Pixels the row takes, with the gap below it."""
        marks = _MARK_HEIGHT * sum(max(1, len(lines)) for lines in self.lines)
        return names_height(self) + marks + _ROW_GAP


@dataclass(frozen=True)
class BarRow:
    """One row: its name, its count, its count per 1,000 rows read, whether quarantined rather than found suspicious."""

    name: str
    count: int
    rate: float
    quarantined: bool

    @property
    def label(self) -> str:
        """The number on the right."""
        return count(self.count)

    @property
    def height(self) -> int:
        """Pixels the row takes."""
        return names_height(self) + _BAR_HEIGHT


class NamedRow(Protocol):
    """A row that has a name above its marks and numbers on the right of it."""

    @property
    def name(self) -> str:
        """Above the marks."""

    @property
    def label(self) -> str:
        """The numbers."""


def _name_lines(row: NamedRow) -> tuple[str, ...]:
    return wrap(row.name, max(_LEAST_COLUMNS, _COLUMNS - len(row.label) - 2), _NAME_LINES)


def names_height(row: NamedRow) -> int:
    """Pixels from the upper edge of a row to its marks."""
    return _NAME_HEIGHT + _NAME_LINE * (len(_name_lines(row)) - 1)


def with_whole_names(caption: Caption, rows: Sequence[NamedRow]) -> Caption:
    """The caption, with the names in its description that are too long to be drawn whole."""
    cut = [row.name for row in rows if "".join("".join(_name_lines(row)).split()) != "".join(visible(row.name).split())]
    if not cut:
        return caption
    return replace(caption, description=f"{caption.description} Shortened here: {listed(cut, len(cut))}.")


def write_name(axes: Axes, row: NamedRow, edge: float) -> None:
    """The name on the left, in lines, and the numbers on the right, `edge` being the upper edge of the row."""
    look: dict[str, Any] = {
        "transform": axes.get_yaxis_transform(),
        "va": "center",
        "bbox": {"facecolor": SURFACE, "edgecolor": "none", "pad": 1.5},
    }
    for at, line in enumerate(_name_lines(row)):
        axes.text(0, edge + 11 + at * _NAME_LINE, line, fontsize=LABEL_SIZE, color=INK, **look)
    axes.text(1, edge + 11, row.label, fontsize=SMALL_SIZE, color=MUTED, ha="right", **look)


def draw_dots(rows: Sequence[DotRow], caption: Caption, *, unit: str, references: Sequence[float] = ()) -> Picture:
    """A dot with a whisker for each mark of each row, on one scale.

    Args:
        rows: at least one, from the top down.
        caption: names the picture.
        unit: what the scale measures.
        references: values that a dashed line marks; always on the scale.
    """
    series = _series_of(rows)
    legend_columns = 3 if len(series) <= 3 else 2
    top = (14 + 16 * math.ceil(len(series) / legend_columns)) if len(series) > 1 else 8
    height = sum(row.height for row in rows)
    canvas = Canvas(top + height + 38, with_whole_names(caption, rows))
    low, high = scale_of([figure for row in rows for _, figure in row.marks], references)
    axes = dot_axes(canvas, (MARGIN, top, WIDTH - 2 * MARGIN, height), (low, high), unit, references)
    edge = 0.0
    for row in rows:
        _draw_dot_row(axes, row, edge, (low, high))
        edge += row.height
    if len(series) > 1:
        canvas.legend([_handle(each) for each in series], columns=legend_columns)
    return canvas.finish()


Box = tuple[int, int, int, int]
"""Left, top, width and height, in pixels."""


def row_axes(canvas: Canvas, box: Box, scale: tuple[float, float], unit: str) -> Axes:
    """Axes of rows from the top down, the scale below them; a pixel of height is one of the coordinate."""
    axes = canvas.axes(*box)
    axes.set(xlim=scale, ylim=(box[3], 0), yticks=[], xlabel=unit)
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0)
    return axes


def dot_axes(canvas: Canvas, box: Box, scale: tuple[float, float], unit: str, references: Sequence[float]) -> Axes:
    """`row_axes` of dots, with a grid, and a dashed line at each reference."""
    axes = row_axes(canvas, box, scale, unit)
    axes.grid(visible=True, axis="x")
    axes.set_axisbelow(True)
    for reference in references:
        axes.axvline(reference, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    return axes


def bar_axes(canvas: Canvas, top: int, height: int, most: float, unit: str) -> Axes:
    """`row_axes` of bars between the margins, that begin at a line at 0."""
    axes = row_axes(canvas, (MARGIN, top, WIDTH - 2 * MARGIN, height), (0, most), unit)
    axes.axvline(0, color=GRID, linewidth=1.5)
    return axes


def _draw_dot_row(axes: Axes, row: DotRow, edge: float, scale: tuple[float, float]) -> None:
    write_name(axes, row, edge)
    backed = {"facecolor": SURFACE, "edgecolor": "none", "pad": 1.5}
    look: dict[str, Any] = {"fontsize": SMALL_SIZE, "style": "italic", "color": MUTED, "va": "center", "bbox": backed}
    height = edge + names_height(row) + _MARK_HEIGHT * 0.5
    for (series, figure), lines in zip(row.marks, row.lines, strict=True):
        draw_mark(axes, series, figure, height, horizontal=True)
        for at, line in enumerate(lines):
            axes.text(scale[0], height + at * _MARK_HEIGHT, line, **look)
        height += _MARK_HEIGHT * max(1, len(lines))


def draw_mark(axes: Axes, series: Series, figure: Figure, place: float, *, horizontal: bool) -> None:
    """A dot at the value and a whisker over the interval, `place` being the other coordinate."""
    value = figure.value
    if value is None:
        return
    if figure.low is not None and figure.high is not None:
        ends, across = [figure.low, figure.high], [place, place]
        axes.plot(*((ends, across) if horizontal else (across, ends)), color=series.colour, linewidth=1.8, zorder=3)
    axes.plot(
        *(([value], [place]) if horizontal else ([place], [value])),
        marker=series.marker,
        markersize=7 if series.filled else 6,
        markerfacecolor=series.colour if series.filled else SURFACE,
        markeredgecolor=series.colour,
        markeredgewidth=1.6,
        linestyle="none",
        clip_on=False,  # whole also where the value is an end of the scale
        zorder=4,
    )


def _handle(series: Series) -> Any:
    from matplotlib.lines import Line2D

    return Line2D(
        [],
        [],
        color=series.colour,
        marker=series.marker,
        markersize=7 if series.filled else 6,
        markerfacecolor=series.colour if series.filled else SURFACE,
        markeredgewidth=1.6,
        label=series.name,
    )


def handles_of(series: Sequence[Series]) -> list[Any]:
    """Entries of a legend."""
    return [_handle(each) for each in series]


def _series_of(rows: Sequence[DotRow]) -> list[Series]:
    return list(dict.fromkeys(series for row in rows for series, _ in row.marks))


def scale_of(figures: Sequence[Figure], references: Sequence[float]) -> tuple[float, float]:
    """Ends of the scale: tenths around every value and interval, at least three of them."""
    ends = [*references]
    for figure in figures:
        ends += [end for end in (figure.value, figure.low, figure.high) if end is not None]
    if not ends:
        return 0.0, 1.0
    low, high = math.floor(min(ends) * 10 - 0.1) / 10, math.ceil(max(ends) * 10 + 0.1) / 10
    while high - low < 0.29:
        low, high = low - 0.1, high + 0.1
    if min(ends) >= 0 and max(ends) <= 1:
        return max(0.0, low), min(1.0, high)
    return low, high


def draw_bars(rows: Sequence[BarRow], caption: Caption) -> Picture:
    """A bar for each row, as long as its rate; the number beside it is its count.

    Args:
        rows: at least one, from the top down.
        caption: names the picture, on whose own scale the longest bar fills the width.
    """
    kinds = {row.quarantined for row in rows}
    top = 30
    height = sum(row.height for row in rows)
    canvas = Canvas(top + height + (58 if caption.synthetic else 42), with_whole_names(caption, rows))
    most = max(row.rate for row in rows)
    axes = bar_axes(canvas, top, height, most or 1, "per 1,000 rows read")
    axes.locator_params(axis="x", nbins=4)
    edge = 0.0
    for row in rows:
        write_name(axes, row, edge)
        axes.barh(edge + names_height(row) + 6, row.rate, height=12, **_bar_style(row.quarantined))
        edge += row.height
    canvas.legend([_bar_handle(quarantined) for quarantined in (True, False) if quarantined in kinds])
    return canvas.finish()


def _bar_style(quarantined: bool) -> dict[str, Any]:
    if quarantined:
        return {"facecolor": SURFACE, "edgecolor": SECOND, "hatch": "////", "linewidth": 1.2}
    return {"facecolor": FIRST, "edgecolor": FIRST, "linewidth": 1.2}


def _bar_handle(quarantined: bool) -> Any:
    from matplotlib.patches import Patch

    name = "quarantined: could not be read" if quarantined else "finding: read, but suspicious"
    return Patch(label=name, **_bar_style(quarantined))
