"""The topics of a study are read from its items once, and then of newer ones alone."""

from plumbline.collect.service.wellbeing.known_topics import KnownTopics
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
