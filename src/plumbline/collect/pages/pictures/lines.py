"""A figure over time: a line, and its interval as a band. Where it is undefined, the line is broken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from plumbline.collect.pages.pictures.scales import Axis, Tick, time_axis
from plumbline.measure import Figure

_TALL = 170


@dataclass(frozen=True, slots=True)
class Dot:
    """One figure: across in percent, down in pixels."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    """A picture of a figure over time.

    Attributes:
        title, description: for who does not see it.
        height: of the field, in pixels.
        lines, bands: points of SVG's ``polyline`` and ``polygon`` in a field of 100 by 100; one for each unbroken stretch.
        dots: the figures.
        ticks: of values; their `at` is in pixels from the top.
        moments: ticks of the axis at the bottom.
    """

    title: str
    description: str
    height: int
    lines: tuple[str, ...]
    bands: tuple[str, ...]
    dots: tuple[Dot, ...]
    ticks: tuple[Tick, ...]
    moments: tuple[Tick, ...]
    shape: str = "line"


def line(title: str, figures: Sequence[tuple[datetime, Figure]], axis: Axis, words: Callable[[float], str]) -> Line:
    """A figure at several moments, in their order.

    Args:
        figures: at least one.
        words: a value in words.
    """
    times = time_axis([at for at, _ in figures])
    placed = [(times.at(at.timestamp()), figure) for at, figure in figures]
    values = [[(x, figure.value) for x, figure in run] for run in _runs(placed, has_interval=False)]
    bands = [
        [(x, figure.high) for x, figure in run] + [(x, figure.low) for x, figure in reversed(run)]
        for run in _runs(placed, has_interval=True)
        if len(run) > 1
    ]
    down = {x: _down(axis, figure.value) for x, figure in placed if figure.value is not None}
    return Line(
        title=title,
        description=_described(figures, words),
        height=_TALL,
        lines=tuple(_joined(run, axis) for run in values if len(run) > 1),
        bands=tuple(_joined(run, axis) for run in bands),
        dots=tuple(Dot(x, round(_TALL * y / 100, 2)) for x, y in down.items()),
        ticks=tuple(Tick(round(_TALL * (100 - tick.at) / 100, 2), tick.label) for tick in axis.ticks),
        moments=times.ticks,
    )


def _runs(placed: Sequence[tuple[float, Figure]], *, has_interval: bool) -> list[list[tuple[float, Figure]]]:
    """Stretches in which there is a value, or an interval."""
    runs: list[list[tuple[float, Figure]]] = [[]]
    for x, figure in placed:
        if (figure.low if has_interval else figure.value) is None:
            runs.append([])
        else:
            runs[-1].append((x, figure))
    return [run for run in runs if run]


def _joined(run: Sequence[tuple[float, float | None]], axis: Axis) -> str:
    return " ".join(f"{x},{_down(axis, value)}" for x, value in run if value is not None)


def _down(axis: Axis, value: float) -> float:
    """From the top, in percent."""
    return round(100 - axis.at(value), 2)


def _described(figures: Sequence[tuple[datetime, Figure]], words: Callable[[float], str]) -> str:
    there = [(at, figure.value) for at, figure in figures if figure.value is not None]
    if not there:
        return "No value is defined."
    (first_at, first), (last_at, last) = there[0], there[-1]
    return (
        f"{len(there)} values, from {words(first)} on {first_at:%Y-%m-%d %H:%M} to {words(last)} on "
        f"{last_at:%Y-%m-%d %H:%M} UTC; the lowest {words(min(value for _, value in there))}, the highest "
        f"{words(max(value for _, value in there))}."
    )
