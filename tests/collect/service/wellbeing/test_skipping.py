"""Who opted out of a topic gets none of its items, and nothing tells a gold item from another by that."""

import pytest

from plumbline.collect.kinds import Purpose
from plumbline.collect.kinds.draws import drawn_share
from plumbline.collect.service import beginning
from plumbline.collect.service.beginning import begin_work, left_to_others
from plumbline.collect.service.entering import enter_uploaded
from plumbline.collect.service.wellbeing import skipping
from plumbline.collect.service.wellbeing.preferences import set_opted_out
from plumbline.collect.store.assignments import read_assignment
from plumbline.collect.store.checking import check_store
from plumbline.collect.store.dashboard_rows import count_given_up
from plumbline.collect.store.events import EventKind, read_events
from plumbline.collect.store.leasing import release
from plumbline.collect.store.rows import AssignmentState, StudyState
from plumbline.collect.store.studies import set_study_state
from tests.collect.service.wellbeing.made_up import CYBER, DRUGS, VIOLENCE, statements


def released(desk):
    return [event for event in read_events(desk.store) if event.kind == EventKind.RELEASED]


def opt_out(desk, study, worker, *topics):
    return set_opted_out(desk.collecting, worker, study.settings.name, topics)


def test_items_of_a_topic_are_given_back_unseen(desk):
    study, worker, other = desk.open((VIOLENCE,), (VIOLENCE, DRUGS), (DRUGS,), ()), desk.worker(), desk.worker()
    assert opt_out(desk, study, worker, VIOLENCE) == (VIOLENCE,)
    held = desk.next(study, worker)
    assert held.item.payload["topics"] == [DRUGS]
    assert [event.payload["reason"] for event in released(desk)] == ["topic", "topic"]
    assert {event.person_id for event in released(desk)} == {worker.id}
    # What one gave back is the others' to take.
    seen = [desk.next(study, other).item.payload.get("topics")]
    assert seen == [[VIOLENCE]]
    desk.judge(held, worker)
    last = desk.next(study, worker)
    assert "topics" not in last.item.payload
    assert check_store(desk.store) == []
    # It counts against nobody; what they give back themselves does.
    assert count_given_up(desk.store, study.id) == {}
    release(desk.store, last.assignment.id, worker.id, last.assignment.fence, now=desk.now)
    assert count_given_up(desk.store, study.id) == {worker.id: (1, 0)}


def test_nothing_is_left_where_all_is_of_such_topics(desk):
    study, worker = desk.open((VIOLENCE,), (DRUGS, CYBER)), desk.worker()
    opt_out(desk, study, worker, VIOLENCE, CYBER)
    assert desk.next(study, worker) is None
    assert len(released(desk)) == 2
    assert desk.next(study, worker) is None
    assert len(released(desk)) == 2


def test_what_waits_for_others_alone_is_said_as_long_as_it_waits(desk):
    study, worker, other = desk.open((VIOLENCE,), (DRUGS,)), desk.worker(), desk.worker()
    assert left_to_others(desk.collecting, worker, study, Purpose.WORK) == []
    opt_out(desk, study, worker, VIOLENCE)
    held = desk.next(study, worker)
    release(desk.store, held.assignment.id, worker.id, held.assignment.fence, now=desk.now)
    assert desk.next(study, worker) is None
    assert left_to_others(desk.collecting, worker, study, Purpose.WORK) == ["skipped", "topics"]
    desk.judge(desk.next(study, other), other)
    assert left_to_others(desk.collecting, worker, study, Purpose.WORK) in [["skipped"], ["topics"]]
    desk.judge(desk.next(study, other), other)
    assert left_to_others(desk.collecting, worker, study, Purpose.WORK) == []
    assert left_to_others(desk.collecting, other, study, Purpose.WORK) == []


def test_at_most_so_many_at_a_time(desk, monkeypatch):
    monkeypatch.setattr(beginning, "MOST_SKIPPED", 3)
    study, worker = desk.open(*[(VIOLENCE,)] * 4, ()), desk.worker()
    opt_out(desk, study, worker, VIOLENCE)
    assert desk.next(study, worker) is None
    assert len(released(desk)) == 3
    assert "topics" not in desk.next(study, worker).item.payload
    assert skipping.MOST_SKIPPED == 20


def test_what_is_in_hand_and_not_begun_is_given_back_too(desk):
    study, worker = desk.open((VIOLENCE,), (DRUGS,)), desk.worker()
    first = desk.next(study, worker)
    opt_out(desk, study, worker, VIOLENCE)
    assert desk.next(study, worker).item.payload["topics"] == [DRUGS]
    assert read_assignment(desk.store, first.assignment.id).state is AssignmentState.RELEASED


