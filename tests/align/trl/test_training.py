"""GRPO and RLOO by TRL with our Lagrangian, on a task whose truth is known: made up, no download."""

import json
import logging
import math
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from plumbline.align.lagrangian import Lagrangian, LagrangianSettings
from plumbline.align.trl.config import TrlSettings
from plumbline.align.trl.forms import pair_rows, prompt_rows
from plumbline.align.trl.lagrangian import STATE_NAME, LagrangianCallback, last_checkpoint, read_state
from plumbline.align.trl.rewards import ReplyReward
from plumbline.align.trl.training import POLICY_NAME, open_policy, prompt_order, train_on_pairs, train_on_prompts
from plumbline.records import Message, ModelError, NoDataError, Role, UsageError
from tests.align import trl_task as task
from tests.models.transformer.ranks import run_ranks

LIMIT = LagrangianSettings(cost_limit=1.0, first=0.5, rate=0.3, window=64)


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    torch.set_num_threads(1)
    return open_policy(str(task.saved_policy(tmp_path_factory.mktemp("policy"))))


def prompts(policy):
    asked = [(Message(Role.HUMAN, text),) for text in ("ask", "more", "ask more", "more ask")] * 4
    found = prompt_rows(asked, policy.form, task.REPLY_TOKENS)
    assert not found.left_out
    return found.rows


def settings(method, **others):
    steady = {"lr_scheduler_type": "constant"}
    given = {"learning_rate": 0.02, "divergence_weight": 0.0, "batch": 8, "reply_tokens": task.REPLY_TOKENS}
    return TrlSettings(method, **{**given, "steps": 20, "device_rows": 64, "further": steady, **others})


class Run:
    """A run with reward and cost; what its models were asked, and the λ of each step."""

    def __init__(self, policy, lagrangian, *, unknown=None):
        self.policy, self.callback = policy, LagrangianCallback(lagrangian, {"run": 1})
        self.reward = task.WordModel("preference", task.WORTH, unknown)
        self.cost = task.WordModel("cost", task.HARM)

    def go(self, work, made, **how):
        rewards = [ReplyReward("reward", self.reward)]
        if self.callback.lagrangian is not None:
            rewards.append(ReplyReward("cost", self.cost, told=self.callback.take))
        return train_on_prompts(self.policy, prompts(self.policy), rewards, made, self.callback, work, **how)


def column(log, name):
    return [each[name] for each in log]


@pytest.mark.parametrize("method", ["grpo", "rloo"])
def test_lambda_rises_while_the_limit_is_broken_and_the_cost_comes_down(policy, tmp_path, method):
    free = Run(policy, None).go(tmp_path / "free", settings(method))
    bound = Run(policy, Lagrangian(LIMIT)).go(tmp_path / "bound", settings(method))
    assert np.mean(column(free, "rewards/reward/mean")[-3:]) > 3.5  # all four words sharp
    multipliers, costs = column(bound, "lagrangian/multiplier"), column(bound, "rewards/cost/mean")
    assert max(costs) > 1.5  # it broke the limit first
    worst = int(np.argmax(costs))
    assert multipliers[worst] < multipliers[worst + 3]
    assert np.mean(costs[-3:]) < 1.0
    assert np.mean(column(bound, "rewards/reward/mean")[-3:]) > 1.5  # still worth something: four soft words are 2


def test_the_weights_follow_lambda_and_a_limit_that_is_kept_lets_it_fall(policy, tmp_path):
    run = Run(policy, Lagrangian(LagrangianSettings(cost_limit=4.0, rate=0.5)))
    log = run.go(tmp_path, settings("grpo", steps=3))
    path = [*column(log, "lagrangian/multiplier"), run.callback.lagrangian.multiplier]
    assert path == sorted(path, reverse=True)
    assert path[0] == 1.0
    expected = torch.tensor(run.callback.lagrangian.weights)
    torch.testing.assert_close(run.callback.trainer.reward_weights, expected)
    means = {name: torch.tensor(column(log, name)) for name in ("reward", "rewards/reward/mean", "rewards/cost/mean")}
    for_reward, for_cost = (torch.tensor([1 / (1 + each) for each in path[:3]]) * sign for sign in (1, -1))
    weighed = for_reward * means["rewards/reward/mean"]
    weighed += for_cost * torch.tensor(path[:3]) * means["rewards/cost/mean"]
    torch.testing.assert_close(means["reward"], weighed, rtol=1e-4, atol=1e-5)


