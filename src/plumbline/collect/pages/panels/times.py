"""How long items take: the median with its interval, on a bar from the lower to the upper quartile."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from plumbline.collect.dashboard.distributions import TimeFigures
from plumbline.collect.kinds import Purpose
from plumbline.collect.pages.contexts.panels import Panel, Section
from plumbline.collect.pages.judgement_words import kind_words
from plumbline.collect.pages.panels.wordings import queue_words
from plumbline.collect.pages.pictures.points import Named, points
from plumbline.collect.pages.pictures.scales import axis_over
from plumbline.collect.pages.pictures.tables import figure_values, table
from plumbline.collect.pages.wording import seconds


def times_section(of_items: Sequence[TimeFigures], of_judgements: Sequence[TimeFigures]) -> Section:
    """Of items and of judgements."""
    return Section(
        "times",
        "Time",
        (
            times_panel("item-times", "Time for an item", of_items, queue_words),
            times_panel("judgement-times", "Time for a judgement", of_judgements, kind_words),
        ),
        _words(of_items),
    )


def _words(of_items: Sequence[TimeFigures]) -> str:
    """The median of an item of work; of the first that there is where nobody did any work."""
    told = {each.of: each.median.value for each in of_items if each.median.value is not None}
    if not told:
        return ""
    of = Purpose.WORK.value if Purpose.WORK.value in told else next(iter(told))
    return f"median {seconds(told[of])} for an item of {queue_words(of)}"


def times_panel(name: str, heading: str, times: Sequence[TimeFigures], words: Callable[[str], str]) -> Panel:
    """Quartiles by what they are of."""
    named = [Named(words(each.of), each.median, _spread(each)) for each in times]
    ends = [end for row in named for end in (*(row.spread or ()), row.figure.high, row.figure.value) if end is not None]
    rows = [
        (words(each.of), quartile, *figure_values(figure))
        for each in times
        for quartile, figure in (
            ("lower quartile", each.lower_quartile),
            ("median", each.median),
            ("upper quartile", each.upper_quartile),
        )
    ]
    return Panel(
        name=name,
        heading=heading,
        says="Medians with their intervals; the broad bar holds the middle half of the measured times.",
        picture=points(heading, named, axis_over(0, max(1.0, *ends), _ticks, most=4), seconds) if ends else None,
        why_none="" if ends else "No time was measured yet.",
        table=table(("of", "which", "seconds", "low", "high", "n", "why undefined"), rows),
    )


def _spread(each: TimeFigures) -> tuple[float, float] | None:
    low, high = each.lower_quartile.value, each.upper_quartile.value
    return None if low is None or high is None else (low, high)


def _ticks(value: float) -> str:
    return seconds(value) if value >= 1 or value == 0 else f"{value:.1f} s"
