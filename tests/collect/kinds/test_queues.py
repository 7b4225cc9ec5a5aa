"""What a worker is given next."""

from plumbline.collect.kinds import Purpose, WorkerStanding, purposes_due
from tests.collect.kinds.made_up import study

WORK = (Purpose.WORK,)


def standing(**values):
    return WorkerStanding(worker="w", **values)


def test_without_checks_there_is_work_up_to_the_limit():
    limited = study("safety-labels", per_worker_limit=3)
    assert purposes_due(limited, standing(finished=2)) == WORK
    assert purposes_due(limited, standing(finished=3)) == ()
    assert purposes_due(study("safety-labels"), standing(finished=10**6)) == WORK


def test_training_comes_first_and_who_failed_gets_nothing():
    trained = study("safety-labels", qualification={"items": "x", "pass_share": 0.5})
    assert purposes_due(trained, standing(qualified=None)) == (Purpose.TRAINING,)
    assert purposes_due(trained, standing(qualified=False)) == ()
    assert purposes_due(trained, standing(qualified=True)) == WORK


def test_attention_is_due_after_so_many_and_work_follows_where_there_is_none_left():
    attentive = study("safety-labels", attention={"items": "x", "every": 5})
    assert purposes_due(attentive, standing(since_attention=4)) == WORK
    assert purposes_due(attentive, standing(since_attention=5)) == (Purpose.ATTENTION, Purpose.WORK)


def test_gold_is_a_drawn_share_and_the_same_when_asked_again():
    golden = study("safety-labels", gold={"items": "x", "share": 0.2})
    due = [purposes_due(golden, standing(finished=number)) for number in range(500)]
    assert 70 <= due.count((Purpose.GOLD, Purpose.WORK)) <= 130
    assert due == [purposes_due(golden, standing(finished=number)) for number in range(500)]
    other = [purposes_due(golden, WorkerStanding(worker="v", finished=number)) for number in range(500)]
    assert other != due
