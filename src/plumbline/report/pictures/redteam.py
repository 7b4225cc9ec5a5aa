"""Pictures of red-team attempts: success by size, spreads of scores, scores by rating, counts of tags, tags together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from plumbline.measure import Figure
from plumbline.report.pictures.drawing import (
    FIRST,
    GRID,
    INK,
    LABEL_SIZE,
    MUTED,
    SECOND,
    SHARE_TICKS,
    SMALL_SIZE,
    SURFACE,
    THIRD,
    WIDTH,
    Canvas,
    Caption,
    Picture,
    quiet_axes,
)
from plumbline.report.pictures.rows import (
    MARGIN,
    MODEL,
    Series,
    draw_mark,
    handles_of,
    names_height,
    with_whole_names,
    write_name,
)
from plumbline.report.wording import count, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEFT, _RIGHT, TOP = 54, 16, 34
PLOT_WIDTH = WIDTH - LEFT - _RIGHT
FOOT = 22
"""For the word "synthetic", below what a picture says."""

SERIES = (
    ("o", FIRST, True),
    ("D", SECOND, True),
    ("s", THIRD, False),
    ("^", MUTED, False),
)
"""Marks of the types of models: shape, colour, whether filled."""


# --- success by size ---

_COLUMNS = 46
"""Letters that stand beside each other below a picture with two scales."""


@dataclass(frozen=True)
class SizeSeries:
    """One type of model: its name, and a figure at each size; None where it was not attacked."""

    name: str
    figures: Sequence[Figure | None]


def draw_by_size(sizes: Sequence[str], series: Sequence[SizeSeries], caption: Caption) -> Picture:
    """A dot with a whisker for each type at each size, side by side.

    Args:
        sizes: names, from the smallest; at least one.
        series: at most as many as `SERIES` has marks.
        caption: names the picture.
    """
    columns = 2
    top = 14 + 17 * -(-len(series) // columns)
    canvas = Canvas(top + 280 + (FOOT if caption.synthetic else 0), caption)
    axes = canvas.axes(LEFT, top, PLOT_WIDTH, 226)
    quiet_axes(axes)
    axes.set(ylim=(-0.02, 1.02), yticks=SHARE_TICKS, ylabel="share that succeeded", xlim=(-0.6, len(sizes) - 0.4))
    axes.set_xticks(range(len(sizes)), [shorten(size, _COLUMNS // len(sizes)) for size in sizes])
    axes.set_xlabel("size of the model attacked")
    axes.grid(visible=False, axis="x")
    for edge in range(1, len(sizes)):
        axes.axvline(edge - 0.5, color=GRID, linewidth=0.8)
    marks = [
        Series(shorten(each.name, 24), colour, marker, filled)
        for each, (marker, colour, filled) in zip(series, SERIES, strict=False)
    ]
    for number, (mark, each) in enumerate(zip(marks, series, strict=True)):
        aside = 0.17 * (number - (len(series) - 1) / 2)
        for place, figure in enumerate(each.figures):
            if figure is not None:
                draw_mark(axes, mark, figure, place + aside, horizontal=False)
    canvas.legend(handles_of(marks), columns=columns)
    return canvas.finish()


# --- spreads of scores ---


@dataclass(frozen=True)
class Ridge:
    """The scores of one model: its name, counts by bin, quantiles (5, 25, 50, 75, 95 %) and mean."""

    name: str
    counts: Sequence[int]
    quantiles: Sequence[float]
    mean: Figure

    @property
    def label(self) -> str:
        """The numbers on the right."""
        return f"n={count(self.mean.n)}"

    @property
    def height(self) -> int:
        """Pixels the row takes."""
        return names_height(self) + _RIDGE + 16


_RIDGE = 44


def draw_ridges(rows: Sequence[Ridge], edges: Sequence[float], caption: Caption, *, unit: str) -> Picture:
    """A hill for each row, as high as its scores are many there, a bar over its middle half, a tick at its median.

    Args:
        rows: at least one, from the top down, each with scores.
        edges: of the bins.
        caption: names the picture.
        unit: what the scale measures.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    height = sum(row.height for row in rows)
    canvas = Canvas(TOP + height + 42 + (FOOT if caption.synthetic else 0), with_whole_names(caption, rows))
    axes = canvas.axes(MARGIN, TOP, WIDTH - 2 * MARGIN, height)
    quiet_axes(axes)
    axes.set(ylim=(height, 0), yticks=[], xlim=(edges[0], edges[-1]), xlabel=unit)
    axes.locator_params(axis="x", nbins=6)
    edge = 0.0
    for row in rows:
        _draw_ridge(axes, row, edges, edge)
        edge += row.height
    handles: list[Any] = [
        Patch(label="transcripts", facecolor=FIRST, alpha=0.35),
        Line2D([], [], color=FIRST, linewidth=5, label="middle half"),
        Line2D([], [], color=SECOND, marker="|", markersize=11, markeredgewidth=2.4, linestyle="none", label="median"),
    ]
    canvas.legend(handles)
    return canvas.finish()


