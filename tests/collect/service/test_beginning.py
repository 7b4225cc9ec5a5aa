"""What a worker is given: in hand, training, gold and attention among the real ones, the limit."""

import pytest

from plumbline.collect.kinds import Ask, Purpose
from plumbline.collect.kinds.draws import drawn_share
from plumbline.collect.service import beginning
from plumbline.collect.service.beginning import begin_work, is_over, shown_purpose, standing_of
from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.giving_back import give_back
from plumbline.collect.service.qualification import settle_qualification
from plumbline.collect.store.items import count_items
from plumbline.collect.store.participation import read_participation
from plumbline.collect.store.rows import Qualification


def purposes(desk, study, worker, count):
    given = []
    for _ in range(count):
        held = desk.next(study, worker)
        given.append(held.item.purpose)
        desk.judge(held, worker)
    return given


def gold_drawn(worker, seed, share, count):
    return [drawn_share(seed, "gold", worker.pseudonym, str(number)) < share for number in range(count)]


def test_gold_is_mixed_in_by_the_seed_and_the_worker(desk):
    study = desk.study(gold={"items": "x", "share": 0.4}, seed=7)
    seed = study.settings.seed
    desk.pairs(study, range(30))
    desk.pairs(study, range(30), Purpose.GOLD)
    # Pseudonyms are drawn: somebody for whom gold comes, and not always.
    worker = next(each for each in iter(desk.worker, None) if 3 < sum(gold_drawn(each, seed, 0.4, 25)) < 20)
    given = purposes(desk, study, worker, 25)
    assert [purpose is Purpose.GOLD for purpose in given] == gold_drawn(worker, seed, 0.4, 25)


def test_attention_comes_after_every_so_many_and_real_items_where_it_runs_out(desk):
    study = desk.study(attention={"items": "x", "every": 3})
    desk.pairs(study, range(12))
    desk.pairs(study, range(2), Purpose.ATTENTION)
    given = purposes(desk, study, desk.worker(), 12)
    assert [place for place, purpose in enumerate(given) if purpose is Purpose.ATTENTION] == [3, 7]


def test_the_limit_counts_gold_and_attention_too(desk):
    study = desk.study(gold={"items": "x", "share": 0.5}, per_worker_limit=6)
    desk.pairs(study, range(20))
    desk.pairs(study, range(20), Purpose.GOLD)
    worker = next(
        each for each in iter(desk.worker, None) if 0 < sum(gold_drawn(each, study.settings.seed, 0.5, 6)) < 6
    )
    given = purposes(desk, study, worker, 6)
    assert set(given) == {Purpose.WORK, Purpose.GOLD}
    assert desk.next(study, worker) is None
    assert is_over(study.settings, standing_of(desk.collecting, worker, study))


def test_one_item_at_a_time_whatever_it_is_for(desk):
    study = desk.study(gold={"items": "x", "share": 0.999})
    desk.pairs(study, range(3))
    worker = next(each for each in iter(desk.worker, None) if all(gold_drawn(each, 0, 0.999, 2)))
    held = desk.next(study, worker)
    assert held.item.purpose is Purpose.WORK, "there is no gold yet"
    desk.pairs(study, range(3), Purpose.GOLD)
    assert desk.next(study, worker).assignment == held.assignment
    desk.judge(held, worker)
    assert desk.next(study, worker).item.purpose is Purpose.GOLD


def test_gold_and_attention_look_like_work():
    assert {purpose: shown_purpose(purpose) for purpose in Purpose} == {
        purpose: Purpose.WORK if purpose in (Purpose.GOLD, Purpose.ATTENTION) else purpose for purpose in Purpose
    }


QUALIFICATION = {"items": "x", "pass_share": 0.75}


@pytest.mark.parametrize(("right", "qualified"), [(4, True), (3, True), (2, False)])
def test_who_gets_enough_of_the_training_right_works_and_who_does_not_is_done(desk, right, qualified):
    study = desk.study(qualification=QUALIFICATION)
    desk.pairs(study, range(2))
    desk.pairs(study, range(4), Purpose.TRAINING)
    worker = desk.worker()
    for number in range(4):
        held = desk.next(study, worker)
        assert held.item.purpose is Purpose.TRAINING
        desk.judge(held, worker, right=number < right)
    assert (desk.next(study, worker) is not None) is qualified
    stored = read_participation(desk.store, study.id, worker.id).qualification
    assert stored is (Qualification.PASSED if qualified else Qualification.FAILED)


