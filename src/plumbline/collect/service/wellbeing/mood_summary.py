"""How the people of a study feel, by day: for who looks after them, and never what one of them said.

A day's feelings are told once it is over, and where at least five different people answered. Were they told as they come, the
difference of two looks would be one person's answer; were those of all days told together, what is missing from the days
would be. Who declined is not told of fewer either. Of each person the mean of the day counts once, so that nobody who answers often can be read from it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.wellbeing.moods import FEELINGS
from plumbline.collect.store.wellbeing import StoredMood, read_moods

LEAST_PEOPLE = 5
DAYS = 60


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


def summed_up(moods: Iterable[StoredMood], today: date) -> list[MoodDay]:
    """Surveys by the day they were answered on; means of `today`, which is not over, are left out."""
    by_day: dict[date, list[StoredMood]] = defaultdict(list)
    for mood in moods:
        by_day[mood.created_at.astimezone(UTC).date()].append(mood)
    return [_day(day, by_day[day], is_over=day < today) for day in sorted(by_day)]


def start_of_day(now: datetime) -> datetime:
    """Midnight, UTC."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _day(day: date, moods: list[StoredMood], *, is_over: bool) -> MoodDay:
    answers: dict[str, list[Mapping[str, int]]] = defaultdict(list)
    for mood in moods:
        feelings = mood.payload.get("feelings")
        if isinstance(feelings, dict):
            answers[mood.person_id].append(feelings)
    people = len({mood.person_id for mood in moods})
    told = is_over and people >= LEAST_PEOPLE
    shown = told and len(answers) >= LEAST_PEOPLE
    means = {name: _mean_of_people(answers, name) for name in FEELINGS} if shown else None
    return MoodDay(day, len(moods), people, len(answers) if told else None, means)


def _mean_of_people(answers: Mapping[str, list[Mapping[str, int]]], name: str) -> float:
    own = [sum(each[name] for each in of_one) / len(of_one) for of_one in answers.values()]
    return sum(own) / len(own)
