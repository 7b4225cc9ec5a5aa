"""The picture of a best-of-n run: n against the expected score of the best, by who chooses and by who judges, each on a scale of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plumbline.measure import Figure
from plumbline.report.pictures.drawing import WIDTH, Canvas, Caption, Picture, quiet_axes
from plumbline.report.pictures.rows import Series, draw_mark, handles_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEFT, _RIGHT, _TOP = 54, 16, 30
_PLOT_WIDTH = WIDTH - _LEFT - _RIGHT
_PANEL, _GAP, _FOOT = 168, 18, 34
_SYNTHETIC = 22
"""For the word "synthetic", below what the picture says."""
_MOST_TICKS = 9


@dataclass(frozen=True)
class ScoreLine:
    """The expected score by one model: how it looks, its unit, and a figure at each n."""

    series: Series
    unit: str
    figures: Sequence[Figure]


def draw_best_of_n(
    sizes: Sequence[int], divergences: Sequence[float], lines: Sequence[ScoreLine], caption: Caption
) -> Picture:
    """A panel for each model, one above the other: scores of two models have no common scale.

    Args:
        sizes: each n, rising; at least one.
        divergences: upper bounds in nats, paired with the sizes.
        lines: one or two.
        caption: names the picture.
    """
    canvas = Canvas(_TOP + len(lines) * (_PANEL + _GAP) + _FOOT + (_SYNTHETIC if caption.synthetic else 0), caption)
    for place, line in enumerate(lines):
        axes = canvas.axes(_LEFT, _TOP + place * (_PANEL + _GAP), _PLOT_WIDTH, _PANEL)
        _panel(axes, sizes, line)
        if place == len(lines) - 1:
            step = 1 + (len(sizes) - 1) // _MOST_TICKS
            names = [f"{n}\n{divergence:.2f}" for n, divergence in zip(sizes, divergences, strict=True)]
            axes.set_xticks(sizes[::step], names[::step])
            axes.set_xlabel("best of n; below it, at most so many nats from the policy")
    canvas.legend(handles_of([line.series for line in lines]), columns=1 if len(lines) == 1 else 2)
    return canvas.finish()


def _panel(axes: Axes, sizes: Sequence[int], line: ScoreLine) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [""] * len(sizes))
    axes.minorticks_off()
    # A single n has no width of its own.
    axes.set_xlim(sizes[0] / 1.25, sizes[-1] * 1.25)
    axes.set_ylabel(line.unit)
    quiet_axes(axes)
    axes.grid(visible=False, axis="x")
    axes.locator_params(axis="y", nbins=5)
    told = [(n, figure.value) for n, figure in zip(sizes, line.figures, strict=True) if figure.value is not None]
    axes.plot([n for n, _ in told], [value for _, value in told], color=line.series.colour, linewidth=1, alpha=0.5)
    for n, figure in zip(sizes, line.figures, strict=True):
        draw_mark(axes, line.series, figure, n, horizontal=False)
    axes.margins(y=0.1)
