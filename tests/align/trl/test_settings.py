"""Settings of TRL by their names."""

import dataclasses
import importlib.util

import pytest

from plumbline.align.trl.settings import HELD, config_class, make_config, parse_settings, require_trl
from plumbline.align.trl.values import RANGES
from plumbline.records import MissingExtraError, UsageError


def test_settings_are_read_as_json_or_as_text():
    given = ("gradient_checkpointing=false", "weight_decay=1", "lr_scheduler_type=cosine", "vllm_mode=server")
    assert parse_settings("grpo", given) == {
        "gradient_checkpointing": False,
        "weight_decay": 1,
        "lr_scheduler_type": "cosine",
        "vllm_mode": "server",
    }


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        ("gradient_checkpoint=true", "PL-ARG-001", "gradient_checkpointing"),
        ("loss", "PL-TRT-007", "NAME=VALUE"),
        ("reward_weights=[1,1]", "PL-TRT-008", "Lagrangian"),
        ("log_completions=true", "PL-TRT-008", "conversations"),
        ("trust_remote_code=true", "PL-TRT-008", "code"),
        ("weight_decay=much", "PL-TRT-008", "float"),
        ("use_vllm=1", "PL-TRT-008", "bool"),
    ],
)
def test_what_is_no_setting_or_not_to_be_set_is_refused(given, code, told):
    with pytest.raises(UsageError, match=code) as caught:
        parse_settings("grpo", (given,))
    assert told in str(caught.value)


def test_what_a_run_holds_are_settings_that_trl_has():
    """A name that TRL no longer has would hold nothing."""
    known = {field.name for method in ("dpo", "grpo", "rloo") for field in dataclasses.fields(config_class(method))}
    assert set(HELD) <= known


def test_ranges_are_of_settings_that_trl_has():
    known = {field.name for method in ("dpo", "grpo", "rloo") for field in dataclasses.fields(config_class(method))}
    assert set(RANGES) <= known


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("loss_weights=[-1.0]", "judged pairs"),  # would turn every label
        ('loss_type=["sft"]', "sigmoid, sigmoid_norm"),
        ('loss_type=["sigmoid","sft"]', "sigmoid, sigmoid_norm"),
        ('loss_type=["apo_down"]', "sigmoid, sigmoid_norm"),
        ("loss_type=[]", "one or several"),
        ("label_smoothing=0.7", "below 0.5"),
        ("label_smoothing=0.5", "below 0.5"),
        ("max_grad_norm=-1", "0 or more"),  # a gradient cut to a negative length goes the other way
        ("ld_alpha=-1", "from 0 to 1"),
        ("weight_decay=NaN", "float"),
        ("weight_decay=1e999", "float"),
        ("adam_beta1=5", "below 1"),
        ("sync_ref_model=true", "checkpoints"),
        ("precompute_ref_log_probs=true", "bars"),
        ("logging_strategy=no", "logged"),
        ("report_to=wandb", "publish"),
        ('accelerator_config={"gradient_accumulation_kwargs":{"num_steps":4}}', "resumed"),
    ],
)
def test_what_would_turn_what_pairs_say_or_hide_what_becomes_of_them_is_refused(given, told):
    with pytest.raises(UsageError, match="PL-TRT-008") as caught:
        parse_settings("dpo", (given,))
    assert told in str(caught.value)


def test_losses_of_preferences_are_taken_alone_and_mixed():
    assert parse_settings("dpo", ('loss_type=["hinge","robust"]', "label_smoothing=0.1")) == {
        "loss_type": ["hinge", "robust"],
        "label_smoothing": 0.1,
    }
    assert parse_settings("grpo", ("loss_type=dr_grpo", "scale_rewards=batch"))


@pytest.mark.parametrize("given", ["temperature=0", "min_p=-1", "top_k=-5", "repetition_penalty=0", "scale_rewards=x"])
def test_replies_cannot_be_drawn_in_a_way_that_there_is_not(given):
    with pytest.raises(UsageError, match="PL-TRT-008"):
        parse_settings("grpo", (given,))


def test_without_vllm_the_package_is_named():
    if importlib.util.find_spec("vllm"):
        pytest.skip("vllm is installed")
    assert parse_settings("grpo", ("use_vllm=false",)) == {"use_vllm": False}
    with pytest.raises(MissingExtraError, match="PL-TRT-016") as caught:
        parse_settings("grpo", ("use_vllm=true",))
    assert "pip install 'trl[vllm]'" in caught.value.advice


def test_what_trl_refuses_is_an_error_and_no_traceback(tmp_path):
    with pytest.raises(UsageError, match="PL-TRT-009") as caught:
        make_config("grpo", {"output_dir": str(tmp_path), "bf16": False, "num_generations": 7})
    assert "num_generations" in caught.value.found


def test_without_trl_the_extra_is_named(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr("plumbline.records.errors.find_spec", lambda name: None if name == "trl" else find(name))
    with pytest.raises(MissingExtraError, match="PL-TRT-001") as caught:
        require_trl("align grpo")
    assert "'.[train,trl]'" in caught.value.advice