def _draw_ridge(axes: Axes, row: Ridge, edges: Sequence[float], edge: float) -> None:
    write_name(axes, row, edge)
    base = edge + names_height(row) + _RIDGE
    most = max(row.counts) or 1
    middles = [(left + right) / 2 for left, right in pairwise(edges)]
    tops = [base - _RIDGE * 0.92 * each / most for each in row.counts]
    axes.fill_between(middles, tops, base, color=FIRST, alpha=0.35, linewidth=0)
    axes.plot(middles, tops, color=FIRST, linewidth=1.2)
    axes.plot([edges[0], edges[-1]], [base, base], color=GRID, linewidth=1)
    _, low, median, high, _ = row.quantiles
    axes.plot([low, high], [base + 6, base + 6], color=FIRST, linewidth=5, solid_capstyle="butt", zorder=3)
    axes.plot([median], [base + 6], marker="|", markersize=11, markeredgewidth=2.4, color=SECOND, zorder=4)


# --- scores by rating ---


def draw_ratings(rows: Sequence[tuple[float, Figure]], caption: Caption, *, unit: str) -> Picture:
    """The mean score at each rating.

    Args:
        rows: rating and figure, those without a value left out; at least one.
        caption: names the picture.
        unit: what the scale up measures.
    """
    canvas = Canvas(300 + (FOOT if caption.synthetic else 0), caption)
    axes = canvas.axes(LEFT, 12, PLOT_WIDTH, 232)
    quiet_axes(axes)
    for rating, figure in rows:
        draw_mark(axes, MODEL, figure, rating, horizontal=False)
    axes.set(xlim=(-0.5, 4.5), ylabel=unit, xlabel="the attacker's own rating: 0 failed, 4 succeeded")
    axes.set_xticks(range(5), [f"{at}" for at in range(5)])
    for rating, figure in rows:
        axes.annotate(
            f"n={count(figure.n)}",
            (rating, 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            color=MUTED,
            fontsize=SMALL_SIZE - 1,
        )
    axes.margins(y=0.22)
    axes.locator_params(axis="y", nbins=5)
    axes.grid(visible=False, axis="x")
    return canvas.finish()


# --- tags ---


@dataclass(frozen=True)
class CountRow:
    """A name, how many there are, and how many of them succeeded."""

    name: str
    count: int
    succeeded: int

    @property
    def label(self) -> str:
        """The number on the right."""
        return count(self.count)

    @property
    def height(self) -> int:
        """Pixels the row takes."""
        return names_height(self) + 22


def draw_counts(rows: Sequence[CountRow], caption: Caption, *, unit: str) -> Picture:
    """A bar for each row, as long as its count, its name above it.

    Args:
        rows: at least one, from the top down.
        caption: names the picture.
        unit: what is counted.
    """
    from matplotlib.patches import Patch

    height = sum(row.height for row in rows)
    canvas = Canvas(TOP + height + 42 + (FOOT if caption.synthetic else 0), with_whole_names(caption, rows))
    axes = canvas.axes(MARGIN, TOP, WIDTH - 2 * MARGIN, height)
    quiet_axes(axes)
    axes.set(ylim=(height, 0), yticks=[], xlim=(0, max(row.count for row in rows) or 1), xlabel=unit)
    axes.locator_params(axis="x", nbins=4, integer=True)
    axes.xaxis.set_major_formatter(lambda value, _: count(round(value)))
    edge = 0.0
    for row in rows:
        write_name(axes, row, edge)
        place = edge + names_height(row) + 6
        axes.barh(place, row.count, height=12, facecolor=FIRST, alpha=0.35, linewidth=0)
        axes.barh(place, row.succeeded, height=12, facecolor=SECOND, linewidth=0)
        edge += row.height
    handles = [
        Patch(label="succeeded", facecolor=SECOND),
        Patch(label="failed, or nobody says", facecolor=FIRST, alpha=0.35),
    ]
    canvas.legend(handles)
    return canvas.finish()


def draw_together(names: Sequence[str], counts: Sequence[Sequence[int]], caption: Caption) -> Picture:
    """How often two names occur together: a grid below its diagonal, darker for more, the numbers written in.

    Args:
        names: two to a dozen, written beside their rows and numbered over their columns.
        counts: shape (names, names), symmetric; the diagonal is not drawn.
        caption: names the picture.
    """
    from matplotlib.patches import Rectangle

    left, top = 176, 26
    cell = min(44.0, (WIDTH - left - MARGIN) / (len(names) - 1))
    height = 26 * len(names)
    canvas = Canvas(top + height + 8 + (FOOT if caption.synthetic else 0), caption)
    axes = canvas.axes(left, top, round(cell * (len(names) - 1)), height)
    axes.set(xlim=(0, len(names) - 1), ylim=(len(names), 0), xticks=[], yticks=[])
    axes.spines[["left", "bottom"]].set_visible(False)
    most = max((counts[down][across] for down in range(len(names)) for across in range(down)), default=0) or 1
    for down, name in enumerate(names):
        canvas.text(left - 8, top + 26 * (down + 0.5) + 4, f"{shorten(name, 22)}  {down + 1}", ha="right", color=INK)
        if down < len(names) - 1:
            canvas.text(left + cell * (down + 0.5), top - 8, f"{down + 1}", ha="center")
        for across in range(down):
            number = counts[down][across]
            shade = {"facecolor": SECOND, "alpha": 0.12 + 0.6 * number / most} if number else {"facecolor": SURFACE}
            axes.add_patch(Rectangle((across, down), 1, 1, linewidth=0, **shade))
            axes.add_patch(Rectangle((across, down), 1, 1, facecolor="none", edgecolor=GRID, linewidth=1))
            style: dict[str, Any] = {
                "color": INK if number else MUTED,
                "fontsize": LABEL_SIZE - (2 if number > 999 else 1),
            }
            axes.text(across + 0.5, down + 0.5, f"{number}", ha="center", va="center", **style)
    return canvas.finish()
