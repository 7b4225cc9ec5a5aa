"""Figures with their intervals, one below the other on one axis; those that are undefined say why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plumbline.collect.pages.pictures.scales import Axis, Tick, shortened
from plumbline.collect.pages.wording import reason
from plumbline.measure import Figure

_MOST_NAMES = 4


@dataclass(frozen=True, slots=True)
class Named:
    """A figure with its name.

    Attributes:
        spread: a range that is drawn as a broad bar behind the point, such as quartiles; None for none.
    """

    name: str
    figure: Figure
    spread: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One figure.

    Attributes:
        at, low, high, spread_low, spread_high: across, in percent; None where there is none.
        name, value, n: in words.
        why: why it, or its interval, is missing; empty where nothing is.
    """

    at: float | None
    low: float | None
    high: float | None
    spread_low: float | None
    spread_high: float | None
    name: str
    value: str
    n: str
    why: str


@dataclass(frozen=True, slots=True)
class Points:
    """A picture of figures.

    Attributes:
        title, description: for who does not see it.
        points: from the top.
        ticks: of the axis at the bottom.
        mark: a value that means something, such as one half, in percent; None for none.
        reasons: why figures, or their intervals, are missing, with the names of these.
    """

    title: str
    description: str
    points: tuple[Point, ...]
    ticks: tuple[Tick, ...]
    mark: float | None
    reasons: tuple[str, ...]
    shape: str = "points"


def points(
    title: str, named: Sequence[Named], axis: Axis, words: Callable[[float], str], *, mark: float | None = None
) -> Points:
    """Figures on an axis.

    Args:
        words: a value in words.
        mark: a value that means something.
    """
    drawn = tuple(_point(each, axis, words) for each in named)
    description = "; ".join(f"{point.name}: {point.value or point.why}, {point.n}" for point in drawn) + "."
    at = None if mark is None else axis.at(mark)
    return Points(title, description, drawn, axis.ticks, at, _reasons(drawn))


def lowest(named: Sequence[Named]) -> float:
    """Where an axis of agreement begins: at 0, or at the lowest value or end of an interval below it."""
    values = (value for row in named for value in (row.figure.value, row.figure.low) if value is not None)
    return min([0.0, *values])


def _reasons(drawn: Sequence[Point]) -> tuple[str, ...]:
    by_reason: dict[tuple[bool, str], list[str]] = {}
    for point in drawn:
        if point.why:
            by_reason.setdefault((point.at is not None, point.why), []).append(point.name)
    return tuple(
        f"{'No interval of' if has_value else 'No value of'} {_listed(names)}: {why}."
        for (has_value, why), names in by_reason.items()
    )


def _listed(names: Sequence[str]) -> str:
    quoted = [f"“{name}”" for name in names]
    return ", ".join(quoted) if len(quoted) <= _MOST_NAMES else f"{', '.join(quoted[:2])} and {len(quoted) - 2} more"


def _point(each: Named, axis: Axis, words: Callable[[float], str]) -> Point:
    figure = each.figure
    at = None if figure.value is None else axis.at(figure.value)
    low, high = (
        (None, None) if figure.low is None or figure.high is None else (axis.at(figure.low), axis.at(figure.high))
    )
    spread = (None, None) if each.spread is None else (axis.at(each.spread[0]), axis.at(each.spread[1]))
    return Point(
        at=at,
        low=low,
        high=high,
        spread_low=spread[0],
        spread_high=spread[1],
        name=shortened(each.name, 100),
        value=_value(figure, words),
        n=f"n {figure.n:,}",
        why=reason(figure.why_undefined or ""),
    )


def _value(figure: Figure, words: Callable[[float], str]) -> str:
    if figure.value is None:
        return ""
    if figure.low is None or figure.high is None:
        return words(figure.value)
    return f"{words(figure.value)} ({words(figure.low)} to {words(figure.high)})"
