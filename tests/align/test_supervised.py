"""Teaching replies: what a run in two parts learns, and what stops one."""

import pytest
import torch
from accelerate import Accelerator

from plumbline.align import supervised
from plumbline.align.demonstrations import Demonstration
from plumbline.align.supervised import SupervisedSettings, teach
from plumbline.models.transformer.training.run_identity import RunIdentity
from plumbline.records import ModelError, NoDataError, UsageError
from tests.align.conftest import tiny_model

ROWS = [Demonstration([1, number % 5, 6, 7 + number % 3, 11], 2) for number in range(10)]
IDENTITY = RunIdentity({"rate": 1}, {"rows": "ten"})


def taught(out, rows=ROWS, held_out=ROWS[:3], model=None, **settings):
    model = model or tiny_model()
    how = SupervisedSettings(
        **{"epochs": 4, "rows_per_step": 4, "learning_rate": 0.01, "checkpoint_every": 5, **settings}
    )
    return model, teach(model, rows, held_out, how, IDENTITY, out, padding_id=0)


def test_the_loss_falls_and_is_told_before_and_after(tmp_path):
    _, found = taught(tmp_path)
    before, after = found.likelihood
    assert after < 0.7 * before
    assert (found.steps, found.resumed) == (12, 0)
    assert found.tokens == 3 * 4 * 12, "three tokens of each row are learnt, prompts are not"


def test_a_run_that_was_stopped_learns_what_it_would_have_learnt(tmp_path, monkeypatch):
    whole, all_of_it = taught(tmp_path / "whole")
    learn, steps = supervised._Teaching._learn, []

    def killed(self, number, rows):
        steps.append(number)
        if len(steps) == 8:
            raise KeyboardInterrupt
        return learn(self, number, rows)

    monkeypatch.setattr(supervised._Teaching, "_learn", killed)
    with pytest.raises(KeyboardInterrupt):
        taught(tmp_path / "parts")
    monkeypatch.setattr(supervised._Teaching, "_learn", learn)
    parts, rest = taught(tmp_path / "parts")
    assert rest.resumed == 5
    assert (rest.tokens, rest.likelihood) == (all_of_it.tokens, all_of_it.likelihood)
    assert all(torch.equal(one, other) for one, other in zip(whole.parameters(), parts.parameters(), strict=True))


def test_a_run_on_another_number_of_processes_does_not_go_on_from_it(tmp_path, monkeypatch):
    taught(tmp_path, epochs=1)
    monkeypatch.setattr(Accelerator, "num_processes", 2)
    with pytest.raises(ModelError, match=r"(?s)PL-FIT-006.*processes"):
        taught(tmp_path, epochs=1)


def test_a_loss_that_is_no_number_stops_it_and_the_weights_stay(tmp_path):
    model = tiny_model()
    with torch.no_grad():
        model.lm_head.weight[3, 0] = torch.nan
    before = [weight.clone() for weight in model.parameters()]
    with pytest.raises(ModelError, match="PL-SUP-003"):
        taught(tmp_path, model=model, held_out=[])
    assert all(torch.equal(one, other) for one, other in zip(before[:-1], list(model.parameters())[:-1], strict=True))


@pytest.mark.parametrize(("rate", "place"), [(1e38, "weights"), (1e30, "held-out")])
def test_a_learning_rate_that_loses_the_policy_is_told(tmp_path, rate, place):
    with pytest.raises(ModelError, match=rf"PL-SUP-003.*{place}"):
        taught(tmp_path, epochs=1, rows_per_step=10, learning_rate=rate)


def test_a_run_whose_other_process_is_gone_says_so(tmp_path, monkeypatch):
    def gone(*_):
        raise RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer")

    monkeypatch.setattr(supervised._Teaching, "_learn", gone)
    monkeypatch.setattr(Accelerator, "num_processes", 2)
    with pytest.raises(ModelError, match="PL-ALN-002"):
        taught(tmp_path)


@pytest.mark.parametrize("left", [None, "{", '{"step": 1, "loss": 1.0, "tokens": 12}\n'])
def test_figures_that_are_lost_are_told_before_a_run_goes_on(tmp_path, left):
    taught(tmp_path, epochs=1)
    figures = tmp_path / "metrics.jsonl"
    figures.unlink() if left is None else figures.write_text(left)
    with pytest.raises(ModelError, match="PL-FIT-004"):
        taught(tmp_path, epochs=1)


def test_nothing_to_learn_and_wrong_settings_are_refused(tmp_path):
    with pytest.raises(NoDataError, match="PL-SUP-002"):
        taught(tmp_path, rows=[])
    for wrong in ({"epochs": 0}, {"learning_rate": float("inf")}, {"warmup_share": 1.0}, {"rows_per_step": 0}):
        with pytest.raises(UsageError, match="PL-SUP-001"):
            SupervisedSettings(**wrong)
