"""Figures beside the truth, on judgements made by hand: no side, sign or sampler is turned. Made-up world."""

from dataclasses import replace

import numpy as np
import pytest

from plumbline.loop.demo.truth import (
    BASE,
    Judged,
    agreement,
    model_figures,
    rate_samplers,
    same_replies,
    sampled_tasks,
    true_helpfulness,
    workers_right,
)
from plumbline.loop.synthetic.world import make_world, pair_table
from plumbline.measure import Bootstrap
from plumbline.records import Axis, Message, Outcome, Role, SafetyLabel, records_from_table

BOOTSTRAP = Bootstrap(seed=0, resamples=100)


@pytest.fixture(scope="module")
def world():
    return make_world(4, tasks=2, wishes=30, unseen=30, replies=4)


def judged(world, says):
    """Every pair of wishes judged by two, who say what `says` says of the truth: (first is better, number of the judgement)."""
    rows = list(records_from_table(pair_table(world.wishes, Axis.HARMLESSNESS)))
    found = []
    for number, row in enumerate(rows):
        first, second = (world.truth(side[-1].text).reply.harm for side in row.continuations)
        for worker in range(2):
            outcome = Outcome.FIRST if says(first < second, number, worker) else Outcome.SECOND
            found.append(replace(row, outcome=outcome, worker=f"w{worker}"))
    return Judged(tuple(found), ())


def labelled(world, says):
    conversations = [
        (Message(Role.HUMAN, each.prompt), Message(Role.ASSISTANT, reply.text))
        for each in world.wishes
        for reply in each.replies
    ]
    labels = [
        SafetyLabel(
            id=f"{number}-{worker}",
            item_id=str(number),
            group_id=conversation[0].text,
            conversation=conversation,
            taxonomy="beavertails-14",
            is_safe=says(world.truth(conversation[-1].text).reply.is_safe, number, worker),
            source="made-up-synthetic",
            row=number,
        )
        for number, conversation in enumerate(conversations)
        for worker in range(2)
    ]
    return Judged((), tuple(labels))


@pytest.mark.parametrize("made", [judged, labelled])
def test_who_says_the_truth_is_right_and_who_says_the_opposite_is_not(world, made):
    assert workers_right(made(world, lambda true, *_: true), world, BOOTSTRAP).value == 1
    assert workers_right(made(world, lambda true, *_: not true), world, BOOTSTRAP).value == 0
    one_of_two = made(world, lambda true, _, worker: true if worker else not true)
    assert workers_right(one_of_two, world, BOOTSTRAP).value == 0.5


@pytest.mark.parametrize("made", [judged, labelled])
def test_agreement_is_of_those_who_judged_the_same_whatever_is_true(world, made):
    for says in (lambda true, *_: true, lambda true, *_: not true):
        equal, alpha = agreement(made(world, says), BOOTSTRAP)
        assert (equal.value, alpha.value) == (1, 1)
    equal, alpha = agreement(
        made(world, lambda true, number, worker: true if number % 4 or worker else not true), BOOTSTRAP
    )
    assert equal.value == pytest.approx(0.75, abs=0.02)
    assert alpha.value < 0.75
    once = made(world, lambda true, *_: true)
    once = Judged(once.comparisons[::2], once.labels[::2])
    assert agreement(once, BOOTSTRAP)[0].value is None


class Knowing:
    """A model that knows the truth, as `open_reply_scorer` gives one: higher = better, turned where its task says so."""

    def __init__(self, world, task, worth):
        self.model = type("Model", (), {"task": task})()
        self._worth = lambda text: worth(world.truth(text).reply)

    def scores(self, conversations):
        return np.array([self._worth(conversation[-1].text) for conversation in conversations], np.float64)


@pytest.mark.parametrize(
    ("task", "axis", "keys"),
    [
        ("preference", Axis.HELPFULNESS, {"accuracy"}),
        ("preference", Axis.HARMLESSNESS, {"accuracy"}),
        ("cost", Axis.HARMLESSNESS, {"accuracy", "auprc"}),
        ("moderation", Axis.HARMLESSNESS, {"auprc"}),
    ],
)
def test_a_model_that_knows_is_right_and_one_that_is_turned_is_wrong(world, task, axis, keys):
    knowing = model_figures(Knowing(world, task, lambda reply: reply.worth(axis)), world, axis, BOOTSTRAP)
    turned = model_figures(Knowing(world, task, lambda reply: -reply.worth(axis)), world, axis, BOOTSTRAP)
    assert set(knowing) == keys
    assert all(figure.value == 1 for figure in knowing.values())
    assert all(figure.value < 0.5 for figure in turned.values())
    if "accuracy" in keys:
        assert turned["accuracy"].value == 0


def test_samplers_are_rated_by_who_won_and_a_reply_of_two_samplers_counts_for_both(world):
    best = Knowing(world, "preference", lambda reply: reply.helpfulness)
    worst = Knowing(world, "preference", lambda reply: -reply.helpfulness)
    sampled = sampled_tasks(world, {"best": best, "same": best, "worst": worst})
    assert all(each.replies["best"] is each.replies["same"] for each in sampled)
    assert all(each.replies[BASE] is each.situation.replies[0] for each in sampled)
    helpful = [true_helpfulness(sampled, name, BOOTSTRAP).value for name in ("best", "same", BASE, "worst")]
    assert helpful == sorted(helpful, reverse=True)
    pairs = [pair for each in sampled for pair in each.pairs()]
    assert all(len({reply.text for reply in pair.replies}) == 2 for pair in pairs)
    rows = list(records_from_table(pair_table(pairs, Axis.HELPFULNESS)))

    def is_won_by_the_first(row):
        first, second = (world.truth(side[-1].text).reply.helpfulness for side in row.continuations)
        return first > second

    wins = [replace(row, outcome=Outcome.FIRST if is_won_by_the_first(row) else Outcome.SECOND) for row in rows]
    # One pair in five the other way round, so that nobody won or lost everything.
    noisy = tuple(
        replace(row, outcome=Outcome.SECOND if row.outcome is Outcome.FIRST else Outcome.FIRST)
        if number % 5 == 0
        else row
        for number, row in enumerate(wins)
    )
    ratings = rate_samplers(Judged(tuple(noisy), ()), sampled)
    elo = {name: figure.value for name, figure in ratings.elo.items()}
    assert elo["best"] == pytest.approx(elo["same"])
    assert elo["best"] > elo[BASE] > elo["worst"]
    assert same_replies(sampled, "best", "same") == len(sampled)
    assert ratings.lead("best", "worst").low > 0
    assert ratings.lead("same", "best").value == pytest.approx(0, abs=1e-6)


def test_samplers_that_reply_the_same_draw(world):
    best = Knowing(world, "preference", lambda reply: reply.helpfulness)
    sampled = sampled_tasks(world, {"one": best, "other": best})
    pairs = [pair for each in sampled for pair in each.pairs()]
    rows = tuple(
        replace(row, outcome=Outcome.SECOND if number % 3 else Outcome.FIRST)
        for number, row in enumerate(records_from_table(pair_table(pairs, Axis.HELPFULNESS)))
    )
    ratings = rate_samplers(Judged(rows, ()), sampled)
    assert ratings.lead("one", "other").value == pytest.approx(0, abs=1e-6)
    assert ratings.lead("one", "other").n > len(rows)
