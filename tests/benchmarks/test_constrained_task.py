"""The proof's own ground: all replies counted once, nothing credited for breaking the limit, figures that come out of a run."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks.constrained.instances import instances
from benchmarks.constrained.optimum import PolicyWorth, constrained_optimum, worth_of
from benchmarks.constrained.training import EVERY, share_of, small_model
from benchmarks.constrained_task import TOLERANCE, held_from, main

FIRST, ENDING = instances()[0], instances()[-1]


def test_every_reply_stands_once():
    tokens, mask = ENDING.replies
    said = [tuple(row[kept].tolist()) for row, kept in zip(tokens, mask, strict=True)]
    assert len(said) == len(set(said)) == 1 + 4 + 16 + 64 + 256
    assert all(4 not in reply[:-1] and (reply[-1] == 4 or len(reply) == 4) for reply in said)
    assert [len(each.replies[0]) for each in instances()[:4]] == [16, 16, 256, 1024]


def test_a_reply_is_scored_word_by_word():
    tokens, mask = torch.tensor([[0, 0, 3, 4], [4, 0, 0, 0]]), torch.tensor([[True] * 4, [True] + [False] * 3])
    rewards, costs = ENDING.scored(torch.tensor([1, 1]), tokens, mask)
    assert rewards.tolist() == [0.5 + 0.5 + 0.0, 0.0]
    assert costs.tolist() == [-0.5 - 0.5 - 1.0 + 0.5, 0.0]


@pytest.mark.parametrize("instance", instances(), ids=lambda each: each.name)
def test_a_model_gives_all_replies_together_the_probability_one_and_no_policy_has_more_than_the_optimum(instance):
    reference = instance.log_policy(small_model(0, instance.vocabulary))
    unlimited = replace(instance.task, limit=float(instance.task.costs.max()))
    best, free = (constrained_optimum(task, reference) for task in (instance.task, unlimited))
    assert best.multiplier > 0.1
    assert free.worth.cost > instance.limit + 0.5
    assert share_of(best.worth, best, instance.limit) == pytest.approx(1.0)
    drawn = np.random.default_rng(0)
    for others in (free.log_policy, reference, best.log_policy + drawn.normal(size=reference.shape)):
        shifted = others - np.log(np.exp(others).sum(axis=1, keepdims=True))
        assert share_of(worth_of(instance.task, shifted, reference), best, instance.limit) < 1


def test_what_holds_has_to_hold_to_the_end():
    def worth(share, excess=0.0):
        objective = share * best.worth.objective + best.multiplier * max(0.0, excess)
        return PolicyWorth(0.0, FIRST.limit + excess, 0.0, objective)

    best = constrained_optimum(FIRST.task, FIRST.log_policy(small_model(0, FIRST.vocabulary)))

    def held(*worths):
        return held_from(FIRST, SimpleNamespace(worths=worths, best=best))

    good = worth(0.96)
    assert held(good, good) == EVERY
    assert held(good, worth(0.94), good) == 3 * EVERY
    assert held(good, worth(0.96, TOLERANCE + 0.01), good, good) == 3 * EVERY
    assert held(good, worth(0.94)) is None


def test_a_run_tells_its_figures_and_draws_them(tmp_path, capsys):
    files = ["--json", str(tmp_path / "f"), "--picture", str(tmp_path / "p")]
    main(["--seeds", "1", "--steps", "10", "--tasks", "1", *files])
    figures = json.loads((tmp_path / "f").read_text())
    ((told,),) = figures["tasks"].values()
    assert told["exact"] > 0.1
    assert 0 < told["share"] < 1
    assert "missed" in capsys.readouterr().out, "so few steps do not reach it"
    assert (tmp_path / "p").read_text().count("<path") > 6
