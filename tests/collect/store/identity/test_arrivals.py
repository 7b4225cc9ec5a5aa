"""People who come from elsewhere: one person for each participant of a study, however they come, and their id stays here."""

import threading

import pytest
from sqlalchemy import insert, select, text

from plumbline.collect.store.checking import check_store
from plumbline.collect.store.events import EventKind, read_events
from plumbline.collect.store.failures import NotFoundError
from plumbline.collect.store.identity.arrivals import (
    Participant,
    add_arrival,
    complete_arrival,
    find_arrival,
    find_arrived,
)
from plumbline.collect.store.identity.hit_visits import current_hit_visit
from plumbline.collect.store.people import add_person, find_person, list_people
from plumbline.collect.store.rows import Role
from plumbline.collect.store.studies import create_study
from plumbline.collect.store.tables import arrivals
from tests.collect.store.made_up import START

WHO = Participant("prolific", "zzparticipant", "zzvisit-1")
AGAIN = Participant("prolific", "zzparticipant", "zzvisit-2")


@pytest.fixture
def study_id(store):
    return create_study(store, "s", "pairs", "", "Read.", now=START).id


def rows(store):
    return store.rows(select(arrivals.c.external_id, arrivals.c.visit, arrivals.c.person_id).order_by(arrivals.c.id))


def test_somebody_new_is_a_worker_of_that_study_alone(store, study_id):
    assert find_arrived(store, study_id, WHO) is None
    person = add_arrival(store, study_id, WHO, now=START)
    assert (person.role, person.only_study_id) == (Role.WORKER, study_id)
    assert find_person(store, person.pseudonym) == person
    kinds = [event.kind for event in read_events(store)]
    assert kinds[-2:] == [EventKind.PERSON_ADDED, EventKind.ARRIVED]
    assert read_events(store)[-1].payload == {"provider": "prolific"}
    assert check_store(store) == []


def test_the_same_participant_is_the_same_person_and_their_visit_the_last(store, study_id):
    person = add_arrival(store, study_id, WHO, now=START)
    assert find_arrived(store, study_id, AGAIN) == person
    assert rows(store) == [("zzparticipant", "zzvisit-2", person.id)]
    assert add_arrival(store, study_id, WHO, now=START) == person, "another request was faster"
    assert len(list_people(store)) == 1
    assert sum(event.kind == EventKind.PERSON_ADDED for event in read_events(store)) == 1


def test_in_another_study_or_from_elsewhere_it_is_somebody_else(store, study_id):
    other = create_study(store, "t", "pairs", "", "Read.", now=START).id
    found = [
        add_arrival(store, number, Participant(provider, name, "v"), now=START).id
        for number, provider, name in (
            (study_id, "prolific", "a"), (other, "prolific", "a"), (study_id, "other", "a"), (study_id, "prolific", "A")
        )
    ]  # fmt: skip
    assert len(set(found)) == 4
    assert find_arrived(store, other, Participant("other", "a", "v")) is None
    assert find_arrived(store, study_id, Participant("other", "a", "v")).id == found[2]


def test_two_requests_at_once_make_one_person(store, study_id):
    start, found = threading.Barrier(4), []

    def arrive():
        start.wait()
        found.append(add_arrival(store, study_id, WHO, now=START).id)

    threads = [threading.Thread(target=arrive) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(found) == 4
    assert set(found) == {person.id for person in list_people(store)}
    assert sum(event.kind == EventKind.ARRIVED for event in read_events(store)) == 1


def test_there_is_no_arrival_in_a_study_that_is_not_there(store):
    with pytest.raises(NotFoundError, match="PL-COL-010"):
        add_arrival(store, 9, WHO, now=START)
    assert list_people(store) == []


def test_a_visit_is_completed_once(store, study_id):
    person = add_arrival(store, study_id, WHO, now=START)
    arrival = find_arrival(store, study_id, person.id)
    assert (arrival.provider, arrival.completed_at) == ("prolific", None)
    assert complete_arrival(store, arrival.id, now=START)
    later = START.replace(year=2027)
    assert not complete_arrival(store, arrival.id, now=later)
    assert find_arrival(store, study_id, person.id).completed_at == START
    assert [event.kind for event in read_events(store)].count(EventKind.VISIT_COMPLETED) == 1
    assert find_arrival(store, study_id, "nobody") is None


def test_no_line_of_the_log_has_the_id_or_the_visit(store, study_id):
    person = add_arrival(store, study_id, WHO, now=START)
    find_arrived(store, study_id, AGAIN)
    complete_arrival(store, find_arrival(store, study_id, person.id).id, now=START)
    logged = [str(row) for row in store.rows(text("SELECT * FROM events"))]
    assert len(logged) >= 4
    assert not any("zz" in line for line in logged)


def test_how_somebody_came_is_not_one_of_their_hits(store, study_id):
    """In whatever order the rows stand: a restore writes them anew."""
    person = add_person(store, now=START)
    values = {"study_id": study_id, "person_id": person.id, "created_at": START}
    for provider, external, visit in (("mturk-hit", "zzhit", ""), ("mturk", "zzworker", "zzhit")):
        row = {**values, "provider": provider, "external_id": external, "visit": visit}
        store.write(lambda connection, row=row: connection.execute(insert(arrivals), row))
    assert find_arrival(store, study_id, person.id).provider == "mturk"
    assert current_hit_visit(store, study_id, person.id).token != "zzhit"
