"""What managers are told of moods: by day, of at least five people, and never so that one of them can be worked out."""

import json
import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest

from plumbline.collect.service.wellbeing.mood_summary import LEAST_PEOPLE, MoodDay, mood_summary, start_of_day
from plumbline.collect.service.wellbeing.mood_summary import summed_up as summed_up_by_columns
from plumbline.collect.service.wellbeing.moods import FEELINGS, tell_mood
from plumbline.collect.store.column_types import microseconds
from plumbline.collect.store.wellbeing import MoodColumns

DAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = date(2026, 11, 21)


@dataclass(frozen=True)
class StoredMood:
    person_id: str
    payload: dict
    created_at: datetime


def summed_up(moods, today):
    rows = [(each.person_id, json.dumps(each.payload), microseconds(each.created_at)) for each in moods]
    return summed_up_by_columns(MoodColumns(*zip(*rows, strict=True)) if rows else MoodColumns(), today)


def summed_up_plainly(moods, today):
    """As it is defined: day by day, person by person."""
    by_day = defaultdict(list)
    for each in moods:
        by_day[each.created_at.date()].append(each)
    found = []
    for day, of_day in sorted(by_day.items()):
        answers = defaultdict(list)
        for each in of_day:
            if "feelings" in each.payload:
                answers[each.person_id].append(each.payload["feelings"])
        people, means = len({each.person_id for each in of_day}), None
        told = day < today and people >= LEAST_PEOPLE
        if told and len(answers) >= LEAST_PEOPLE:
            own = [
                {name: sum(each[name] for each in of_one) / len(of_one) for name in FEELINGS}
                for of_one in answers.values()
            ]
            means = {name: sum(each[name] for each in own) / len(own) for name in FEELINGS}
        found.append(MoodDay(day, len(of_day), people, len(answers) if told else None, means))
    return found


def mood(person, value=2, at=DAY, **more):
    return StoredMood(person, {"feelings": {**dict.fromkeys(FEELINGS, value), **more}}, at)


def declined(person, at=DAY):
    return StoredMood(person, {"declined": True}, at)


def test_the_mean_of_a_day_is_that_of_its_people():
    people = [mood(f"p{number}", 0, sad=number % 5) for number in range(5)]
    (day,) = summed_up(people, TODAY)
    assert (day.day, day.asked, day.people, day.answered) == (DAY.date(), 5, 5, 5)
    assert day.means == {**dict.fromkeys(FEELINGS, 0.0), "sad": 2.0}


def test_who_answers_often_counts_once():
    people = [mood(f"p{number}", 0) for number in range(4)] + [mood("often", 4)] * 20 + [mood("often", 0)] * 20
    (day,) = summed_up(people, TODAY)
    assert (day.asked, day.people, day.answered) == (44, 5, 5)
    assert day.means == dict.fromkeys(FEELINGS, 2.0 / 5)


@pytest.mark.parametrize("people", [1, LEAST_PEOPLE - 1])
def test_of_fewer_than_five_nothing_is_told_however_often_they_answer(people):
    moods = [mood(f"p{number}") for number in range(people)] * 9
    (day,) = summed_up(moods, TODAY)
    assert (day.asked, day.people, day.answered, day.means) == (9 * people, people, None, None)


def test_nor_where_fewer_than_five_answered_among_more_who_were_asked():
    moods = [mood(f"p{number}") for number in range(4)] + [declined("p8"), declined("p9"), declined("p0")]
    (day,) = summed_up(moods, TODAY)
    assert (day.asked, day.people, day.answered, day.means) == (7, 6, 4, None)


def test_who_declined_alone_is_not_told():
    (day,) = summed_up([declined("p0")], TODAY)
    assert (day.asked, day.people, day.answered, day.means) == (1, 1, None, None)


def test_a_day_that_is_not_over_is_not_told():
    """The sixth answer would be the difference of two looks."""
    moods = [mood(f"p{number}") for number in range(9)]
    (day,) = summed_up(moods, DAY.date())
    assert (day.asked, day.people, day.answered, day.means) == (9, 9, None, None)


def test_days_stand_apart_in_their_order():
    earlier = DAY - timedelta(days=2)
    moods = [mood(f"p{number}", 1) for number in range(5)] + [mood(f"p{number}", 3, earlier) for number in range(6)]
    assert [(day.day, day.people, day.means["calm"]) for day in summed_up(moods, TODAY)] == [
        (earlier.date(), 6, 3.0),
        (DAY.date(), 5, 1.0),
    ]
    assert summed_up([], TODAY) == []


def test_the_figures_are_those_of_the_plain_way_to_the_last_bit():
    drawn = random.Random(7)
    moods = []
    for _ in range(3000):
        # Not in the order of their moments: who answers late is stored late.
        at, person = (
            DAY - timedelta(days=drawn.randrange(9), seconds=drawn.randrange(40_000)),
            f"p{drawn.randrange(40)}",
        )
        feelings = {name: drawn.randrange(5) for name in FEELINGS}
        moods.append(declined(person, at) if drawn.random() < 0.2 else StoredMood(person, {"feelings": feelings}, at))
    moods += [
        mood("alone", 3, DAY - timedelta(days=20)),
        *(declined(f"p{each}", DAY - timedelta(days=30)) for each in range(6)),
    ]
    for today in (TODAY, DAY.date()):
        found = summed_up(moods, today)
        assert found == summed_up_plainly(moods, today)
        assert len(found) >= 11


def test_what_stands_in_the_store_is_summed_up_by_study_and_time(desk):
    study, other = desk.study(wellbeing={"mood_every": 1}), desk.study(name="t", wellbeing={"mood_every": 1})
    workers = [desk.worker() for _ in range(5)]
    for worker in workers:
        tell_mood(desk.collecting, worker, "s", dict.fromkeys(FEELINGS, 4), declined=False)
    tell_mood(desk.collecting, workers[0], "t", None, declined=True)
    assert [(day.people, day.means) for day in mood_summary(desk.collecting, "s")] == [(5, None)]
    desk.wait(days=1)
    (day,) = mood_summary(desk.collecting, "s")
    assert day.means == dict.fromkeys(FEELINGS, 4.0)
    assert [(day.asked, day.answered) for day in mood_summary(desk.collecting, "t")] == [(1, None)]
    desk.wait(days=1)
    assert mood_summary(desk.collecting, "s", days=2) == []
    assert study.id != other.id


def test_a_day_begins_at_midnight_in_utc():
    assert start_of_day(datetime.fromisoformat("2026-11-21T01:30:00+02:00")) == datetime(2026, 11, 20, tzinfo=UTC)
