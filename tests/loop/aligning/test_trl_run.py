"""Runs of TRL from sources to a policy's folder; policy, models and data are made up."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from plumbline.align import judge_room
from plumbline.align.lagrangian import LagrangianSettings
from plumbline.formats import PARQUET, write_tables
from plumbline.lineage import ALL_USES, FoundManifest, StatedTerms, Terms, Use, read_manifest, with_terms
from plumbline.loop.aligning.policy_training import Unfinished
from plumbline.loop.aligning.trl_opening import TrlRun
from plumbline.loop.aligning.trl_run import run_trl
from plumbline.loop.training.folder import training_folder
from plumbline.models.transformer.training.metrics import FIGURES_NAME
from plumbline.records import (
    Kind,
    Message,
    ModelError,
    NoDataError,
    PermittedUseError,
    Role,
    UsageError,
    comparison_table,
    conversation_column,
)
from tests.align import trl_task as task
from tests.redteam.small_models import saved

SMALL = {"batch": 2, "replies": 4, "reply_tokens": 4, "steps": 4, "checkpoint_every": 1, "learning_rate": 0.01}


def conversations(*texts):
    roles = (Role.HUMAN, Role.ASSISTANT)
    return conversation_column([(Message(roles[text in ("sharp", "dull")], text),) for text in texts])


def comparisons(outcomes, axes="overall", asked=("ask", "more")):
    """Sharp beside dull; the outcome says which is the better."""
    count = len(outcomes)
    asked = [asked[number % len(asked)] for number in range(count)]
    sides = conversations(*[side for _ in range(count) for side in ("sharp", "dull")])
    pairs = pa.ListArray.from_arrays(pa.array(range(0, 2 * count + 1, 2), pa.int32()), sides)
    columns = {"axis": axes, "outcome": outcomes, "source": "made-up", "row": list(range(count)), "split": "train"}
    return comparison_table(conversations(*asked), pairs, columns)


def written(folder, table, uses=ALL_USES):
    write_tables({Kind.COMPARISONS: with_terms(table, Terms(frozenset(uses), "MIT"))}, folder, PARQUET)
    return str(folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A policy, a reward model that likes sharp, and prompts."""
    folder = tmp_path_factory.mktemp("trl")
    task.saved_policy(folder / "policy")
    table = with_terms(
        comparisons(["first"] * 40, "helpfulness", [f"ask {number}" for number in range(20)]), Terms(ALL_USES, "MIT")
    )
    saved("preference", table, folder / "reward")
    lines = [{"prompt": text} for text in ("ask", "more", "ask more", "more ask", "ask")]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture(scope="module")
def cost(tmp_path_factory):
    """A moderation model's score of harm serves as a cost."""
    from tests.models.made_up import labels_table

    return saved("moderation", labels_table(160), tmp_path_factory.mktemp("cost") / "harm")


@pytest.fixture(scope="module")
def other_reward(tmp_path_factory):
    table = with_terms(
        comparisons(["second"] * 12, asked=[f"ask {each}" for each in range(12)]), Terms(ALL_USES, "MIT")
    )
    return saved("preference", table, tmp_path_factory.mktemp("other") / "reward")


def grpo(place, out, **changes):
    given = {"reward": place / "reward", "settings": SMALL, "command": ("align", "grpo"), **changes}
    return TrlRun("grpo", str(place / "prompts.jsonl"), str(place / "policy"), out, **given)


def dpo(place, source, out, **changes):
    settings = {"batch": 4, "most_tokens": 32, "epochs": 4.0, "learning_rate": 0.02}
    return TrlRun("dpo", source, str(place / "policy"), out, settings=settings, **changes)


def test_a_policy_comes_out_with_what_it_came_from(place, cost, tmp_path):
    out = tmp_path / "policy"
    told = []
    summary = run_trl(grpo(place, out, cost=cost, lagrangian=LagrangianSettings(cost_limit=-9.0)), told.append)
    AutoModelForCausalLM.from_pretrained(out)
    own = AutoTokenizer.from_pretrained(out)
    assert own.chat_template == task.TEMPLATE
    assert (summary["steps"], summary["rows"], summary["left_out"]) == (4, 4, {"repeated prompts": 1})
    assert summary["lagrangian"]["is_kept"] is False
    assert summary["lagrangian"]["multiplier"] > 1.0
    assert summary["synthetic"]
    assert summary == json.loads((out / "policy.json").read_text())
    assert len((out / FIGURES_NAME).read_text().splitlines()) == 4
    assert "ABOVE the limit" in (out / "README.md").read_text()
    manifest = read_manifest(out)
    assert (manifest.holds, manifest.seed, manifest.licence) == ("policy", 0, "MIT AND unknown")
    parents = {FoundManifest.at(folder / "manifest.json").digest for folder in (place / "reward", cost)}
    assert parents <= set(manifest.parents)
    assert {"policy/model.safetensors", "reward/model.json", "harm/model.json"} <= {
        entry.path for entry in manifest.inputs
    }
    assert not training_folder(out).exists()
    assert summary["without_alarms"].startswith("no alarm can come in 4 steps")
    assert all("reward/empty" in json.loads(each) for each in (out / FIGURES_NAME).read_text().splitlines())
    assert [each for each in told if each.startswith("step 4 of 4")]
    assert not [each for each in told if "ask" in each]


