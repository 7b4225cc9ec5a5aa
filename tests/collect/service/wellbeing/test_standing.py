"""How far somebody is: right, without telling gold from work, and in a few queries."""

import pytest

from plumbline.collect.kinds import Purpose
from plumbline.collect.kinds.draws import drawn_share
from plumbline.collect.service.giving_back import give_back
from plumbline.collect.service.submitting import Answer, Request, submit_answer
from plumbline.collect.service.wellbeing.moods import FEELINGS, tell_mood
from plumbline.collect.service.wellbeing.preferences import set_opted_out
from plumbline.collect.service.wellbeing.standing import read_standing
from plumbline.collect.store.failures import NotFoundError
from tests.collect.service.wellbeing.made_up import DRUGS, VIOLENCE, statements


def standing(desk, study, worker):
    return read_standing(desk.collecting, worker, study.settings.name)


def judge_in(desk, held, worker, seconds):
    answer = Answer(held.assignment.fence, {"act": "judge-pair", "helpfulness": 1}, 1, seconds)
    return submit_answer(desk.collecting, worker, held.assignment.id, answer, Request(f"k-{next(desk.keys)}", "0" * 64))


def test_of_somebody_new_in_a_plain_study(desk):
    study = desk.study()
    found = standing(desk, study, desk.worker())
    assert (found.finished, found.submitted, found.over, found.minutes_today) == (0, {}, False, 0)
    assert (found.training_items_left, found.qualified, found.mood_due, found.feelings) == (None, None, False, ())
    assert (found.topics, found.opted_out, found.items_open) == ((), (), 0)
    assert (found.visit.completion, found.visit.items_to_go) == (None, None)
    with pytest.raises(NotFoundError, match="PL-COL-010"):
        read_standing(desk.collecting, desk.worker(), "another")


def test_gold_and_attention_are_told_as_work(desk):
    study = desk.study(gold={"items": "x", "share": 0.9}, attention={"items": "x", "every": 2})
    desk.pairs(study, range(9))
    desk.pairs(study, range(9), Purpose.GOLD)
    desk.pairs(study, range(9), Purpose.ATTENTION)
    seed = study.settings.seed
    worker = next(each for each in iter(desk.worker, None) if drawn_share(seed, "gold", each.pseudonym, "0") < 0.9)
    purposes = set()
    for _ in range(6):
        held = desk.next(study, worker)
        purposes.add(held.item.purpose)
        desk.judge(held, worker)
    assert {Purpose.GOLD, Purpose.ATTENTION} <= purposes
    found = standing(desk, study, worker)
    assert (found.finished, found.submitted) == (6, {Purpose.WORK: 6})


def test_training_and_the_limit(desk):
    study = desk.study(qualification={"items": "x", "pass_share": 1.0}, per_worker_limit=1)
    desk.pairs(study, range(3))
    desk.pairs(study, range(2), Purpose.TRAINING)
    worker, other = desk.worker(), desk.worker()
    assert standing(desk, study, worker).training_items_left == 2
    for who in (worker, other):
        for _ in range(2):
            desk.judge(desk.next(study, who), who, right=who is worker)
    assert standing(desk, study, worker).training_items_left == 0
    held = desk.next(study, worker)
    found = standing(desk, study, worker)
    assert (found.qualified, found.over, found.submitted) == (True, False, {Purpose.TRAINING: 2})
    desk.judge(held, worker)
    assert standing(desk, study, worker).over, "the limit"
    assert desk.next(study, other) is None
    found = standing(desk, study, other)
    assert (found.qualified, found.over, found.training_items_left) == (False, True, 0)


def test_minutes_are_those_of_today_in_all_studies(desk):
    first, second = desk.study(), desk.study(name="t")
    worker, other = desk.worker(), desk.worker()
    for study in (first, second):
        desk.pairs(study, range(4))
    judge_in(desk, desk.next(first, worker), worker, 3000)
    desk.wait(hours=15)  # midnight
    judge_in(desk, desk.next(first, worker), worker, 61.5)
    judge_in(desk, desk.next(second, worker), worker, 118.4)
    judge_in(desk, desk.next(second, worker), worker, None)
    judge_in(desk, desk.next(second, other), other, 500)
    assert [standing(desk, study, worker).minutes_today for study in (first, second)] == [2, 2]
    desk.wait(days=1)
    assert standing(desk, first, worker).minutes_today == 0


