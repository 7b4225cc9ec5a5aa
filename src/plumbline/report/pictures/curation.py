"""Pictures of a curation: what each rule removed (a waterfall), sizes of clusters, prompts that splits share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

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
    WIDTH,
    Canvas,
    Caption,
    Picture,
)
from plumbline.report.pictures.rows import (
    MARGIN,
    MODEL,
    bar_axes,
    dot_axes,
    draw_mark,
    names_height,
    row_axes,
    scale_of,
    with_whole_names,
    write_name,
)
from plumbline.report.wording import count, figure_label, percent, shorten, wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BAR, _BELOW, _LINE, _GAP = 13, 4, 14, 10
_COLUMNS, _DETAIL_LINES = 62, 3
_LEAST_WIDTH = 0.004
"""Of the scale: what is less is drawn so wide all the same, or it could not be seen."""


@dataclass(frozen=True)
class Fall:
    """A row of the waterfall: a rule, or what was read or written.

    Attributes:
        name: what it is.
        removed: records; None where the row removes nothing but says what there is.
        left: records after it.
        read: records in all.
        details: lines below the bar.
    """

    name: str
    removed: int | None
    left: int
    read: int
    details: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The numbers on the right."""
        if self.removed is not None:
            return f"−{count(self.removed)}, {percent(self.removed, self.read)}"
        share = "" if self.left == self.read else f", {percent(self.left, self.read)}"
        return f"{count(self.left)}{share}"

    @property
    def lines(self) -> tuple[str, ...]:
        """The details, as they are drawn."""
        return tuple(line for each in self.details for line in wrap(each, _COLUMNS, 2))[:_DETAIL_LINES]

    @property
    def height(self) -> int:
        """Pixels the row takes."""
        return names_height(self) + _BAR + _BELOW + _LINE * len(self.lines) + _GAP


def draw_waterfall(rows: Sequence[Fall], caption: Caption) -> Picture:
    """A bar for what was read, one for each rule where the one above ends, one for what was written.

    Args:
        rows: at least one, from the top down, of one `read` above 0.
        caption: names the picture.
    """
    from matplotlib.patches import Patch

    top, height = 30, sum(row.height for row in rows)
    canvas = Canvas(top + height + (58 if caption.synthetic else 42), with_whole_names(caption, rows))
    axes = bar_axes(canvas, top, height, rows[0].read, "records")
    axes.locator_params(axis="x", nbins=4, integer=True)
    axes.xaxis.set_major_formatter(lambda value, _: count(round(value)))
    for edge, row in zip(accumulate((row.height for row in rows), initial=0), rows, strict=False):
        _draw_fall(axes, row, float(edge))
    handles = [Patch(label="records", **_STANDING), Patch(label="removed here", **_REMOVED)]
    canvas.legend([*handles[:1], Patch(label="still there", **_LEFT), *handles[1:]])
    return canvas.finish()


_STANDING: dict[str, Any] = {"facecolor": FIRST, "edgecolor": "none"}
_LEFT: dict[str, Any] = {"facecolor": FIRST, "edgecolor": "none", "alpha": 0.3}
_REMOVED: dict[str, Any] = {"facecolor": SECOND, "edgecolor": "none"}


def _draw_fall(axes: Axes, row: Fall, edge: float) -> None:
    write_name(axes, row, edge)
    place = edge + names_height(row) + _BAR / 2
    axes.barh(place, row.left, height=_BAR, **(_STANDING if row.removed is None else _LEFT))
    if row.removed:
        width = max(row.removed, row.read * _LEAST_WIDTH)
        axes.barh(place, width, left=row.left + row.removed - width, height=_BAR, **_REMOVED)
    for at, line in enumerate(row.lines):
        axes.text(
            0,
            edge + names_height(row) + _BAR + _BELOW + _LINE * (at + 0.5),
            line,
            transform=axes.get_yaxis_transform(),
            fontsize=SMALL_SIZE,
            color=MUTED,
            va="center",
        )


