"""The run around PPO's steps: which prompts come when, what a checkpoint brings back, what several processes share."""

import json

import pytest
import torch
from accelerate import Accelerator

from plumbline.align.demonstrations import Demonstration
from plumbline.align.lagrangian import Lagrangian, LagrangianSettings
from plumbline.align.new_adapters import seeded_adapters
from plumbline.align.policy import Policy
from plumbline.align.ppo.alarms import AlarmSettings
from plumbline.align.ppo.ppo_lag import PpoLag, PpoSettings
from plumbline.align.ppo.reply_scorers import ReplyScores, TokenScorer
from plumbline.align.ppo.run import RunSettings, Task, prompts_of_step, run_ppo
from plumbline.align.rollouts import RolloutSettings
from plumbline.models.transformer.training.run_identity import RunIdentity
from plumbline.records import ModelError, UsageError
from tests.align.conftest import tiny_model

PROMPTS = [[number, number + 1] for number in range(7)]
IDENTITY = RunIdentity({"rate": 1}, {"prompts": "seven"})


def scores(_numbers, written):
    said = written.tokens[:, written.prompt_length :].float()
    return ReplyScores(said.mean(1), said[:, 0] - 5)


def learner(lagrangian=True, model=None, **price):
    torch.manual_seed(0)
    settings = PpoSettings(policy_rate=1e-3, critic_rate=1e-2, minibatch=4)
    how = {"end_ids": frozenset({11}), "padding_id": 0, "rollouts": RolloutSettings(3)}
    return PpoLag(
        Policy(model or tiny_model()),
        TokenScorer(scores),
        settings,
        Lagrangian(LagrangianSettings(**{"window": 8, "rate": 0.5, **price})) if lagrangian else None,
        **how,
    )


def run(out, steps=6, *, task=None, watched=None, alarm=lambda *_: None, progress=lambda _: None, model=None, **going):
    made = learner(model=model)
    settings = RunSettings(**{"steps": steps, "replies": 8, "checkpoint_every": 2, "seed": 3, **going})
    outcome = run_ppo(
        made, task or Task(PROMPTS), settings, IDENTITY, out, watched=watched, alarm=alarm, progress=progress
    )
    return made, outcome


def test_each_prompt_comes_once_before_any_comes_again_and_no_seed_comes_twice():
    settings = RunSettings(replies=4, seed=1)
    steps = [prompts_of_step(7, settings, step) for step in range(7)]
    numbers = [number for taken, _ in steps for number in taken]
    for start in range(0, 28, 7):
        assert sorted(numbers[start : start + 7]) == list(range(7))
    assert len({seed for _, seeds in steps for seed in seeds}) == 28
    assert prompts_of_step(7, settings, 5) == steps[5]
    assert prompts_of_step(7, RunSettings(replies=4, seed=2), 5) != steps[5]


def test_a_run_in_two_parts_takes_the_path_of_one(tmp_path):
    def dies(now):
        """Behind step 5, whose figures are written; the last checkpoint is of step 4."""
        if now.step == 5:
            raise KeyboardInterrupt

    texts = [Demonstration([1, 2, 3, number], 1) for number in range(5)]
    whole, all_of_it = run(tmp_path / "whole", task=Task(PROMPTS, texts), texts=2)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", task=Task(PROMPTS, texts), texts=2, progress=dies)
    parts, rest = run(tmp_path / "parts", 6, task=Task(PROMPTS, texts), texts=2)
    assert rest.resumed == 4
    assert rest.figures == all_of_it.figures
    assert rest.tokens == all_of_it.tokens
    assert parts.lagrangian == whole.lagrangian
    for one, other in zip(whole.policy.parameters(), parts.policy.parameters(), strict=True):
        assert torch.equal(one, other)
    lines = [json.loads(line) for line in (tmp_path / "parts" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]


def _without(path, name):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    del lines[0][name]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_text('{"step": 1, "re\n'),
        lambda path: path.write_text("[1]\n"),
        lambda path: path.write_text("".join(path.read_text().splitlines(keepends=True)[1:])),
        lambda path: _without(path, "divergence"),
        lambda path: _without(path, "step"),
    ],
)
def test_figures_that_are_lost_or_damaged_are_told_before_a_run_goes_on(tmp_path, damage):
    run(tmp_path, 2)
    damage(tmp_path / "metrics.jsonl")
    with pytest.raises(ModelError, match="PL-FIT-004"):
        run(tmp_path, 4)


@pytest.mark.parametrize("held", [None, {"log_multiplier": 0.0}])
def test_a_checkpoint_without_its_price_is_told(tmp_path, held):
    run(tmp_path, 2)
    path = tmp_path / "checkpoints" / "step-00000002" / "manifest.json"
    told = json.loads(path.read_text())
    told["standing"]["lagrangian"] = held
    path.write_text(json.dumps(told))
    with pytest.raises(ModelError, match="PL-FIT-004"):
        run(tmp_path, 4)


