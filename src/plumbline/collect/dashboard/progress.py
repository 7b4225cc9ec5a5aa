"""How far a study is, day by day, and when it ends at the present pace. Days are those of UTC."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np

from plumbline.collect.dashboard.counted import Counted, Ints, microseconds_of, moment
from plumbline.collect.dashboard.ledger import PURPOSES
from plumbline.collect.kinds import Purpose
from plumbline.collect.kinds.item_entry import places_told
from plumbline.collect.store.unfillable import Unfillable
from plumbline.collect.study_settings import StudyFile
from plumbline.measure import Figure
from plumbline.measure.quantiles import mean_per_period

PACE_DAYS = 7
_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class QueueProgress:
    """One queue.

    Attributes:
        complete: items that want no more judgements.
        places: for judgements in all; None where everybody gets the items.
        finished: assignments that were finished and count.
        leased: in somebody's hands.
    """

    purpose: str
    items: int
    complete: int
    places: int | None
    finished: int
    leased: int


@dataclass(frozen=True, slots=True)
class Day:
    """Judgements of a day of UTC, corrections not among them, and all up to its end."""

    day: date
    judgements: int
    cumulative: int


@dataclass(frozen=True, slots=True)
class Pace:
    """When the queue of work ends, were it to go on as in the last days.

    Attributes:
        days: whole stretches of 24 hours, up to the moment of the figures, that the pace is of; at most 7.
        per_day: items finished in 24 hours; its interval is Student's over the days.
        left: places that are still to be filled; None where there is no end.
        days_left: until none is left.
        expected_end: the moment that its value says.
        unfillable: of the open places, those that nobody who is there now can fill: whoever may work has judged these items,
            has them in hand or gave them back. None where it was not counted: while very many items are open or none is, and
            where there is no last item.
        people: who may work now; None likewise.
    """

    days: int
    per_day: Figure
    left: int | None
    days_left: Figure
    expected_end: datetime | None
    unfillable: int | None = None
    people: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a study is."""

    queues: tuple[QueueProgress, ...]
    days: tuple[Day, ...]
    pace: Pace


def progress_of(
    counted: Counted, leased: dict[Purpose, int], as_of: datetime, unfillable: Unfillable | None = None
) -> Progress:
    """How far it is at a moment."""
    queues = tuple(_queue(counted, purpose, leased.get(purpose, 0)) for purpose in PURPOSES if _has(counted, purpose))
    at = counted.view.acts["at"][counted.is_first]
    pace = _pace(counted, queues, as_of)
    if unfillable is not None and pace.left is not None and not counted.study.items.from_workers:
        pace = replace(pace, unfillable=unfillable.places, people=unfillable.people)
    return Progress(queues, days_of(at), pace)


def days_of(at: Ints) -> tuple[Day, ...]:
    """Days from the first on which there is anything, days without any left out."""
    numbers, counts = np.unique(at // _DAY, return_counts=True)
    return tuple(
        Day(moment(int(number) * _DAY).date(), int(count), int(total))
        for number, count, total in zip(numbers, counts, np.cumsum(counts), strict=True)
    )


def _has(counted: Counted, purpose: Purpose) -> bool:
    return purpose in counted.view.queues or bool(len(counted.finished(purpose)))


def _queue(counted: Counted, purpose: Purpose, leased: int) -> QueueProgress:
    view, queue = counted.view, counted.view.queues.get(purpose)
    finished = counted.finished(purpose)
    by_item = np.bincount(view.assignments["item"][finished], minlength=len(view.items["id"]))
    withdrawn = view.items["withdrawn"].astype(bool)
    complete = int(((by_item >= view.items["overlap"]) & (by_item > 0) & ~withdrawn).sum())
    if queue is None:
        return QueueProgress(purpose.value, 0, complete, 0, len(finished), leased)
    # An item that is withdrawn wants no more than it has.
    taken_back, their_places = view.withdrawn.get(purpose, (0, 0))
    places = queue.places - their_places + int(by_item[withdrawn].sum())
    return QueueProgress(
        purpose=purpose.value,
        items=queue.items,
        complete=complete + taken_back,
        places=_places_wanted(counted.study, purpose, places_told(places), queue.places),
        finished=len(finished),
        leased=leased,
    )


def _places_wanted(study: StudyFile, purpose: Purpose, left: int | None, entered: int) -> int | None:
    """Places of the study's whole work. Conversations that workers begin are entered a few ahead: that is no number of theirs.

    Args:
        left: places of what is entered, without those that were taken back.
        entered: with them.
    """
    if purpose is not Purpose.WORK or not study.items.from_workers or left is None:
        return left
    return None if study.items.conversations is None else study.items.conversations * study.overlap + left - entered


def _pace(counted: Counted, queues: tuple[QueueProgress, ...], as_of: datetime) -> Pace:
    ended = _ended_at(counted)
    now = microseconds_of(as_of)
    days = 0 if not len(ended) else min(PACE_DAYS, max(0, now - int(ended.min())) // _DAY)
    ago = (now - ended) // _DAY
    per_day = mean_per_period([int((ago == day).sum()) for day in range(days)])
    queue = next((queue for queue in queues if queue.purpose == Purpose.WORK.value), None)
    left = None if queue is None or queue.places is None else max(0, queue.places - queue.finished)
    days_left = _days_left(left, per_day)
    end = None
    if days_left.value is not None and days_left.value < 100 * 365:
        end = as_of + timedelta(days=days_left.value)
    return Pace(days, per_day, left, days_left, end)


def _days_left(left: int | None, per_day: Figure) -> Figure:
    if left is None:
        return Figure.undefined(per_day.n, "the study has no last item")
    if left == 0:
        return Figure.without_interval(0.0, per_day.n, "nothing is left")
    if not per_day.value:
        return Figure.undefined(per_day.n, per_day.why_undefined or "nothing was finished in the last days")
    value = left / per_day.value
    if per_day.low is None or per_day.high is None:
        return Figure.without_interval(value, per_day.n, per_day.why_undefined or "no interval of the pace")
    if per_day.low <= 0.0:
        return Figure.without_interval(value, per_day.n, "days differ so much that it may take for ever")
    return Figure(value, left / per_day.high, left / per_day.low, per_day.n, None)


def _ended_at(counted: Counted) -> Ints:
    """When each finished item of the queue of work was judged last, corrections left out."""
    acts = counted.view.acts
    kept = counted.is_first & (counted.purpose_of_act == PURPOSES.index(Purpose.WORK))
    last = np.zeros(len(counted.view.assignments["item"]), dtype=np.int64)
    np.maximum.at(last, acts["assignment"][kept], acts["at"][kept])
    return last[last > 0]
