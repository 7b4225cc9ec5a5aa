"""Pictures of red-team attempts as points: two scores against each other, workers, a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plumbline.report.pictures.drawing import (
    FIRST,
    GRID,
    INK,
    MUTED,
    SECOND,
    SHARE_TICKS,
    SMALL_SIZE,
    SURFACE,
    WIDTH,
    Canvas,
    Caption,
    Picture,
    quiet_axes,
)
from plumbline.report.pictures.redteam import FOOT, LEFT, PLOT_WIDTH, TOP
from plumbline.report.pictures.rows import MARGIN, Series, handles_of
from plumbline.report.wording import count, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FATES = {
    False: Series("failed", FIRST, "o", filled=False),
    None: Series("nobody says", MUTED, "x"),
    True: Series("succeeded", SECOND, "D"),
}
"""How an attempt is marked by whether it succeeded, in the order in which they are drawn."""


@dataclass(frozen=True)
class Points:
    """Attempts as points: where each stands, and whether it succeeded."""

    across: Sequence[float]
    up: Sequence[float]
    fates: Sequence[bool | None]


def draw_points(points: Points, caption: Caption, *, units: tuple[str, str]) -> Picture:
    """A point for each attempt, marked by whether it succeeded.

    Args:
        points: at least one.
        caption: names the picture.
        units: what the scales across and up measure.
    """
    canvas = Canvas(TOP + 340 + (FOOT if caption.synthetic else 0), caption)
    axes = canvas.axes(LEFT, TOP, PLOT_WIDTH, 292)
    quiet_axes(axes)
    axes.set(xlabel=units[0], ylabel=units[1])
    axes.margins(0.05)
    canvas.legend(handles_of(_scatter(axes, points)))
    axes.locator_params(nbins=5)
    return canvas.finish()


def _scatter(axes: Axes, points: Points, *, size: float | None = None) -> list[Series]:
    """Draw the points; those series that there are."""
    drawn = []
    size = size or (7 if len(points.fates) <= 150 else 4.5 if len(points.fates) <= 800 else 3.2)
    for fate, series in FATES.items():
        rows = [row for row, each in enumerate(points.fates) if each is fate]
        if not rows:
            continue
        axes.plot(
            [points.across[row] for row in rows],
            [points.up[row] for row in rows],
            marker=series.marker,
            linestyle="none",
            markersize=size,
            markerfacecolor=series.colour if series.filled else "none",
            markeredgecolor=series.colour,
            markeredgewidth=1.1,
            alpha=0.8,
            clip_on=False,
        )
        drawn.append(series)
    return drawn


def draw_workers(rows: Sequence[tuple[int, float]], caption: Caption) -> Picture:
    """A point for each worker: attempts (logarithmic) and the share of them that succeeded."""
    canvas = Canvas(306 + (FOOT if caption.synthetic else 0), caption)
    axes = canvas.axes(LEFT, 12, PLOT_WIDTH, 240)
    quiet_axes(axes)
    axes.set(xscale="log", ylim=(-0.03, 1.03), yticks=SHARE_TICKS)
    axes.set(xlim=(0.8, max(10.0, 1.4 * max(made for made, _ in rows))))
    axes.set(xlabel="attempts of a worker, logarithmic scale", ylabel="share that succeeded")
    axes.xaxis.set_major_formatter(lambda value, _: count(round(value)))
    axes.minorticks_off()
    axes.plot(
        [made for made, _ in rows],
        [rate for _, rate in rows],
        marker="o",
        linestyle="none",
        markersize=8 if len(rows) <= 60 else 6,
        markerfacecolor=FIRST,
        markeredgecolor=SURFACE,
        markeredgewidth=0.8,
        alpha=0.75,
        clip_on=False,
    )
    return canvas.finish()


@dataclass(frozen=True)
class MapName:
    """The name of a cluster, and where it stands."""

    name: str
    across: float
    down: float


def draw_map(points: Points, names: Sequence[MapName], caption: Caption) -> Picture:
    """Attempts as points without scales, marked by success; the names of clusters stand on them.

    Args:
        points: in [0, 1] both ways; `up` counts from the top.
        names: at most a dozen; of names that would cover each other the later gives way downwards.
        caption: names the picture.
    """
    side = WIDTH - 2 * MARGIN
    canvas = Canvas(TOP + side + 20 + (FOOT if caption.synthetic else 0), caption)
    axes = canvas.axes(MARGIN, TOP, side, side)
    axes.set(xlim=(-0.03, 1.03), ylim=(1.03, -0.03), xticks=[], yticks=[])
    axes.spines[["left", "bottom"]].set_visible(False)
    series = _scatter(axes, points)
    line, taken = 17 / side, list[tuple[float, float, float]]()
    for each in names:
        text = shorten(each.name, 34)
        half = 3.2 * len(text) / side
        across, down = min(max(each.across, half), 1 - half), each.down
        while any(abs(down - low) < line and abs(across - at) < half + width for at, low, width in taken):
            down += line
        taken.append((across, down, half))
        ground = {
            "facecolor": SURFACE,
            "edgecolor": GRID,
            "alpha": 0.88,
            "boxstyle": "round,pad=0.25",
            "linewidth": 0.8,
        }
        axes.text(
            across, down, text, ha="center", va="center", color=INK, fontsize=SMALL_SIZE, bbox=ground, clip_on=False
        )
    canvas.legend(handles_of(series))
    return canvas.finish()
