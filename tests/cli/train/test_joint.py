"""Several tasks at once on one trunk, on the command line."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from plumbline.lineage import file_digest
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from plumbline.loop.training.joint_run import run_joint_training, tasks_taught
from plumbline.loop.training.run import TrainingRun
from plumbline.records import NoDataError, UsageError
from tests.models.transformer import tiny

torch.set_num_threads(1)

NAMES = ("reward-harmlessness", "reward-helpfulness", "cost", "moderation")
SETTINGS = {
    "max_tokens": 96,
    "held_out": 0.3,
    "learning_rate": 1e-3,
    "rows_per_step": 16,
    "threads": 1,
    "max_false_positive_rate": 0.05,
}
SMALL = ("--max-tokens", 96, "--held-out", 0.3, "--rows-per-step", 16, "--threads", 1)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("together") / "corpus"
    write_synthetic_corpus(folder, scale=0.1)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("base") / "llama", tiny.llama(), tiny.tokenizer())


def sources(corpus):
    return str(corpus / "preferences-synthetic"), str(corpus / "labels-synthetic")


@pytest.fixture(scope="module")
def trained(corpus, base, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "all"
    run = TrainingRun("preference", sources(corpus), out, kind=str(base), settings=SETTINGS)
    return out, run_joint_training(run)


def test_all_that_the_sources_teach_becomes_a_model_folder_each(trained):
    out, results = trained
    assert set(results) == set(NAMES)
    assert sorted(path.name for path in out.iterdir()) == sorted(NAMES)
    assert not out.with_name("all.training").exists()
    for name in NAMES:
        described = json.loads((out / name / "model.json").read_text())
        assert described["columns"][:3] == ["reward:harmlessness", "reward:helpfulness", "cost"]
        assert described["name"] == name
        manifest = json.loads((out / name / "manifest.json").read_text())
        assert manifest["configuration"]["together"] == ["preference", "cost", "moderation"]
    read = {name: json.loads((out / name / "model.json").read_text()) for name in NAMES}
    assert read["reward-helpfulness"]["axis"] == "helpfulness"
    assert [head["column"] for head in read["reward-helpfulness"]["heads"]] == ["reward:helpfulness"]
    assert [head["column"] for head in read["cost"]["heads"]] == ["cost"]
    assert read["moderation"]["heads"][0]["column"] == "unsafe"
    seen = {file_digest(out / name / "trained_rows.safetensors") for name in NAMES}
    assert len(seen) == 1  # whatever a model tells, its trunk has seen all rows


def test_the_trunks_weights_take_the_room_of_one_and_nothing_else_is_shared(trained):
    out, _ = trained
    assert len({(out / name / "model.safetensors").stat().st_ino for name in NAMES}) == 1
    files = [path for name in NAMES for path in (out / name).rglob("*") if path.is_file()]
    assert {path.name for path in files if path.stat().st_nlink > 1} == {"model.safetensors"}
    assert len(files) > 30
    for name in NAMES:
        card = (out / name / "README.md").read_text()
        assert "links to one file" in card
        assert all(other in card for other in NAMES)


def test_what_is_saved_into_one_folder_changes_no_other(trained):
    from transformers import AutoTokenizer

    out, _ = trained
    kept = {path: path.read_bytes() for path in (out / NAMES[0]).iterdir() if path.suffix == ".json"}
    tokenizer = AutoTokenizer.from_pretrained(out / NAMES[0])
    tokenizer.add_tokens(["<another>"])
    before = file_digest(out / "cost" / "tokenizer.json")
    tokenizer.save_pretrained(out / NAMES[0])
    assert file_digest(out / NAMES[0] / "tokenizer.json") != before
    assert file_digest(out / "cost" / "tokenizer.json") == before
    for path, content in kept.items():  # for the other tests
        path.write_bytes(content)
    assert {path for path in (out / NAMES[0]).iterdir() if path.suffix == ".json"} == kept.keys()


def test_each_is_measured_like_a_model_trained_alone(trained, corpus, plumb):
    out, _ = trained
    for name, source in (("reward-helpfulness", 0), ("cost", 0), ("moderation", 1)):
        ended, printed, told = plumb("evaluate", out / name, sources(corpus)[source], "--json")
        assert ended in (0, 1), told
        result = json.loads(printed)
        assert result["model"] == name
        assert result["accuracy"]["value"] is not None


def test_what_one_goal_holds_out_no_goal_has_learned_from(corpus, base, tmp_path):
    """The same prompts are held out for every head, though comparisons and labels share conversations."""
    from plumbline.formats import load, merge_loaded
    from plumbline.models.transformer.examples.goals import TaskData, goals_of
    from plumbline.models.transformer.examples.held_out_prompts import held_out_groups

    loaded = merge_loaded([load(source, split="train", cache=False) for source in sources(corpus)])
    data = TaskData(loaded.tables, ("preference", "cost", "moderation"), None, "here", together=True)
    goals = goals_of(data)
    assert [(goal.task, goal.axis and str(goal.axis)) for goal in goals] == [
        ("preference", "harmlessness"),
        ("preference", "helpfulness"),
        ("cost", None),
        ("moderation", None),
    ]
    held = held_out_groups([goal.rows for goal in goals], 0.3, 0)
    every = {
        group
        for goal in goals
        for part in (goal.rows.pairs, goal.rows.labels)
        if part
        for group in part.places.group_ids
    }
    assert 0.2 < len(held) / len(every) < 0.4
    assert held < every


def test_some_tasks_alone_and_one_axis(corpus, base, plumb, tmp_path):
    out = tmp_path / "rewards"
    given = ("--model", base, "-o", out, "--task", "preference", *SMALL)
    ended, _, told = plumb("train", "together", sources(corpus)[0], *given)
    assert ended in (0, 1), told
    assert sorted(path.name for path in out.iterdir()) == ["reward-harmlessness", "reward-helpfulness"]
    one = (*given, "--on", "helpfulness", "--json")
    ended, _, told = plumb("train", "together", sources(corpus)[0], *one)
    assert (ended, told.split()[0]) == (2, "PL-OUT-015")  # the other one would look as if it came of the same run
    assert "reward-harmlessness" in told
    assert not out.with_name("rewards.training").exists()
    shutil.rmtree(out / "reward-harmlessness")
    ended, printed, told = plumb("train", "together", sources(corpus)[0], *one)
    assert ended in (0, 1), told
    assert set(json.loads(printed)) == {"reward-helpfulness"}
    assert "links to one file" not in (out / "reward-helpfulness" / "README.md").read_text()


def test_frozen_heads_of_several_tasks(corpus, base, plumb, tmp_path):
    out = tmp_path / "frozen"
    given = ("--model", base, "-o", out, "--frozen", "--max-tokens", 96, "--held-out", 0.3, "--threads", 1)
    ended, _, told = plumb("train", "together", *sources(corpus), *given)
    assert ended in (0, 1), told
    assert (out / "cost" / "model.json").exists()


def test_what_cannot_be_is_refused(corpus, base, plumb, tmp_path, trained):
    out = tmp_path / "x"
    assert "PL-ARG-003" in plumb("train", "together", sources(corpus)[0], "--model", "linear", "-o", out)[2]
    assert "moderation" in plumb("train", "together", "x", "--model", base, "--task", "moderatoin", "-o", out)[2]
    single, _ = trained
    ended, _, told = plumb("train", "together", *sources(corpus), "--model", base, "-o", single / "cost")
    assert ended == 2
    assert "PL-OUT-002" in told
    ended, _, told = plumb(
        "train", "together", corpus / "harmless-synthetic", "--model", base, "--task", "moderation", "-o", out
    )
    assert ended == 1
    assert "safety labels" in told
    assert not out.exists()


def test_what_sources_teach(corpus):
    from plumbline.formats import load

    taught = {
        name: tasks_taught(load(corpus / name, split="train", cache=False))
        for name in ("harmless-synthetic", "labels-synthetic")
    }
    assert taught == {"harmless-synthetic": ("preference",), "labels-synthetic": ("moderation",)}
    nothing = replace(load(corpus / "labels-synthetic", split="train", cache=False), tables={})
    with pytest.raises(NoDataError):
        tasks_taught(nothing)


def test_an_interrupted_training_needs_a_decision(corpus, base, tmp_path):
    out = tmp_path / "all"
    work = tmp_path / "all.training"
    (work / "checkpoints" / "step-3").mkdir(parents=True)
    (work / "checkpoints" / "step-3" / "state.safetensors").write_bytes(b"x")
    (work / "training.json").write_text("{}")
    with pytest.raises(UsageError, match="PL-RUN-004"):
        run_joint_training(TrainingRun("preference", sources(corpus), out, kind=str(base), settings=SETTINGS))
