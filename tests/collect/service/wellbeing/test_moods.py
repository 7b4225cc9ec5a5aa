"""How people say they feel: ten words, now and then, once; and what of it leaves."""

import json

import pytest

from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.wellbeing.moods import (
    FEELINGS,
    SCALE,
    is_mood_due,
    tell_mood,
)
from plumbline.collect.store.events import EventKind, read_events
from plumbline.collect.store.failures import NotAllowedError
from plumbline.collect.store.people import set_blocked
from plumbline.collect.store.wellbeing import last_mood_at, read_moods

EVERY = {"mood_every": 2}
FINE = dict.fromkeys(FEELINGS, 2)


def told(desk, study, worker, feelings=None, declined=False):
    return tell_mood(desk.collecting, worker, study.settings.name, feelings, declined=declined)


def stored(desk, study):
    """What was told, oldest first."""
    day = {"since": desk.now.replace(hour=0), "until": desk.now.replace(hour=23)}
    return [json.loads(payload) for payload in read_moods(desk.store, study.id, **day).payloads]


def test_there_are_five_pleasant_feelings_and_five_unpleasant_ones():
    assert FEELINGS[0::2] == ("calm", "cheerful", "interested", "confident", "rested")
    assert FEELINGS[1::2] == ("tense", "sad", "angry", "disgusted", "worn_out")
    assert len(SCALE) == 5


@pytest.mark.parametrize(
    ("every", "finished", "last", "due"),
    [
        (None, 99, 0, False),
        (10, 9, 0, False),
        (10, 10, 0, True),
        (10, 19, 10, False),
        (10, 20, 10, True),
        (10, 35, 10, True),
    ],
)
def test_it_is_asked_after_so_many_items(every, finished, last, due):
    assert is_mood_due(every, finished, last) is due


def test_a_survey_is_stored_once_at_each_count(desk):
    study, worker = desk.study(wellbeing=EVERY), desk.worker()
    desk.pairs(study, range(3))
    desk.judge(desk.next(study, worker), worker)
    assert told(desk, study, worker, FINE)
    assert not told(desk, study, worker, {**FINE, "sad": 4}), "the request came again"
    assert stored(desk, study) == [{"feelings": FINE}]
    assert last_mood_at(desk.store, study.id, worker.id) == 1
    desk.judge(desk.next(study, worker), worker)
    assert told(desk, study, worker, declined=True)
    assert stored(desk, study) == [{"feelings": FINE}, {"declined": True}]
    assert last_mood_at(desk.store, study.id, worker.id) == 2
    assert last_mood_at(desk.store, study.id, desk.worker().id) == 0


@pytest.mark.parametrize(
    ("feelings", "declined"),
    [
        (None, False),
        (FINE, True),
        ({}, False),
        (dict.fromkeys(FEELINGS[:-1], 2), False),
        ({**FINE, "else": 1}, False),
        ({**FINE, "calm": 5}, False),
        ({**FINE, "calm": -1}, False),
    ],
)
def test_it_is_answered_whole_or_declined(desk, feelings, declined):
    study = desk.study(wellbeing=EVERY)
    with pytest.raises(ServiceError, match="PL-WEL-004"):
        told(desk, study, desk.worker(), feelings, declined)
    assert stored(desk, study) == []


@pytest.mark.parametrize("wellbeing", [{"blur": True}, None])
def test_a_study_that_does_not_ask_stores_none(desk, wellbeing):
    study = desk.study(**({} if wellbeing is None else {"wellbeing": wellbeing}))
    with pytest.raises(ServiceError, match="PL-WEL-003"):
        told(desk, study, desk.worker(), FINE)


def test_the_log_says_that_somebody_answered_and_not_what(desk):
    study, worker = desk.study(wellbeing=EVERY), desk.worker()
    told(desk, study, worker, declined=True)
    told(desk, study, desk.worker(), FINE)
    logged = [event for event in read_events(desk.store) if event.kind == EventKind.MOOD_TOLD]
    assert [event.payload for event in logged] == [{"finished": 0}] * 2
    assert logged[0].person_id == worker.id


def test_who_is_blocked_tells_none(desk):
    study, worker = desk.study(wellbeing=EVERY), desk.worker()
    set_blocked(desk.store, worker.id, True, now=desk.now)
    with pytest.raises(NotAllowedError, match="PL-COL-031"):
        told(desk, study, worker, FINE)
