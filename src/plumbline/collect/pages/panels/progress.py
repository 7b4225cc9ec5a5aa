"""How far the study is: its queues, the judgements of each day, and when it ends at this pace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from plumbline.collect.dashboard.progress import Day, Pace, Progress, QueueProgress
from plumbline.collect.pages.contexts.panels import Panel, Section
from plumbline.collect.pages.panels.wordings import queue_words, sentence
from plumbline.collect.pages.pictures.bars import bars
from plumbline.collect.pages.pictures.meters import Part, meters
from plumbline.collect.pages.pictures.points import Named, points
from plumbline.collect.pages.pictures.scales import axis_over, day_label
from plumbline.collect.pages.pictures.tables import FIGURE_COLUMNS, figure_values, table
from plumbline.collect.pages.wording import count, counted
from plumbline.measure import Figure

SHOWN_DAYS = 30
_LONGEST_DAYS = 36_500


def progress_section(progress: Progress, today: date) -> Section:
    """Queues, days and the pace."""
    panels = (
        queues_panel(progress.queues, progress.pace),
        days_panel(progress.days, today),
        pace_panel(progress.pace),
    )
    return Section("progress", "Progress", panels)


def queues_panel(queues: Sequence[QueueProgress], pace: Pace) -> Panel:
    """How much of each queue is done, and when the work ends at this pace."""
    parts = [Part(queue_words(queue.purpose), queue.finished, queue.places, _done(queue)) for queue in queues]
    rows = [
        (queue_words(queue.purpose), queue.items, queue.complete, queue.places, queue.finished, queue.leased)
        for queue in queues
    ]
    return Panel(
        name="queues",
        heading="Queues",
        says=_pace_words(pace),
        picture=meters("Places for judgements that are filled, by queue", parts) if parts else None,
        why_none="" if parts else "No items are entered yet.",
        table=table(("queue", "items", "complete", "places", "finished", "in hand"), rows),
        notes=(*_unfillable(pace), *_notes_on_places(queues)),
    )


def pace_panel(pace: Pace) -> Panel:
    """How many items are finished in a day, with its interval."""
    named = [Named("items finished in 24 hours", pace.per_day)]
    ends = [end for end in (pace.per_day.value, pace.per_day.high) if end is not None]
    rows = [
        ("items finished in 24 hours", *figure_values(pace.per_day)),
        ("days left", *figure_values(pace.days_left)),
    ]
    return Panel(
        name="pace",
        heading="Pace",
        says=f"The mean of the last {_days(pace.days)}, each of 24 hours; n counts days." if pace.days else "",
        picture=points("Items finished in 24 hours", named, axis_over(0, max(1.0, *ends), whole=True), _pace)
        if ends
        else None,
        why_none="" if ends else sentence(pace.per_day.why_undefined or "nothing was finished yet"),
        table=table(("figure", *FIGURE_COLUMNS), rows),
    )


def days_panel(days: Sequence[Day], today: date) -> Panel:
    """Judgements of each of the last days, days without any too."""
    by_day = {each.day: each.judgements for each in days}
    first = max(min(by_day, default=today), today - timedelta(days=SHOWN_DAYS - 1))
    shown = [first + timedelta(days=number) for number in range((today - first).days + 1)]
    counts = [(day_label(day), by_day.get(day, 0)) for day in shown]
    return Panel(
        name="days",
        heading="Judgements by day",
        says=f"{counted(sum(by_day.values()), 'judgement')}, corrections left out; days of UTC, today's is not over.",
        picture=bars("Judgements by day", counts) if by_day else None,
        why_none="" if by_day else "Nothing was judged yet.",
        table=table(("day", "judgements", "all up to its end"), [(d.day, d.judgements, d.cumulative) for d in days]),
        notes=(f"The picture shows the last {SHOWN_DAYS} days, the table all.",) if len(days) > len(shown) else (),
    )


def _unfillable(pace: Pace) -> tuple[str, ...]:
    """That some places stay open as things are, and what can be done."""
    if not pace.unfillable or not pace.left:
        return ()
    if not pace.people:
        return ("There are no workers here now. Invite people, and they get these items.",)
    of = "The open place" if pace.unfillable == pace.left == 1 else f"{pace.unfillable:,} of the open places"
    return (
        f"{of} will stay open as things are: too few people are left who have neither judged nor skipped these items, of "
        f"{pace.people:,} who may work here. Invite somebody new, and they get these items; or close the study: what was "
        "judged counts as it is.",
    )


_PLACES = "A place is one person’s judgement of one item: each item has as many places as people are to judge it."
_NO_END = "A queue whose items everybody gets, or that people begin themselves, has no number of places."


def _notes_on_places(queues: Sequence[QueueProgress]) -> tuple[str, ...]:
    have = {queue.places is not None for queue in queues}
    return (*((_PLACES,) if True in have else ()), *((_NO_END,) if False in have else ()))


def _done(queue: QueueProgress) -> str:
    held = f", {queue.leased:,} in hand" if queue.leased else ""
    if queue.places is None:
        return f"{queue.finished:,} finished{held}"
    share = f" ({100 * queue.finished / queue.places:.0f} %)" if queue.places else ""
    return f"{queue.finished:,} of {queue.places:,}{share}{held}"


def _pace_words(pace: Pace) -> str:
    if pace.left == 0:
        return "Every place of the work is filled."
    left = "" if pace.left is None else f"{counted(pace.left, 'place is', 'places are')} open. "
    if pace.per_day.value is None:
        return f"{left}No pace can be told yet: {pace.per_day.why_undefined}."
    if not pace.per_day.value:
        return f"{left}Nothing was finished in the last {_days(pace.days)}, so no end can be told."
    speed = f"{_pace(pace.per_day.value)} {'item' if pace.per_day.value == 1 else 'items'} in 24 hours over the last {_days(pace.days)}"
    return f"{left}{speed}; {_end_words(pace)}."


def _end_words(pace: Pace) -> str:
    left: Figure = pace.days_left
    if left.value is None:
        return left.why_undefined or "no end can be told"
    if left.value > _LONGEST_DAYS:
        return "at that pace not done within 100 years"
    if left.low is None or left.high is None:
        return f"at that pace done in about {_days(left.value)} ({left.why_undefined})"
    if round(left.low) == round(left.high):
        return f"at that pace done in about {_days(left.value)}"
    if left.high > _LONGEST_DAYS:
        return f"at that pace done in {_days(left.low)} at the earliest"
    return f"at that pace done in {left.low:,.0f} to {_days(left.high)}"


def _pace(items: float) -> str:
    """A mean of whole numbers: small ones with a digit behind the point."""
    return count(items) if items >= 10 or items == round(items) else f"{items:.1f}"


def _days(number: float) -> str:
    return counted(number, "day")
