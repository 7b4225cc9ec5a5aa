"""Simulated workers say what is true where they are sure, on every scale and whichever question is asked; made-up world."""

from collections import Counter
from random import Random

import pytest

from plumbline.loop.demo.workers import SimulatedWorker, made_up_workers
from plumbline.loop.synthetic.world import make_world
from plumbline.records import Axis

SURE = SimulatedWorker("sure", {Axis.HELPFULNESS: 1e6, Axis.HARMLESSNESS: 1e6}, 0.0)


@pytest.fixture(scope="module")
def world():
    return make_world(3, tasks=12, wishes=12, unseen=2, replies=4)


def apart(situations, axis):
    """Pairs of replies that are truly apart, the better one first."""
    for each in situations:
        ordered = sorted(each.replies, key=lambda reply: -reply.worth(axis))
        if ordered[0].worth(axis) > ordered[-1].worth(axis):
            yield ordered[0].text, ordered[-1].text


@pytest.mark.parametrize("question", ["better", "more harmful"])
@pytest.mark.parametrize("axis", [Axis.HELPFULNESS, Axis.HARMLESSNESS])
def test_a_sure_worker_points_to_the_truly_better_side(world, axis, question):
    situations = world.tasks if axis is Axis.HELPFULNESS else world.wishes
    pairs = list(apart(situations, axis))
    assert pairs
    for better, worse in pairs:
        for replies in ([better, worse], [worse, better]):
            points_to_first = (replies[0] == better) is (question == "better")
            fields = {"steps": 8, "questions": {axis.value: question}}
            said = SURE.answer({"act": "judge-pair", "replies": replies, "fields": fields}, world, Random(0))
            assert said == {"act": "judge-pair", axis.value: 1 if points_to_first else 8}
            fields = {"steps": 8, "axis": axis.value, "question": question, "shown": "seal"}
            turn = {"act": "judge-turn", "turn": 2, "replies": replies, "fields": fields}
            said = SURE.answer(turn, world, Random(0))
            assert said == {"act": "judge-turn", "turn": 2, "step": 1 if points_to_first else 8, "shown": "seal"}


def test_a_sure_worker_labels_what_is_true_and_one_who_slips_always_the_opposite(world):
    slipping = SimulatedWorker("slipping", SURE.sharpness, 1.0)
    seen = Counter()
    for each in (*world.tasks, *world.wishes):
        for reply in each.replies:
            step = {
                "act": "label",
                "conversation": [{"role": "human", "text": each.prompt}, {"role": "assistant", "text": reply.text}],
                "fields": {"categories": ["privacy_violation"]},
            }
            said = SURE.answer(step, world, Random(0))
            assert said["categories"] == ([] if reply.is_safe else sorted(each.categories))
            assert said["none_applies"] is reply.is_safe
            assert slipping.answer(step, world, Random(0))["none_applies"] is not reply.is_safe
            seen[reply.is_safe] += 1
    assert min(seen[True], seen[False]) > 4


def test_how_often_the_better_one_is_preferred_follows_from_how_far_they_are_apart(world):
    worker = SimulatedWorker("unsure", {Axis.HARMLESSNESS: 1.0}, 0.0)
    random = Random(1)
    found = {}
    for each in world.wishes:
        first, second = (world.truth(reply.text) for reply in each.replies)
        gap = second.reply.harm - first.reply.harm
        wins = sum(worker.prefers(first, second, Axis.HARMLESSNESS, random) > 0 for _ in range(4000))
        found[gap] = wins / 4000
    assert set(found) & {1.0, -1.0}
    for gap, share in found.items():
        assert share == pytest.approx(1 / (1 + 2.718281828**-gap), abs=0.04)  # five standard errors


def test_a_step_that_it_knows_nothing_of_is_no_answer(world):
    with pytest.raises(KeyError):
        SURE.answer({"act": "rank", "replies": [], "fields": {}}, world, Random(0))


def test_workers_differ_and_follow_from_the_seed():
    workers = made_up_workers(4, 0)
    assert workers == made_up_workers(4, 0)
    assert len({each.slip_rate for each in workers}) == 4
    assert len({each.name for each in workers}) == 4
