"""A figure: a number with its interval, its n, and a reason where either is missing.

Every number that Plumbline reports is a `Figure`. It covers one scalar; curves and tables are made of several.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

_KEYS = ("value", "low", "high", "n", "why_undefined")


@dataclass(frozen=True)
class Figure:
    """A number, its interval and how many rows it rests on.

    One of three states: defined (`value`, `low`, `high`); without an interval (`value` and `why_undefined`); undefined
    (`why_undefined` only). The bootstrap of a biased statistic may leave `value` outside [`low`, `high`].

    Attributes:
        value: the point estimate; None where there is no data for it. Never NaN, never infinite.
        low: lower end of the interval; None where no interval can be told.
        high: upper end; None exactly where `low` is.
        n: rows the value rests on (items for agreement, comparisons for ratings); >= 0.
        why_undefined: why the value, or only its interval, is missing; None where both are there.
    Raises:
        ValueError: a number is not finite, `low` > `high`, n < 0, or the reason does not go with what is missing.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    why_undefined: str | None

    def __post_init__(self) -> None:
        """Turn NumPy scalars into plain numbers, and refuse what no reader could interpret."""
        for name in ("value", "low", "high"):
            object.__setattr__(self, name, _finite_or_none(name, getattr(self, name)))
        if isinstance(self.n, bool) or int(self.n) != self.n or self.n < 0:
            raise ValueError(f"Figure.n: expected a whole number >= 0, found {self.n!r}.")
        object.__setattr__(self, "n", int(self.n))
        if (self.low is None) != (self.high is None):
            raise ValueError(f"Figure: expected both ends of the interval or neither, found {self.low}, {self.high}.")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"Figure: expected low <= high, found {self.low} > {self.high}.")
        if self.value is None and self.low is not None:
            raise ValueError("Figure: expected no interval where there is no value, found one.")
        if (self.low is None) != bool(self.why_undefined):
            raise ValueError(
                "Figure: expected why_undefined exactly where the value or its interval is missing, "
                f"found interval {self.low}, {self.high} with why_undefined {self.why_undefined!r}."
            )

    @classmethod
    def undefined(cls, n: int, why: str) -> Self:
        """Say that there is no value, and why.

        Args:
            n: rows that were looked at.
            why: the reason, a phrase without a full stop.
        """
        return cls(None, None, None, n, why)

    @classmethod
    def without_interval(cls, value: float, n: int, why: str) -> Self:
        """Give a value whose interval cannot be told, and why.

        Args:
            value: the point estimate; finite.
            n: rows it rests on.
            why: why there is no interval, a phrase without a full stop.
        """
        return cls(value, None, None, n, why)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave.

        Args:
            fields: a mapping with exactly the keys value, low, high, n, why_undefined.
        Raises:
            ValueError: a key is missing or unknown, or the numbers are none a figure may hold.
        """
        if set(fields) != set(_KEYS):
            raise ValueError(f"A figure: expected the keys {', '.join(_KEYS)}, found {', '.join(sorted(fields))}.")
        return cls(**fields)

    def to_json(self) -> dict[str, float | int | str | None]:
        """Give the five keys of the `--json` contract, ready for `json.dumps`."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "why_undefined": self.why_undefined,
        }


def format_figure(figure: Figure, digits: int = 3) -> str:
    """Write a figure as one line of text; an undefined figure never reads as a number.

    Args:
        figure: what to write.
        digits: decimals of the value and of both ends; >= 0.
    Returns:
        `0.643 (0.612–0.671, n=335)`, with `to` for the dash where an end is negative;
        `0.643 (no interval: why, n=335)`; or `undefined (why, n=0)`.
    Raises:
        ValueError: digits < 0.
    """
    if digits < 0:
        raise ValueError(f"digits: expected >= 0, found {digits}.")
    if figure.value is None:
        return f"undefined ({figure.why_undefined}, n={figure.n})"
    value = _format_number(figure.value, digits)
    if figure.low is None or figure.high is None:
        return f"{value} (no interval: {figure.why_undefined}, n={figure.n})"
    low, high = _format_number(figure.low, digits), _format_number(figure.high, digits)
    dash = " to " if "-" in low + high else "–"
    return f"{value} ({low}{dash}{high}, n={figure.n})"


def _format_number(number: float, digits: int) -> str:
    text = f"{number:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0.0 else text


def _finite_or_none(name: str, number: float | None) -> float | None:
    if number is None:
        return None
    if isinstance(number, (str, bytes, bool)) or not math.isfinite(number):
        raise ValueError(f"Figure.{name}: expected a finite number or None, found {number!r}.")
    return float(number)
