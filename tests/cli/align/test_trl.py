"""``plumbline align dpo``, ``grpo`` and ``rloo`` as a person calls them; policy, models and prompts are made up."""

import json

import pytest

from plumbline.lineage import ALL_USES, Terms, with_terms
from tests.align import trl_task as task
from tests.models.made_up import labels_table, pairs_table
from tests.redteam.small_models import saved

SECRET = "lapis lazuli"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("align")
    task.saved_policy(folder / "policy")
    saved("preference", with_terms(pairs_table(60), Terms(ALL_USES, "MIT")), folder / "reward")
    saved("moderation", labels_table(80), folder / "harm")
    lines = [{"prompt": f"{SECRET} {text}"} for text in ("ask", "more", "ask more", "more ask")]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def call(plumb, place, method, *words):
    return plumb("align", method, place / "prompts.jsonl", "--policy", place / "policy", *words)


def test_options_reach_the_run_and_no_text_is_told(plumb, place, tmp_path):
    flags = ["--batch", 2, "--replies", 2, "--max-tokens", 3, "--steps", 2, "--learning-rate", 0.01, "--seed", 5]
    price = ["--cost", place / "harm", "--cost-limit", -9, "--cost-window", 4, "--lambda-first", 2]
    models = ["--reward", place / "reward", "--set", "weight_decay=0.5", "-o", tmp_path / "out"]
    code, out, err = call(plumb, place, "rloo", *flags, *price, *models)
    assert code == 0, err
    assert "multiplier" in out
    assert "the cost limit is NOT kept" in err
    assert "SYNTHETIC" in err
    assert SECRET not in out + err
    told = json.loads((tmp_path / "out" / "policy.json").read_text())
    assert told["settings"] == {
        **{"method": "rloo", "learning_rate": 0.01, "divergence_weight": 0.05, "batch": 2, "replies": 2},
        **{"reply_tokens": 3, "steps": 2, "seed": 5, "lora": 0, "further": {"weight_decay": 0.5}},
    }
    assert (told["lagrangian"]["cost_limit"], told["lagrangian"]["replies"]) == (-9.0, 4)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--lambda-first", "2"), "PL-ARG-005", "--lambda-first"),
        (("--set", "weight_decay"), "PL-TRT-007", "NAME=VALUE"),
        (("--set", "wieght_decay=1"), "PL-ARG-001", "--set weight_decay"),
        (("--set", "push_to_hub=true"), "PL-TRT-008", "publish"),
        (("--batch", "9", "--max-tokens", "4"), "PL-TRT-013", "--batch 4"),
        ((), "PL-TRT-013", "set aside: 4 × PL-TRT-021"),
    ],
)
def test_what_cannot_be_is_told_with_the_next_step(plumb, place, tmp_path, words, code, told):
    ended, out, err = call(plumb, place, "grpo", "--reward", place / "reward", "-o", tmp_path / "out", *words)
    assert (ended in (1, 2), out) == (True, "")
    assert err.startswith(code)
    assert told in err
    assert not list(tmp_path.iterdir())