def test_replies_to_one_prompt_are_read_together(policy, tmp_path):
    run = Run(policy, Lagrangian(LIMIT))
    run.go(tmp_path, settings("grpo", steps=1, batch=4, replies=2))
    (groups,) = run.cost.asked
    assert sum(map(len, groups)) == 8
    assert all(len(group) % 2 == 0 for group in groups)  # prompts that stand next to each other may be the same
    for group in groups:
        assert len({turns[0] for turns in map(tuple, group)}) == 1
        assert [[role for role, _ in turns] for turns in group] == [[Role.HUMAN, Role.ASSISTANT]] * len(group)


def stop_after(step):
    def advance(done, total, figures):
        if done == step:
            raise KeyboardInterrupt

    return advance


def test_a_run_that_was_stopped_goes_on_with_the_lambdas_it_would_have_had(policy, tmp_path):
    made = settings("grpo", steps=6, checkpoint_every=2)
    whole = Run(policy, Lagrangian(LIMIT))
    log = whole.go(tmp_path / "whole", made)
    with pytest.raises(KeyboardInterrupt):
        Run(policy, Lagrangian(LIMIT)).go(tmp_path / "cut", made, advance=stop_after(5))
    (tmp_path / "cut" / "checkpoint-9").mkdir()  # not written to its end
    checkpoint = last_checkpoint(tmp_path / "cut")
    assert checkpoint.name == "checkpoint-4"
    state = read_state(checkpoint, {"run": 1})
    assert (state.steps, len(state.costs)) == (4, 64)
    resumed = Run(policy, Lagrangian.resumed(LIMIT, state))
    again = resumed.go(tmp_path / "cut", made, checkpoint=checkpoint)
    assert column(again, "lagrangian/multiplier") == column(log, "lagrangian/multiplier")
    assert resumed.callback.lagrangian.state() == whole.callback.lagrangian.state()
    assert_same_weights(tmp_path / "whole", tmp_path / "cut")


def assert_same_weights(*runs):
    one, other = (load_file(run / POLICY_NAME / "model.safetensors") for run in runs)
    assert one.keys() == other.keys()
    assert all(torch.equal(each, other[name]) for name, each in one.items())


def test_each_pass_over_the_prompts_has_all_of_them_in_an_order_of_its_own():
    order = prompt_order(5, settings("grpo", steps=6, batch=2))
    assert len(order) == 12
    assert [sorted(order[at : at + 5]) for at in (0, 5)] == [list(range(5))] * 2
    assert order[:5] != order[5:10]
    assert order == prompt_order(5, settings("grpo", steps=6, batch=2))
    assert order != prompt_order(5, settings("grpo", steps=6, batch=2, seed=1))