def test_what_is_begun_is_kept(desk):
    study = desk.study(
        "red-team-chat",
        items={"prompts": "x.jsonl"},
        warning="w",
        replies={"sampler": "two-samples", "sources": ["retrieval:x"]},
        wellbeing={"topics": True},
    )
    enter_uploaded(desk.collecting, study, b'{"prompt": "q", "category": "self_harm", "category_id": 10}', "jsonl")
    worker = desk.worker()
    held = desk.next(study, worker)
    desk.answer(held, worker, act="consent", agreed=True)
    opt_out(desk, study, worker, "self_harm")
    assert desk.next(study, worker).assignment.id == held.assignment.id
    assert released(desk) == []


def test_opting_in_again_brings_other_items_of_the_topic_but_not_those_given_back(desk):
    study, worker = desk.open((VIOLENCE,)), desk.worker()
    opt_out(desk, study, worker, VIOLENCE)
    assert desk.next(study, worker) is None
    opt_out(desk, study, worker)
    assert desk.next(study, worker) is None
    desk.entered(study, (VIOLENCE,))
    assert desk.next(study, worker).item.payload["topics"] == [VIOLENCE]


def test_training_items_are_shown(desk):
    study, worker = desk.open((VIOLENCE,), qualification={"items": "x", "pass_share": 0.5}), desk.worker()
    desk.entered(study, (VIOLENCE,), purpose=Purpose.TRAINING)
    opt_out(desk, study, worker, VIOLENCE)
    held = desk.next(study, worker)
    assert held.item.purpose is Purpose.TRAINING
    desk.judge(held, worker)
    assert desk.next(study, worker) is None
    assert len(released(desk)) == 1


@pytest.mark.parametrize("purpose", [Purpose.GOLD, Purpose.ATTENTION])
def test_gold_and_attention_go_the_same_way_as_work(desk, purpose):
    settings = (
        {"gold": {"items": "x", "share": 0.9}} if purpose is Purpose.GOLD else {"attention": {"items": "x", "every": 2}}
    )
    study = desk.open((DRUGS,), (VIOLENCE,), *[(DRUGS,)] * 4, **settings)
    desk.entered(study, (VIOLENCE,), (DRUGS,), purpose=purpose)
    seed = study.settings.seed
    worker = next(
        each for each in iter(desk.worker, None) if drawn_share(seed, "gold", each.pseudonym, "0") < 0.9
    )  # fmt: skip
    opt_out(desk, study, worker, VIOLENCE)
    given = []
    for _ in range(4):
        held = desk.next(study, worker)
        assert held.item.payload["topics"] == [DRUGS]
        given.append(held.item.purpose)
        desk.judge(held, worker)
    assert purpose in given
    about = {read_assignment(desk.store, event.assignment_id).purpose for event in released(desk)}
    assert purpose in about
    assert {tuple(sorted(event.payload)) for event in released(desk)} == {("fence", "reason")}


def test_an_item_submitted_by_another_tab_at_that_moment_is_no_failure(desk, monkeypatch):
    study, worker = desk.open((VIOLENCE,), (DRUGS,)), desk.worker()
    first = desk.next(study, worker)
    opt_out(desk, study, worker, VIOLENCE)
    release = skipping.release

    def submitted_first(*args, **more):
        monkeypatch.setattr(skipping, "release", release)
        desk.judge(first, worker)
        return release(*args, **more)

    monkeypatch.setattr(skipping, "release", submitted_first)
    assert desk.next(study, worker).item.payload["topics"] == [DRUGS]
    assert read_assignment(desk.store, first.assignment.id).state is AssignmentState.SUBMITTED


def test_a_paused_study_gives_nothing_for_what_was_given_back(desk):
    study, worker = desk.open((VIOLENCE,), (DRUGS,)), desk.worker()
    desk.next(study, worker)
    opt_out(desk, study, worker, VIOLENCE)
    set_study_state(desk.store, study.id, StudyState.PAUSED, now=desk.now)
    with pytest.raises(Exception, match="PL-COL-030"):
        desk.next(study, worker)


def sent_at_next(desk, study, worker):
    with statements(desk.store) as sent:
        begin_work(desk.collecting, worker, study.settings.name)
    return sent


def test_a_study_without_topics_asks_for_nothing_more(desk):
    """Neither does one with topics, of an item that has none; of one that has, one question more."""
    plain, topical = desk.study(), desk.open((), (DRUGS,), name="t")
    desk.pairs(plain, range(2))
    worker = desk.worker()
    for study in (plain, topical):
        desk.collecting.topics.of_study(desk.store, study.id)
    count = len(sent_at_next(desk, plain, worker))
    assert not any("preferences" in each for each in sent_at_next(desk, plain, worker))
    assert len(sent_at_next(desk, topical, worker)) == count
    desk.judge(desk.next(topical, worker), worker)
    with_one = sent_at_next(desk, topical, worker)
    assert len(with_one) == count + 1
    assert sum("preferences" in each for each in with_one) == 1
