"""What somebody does not want to see: topics of the study, their own wish, and nobody else's to know."""

import pytest

from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.wellbeing.known_topics import KnownTopics
from plumbline.collect.service.wellbeing.preferences import opted_out, set_opted_out
from plumbline.collect.store.events import EventKind, read_events
from plumbline.collect.store.failures import NotFoundError
from tests.collect.service.wellbeing.made_up import VIOLENCE


def opt_out(desk, study, worker, *topics):
    return set_opted_out(desk.collecting, worker, study.settings.name, topics)


def test_only_topics_of_the_study_are_stored(desk):
    study, worker = desk.open((VIOLENCE,)), desk.worker()
    with pytest.raises(ServiceError, match="PL-WEL-002") as refused:
        opt_out(desk, study, worker, "my own past")
    assert "my own past" not in str(refused.value)
    assert opted_out(desk.collecting, worker, study) == frozenset()
    assert opt_out(desk, study, worker, VIOLENCE, VIOLENCE) == (VIOLENCE,)
    assert opted_out(desk.collecting, worker, study) == {VIOLENCE}
    assert opted_out(desk.collecting, desk.worker(), study) == frozenset()


def test_a_study_without_topics_takes_no_wish(desk):
    study = desk.study()
    with pytest.raises(ServiceError, match="PL-WEL-001"):
        opt_out(desk, study, desk.worker())


def test_the_log_says_that_there_is_a_wish_and_not_which(desk):
    study, worker = desk.open((VIOLENCE,)), desk.worker()
    opt_out(desk, study, worker, VIOLENCE)
    (event,) = [each for each in read_events(desk.store) if each.kind == EventKind.PREFERENCES_SET]
    assert (event.person_id, event.study_id, event.payload) == (worker.id, study.id, {})


def test_a_topic_that_went_may_stay_opted_out_of(desk):
    """A restore takes the items away that brought it; another process has never seen them."""
    study, worker = desk.open((VIOLENCE,)), desk.worker()
    opt_out(desk, study, worker, VIOLENCE)
    object.__setattr__(desk.collecting, "topics", Forgetful())
    assert opt_out(desk, study, worker, VIOLENCE) == (VIOLENCE,)
    with pytest.raises(ServiceError, match="PL-WEL-002"):
        opt_out(desk, study, desk.worker(), VIOLENCE)
    assert KnownTopics().of_study(desk.store, study.id) == {VIOLENCE}


class Forgetful:
    def known_among(self, *_):
        return frozenset()


def test_there_is_no_wish_in_a_study_that_is_not_there(desk):
    with pytest.raises(NotFoundError, match="PL-COL-010"):
        set_opted_out(desk.collecting, desk.worker(), "nowhere", [])
