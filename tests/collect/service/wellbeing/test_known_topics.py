"""The topics of a study are read from its items once, and then of newer ones alone."""

import asyncio

from plumbline.collect.service.wellbeing import topics
from plumbline.collect.service.wellbeing.known_topics import KnownTopics
from plumbline.collect.service.wellbeing.topics import read_all_topics
from plumbline.collect.store.failures import StoreUnavailableError
from tests.collect.service.wellbeing.made_up import CYBER, DRUGS, TOPICS, VIOLENCE, statements


def test_topics_are_read_once_and_then_of_newer_items_alone(desk):
    study = desk.open((VIOLENCE,), (DRUGS,))
    other = desk.study(name="t", wellbeing=TOPICS)
    known = KnownTopics()
    assert known.of_study(desk.store, study.id) == {VIOLENCE, DRUGS}
    assert known.of_study(desk.store, other.id) == frozenset()
    with statements(desk.store) as sent:
        assert known.known_among(desk.store, study.id, frozenset((DRUGS,))) == {DRUGS}
    assert sent == []
    desk.entered(study, (CYBER,))
    assert known.known_among(desk.store, study.id, frozenset((CYBER, "else"))) == {CYBER}
    assert known.of_study(desk.store, study.id) == {VIOLENCE, DRUGS, CYBER}


def test_a_server_reads_them_when_it_starts(desk):
    study, plain = desk.open((VIOLENCE,)), desk.study(name="plain")
    desk.entered(plain, (DRUGS,))
    with statements(desk.store) as sent:
        asyncio.run(read_all_topics(desk.collecting))
    assert sum("payload" in each for each in sent) == 1
    with statements(desk.store) as sent:
        assert desk.collecting.topics.known_among(desk.store, study.id, frozenset((VIOLENCE,))) == {VIOLENCE}
    assert sent == []


def test_a_store_that_does_not_answer_then_keeps_no_server_from_starting(desk, monkeypatch, caplog):
    def fail(*_):
        raise StoreUnavailableError("PL-COL-001", "store", "busy", advice="again")

    monkeypatch.setattr(topics, "list_studies", fail)
    asyncio.run(read_all_topics(desk.collecting))
    assert "PL-COL-001" in caplog.text
