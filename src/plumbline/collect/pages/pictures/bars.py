"""Counts side by side: a histogram, or judgements by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plumbline.collect.pages.pictures.scales import Tick, axis_over, shortened

_TALL, _MOST_LABELS, _MOST_COUNTS = 150, 8, 12
_BROADEST = 14.0
"""Percent of the picture: few bars stand apart."""
_LONG_LABEL = 3
"""Labels of more letters than that are written at fewer bars."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        x, width: across, in percent.
        y, height: down, in pixels from the top.
        middle: across, in percent.
        label: what it counts; empty where labels would stand in each other's way.
        count: in words; empty likewise.
        side: 1 or 2, its colour; the sides are told in words too.
    """

    x: float
    width: float
    y: float
    height: float
    middle: float
    label: str
    count: str
    side: int


@dataclass(frozen=True, slots=True)
class Bars:
    """A picture of counts.

    Attributes:
        title, description: for who does not see it.
        height: of the bars' field, in pixels.
        bars: from left to right.
        ticks: of counts; their `at` is in pixels from the top.
        ends: what stands under the left and the right end; empty for nothing.
    """

    title: str
    description: str
    height: int
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    ends: tuple[str, str]
    shape: str = "bars"


def bars(
    title: str,
    counts: Sequence[tuple[str, int]],
    *,
    ends: tuple[str, str] = ("", ""),
    sides: Sequence[int] | None = None,
) -> Bars:
    """Counts by label.

    Args:
        counts: at least one.
        ends: what the first and the last label mean.
        sides: of each bar; all 1 where there are none.
    """
    most = max(count for _, count in counts)
    axis = axis_over(0, max(1, most), most=4, whole=True)
    slot = 100 / len(counts)
    width = min(slot - min(slot * 0.22, 2.5), _BROADEST)
    is_long = max(len(label) for label, _ in counts) > _LONG_LABEL
    every = -(-len(counts) // (_MOST_LABELS // 2 + 1 if is_long else _MOST_LABELS))
    drawn = []
    for number, (label, count) in enumerate(counts):
        height = round(_TALL * axis.at(count) / 100, 2)
        drawn.append(
            Bar(
                x=round((number + 0.5) * slot - width / 2, 2),
                width=round(width, 2),
                y=round(_TALL - height, 2),
                height=height,
                middle=round((number + 0.5) * slot, 2),
                label=shortened(label, 14) if number % every == 0 else "",
                count=f"{count:,}" if len(counts) <= _MOST_COUNTS else "",
                side=1 if sides is None else sides[number],
            )
        )
    ticks = tuple(Tick(round(_TALL * (100 - tick.at) / 100, 2), tick.label) for tick in axis.ticks)
    return Bars(title, _described(counts), _TALL, tuple(drawn), ticks, ends)


def _described(counts: Sequence[tuple[str, int]]) -> str:
    total = sum(count for _, count in counts)
    most = max(counts, key=lambda each: each[1])
    return f"{total:,} in all; the most, {most[1]:,}, at {shortened(most[0], 60)}."