def test_training_is_settled_from_what_is_stored_and_not_before_it_is_done(desk):
    study = desk.study(qualification=QUALIFICATION)
    desk.pairs(study, range(2), Purpose.TRAINING)
    worker = desk.worker()
    desk.judge(desk.next(study, worker), worker)
    assert not settle_qualification(desk.collecting, worker, study)
    desk.judge(desk.next(study, worker), worker)
    assert settle_qualification(desk.collecting, worker, study)


def test_nobody_passes_where_no_training_was_entered(desk):
    study = desk.study(qualification=QUALIFICATION)
    desk.pairs(study, range(2))
    worker = desk.worker()
    assert desk.next(study, worker) is None
    assert not is_over(study.settings, standing_of(desk.collecting, worker, study))


def test_training_is_not_skipped_by_giving_it_back(desk):
    study = desk.study(qualification=QUALIFICATION)
    desk.pairs(study, range(2), Purpose.TRAINING)
    worker = desk.worker()
    held = desk.next(study, worker)
    with pytest.raises(ServiceError, match="PL-SVC-004"):
        give_back(desk.collecting, worker, held.assignment.id, held.assignment.fence)
    assert desk.next(study, worker).assignment.id == held.assignment.id


@pytest.mark.parametrize("queue", [Purpose.TRAINING, Purpose.GOLD, Purpose.ATTENTION, Purpose.REVIEW])
def test_only_the_studys_queues_can_be_asked_for(desk, queue):
    study = desk.study(gold={"items": "x", "share": 0.5})
    with pytest.raises(ServiceError, match="PL-SVC-005"):
        begin_work(desk.collecting, desk.worker(), study.settings.name, queue)


CHAT = {"axes": ["helpfulness"], "replies": {"sampler": "two-samples", "sources": ["retrieval:x"]}}


def test_conversations_that_workers_begin_are_entered_as_they_are_asked_for(desk):
    study = desk.study("preference-chat", **CHAT, items={"from_workers": True})
    workers = [desk.worker() for _ in range(40)]
    held = [desk.next(study, worker) for worker in workers]
    assert len({each.item.key for each in held}) == 40
    assert count_items(desk.store, study.id, Purpose.WORK) == 64


def test_and_no_more_than_the_study_wants(desk):
    study = desk.study("preference-chat", **CHAT, items={"from_workers": True, "conversations": 3})
    assert [desk.next(study, desk.worker()) is not None for _ in range(4)] == [True, True, True, False]
    assert count_items(desk.store, study.id, Purpose.WORK) == 3


def meanwhile(monkeypatch, act):
    """`act` happens right after a worker's item in hand was looked up, once."""
    found = beginning.find_in_hand

    def then(*args):
        assignment = found(*args)
        monkeypatch.setattr(beginning, "find_in_hand", found)
        act()
        return assignment

    monkeypatch.setattr(beginning, "find_in_hand", then)


@pytest.mark.parametrize("hours", [0, 1])
def test_an_item_that_is_submitted_while_it_is_looked_up_is_not_given_again(desk, monkeypatch, hours):
    study, worker = desk.study(), desk.worker()
    desk.pairs(study, range(2))
    first = desk.next(study, worker)
    desk.wait(hours=hours)
    meanwhile(monkeypatch, lambda: desk.judge(first, worker))
    second = desk.next(study, worker)
    assert second.assignment.id != first.assignment.id
    assert isinstance(second.step, Ask)


def test_an_item_that_becomes_another_workers_while_it_is_looked_up_is_not_given_again(desk, monkeypatch):
    study, worker, other = desk.study(), desk.worker(), desk.worker()
    desk.pairs(study, range(2))
    first = desk.next(study, worker)
    desk.wait(hours=1)
    taken = []
    meanwhile(monkeypatch, lambda: taken.append(desk.next(study, other)))
    second = desk.next(study, worker)
    assert taken[0].item.id == first.item.id
    assert second.item.id != first.item.id