def test_a_full_day_lets_what_is_in_hand_be_finished(desk):
    study, worker = desk.study(wellbeing={"most_minutes_a_day": 2}), desk.worker()
    desk.pairs(study, range(4))
    judge_in(desk, desk.next(study, worker), worker, 119)
    assert not standing(desk, study, worker).enough_today
    judge_in(desk, desk.next(study, worker), worker, 1)
    assert standing(desk, study, worker).enough_today
    held = desk.next(study, worker)
    assert not standing(desk, study, worker).enough_today
    judge_in(desk, held, worker, 1)
    assert standing(desk, study, worker).enough_today
    desk.wait(days=1)
    assert not standing(desk, study, worker).enough_today


def test_a_mood_is_due_after_so_many_items_of_any_purpose(desk):
    study = desk.study(wellbeing={"mood_every": 2}, qualification={"items": "x", "pass_share": 0.1})
    desk.pairs(study, range(5))
    desk.pairs(study, range(1), Purpose.TRAINING)
    worker = desk.worker()
    due = []
    for _ in range(5):
        found = standing(desk, study, worker)
        due.append(found.mood_due)
        assert found.feelings == FEELINGS
        if found.mood_due:
            tell_mood(desk.collecting, worker, "s", None, declined=True)
            assert not standing(desk, study, worker).mood_due
        desk.judge(desk.next(study, worker), worker)
    assert due == [False, False, True, False, True]


def test_topics_and_those_opted_out_of(desk):
    study, worker = desk.open((VIOLENCE,), (DRUGS,)), desk.worker()
    set_opted_out(desk.collecting, worker, "s", [VIOLENCE])
    found = standing(desk, study, worker)
    assert (found.topics, found.opted_out) == ((DRUGS, VIOLENCE), (VIOLENCE,))
    assert standing(desk, study, desk.worker()).opted_out == ()


def test_how_much_is_open_is_told_roughly(desk):
    study = desk.study()
    told = [standing(desk, study, desk.worker()).items_open]
    for count in (1, 8, 1, 89, 1):
        desk.pairs(study, range(desk.collecting.clock().microsecond, desk.now.microsecond + count))
        desk.wait(microseconds=count)
        told.append(standing(desk, study, desk.worker()).items_open)
    assert told == [0, 1, 1, 10, 10, 100]


@pytest.mark.parametrize(("conversations", "told"), [(None, 100), (3, 1), (30, 10), (500, 100)])
def test_conversations_to_come_are_open_too(desk, conversations, told):
    items = {"from_workers": True} | ({} if conversations is None else {"conversations": conversations})
    chat = {"axes": ["helpfulness"], "replies": {"sampler": "two-samples", "sources": ["retrieval:x"]}}
    study = desk.study("preference-chat", items=items, **chat)
    assert standing(desk, study, desk.worker()).items_open == told
    desk.next(study, desk.worker())
    assert standing(desk, study, desk.worker()).items_open == (told if told > 1 else 1)


def test_giving_back_opens_a_place(desk):
    study, worker = desk.study(), desk.worker()
    desk.pairs(study, range(1))
    held = desk.next(study, worker)
    assert standing(desk, study, worker).items_open == 0
    give_back(desk.collecting, worker, held.assignment.id, held.assignment.fence)
    assert standing(desk, study, worker).items_open == 1


EVERYTHING = {
    "wellbeing": {"topics": True, "mood_every": 1},
    "qualification": {"items": "x", "pass_share": 0.1},
    "prolific": {"study": "p", "completion_code": "C", "items": 3},
}


@pytest.mark.parametrize(("settings", "most"), [({}, 3), ({"wellbeing": {"mood_every": 1}}, 4), (EVERYTHING, 9)])
def test_it_takes_few_queries_and_no_more_with_more_work(desk, settings, most):
    """Tallies, seconds and open places; with all that a study can ask for: training twice, moods, topics, wishes, the visit."""
    study, worker = desk.study(**settings), desk.worker()
    desk.pairs(study, range(5))
    desk.pairs(study, range(2), Purpose.TRAINING) if "qualification" in settings else None
    counts = []
    for _ in range(4):
        desk.judge(desk.next(study, worker), worker)
        with statements(desk.store) as sent:
            standing(desk, study, worker)
        counts.append(len(sent))
    assert max(counts) <= most, counts
