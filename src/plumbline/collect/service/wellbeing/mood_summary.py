"""How the people of a study feel, by day: for who looks after them, and never what one of them said.

A day's feelings are told once it is over, and where at least five different people answered. Were they told as they come, the
difference of two looks would be one person's answer; were those of all days told together, what is missing from the days
would be. Who declined is not told of fewer either. Of each person the mean of the day counts once, so that nobody who answers often can be read from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.wellbeing.moods import FEELINGS
from plumbline.collect.store.wellbeing import MoodColumns, read_moods

Integers: TypeAlias = NDArray[np.int64]

LEAST_PEOPLE = 5
DAYS = 60
_DAY = 86_400_000_000
"""Microseconds."""
_EPOCH = date(1970, 1, 1)
_Feelings = msgspec.defstruct("_Feelings", [(name, int) for name in FEELINGS], gc=False)


class _Told(msgspec.Struct, gc=False):
    """A survey; no feelings where it was declined."""

    feelings: _Feelings | None = None  # type: ignore[valid-type] # made of the list of feelings


_DECODER = msgspec.json.Decoder(list[_Told])


@dataclass(frozen=True, slots=True)
class MoodDay:
    """One day, UTC.

    Attributes:
        asked: surveys, answered or declined.
        people: how many different people they are of.
        answered: how many of these answered; None where they are fewer than `LEAST_PEOPLE`, or the day is not over.
        means: by feeling, 0 to 4, of who answered; None where `answered` is, or is less than `LEAST_PEOPLE`.
    """

    day: date
    asked: int
    people: int
    answered: int | None
    means: Mapping[str, float] | None


def mood_summary(collecting: Collecting, study_name: str, *, days: int = DAYS) -> list[MoodDay]:
    """The last days of a study on which anybody was asked, oldest first.

    Args:
        days: how far back, today included.
    Raises:
        NotFoundError: PL-COL-010.
    """
    study = collecting.catalogue.named(study_name)
    now = collecting.clock()
    since = start_of_day(now) - timedelta(days=days - 1)
    stored = read_moods(collecting.store, study.id, since=since, until=now + timedelta(microseconds=1))
    return summed_up(stored, now.astimezone(UTC).date())


def summed_up(moods: MoodColumns, today: date) -> list[MoodDay]:
    """Surveys by the day they were answered on; means of `today`, which is not over, are left out."""
    days, day_of = np.unique(np.array(moods.moments, np.int64) // _DAY, return_inverse=True)
    count, numbers = len(days), {person: number for number, person in enumerate(dict.fromkeys(moods.people))}
    # A person's day, as one number.
    person_day = day_of * len(numbers) + np.fromiter(map(numbers.__getitem__, moods.people), np.int64)
    asked = np.bincount(day_of, minlength=count)
    people = np.bincount(np.unique(person_day) // max(1, len(numbers)), minlength=count)
    answered, means = _means(moods, person_day, len(numbers), count)
    found = []
    for at, number in enumerate(days.tolist()):
        day = _EPOCH + timedelta(days=number)
        told = day < today and people[at] >= LEAST_PEOPLE
        shown = told and answered[at] >= LEAST_PEOPLE
        mean = dict(zip(FEELINGS, means[at].tolist(), strict=True)) if shown else None
        found.append(MoodDay(day, int(asked[at]), int(people[at]), int(answered[at]) if told else None, mean))
    return found


def _means(moods: MoodColumns, person_day: Integers, people: int, days: int) -> tuple[Integers, NDArray[np.float64]]:
    """(how many people answered, by day; the mean of their own means, by day and feeling)."""
    told: list[Any] = _DECODER.decode(f"[{','.join(moods.payloads)}]")
    where = np.array([at for at, each in enumerate(told) if each.feelings is not None], np.int64)
    values = np.array([msgspec.structs.astuple(each.feelings) for each in told if each.feelings is not None], np.int64)
    values = values.reshape(-1, len(FEELINGS))
    of_whom, first, group = np.unique(person_day[where], return_index=True, return_inverse=True)
    often = np.bincount(group, minlength=len(of_whom))
    # People in the order of their first answers, so that sums of fractions are those of going through them one by one.
    order = np.argsort(first)
    day_of_group = (of_whom // max(1, people))[order]
    answered = np.bincount(day_of_group, minlength=days)
    means = np.zeros((days, len(FEELINGS)))
    for feeling in range(len(FEELINGS)):
        own = np.bincount(group, weights=values[:, feeling], minlength=len(of_whom)) / often
        means[:, feeling] = np.bincount(day_of_group, weights=own[order], minlength=days) / np.maximum(answered, 1)
    return answered, means


def start_of_day(now: datetime) -> datetime:
    """Midnight, UTC."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