def draw_sizes(rows: Sequence[tuple[str, int]], caption: Caption, *, unit: str) -> Picture:
    """A bar for each size, as long as the logarithm of how many clusters have it.

    Args:
        rows: the size in words, and how many; at least one, from the top down, each above 0.
        caption: names the picture.
        unit: what is counted.
    """
    left, line, top = 108, 24, 8
    height = line * len(rows)
    canvas = Canvas(top + height + (58 if caption.synthetic else 42), caption)
    most = max(number for _, number in rows)
    box = (left, top, WIDTH - left - 64, height)
    axes = row_axes(canvas, box, (0.6, max(10, most)), f"{unit}, logarithmic scale")
    axes.set(xscale="log", xlim=(0.6, max(10, most)))
    axes.xaxis.set_major_formatter(lambda value, _: count(round(value)))
    axes.minorticks_off()
    for at, (name, number) in enumerate(rows):
        place = line * (at + 0.5)
        axes.barh(place, number - 0.6, left=0.6, height=14, facecolor=FIRST, edgecolor="none")
        canvas.text(left - 8, top + place + 4, name, color=INK, fontsize=LABEL_SIZE, ha="right")
        axes.annotate(
            count(number),
            (number, place),
            xytext=(5, 0),
            textcoords="offset points",
            color=MUTED,
            va="center",
            annotation_clip=False,
        )
    return canvas.finish()


def draw_compact_dots(rows: Sequence[tuple[str, Figure]], caption: Caption, *, unit: str, reference: float) -> Picture:
    """A dot with a whisker for each row, its name beside it: for many rows of short names.

    Args:
        rows: names and figures that have values; at least one, from the top down.
        caption: names the picture.
        unit: what the scale measures.
        reference: a value that a dashed line marks; always on the scale.
    """
    left, line, top = 118, 24, 8
    height = line * len(rows)
    canvas = Canvas(top + height + (58 if caption.synthetic else 42), caption)
    scale = scale_of([figure for _, figure in rows], (reference,))
    axes = dot_axes(canvas, (left, top, WIDTH - left - 106, height), scale, unit, (reference,))
    axes.locator_params(axis="x", nbins=5)
    for at, (name, figure) in enumerate(rows):
        place = line * (at + 0.5)
        draw_mark(axes, MODEL, figure, place, horizontal=True)
        canvas.text(left - 10, top + place + 4, shorten(name, 16), color=INK, fontsize=LABEL_SIZE, ha="right")
        canvas.text(WIDTH - MARGIN, top + place + 4, figure_label(figure), ha="right")
    return canvas.finish()


@dataclass(frozen=True)
class Matrix:
    """Splits by splits: what it counts, and the counts; None where there is nothing to count."""

    name: str
    cells: Sequence[Sequence[int | None]]


def draw_matrices(splits: Sequence[str], matrices: Sequence[Matrix], caption: Caption) -> Picture:
    """A grid for each matrix, one below the other, its numbers written in; what is above 0 is coloured.

    Args:
        splits: names of rows and columns; two to eight.
        matrices: at least one.
        caption: names the picture.
    """
    left, cell_height, heading = 92, 34, 44
    width = min(84, (WIDTH - left - MARGIN) // len(splits))
    block = heading + cell_height * len(splits) + 14
    canvas = Canvas(block * len(matrices) + (22 if caption.synthetic else 4), caption)
    for number, matrix in enumerate(matrices):
        top = block * number
        canvas.text(MARGIN, top + 18, matrix.name, color=INK, fontsize=LABEL_SIZE)
        for at, split in enumerate(splits):
            name = shorten(split, max(4, width // 7))
            canvas.text(left + width * (at + 0.5), top + heading - 6, name, ha="center")
            canvas.text(left - 8, top + heading + cell_height * (at + 0.5) + 4, shorten(split, 11), ha="right")
        axes = canvas.axes(left, top + heading, width * len(splits), cell_height * len(splits))
        axes.set(xlim=(0, len(splits)), ylim=(len(splits), 0), xticks=[], yticks=[])
        axes.spines[["left", "bottom"]].set_visible(False)
        _draw_cells(axes, matrix.cells)
    return canvas.finish()


def _draw_cells(axes: Axes, rows: Sequence[Sequence[int | None]]) -> None:
    from matplotlib.patches import Rectangle

    for down, row in enumerate(rows):
        for across, cell in enumerate(row):
            ground: dict[str, Any] = {
                "facecolor": GRID if cell is None else SECOND if cell else SURFACE,
                "alpha": 0.3 if cell else 1,
            }
            axes.add_patch(Rectangle((across, down), 1, 1, linewidth=0, **ground))
            axes.add_patch(Rectangle((across, down), 1, 1, facecolor="none", edgecolor=GRID, linewidth=1.2))
            if cell is not None:
                look: dict[str, Any] = {"color": INK, "fontweight": "bold"} if cell else {"color": MUTED}
                axes.text(across + 0.5, down + 0.5, count(cell), ha="center", va="center", fontsize=LABEL_SIZE, **look)