def test_a_run_that_was_stopped_wants_a_decision_and_goes_on(place, other_reward, tmp_path):
    out = tmp_path / "policy"

    def stop(told):
        if told.startswith("step 3"):
            raise KeyboardInterrupt

    run = grpo(place, out)
    with pytest.raises(KeyboardInterrupt):
        run_trl(run, stop)
    assert not out.exists()
    with pytest.raises(UsageError, match="PL-RUN-004"):
        run_trl(run)
    with pytest.raises(ModelError, match="PL-TRT-006") as caught:
        run_trl(replace(run, unfinished=Unfinished(resume=True), settings={**SMALL, "replies": 2}))
    assert caught.value.found == "others: settings"
    with pytest.raises(ModelError, match="PL-TRT-006") as caught:
        run_trl(replace(run, unfinished=Unfinished(resume=True), reward=other_reward))
    assert caught.value.found == "others: reward"
    seen = []
    summary = run_trl(replace(run, unfinished=Unfinished(resume=True)), seen.append)
    assert summary["steps"] == 4
    assert [each.split(":")[0] for each in seen if each.startswith("step ")] == ["step 3 of 4", "step 4 of 4"]


def test_prompts_that_leave_a_judge_no_room_are_left_out_and_counted(place, tmp_path, monkeypatch):
    without = 1
    monkeypatch.setattr(judge_room, "leave_room", lambda _, prompts, __: np.arange(len(prompts)) >= without)
    assert run_trl(grpo(place, tmp_path / "policy"))["left_out"] == {"repeated prompts": 1, "PL-TRT-024": 1}
    without = 3
    with pytest.raises(NoDataError, match="PL-TRT-013") as caught:
        run_trl(grpo(place, tmp_path / "other"))
    assert "3 × PL-TRT-024" in caught.value.found
    assert not (tmp_path / "other").exists()


def test_judges_read_a_reply_up_to_a_turn_marker(place, tmp_path, monkeypatch):
    """Of a policy that is asked in the form of hh-rlhf: what it writes for the human is no part of its reply."""
    shutil.copytree(place / "policy", tmp_path / "bare")
    (tmp_path / "bare" / "chat_template.jinja").unlink()
    asked = []

    class Asked(Exception):
        """The run came to its training."""

    def train(policy, rows, rewards, *_, **_how):
        prompt = rows[0]["prompt"]
        for text in ("sharp", "sharp\n\nHuman: dull dull", "dull"):
            asked.append(rewards[0]([prompt], [[{"role": "assistant", "content": text}]]))
        raise Asked

    monkeypatch.setattr("plumbline.align.trl.training.train_on_prompts", train)
    with pytest.raises(Asked):
        run_trl(replace(grpo(place, tmp_path / "out"), policy=str(tmp_path / "bare")))
    assert asked[0] == asked[1] != asked[2]


@pytest.mark.parametrize(("outcome", "sign"), [("first", 1), ("second", -1)])
def test_dpo_learns_the_side_that_the_outcome_names(place, tmp_path, outcome, sign):
    """Flip the outcome, and what grows likelier flips."""
    source = written(tmp_path / "data", comparisons([outcome] * 8 + ["tie", None]))
    summary = run_trl(dpo(place, source, tmp_path / "out"))
    assert (summary["rows"], summary["axis"]) == (8, "overall")
    assert summary["left_out"] == {"PL-TRN-001": 2}
    assert summary["last"]["margin"] > 0
    tokens = AutoTokenizer.from_pretrained(place / "policy")
    ids = tokens("<t> user ask <t> assistant", return_tensors="pt").input_ids
    sharp, dull = tokens.convert_tokens_to_ids(["sharp", "dull"])
    gaps = []
    for folder in (place / "policy", tmp_path / "out"):
        said = AutoModelForCausalLM.from_pretrained(folder)(ids).logits[0, -1].detach()
        gaps.append(float(said[sharp] - said[dull]))
    assert (gaps[1] - gaps[0]) * sign > 0


def test_data_must_permit_it_and_axes_are_never_mixed(place, tmp_path):
    table = comparisons(["first"] * 8)
    closed = written(tmp_path / "closed", table, {Use.ANALYSIS})
    with pytest.raises(PermittedUseError, match="PL-USE-001"):
        run_trl(dpo(place, closed, tmp_path / "out"))
    summary = run_trl(dpo(place, closed, tmp_path / "out", override_uses=True))
    assert read_manifest(tmp_path / "out").uses_overridden
    assert summary["terms"]["uses"] == ["analysis"]
    stated = StatedTerms.of(None, ["analysis"])
    with pytest.raises(PermittedUseError, match="own --uses names analysis"):
        run_trl(grpo(place, tmp_path / "other", load_options={"stated_terms": stated}))
    mixed = written(tmp_path / "mixed", comparisons(["first"] * 8, ["helpfulness", "harmlessness"] * 4))
    with pytest.raises(UsageError, match="PL-TRN-011"):
        run_trl(dpo(place, mixed, tmp_path / "third"))
    assert run_trl(dpo(place, mixed, tmp_path / "third", on="harmlessness"))["rows"] == 4


def test_what_cannot_work_is_told_before_anything_is_written(place, cost, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="PL-PTR-002") as caught:
        run_trl(grpo(place, out, reward=cost))
    assert caught.value.found == "a moderation model"
    with pytest.raises(NoDataError, match="PL-TRT-013") as short:
        run_trl(grpo(place, out, settings={**SMALL, "reply_tokens": 62}))
    assert "PL-TRT-021" in short.value.found
    with pytest.raises(UsageError, match="PL-OUT-008"):
        run_trl(grpo(place, place / "policy" / "within"))
    with pytest.raises(UsageError, match="PL-ARG-004"):
        run_trl(grpo(place, out, unfinished=Unfinished(resume=True, restart=True)))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="PL-OUT-002"):
        run_trl(grpo(place, tmp_path / "notes"))
    assert {path.name for path in tmp_path.iterdir()} == {"notes"}