def test_a_checkpoint_with_a_price_is_not_of_a_run_without_one(tmp_path):
    run(tmp_path, 2)
    with pytest.raises(ModelError, match="PL-FIT-004"):
        run_ppo(learner(lagrangian=False), Task(PROMPTS), RunSettings(steps=4, replies=8, seed=3), IDENTITY, tmp_path)


def test_a_run_that_goes_on_holds_its_replies_against_those_of_the_start(tmp_path):
    class HeldOut:
        """Says what it was given."""

        def __init__(self):
            self.given = []

        def reference_scores(self, _policy):
            return [0.25, 0.5]

        def verdicts(self, _policy, reference):
            self.given.append(list(reference))
            return [0.0, 1.0]

    first, second = HeldOut(), HeldOut()
    run(tmp_path, 2, task=Task(PROMPTS, held_out=first), look_every=1)
    run(tmp_path, 3, task=Task(PROMPTS, held_out=second), look_every=1)
    assert (first.given, second.given) == ([[0.25, 0.5]] * 2, [[0.25, 0.5]])


def test_a_run_whose_other_process_is_gone_says_so(tmp_path, monkeypatch):
    def gone(*_):
        raise RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer")

    monkeypatch.setattr(PpoLag, "step", gone)
    monkeypatch.setattr(Accelerator, "num_processes", 2)
    with pytest.raises(ModelError, match="PL-ALN-002"):
        run(tmp_path)


def test_replies_that_cannot_be_dealt_evenly_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Accelerator, "num_processes", 3)
    with pytest.raises(UsageError, match="PL-PPO-005"):
        run(tmp_path)


def test_another_run_does_not_go_on_from_it(tmp_path):
    run(tmp_path, 2)
    other = RunIdentity({"rate": 2}, IDENTITY.data)
    with pytest.raises(ModelError, match="PL-FIT-006"):
        run_ppo(learner(), Task(PROMPTS), RunSettings(steps=4, replies=8), other, tmp_path)


def test_a_run_on_another_number_of_processes_does_not_go_on_from_it(tmp_path, monkeypatch):
    run(tmp_path, 2)
    monkeypatch.setattr(Accelerator, "num_processes", 2)
    with pytest.raises(ModelError, match=r"(?s)PL-FIT-006.*processes"):
        run(tmp_path, 4)


def test_adapters_are_of_the_seed_and_a_run_in_two_parts_takes_the_path_of_one(tmp_path):
    def adapted(seed=5):
        """The same from the same seed, whatever was drawn before."""
        torch.rand(seed)
        return seeded_adapters(tiny_model(), 2, seed=seed, place="made up")

    one, same, other = (dict(adapted(seed).named_parameters()) for seed in (5, 5, 6))
    drawn = [name for name in one if "lora_A" in name]
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert drawn
    assert not any(torch.equal(one[name], other[name]) for name in drawn)
    whole, all_of_it = run(tmp_path / "whole", 4, model=adapted())
    run(tmp_path / "parts", 2, model=adapted())
    parts, rest = run(tmp_path / "parts", 4, model=adapted())
    assert (rest.resumed, rest.figures) == (2, all_of_it.figures)
    assert rest.figures[-1].divergence != 0, "it moved, or nothing was shown"
    for mine, its in zip(whole.policy.parameters(), parts.policy.parameters(), strict=True):
        assert torch.equal(mine, its)


def test_an_alarm_is_told_once_and_kept(tmp_path):
    told = []
    _, outcome = run(
        tmp_path,
        8,
        watched=AlarmSettings(window=2, clipped=-1.0),
        alarm=lambda step, each: told.append((step, each.kind)),
    )
    assert told.count((4, "clipped")) == 1
    assert [kind for _, kind in told].count("clipped") == 1
    assert outcome.alarms["clipped"][0] == 4
    _, again = run(tmp_path, 9, watched=AlarmSettings(window=2, clipped=-1.0), alarm=lambda *given: told.append(given))
    assert again.alarms["clipped"][0] == 4


@pytest.mark.parametrize(("limit", "is_told"), [(100.0, False), (-100.0, True)])
def test_a_price_at_its_bound_is_an_alarm_only_where_the_limit_is_broken(tmp_path, limit, is_told):
    made = learner(cost_limit=limit, first=1.0, most=1.0, rate=0.0)
    going = RunSettings(steps=2, replies=8)
    outcome = run_ppo(made, Task(PROMPTS), going, IDENTITY, tmp_path, watched=AlarmSettings(window=1))
    assert ("limit-out-of-reach" in outcome.alarms) is is_told


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"replies": 0}, {"texts": -1}, {"look_every": 0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UsageError, match="PL-PPO-004"):
        RunSettings(**wrong)
