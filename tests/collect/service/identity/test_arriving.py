"""Coming from Prolific: who is let in, as whom, and who is told what."""

import pytest

from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.studies import change_state
from plumbline.collect.store.failures import NotFoundError
from plumbline.collect.store.people import list_people
from plumbline.collect.store.rows import Role, StudyState
from tests.collect.service.identity.made_up import PROLIFIC, arrive


def test_a_participant_is_one_worker_of_one_study(desk):
    study = desk.study(prolific=PROLIFIC)
    person = arrive(desk)
    assert (person.role, person.only_study_id) == (Role.WORKER, study.id)
    assert arrive(desk, visit="zzother") == person
    assert arrive(desk, "another") != person
    desk.study(name="t", prolific=PROLIFIC)
    assert arrive(desk, study="t").id != person.id
    assert len(list_people(desk.store)) == 3


def test_another_study_of_theirs_is_refused(desk):
    desk.study(prolific=PROLIFIC)
    for other in ("", "their", "theirs2", "\u00fc"):
        with pytest.raises(ServiceError, match="PL-ARR-001") as refused:
            arrive(desk, study_of_provider=other)
        assert "theirs" not in str(refused.value)
        assert "zz" not in str(refused.value)
    assert list_people(desk.store) == []


def test_a_study_that_is_not_there_and_one_without_prolific_are_told_alike(desk):
    desk.study()
    found = []
    for name in ("s", "t"):
        with pytest.raises(NotFoundError, match="PL-COL-010") as refused:
            arrive(desk, study=name)
        found.append(refused.value.code)
    assert found == ["PL-COL-010"] * 2


def test_a_closed_study_takes_nobody_new_and_lets_those_back_who_were_there(desk):
    study = desk.study(prolific=PROLIFIC)
    desk.pairs(study, range(5))
    person = arrive(desk)
    change_state(desk.collecting, "s", StudyState.PAUSED)
    assert arrive(desk, "while it rests").only_study_id == study.id
    change_state(desk.collecting, "s", StudyState.CLOSED)
    assert arrive(desk) == person
    with pytest.raises(ServiceError, match="PL-ARR-002") as refused:
        arrive(desk, "zznew")
    assert "thank you" in str(refused.value)
    assert "zz" not in str(refused.value)
    assert len(list_people(desk.store)) == 2