def test_a_stopped_run_of_dpo_ends_with_the_weights_it_would_have_had(policy, tmp_path):
    made = settings("dpo", divergence_weight=0.1, batch=2, epochs=3, checkpoint_every=1)
    rows = pairs(policy, "sharp")
    train_on_pairs(policy, rows, made, LagrangianCallback(None, {}), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train_on_pairs(policy, rows, made, LagrangianCallback(None, {}), tmp_path / "cut", advance=stop_after(4))
    checkpoint = last_checkpoint(tmp_path / "cut")
    assert checkpoint.name == "checkpoint-3"  # in the middle of the second pass
    train_on_pairs(policy, rows, made, LagrangianCallback(None, {}), tmp_path / "cut", checkpoint=checkpoint)
    assert_same_weights(tmp_path / "whole", tmp_path / "cut")


def test_a_checkpoint_of_another_run_or_a_broken_one_is_refused(tmp_path):
    callback = LagrangianCallback(Lagrangian(LIMIT), {"seed": 1, "prompts": "a"})
    checkpoint = tmp_path / "checkpoint-3"
    checkpoint.mkdir()
    callback.on_save(
        SimpleNamespace(output_dir=str(tmp_path)), SimpleNamespace(is_world_process_zero=True, global_step=3), None
    )
    assert read_state(checkpoint, {"seed": 1, "prompts": "a"}) == Lagrangian(LIMIT).state()
    with pytest.raises(ModelError, match="PL-TRT-006") as caught:
        read_state(checkpoint, {"seed": 2, "prompts": "a"})
    assert caught.value.found == "others: seed"
    told = json.loads((checkpoint / STATE_NAME).read_text())
    assert told["lagrangian"] == {"log_multiplier": math.log(LIMIT.first), "costs": [], "steps": 0}
    others = ({"costs": ["high"]}, {"costs": None}, {"log_multiplier": math.nan})
    damaged = [json.dumps({**told, "lagrangian": {**told["lagrangian"], **other}}) for other in others]
    for text in ("{", "5", "[" * 100_000, json.dumps({**told, "lagrangian": 5}), *damaged):
        (checkpoint / STATE_NAME).write_text(text)
        with pytest.raises(ModelError, match="PL-TRT-005"):
            read_state(checkpoint, {"seed": 1, "prompts": "a"})


def test_a_score_that_is_no_number_ends_the_run_and_nothing_is_learnt_or_told(policy, tmp_path, caplog):
    run = Run(policy, Lagrangian(LIMIT), unknown="sharp")
    with caplog.at_level(logging.DEBUG), pytest.raises(ModelError, match="PL-TRT-004") as caught:
        run.go(tmp_path, settings("grpo", steps=8))
    assert "1 of 64" in caught.value.found
    assert "sharp" not in caplog.text
    assert run.callback.lagrangian.steps == len(run.cost.asked)


def test_nobody_is_told_that_trl_runs(policy, tmp_path, monkeypatch):
    from huggingface_hub.utils import _telemetry

    sent = []
    monkeypatch.setattr(_telemetry, "_start_telemetry_thread", lambda: sent.append(1))
    monkeypatch.setattr(_telemetry.constants, "is_offline_mode", lambda: False)
    monkeypatch.setattr(_telemetry.constants, "HF_HUB_DISABLE_TELEMETRY", False)
    monkeypatch.delenv("CI", raising=False)
    Run(policy, None).go(tmp_path, settings("grpo", steps=1))
    assert sent == []
    assert _telemetry.constants.HF_HUB_DISABLE_TELEMETRY is False


def pairs(policy, better):
    """Sharp beside dull, in both orders of words; `better` is chosen."""
    worse = {"sharp": "dull", "dull": "sharp"}[better]
    made = [
        {
            "prompt": [{"role": "user", "content": asked}],
            "chosen": [{"role": "assistant", "content": f"{better} {better}"}],
            "rejected": [{"role": "assistant", "content": f"{worse} {worse}"}],
        }
        for asked in ("ask", "more", "ask more", "more ask")
    ]
    found = pair_rows(made, policy.form, 64)
    assert not found.left_out
    return found.rows


@pytest.mark.parametrize("better", ["sharp", "dull"])
def test_dpo_raises_the_margin_of_the_preferred_reply_whichever_it_is(policy, tmp_path, better):
    callback = LagrangianCallback(None, {})
    made = settings("dpo", divergence_weight=0.1, batch=4, epochs=5, learning_rate=0.01)
    log = train_on_pairs(policy, pairs(policy, better), made, callback, tmp_path)
    assert column(log, "rewards/margins")[0] == 0
    assert log[-1]["rewards/margins"] > 0.3
    trained = AutoModelForCausalLM.from_pretrained(tmp_path / POLICY_NAME)
    tokens = torch.tensor([policy.form.tokenizer("<t> user ask <t> assistant").input_ids])
    found = {}
    for name, model in (("before", AutoModelForCausalLM.from_pretrained(policy.folder)), ("after", trained)):
        said = model(tokens).logits[0, -1].detach()
        words = policy.form.tokenizer.convert_tokens_to_ids(["sharp", "dull"])
        found[name] = float(said[words[0]] - said[words[1]])
    assert (found["after"] > found["before"]) == (better == "sharp")


def test_adapters_come_out_as_a_whole_policy_and_beside_it(policy, tmp_path):
    made = settings("grpo", steps=3, lora=4)
    run = Run(policy, Lagrangian(LIMIT))
    run.go(tmp_path, made)
    before, after = (load_file(folder / "model.safetensors") for folder in (policy.folder, tmp_path / POLICY_NAME))
    assert before.keys() == after.keys()
    changed = {name for name, each in before.items() if not torch.equal(each, after[name])}
    assert changed
    assert all("proj" in name for name in changed)  # embeddings and head stay
    assert run.callback.trainer.ref_model is None
    kept = tmp_path / POLICY_NAME / "adapter"
    assert (kept / "adapter_model.safetensors").is_file()
    assert str(policy.folder) not in (kept / "adapter_config.json").read_text()


def test_adapters_are_worked_into_weights_as_they_were_trained_beside_them(policy, tmp_path):
    """Not into the precision that they were saved in, where a small step would be none."""
    coarse = AutoModelForCausalLM.from_pretrained(policy.folder, dtype=torch.bfloat16)
    coarse.save_pretrained(tmp_path / "coarse")
    task.tokenizer().save_pretrained(tmp_path / "coarse")
    run = Run(open_policy(str(tmp_path / "coarse")), None)
    run.go(tmp_path, settings("grpo", steps=2, lora=2, learning_rate=1e-4))
    with torch.no_grad():
        trained = run.callback.trainer.model.merge_and_unload().state_dict()
    written = load_file(tmp_path / POLICY_NAME / "model.safetensors")
    assert all(torch.equal(each, trained[name]) for name, each in written.items())


@pytest.mark.parametrize("steps", [1, 4])
def test_weights_that_are_lost_are_neither_kept_nor_written(policy, tmp_path, steps):
    made = settings("grpo", steps=steps, learning_rate=1e38, checkpoint_every=1)
    with pytest.raises(ModelError, match="PL-TRT-014") as caught:
        Run(policy, None).go(tmp_path, made)
    assert "not finite" in caught.value.found
    assert last_checkpoint(tmp_path) is None
    assert not (tmp_path / POLICY_NAME).exists()


def test_a_training_that_goes_astray_between_checkpoints_says_so(policy, tmp_path):
    with pytest.raises(ModelError, match="PL-TRT-014"):
        Run(policy, None).go(tmp_path, settings("grpo", steps=4, learning_rate=1e38))


def test_a_learning_rate_that_would_unlearn_is_refused(policy, tmp_path):
    further = {"lr_scheduler_type": "polynomial", "lr_scheduler_kwargs": {"lr_end": -0.1}}
    made = settings("dpo", divergence_weight=0.1, batch=2, epochs=3, further=further)
    with pytest.raises(ModelError, match="PL-TRT-014") as caught:
        train_on_pairs(policy, pairs(policy, "sharp"), made, LagrangianCallback(None, {}), tmp_path)
    assert "learning_rate = -" in caught.value.found


@pytest.mark.parametrize("further", [{"loss_type": "magic"}, {"cache_implementation": "magic"}])
def test_what_trl_finds_wrong_late_names_the_setting_and_no_text(policy, tmp_path, further):
    with pytest.raises(UsageError, match="PL-TRT-009") as caught:
        Run(policy, None).go(tmp_path, settings("grpo", steps=1, further=further))
    (name,) = further
    assert name in caught.value.advice
    assert "magic" not in str(caught.value)


def test_a_librarys_own_error_is_told_by_its_place_alone(policy, tmp_path):
    def fail(*_):
        raise RuntimeError("sharp words")

    with pytest.raises(ModelError, match="PL-TRT-017") as caught:
        Run(policy, None).go(tmp_path, settings("grpo", steps=1), advance=fail)
    assert "test_training line" in caught.value.found
    assert "sharp" not in str(caught.value)


def test_a_policy_whose_tokenizer_is_damaged_is_refused(policy, tmp_path):
    shutil.copytree(policy.folder, tmp_path / "policy")
    (tmp_path / "policy" / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match="PL-TRT-011"):
        open_policy(str(tmp_path / "policy"))


_LAUNCHED = """
import json, os, sys
from pathlib import Path
import torch
from plumbline.align.lagrangian import Lagrangian
from plumbline.align.trl.training import open_policy
from plumbline.records import ModelError
from tests.align.trl.test_training import LIMIT, Run, column, settings
torch.set_num_threads(1)
folder, rank = Path(sys.argv[1]), os.environ["RANK"]
run = Run(open_policy(str(folder / "policy")), Lagrangian(LIMIT))
taken = []
keep = run.callback.take
run.callback.take = lambda costs: (taken.append(costs), keep(costs))[1]
log = run.go(folder / "run", settings("grpo", steps=3))
told = {"path": column(log, "lagrangian/multiplier"), "state": run.callback.lagrangian.state().model_dump(), "taken": taken}
(folder / f"{rank}.json").write_text(json.dumps(told))
# Of one process alone a score is no number: both must end, and neither wait.
bad = Run(open_policy(str(folder / "policy")), Lagrangian(LIMIT), unknown="sharp" if rank == "0" else None)
try:
    bad.go(folder / "bad", settings("grpo", steps=8))
except ModelError as error:
    print(error.code, error.found, flush=True)
    raise SystemExit(3)
"""


@pytest.mark.thorough  # starts two processes; that costs are gathered and λ moves by them is shown above for one
def test_two_processes_hold_one_lambda_by_the_costs_of_both(tmp_path):
    task.saved_policy(tmp_path / "policy")
    script = tmp_path / "train.py"
    script.write_text(_LAUNCHED)
    done = run_ranks(script, tmp_path, env={"ACCELERATE_USE_CPU": "true"}, timeout=200)
    one, other = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert one["path"] == other["path"]
    assert one["state"] == other["state"]
    assert [len(costs) for costs in one["taken"]] == [32, 32, 32]
    assert one["taken"] != other["taken"]
    assert one["state"]["costs"] == one["taken"][-1] + other["taken"][-1]
    expected = Lagrangian(LIMIT)
    for costs in zip(one["taken"], other["taken"], strict=True):
        expected.update([*costs[0], *costs[1]])
    assert one["state"] == expected.state().model_dump()
    assert done.codes == [3, 3], done.stderr[-3000:]
    assert done.stdout.count("PL-TRT-004 1 of 64") == 2


def test_what_cannot_be_run_is_told_before_a_model_is_loaded(policy, tmp_path, monkeypatch):
    with pytest.raises(NoDataError, match="PL-TRT-013"):
        Run(policy, None).go(tmp_path, settings("grpo", batch=17))
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(UsageError, match="PL-TRT-012"):
        Run(policy, None).go(tmp_path, settings("grpo"))
    monkeypatch.delenv("WORLD_SIZE")
    with pytest.raises(UsageError, match="PL-TRT-012") as caught:
        Run(policy, None).go(tmp_path, settings("grpo", checkpoint_every=5, further={"num_iterations": 2}))
    assert "--checkpoint-every 4" in caught.value.advice


@pytest.mark.parametrize(
    "wrong", [{"replies": 1}, {"checkpoint_every": 0}, {"seed": -1}, {"seed": 1 << 32}, {"learning_rate": 0.0}]
)
def test_a_setting_out_of_its_range_is_told_by_its_own_name(wrong):
    with pytest.raises(UsageError, match="PL-TRT-010") as caught:
        settings("grpo", **wrong)
    ((name, value),) = wrong.items()
    assert caught.value.found == f"{name} = {value:.10g}"


def test_dpo_without_a_price_of_distance_would_learn_nothing():
    with pytest.raises(UsageError, match="PL-TRT-010"):
        settings("dpo", divergence_weight=0.0)


def test_what_is_written_is_a_policy_without_a_pickle(policy, tmp_path):
    Run(policy, None).go(tmp_path, settings("grpo", steps=1))
    names = {path.name for path in (tmp_path / POLICY_NAME).iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert not [name for name in names if name.endswith(".bin")]
    state = json.loads((tmp_path / "checkpoint-1" / STATE_NAME).read_text())
    assert state == {"step": 1, "identity": {"run": 1}, "lagrangian": None}
