"""Pictures with two scales: reliability, score distributions, precision and recall, preference by length."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from plumbline.measure import Figure
from plumbline.report.inputs import (
    JudgeShare,
    LengthBin,
    PrecisionRecallPoint,
    ReliabilityPoint,
    ScoreHistogram,
    ThresholdRow,
)
from plumbline.report.pictures.drawing import (
    FIRST,
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
from plumbline.report.pictures.rows import JUDGES, MODEL, draw_mark, handles_of
from plumbline.report.wording import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEFT, _RIGHT, _TOP = 54, 16, 30
_PLOT_WIDTH = WIDTH - _LEFT - _RIGHT
_NAMED_COLOURS = {"preferred": FIRST, "safe": FIRST, "other": SECOND, "unsafe": SECOND}


def draw_reliability(points: Sequence[ReliabilityPoint], caption: Caption) -> Picture:
    """What was predicted against what was observed, with the rows of each bin below."""
    from matplotlib.lines import Line2D

    canvas = Canvas(432, caption)
    axes = canvas.axes(_LEFT, _TOP, _PLOT_WIDTH, 280)
    _share_axes(axes, "observed share")
    axes.set(xlim=(0, 1), xticks=SHARE_TICKS, xticklabels=[])
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for point in points:
        axes.plot([point.mean_predicted] * 2, [point.low, point.high], color=FIRST)
    predicted = [point.mean_predicted for point in points]
    axes.plot(predicted, [point.observed for point in points], color=FIRST, linewidth=1, alpha=0.5)
    axes.plot(predicted, [point.observed for point in points], "o", color=FIRST, markersize=7)
    below = canvas.axes(_LEFT, _TOP + 290, _PLOT_WIDTH, 72)
    most = max(point.n for point in points) or 1
    below.vlines(predicted, 0, [point.n for point in points], color=FIRST, linewidth=9, alpha=0.45)
    below.set(xlim=(0, 1), xticks=SHARE_TICKS, ylim=(0, most * 1.35), yticks=[most], xlabel="mean predicted")
    below.set_yticklabels([_short(most)])
    below.set_ylabel("rows (n)")
    below.tick_params(length=0)
    below.spines["left"].set_visible(False)
    _write_counts(below, points)
    canvas.legend(
        [
            Line2D([], [], color=FIRST, marker="o", markersize=7, label="model, with interval"),
            Line2D([], [], color=MUTED, linewidth=1, linestyle=(0, (4, 3)), label="perfect"),
        ]
    )
    return canvas.finish()


def _write_counts(axes: Axes, points: Sequence[ReliabilityPoint]) -> None:
    """The rows of each bin above its bar, where the bars stand far enough apart for the numbers."""
    places = sorted(point.mean_predicted for point in points)
    gaps = [right - left for left, right in pairwise(places)]
    widest = max(len(_short(point.n)) for point in points) * 6.5 + 5
    if gaps and min(gaps) * _PLOT_WIDTH < widest:
        return
    most = max(point.n for point in points)
    for point in points:
        axes.text(
            point.mean_predicted,
            point.n + most * 0.06,
            _short(point.n),
            ha="center",
            va="bottom",
            fontsize=SMALL_SIZE - 1,
            color=MUTED,
        )


def draw_histogram(histogram: ScoreHistogram, caption: Caption, *, unit: str) -> Picture:
    """Counts of scores by class, as overlapping steps: the first class filled, the others hatched."""
    from matplotlib.patches import Patch

    canvas = Canvas(272, caption)
    axes = canvas.axes(_LEFT, _TOP, _PLOT_WIDTH, 200)
    handles = []
    most = 1
    for position, (name, counts) in enumerate(histogram.series.items()):
        colour = _NAMED_COLOURS.get(name, (FIRST, SECOND)[position % 2])
        filled = colour == FIRST
        look: dict[str, Any] = {"facecolor": FIRST if filled else "none", "hatch": None if filled else "////"}
        axes.stairs(counts, histogram.edges, fill=True, linewidth=0, alpha=0.35 if filled else None, **look)
        axes.stairs(counts, histogram.edges, fill=False, color=colour, linewidth=1.8)
        label = f"{shorten(name, 14)} (n={sum(counts)})"
        handles.append(Patch(label=label, edgecolor=colour, linewidth=1.8, alpha=0.6 if filled else None, **look))
        most = max([most, *counts])
    axes.set(xlim=(histogram.edges[0], histogram.edges[-1]), ylim=(0, most * 1.05), xlabel=unit, ylabel="rows")
    axes.grid(visible=True, axis="y")
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0)
    axes.locator_params(axis="x", nbins=4)  # labels like −0.025 are wide
    axes.locator_params(axis="y", nbins=4, integer=True)
    axes.yaxis.set_major_formatter(lambda value, _: _short(int(value)))
    canvas.legend(handles)
    return canvas.finish()


def draw_precision_recall(
    points: Sequence[PrecisionRecallPoint], chosen: ThresholdRow | None, caption: Caption
) -> Picture:
    """Precision against recall, with the chosen threshold as a point on it."""
    from matplotlib.lines import Line2D

    canvas = Canvas(332, caption)
    axes = canvas.axes(_LEFT, _TOP, _PLOT_WIDTH, 260)
    _share_axes(axes, "precision")
    axes.set(xlim=(-0.02, 1.02), xticks=SHARE_TICKS, xlabel="recall")
    axes.plot([point.recall for point in points], [point.precision for point in points], color=FIRST)
    handles = [Line2D([], [], color=FIRST, label="model")]
    if chosen is not None and chosen.precision is not None:
        look: dict[str, Any] = {
            "marker": "o",
            "markersize": 10,
            "markerfacecolor": SURFACE,
            "markeredgecolor": SECOND,
            "markeredgewidth": 2.4,
            "linestyle": "none",
        }
        axes.plot([chosen.recall], [chosen.precision], zorder=4, **look)
        handles.append(Line2D([], [], label=f"chosen threshold, {chosen.threshold:.3f}", **look))
    canvas.legend(handles)
    return canvas.finish()


def draw_length_bins(bins: Sequence[LengthBin], caption: Caption) -> Picture:
    """How often the first side is preferred, by how much longer it is: judges and model side by side, n below."""
    labels = [_bin_label(each) for each in bins]
    canvas = Canvas(274 + 16 * (1 + max(label.count("\n") for label in labels)), caption)
    axes = canvas.axes(_LEFT, _TOP, _PLOT_WIDTH, 222)
    _share_axes(axes, "share preferring the first side")
    axes.axhline(0.5, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for position, each in enumerate(bins):
        for series, figure, aside in ((JUDGES, each.judges_first, -0.13), (MODEL, each.model_first, 0.13)):
            draw_mark(axes, series, figure.figure(), position + aside, horizontal=False)
            if figure.value is None:
                look: dict[str, Any] = {"fontsize": SMALL_SIZE, "color": series.colour, "rotation": 90}
                axes.text(position + aside, 0.5, "undefined", ha="center", va="center", **look)
    step = 1 + (len(bins) - 1) // 8
    ticks = range(0, len(bins), step)
    axes.set(xlim=(-0.6, len(bins) - 0.4), xticks=list(ticks))
    axes.set_xticklabels([labels[at] for at in ticks])
    axes.set_xlabel("first side longer by … characters")
    axes.grid(visible=False, axis="x")
    canvas.legend(handles_of([MODEL, JUDGES]))
    return canvas.finish()


def draw_judge_shares(shares: Sequence[JudgeShare], caption: Caption) -> Picture:
    """The share of judges who preferred the side shown first, and the model's mean probability of it; n below."""
    canvas = Canvas(322, caption)
    axes = canvas.axes(_LEFT, _TOP, _PLOT_WIDTH, 236)
    _share_axes(axes, "for the side shown first")
    axes.axhline(0.5, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for place, each in enumerate(shares):
        judged = Figure.without_interval((each.low + each.high) / 2, each.model_first.n, "the judges' own share")
        draw_mark(axes, JUDGES, judged, place - 0.1, horizontal=False)
        draw_mark(axes, MODEL, each.model_first.figure(), place + 0.1, horizontal=False)
    axes.set(xlim=(-0.6, len(shares) - 0.4), xticks=range(len(shares)), xlabel="share of the judges for it")
    axes.set_xticklabels([f"{share_words(each)}\nn={_short(each.model_first.n)}" for each in shares])
    axes.grid(visible=False, axis="x")
    canvas.legend(handles_of([MODEL, JUDGES]))
    return canvas.finish()


def share_words(each: JudgeShare) -> str:
    """``0 %``, ``67 %``, or ``20–40 %`` of a bin."""
    low, high = (f"{100 * share:.0f}" for share in (each.low, each.high))
    return f"{low} %" if each.low == each.high else f"{low}–{high} %"


def _bin_label(each: LengthBin) -> str:
    """Ends and rows, a line each; the figures of model and judges may rest on different numbers of rows."""
    rows = dict.fromkeys(_short(figure.n) for figure in (each.model_first, each.judges_first))
    return "\n".join((_short(each.low), "to", _short(each.high), "n=" + "\nand ".join(rows)))


def _share_axes(axes: Axes, name: str) -> None:
    axes.set(ylim=(-0.02, 1.02), yticks=SHARE_TICKS, ylabel=name)
    quiet_axes(axes)


def _short(number: int) -> str:
    """A whole number in a few characters: ``−400``, ``1.2k``, ``31k``, ``2.5M``."""
    sign = "−" if number < 0 else ""
    size = abs(number)
    for limit, unit in ((10**6, "M"), (10**3, "k")):
        if size >= limit:
            return f"{sign}{size / limit:.1f}".removesuffix(".0") + unit
    return f"{sign}{size}"
