"""Wishes and moods, as they are stored."""

import json
from datetime import timedelta

import pytest

from plumbline.collect.store.column_types import microseconds
from plumbline.collect.store.failures import NotAllowedError, NotFoundError
from plumbline.collect.store.keeping.erasing import erase_person
from plumbline.collect.store.people import add_person
from plumbline.collect.store.studies import create_study
from plumbline.collect.store.wellbeing import add_mood, last_mood_at, read_moods, read_opted_out, save_opted_out
from tests.collect.store.made_up import START

LATER = START + timedelta(hours=1)


@pytest.fixture
def study_id(store):
    return create_study(store, "s", "pairs", "", "Read.", now=START).id


def test_a_wish_takes_the_place_of_the_one_before(store, study_id):
    person = add_person(store, now=START)
    other = create_study(store, "t", "pairs", "", "Read.", now=START).id
    assert read_opted_out(store, study_id, person.id) == ()
    for topics in (["b", "a"], ["c"], []):
        save_opted_out(store, study_id, person.id, topics, now=START)
        assert read_opted_out(store, study_id, person.id) == tuple(topics)
    assert read_opted_out(store, other, person.id) == ()


def test_moods_are_only_added_and_read_by_time(store, study_id):
    people = [add_person(store, now=START) for _ in range(2)]
    assert add_mood(store, study_id, people[0].id, {"declined": True}, 10, now=START)
    assert add_mood(store, study_id, people[1].id, {"feelings": {"calm": 1}}, 10, now=LATER)
    assert not add_mood(store, study_id, people[0].id, {"feelings": {"calm": 4}}, 9, now=LATER), "earlier than the last"
    assert not add_mood(store, study_id, people[0].id, {"feelings": {"calm": 4}}, 10, now=LATER)
    assert [last_mood_at(store, study_id, person.id) for person in people] == [10, 10]
    everything = read_moods(store, study_id, since=START, until=LATER + timedelta(seconds=1))
    assert list(zip(everything.people, map(json.loads, everything.payloads), everything.moments, strict=True)) == [
        (people[0].id, {"declined": True}, microseconds(START)),
        (people[1].id, {"feelings": {"calm": 1}}, microseconds(LATER)),
    ]
    assert read_moods(store, study_id, since=START, until=LATER).people == (people[0].id,)


def test_who_is_erased_takes_both_along(store, study_id):
    person, other = (add_person(store, now=START) for _ in range(2))
    for each in (person, other):
        save_opted_out(store, study_id, each.id, ["a"], now=START)
        add_mood(store, study_id, each.id, {"declined": True}, 1, now=START)
    erase_person(store, person.pseudonym, now=LATER)
    assert read_moods(store, study_id, since=START, until=LATER).people == (other.id,)
    assert [read_opted_out(store, study_id, each.id) for each in (person, other)] == [(), ("a",)]
    for act in (
        lambda: save_opted_out(store, study_id, person.id, [], now=LATER),
        lambda: add_mood(store, study_id, person.id, {"declined": True}, 2, now=LATER),
    ):
        with pytest.raises(NotAllowedError, match="PL-COL-031"):
            act()


def test_a_study_that_is_not_there_holds_nothing(store):
    person = add_person(store, now=START)
    for act in (
        lambda: save_opted_out(store, 9, person.id, [], now=START),
        lambda: add_mood(store, 9, person.id, {"declined": True}, 2, now=START),
    ):
        with pytest.raises(NotFoundError, match="PL-COL-010"):
            act()
