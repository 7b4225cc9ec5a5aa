"""Counts and latencies of a run, as a table and as JSON."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.measuring import print_table

QUANTILES = (50, 95, 99)


@dataclass
class Figures:
    """What the workers saw.

    Attributes:
        milliseconds: of every request that was answered, by route.
        counts: of acts and answers, by name.
        statuses: of answers, by HTTP status, with the problem's code where there is one.
    """

    milliseconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    counts: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        """Requests that were answered."""
        return sum(map(len, self.milliseconds.values()))


def quantile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of all are at or below; NaN of none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * percent // 100).__trunc__() - 1))]


def latencies(milliseconds: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    """By route: how many, and the quantiles in milliseconds."""
    return {
        route: {"requests": len(values)}
        | {f"p{percent}_ms": round(quantile(values, percent), 2) for percent in QUANTILES}
        | {"max_ms": round(max(values), 2)}
        for route, values in sorted(milliseconds.items())
        if values
    }


def print_latencies(found: Mapping[str, Mapping[str, float]]) -> None:
    """The table."""
    titles = ["route", "requests", *(f"p{percent} ms" for percent in QUANTILES), "max ms"]
    rows = [[route, f"{values['requests']:,.0f}", *_shown(values)] for route, values in found.items()]
    print_table(titles, rows)


def _shown(values: Mapping[str, float]) -> list[str]:
    return [f"{values[name]:,.1f}" for name in (*(f"p{percent}_ms" for percent in QUANTILES), "max_ms")]


def print_values(values: Mapping[str, Any]) -> None:
    """Names and values, a line each."""
    rows = [
        [name, f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)]
        for name, value in values.items()
    ]
    print_table(["", ""], rows)
