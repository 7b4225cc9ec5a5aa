"""Where a value stands on an axis, and the few round values that are written beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from unicodedata import bidirectional

_ISOLATE, _END = "\u2068", "\u2069"
_TURNS = frozenset({"R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI", "PDF", "PDI"})
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_SPANS = (
    *(_MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR),
    *(_DAY, 2 * _DAY, 3 * _DAY, 7 * _DAY, 14 * _DAY, 28 * _DAY, 91 * _DAY, 182 * _DAY, 364 * _DAY),
)
_MOST_MOMENTS = 4
_EPOCH = datetime(1970, 1, 5, tzinfo=UTC)
"""A Monday: ticks a week apart stand at Mondays."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A value written beside an axis.

    Attributes:
        at: where, in percent of the axis from its low end.
        label: the value in words.
    """

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis from `low` to `high`, with its ticks in ascending order."""

    low: float
    high: float
    ticks: tuple[Tick, ...]

    def at(self, value: float) -> float:
        """Where a value stands, in percent of the axis; what is beyond an end stands at that end."""
        return percent(value, self.low, self.high)


def percent(value: float, low: float, high: float) -> float:
    """Where a value stands between two others, from 0 to 100."""
    return 50.0 if high <= low else round(100 * min(1.0, max(0.0, (value - low) / (high - low))), 2)


def axis_over(
    low: float, high: float, words: Callable[[float], str] | None = None, *, most: int = 6, whole: bool = False
) -> Axis:
    """An axis from a round value at or below `low` to one at or above `high`.

    Args:
        words: a tick's value in words; digits as the ticks need them where there is none.
        most: ticks at the most; at least 3.
        whole: of whole numbers: no tick between two of them.
    """
    step = _round_step(low, high, most, whole)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    values = [round(number * step, digits + 2) for number in range(first, last + 1)]
    said = words or (lambda value: f"{value:,.{digits}f}")
    ticks = tuple(Tick(percent(value, values[0], values[-1]), said(value)) for value in values)
    return Axis(values[0], values[-1], ticks)


def share_axis() -> Axis:
    """From 0 % to 100 %."""
    return axis_over(0.0, 1.0, lambda value: f"{100 * value:.0f} %")


def time_axis(moments: Sequence[datetime]) -> Axis:
    """From the first moment to the last, ticks at round times of UTC.

    Args:
        moments: at least one.
    """
    first, last = min(moments), max(moments)
    spans = (span for span in _SPANS if (last - first) / span <= _MOST_MOMENTS)
    span = next(spans, _SPANS[-1] * math.ceil((last - first) / (_SPANS[-1] * _MOST_MOMENTS)))
    low, high = first.timestamp(), last.timestamp()
    number = math.ceil((first - _EPOCH) / span)
    ticks = []
    while (at := _EPOCH + number * span) <= last:
        ticks.append(Tick(percent(at.timestamp(), low, high), _moment_label(at, span)))
        number += 1
    return Axis(low, high, tuple(ticks) or (Tick(50.0, _moment_label(first, _HOUR)),))


def day_label(at: date) -> str:
    """``22 Nov``."""
    return f"{at.day} {_MONTHS[at.month - 1]}"


def shortened(text: str, most: int) -> str:
    """A name for a picture, on one line; all of it stands in the table.

    One that is written from right to left, or turns the direction, is isolated: what stands beside it keeps its place.
    """
    line = " ".join(text.split())
    short = line if len(line) <= most else f"{line[: most - 1].rstrip()}…"
    return f"{_ISOLATE}{short}{_END}" if any(bidirectional(letter) in _TURNS for letter in short) else short


def _moment_label(at: datetime, span: timedelta) -> str:
    if span < _DAY:
        return f"{at:%H:%M}" if at.hour or at.minute else day_label(at)
    return day_label(at) if span < 91 * _DAY else f"{_MONTHS[at.month - 1]} {at.year}"


def _round_step(low: float, high: float, most: int, whole: bool) -> float:
    """The smallest of 1, 2, 5 times a power of ten that needs no more than `most` ticks."""
    # Values that are all but equal have an axis too, of steps that floating point can tell apart.
    span = max(high - low, 1e-6 * max(abs(low), abs(high)), 1e-9)
    exponent = math.floor(math.log10(span / max(1, most - 1)))
    while True:
        for factor in (1, 2, 5):
            step = factor * 10.0**exponent
            needed = math.ceil(high / step - 1e-9) - math.floor(low / step + 1e-9) + 1
            if needed <= most and (not whole or step >= 1):
                return step
        exponent += 1
