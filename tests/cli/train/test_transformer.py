"""Transformers on the command line: trained, measured, scored, exported, imported; killed and resumed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from safetensors.numpy import load_file

from plumbline.lineage import file_digest
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from plumbline.loop.training.run import TrainingRun, run_training
from plumbline.records import UsageError
from tests.models.transformer import tiny
from tests.restating import restate

torch.set_num_threads(1)

ENTRY = [sys.executable, "-m", "plumbline"]
SMALL = ("--max-tokens", 96, "--held-out", 0.3, "--learning-rate", 1e-3, "--rows-per-step", 8, "--threads", 1)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "corpus"
    write_synthetic_corpus(folder, scale=0.1)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("base") / "llama", tiny.llama(), tiny.tokenizer())


@pytest.fixture(scope="module")
def trained(corpus, base, tmp_path_factory):
    """A preference model and its figures."""
    out = tmp_path_factory.mktemp("models") / "harmless"
    names = {"max_tokens": 96, "held_out": 0.3, "learning_rate": 1e-3, "rows_per_step": 8, "threads": 1}
    run = TrainingRun("preference", (str(corpus / "harmless-synthetic"),), out, kind=str(base), settings=names)
    told = []
    result = run_training(run, told.append)
    assert any("tokens/s" in line and "% right" in line for line in told)
    return out, result.cross_validated


def test_a_trained_model_stands_whole_and_says_what_its_figures_are_of(trained, corpus, base):
    out, printed = trained
    assert printed["accuracy"]["n"] > 10
    card = (out / "README.md").read_text()
    assert "held out of training" in card
    assert "Synthetic data" in card
    described = json.loads((out / "model.json").read_text())
    assert described["plumbline"] == "transformer-model"
    assert described["training"]["figures_are_of"] == "held-out prompts"
    assert described["training"]["held_out_of_train"]["accuracy"]["n"] > 10
    assert "cross_validated" not in described["training"]
    assert described["base"]["sha256"]
    assert described["trained_rows_sha256"] == file_digest(out / "trained_rows.safetensors")
    scored = pyarrow.parquet.read_table(out / "out_of_fold.parquet")
    right = sum(chance > 0.5 for chance in scored["probability"].to_pylist())  # the better side stands first
    assert right / len(scored) == pytest.approx(printed["accuracy"]["value"], abs=0.02)  # copies count once here
    assert abs(len(scored) - printed["accuracy"]["n"]) < 5
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["configuration"]["backbone"]["name"] == str(base)
    assert "torch" in manifest["versions"]
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line][:3] == [1, 2, 3]
    assert not out.with_name("harmless.training").exists()
    assert not list(out.parent.glob(".*.partial"))


def test_it_is_measured_scored_exported_and_comes_back(trained, corpus, plumb, tmp_path):
    out, _ = trained
    source = corpus / "harmless-synthetic"
    ended, printed, _ = plumb("evaluate", out, source, "--json")
    assert ended in (0, 1)
    result = json.loads(printed)
    assert result["accuracy"]["value"] is not None
    assert result["task"] == "preference"
    assert result["cross_validated"] is None
    assert result["held_out_of_train"]["accuracy"]["n"] > 10
    ended, _, _ = plumb("score", out, source, "-o", tmp_path / "scores.jsonl", "--split", "test")
    assert ended in (0, 1)
    rows = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert rows[0]["probability"] + rows[1]["probability"] == pytest.approx(1)


def test_an_evaluation_says_which_rows_it_was_trained_on(trained, corpus, plumb):
    out, _ = trained
    code, printed, _ = plumb("evaluate", out, corpus / "harmless-synthetic", "--split", "train", "--json")
    assert code in (0, 1)
    counts = json.loads(printed)["trained_on"]
    assert counts["trained_rows"] == counts["rows"] > 20  # those held out for calibration among them
    with pytest.raises(UsageError, match="PL-OUT-013"):
        run_training(TrainingRun("moderation", (str(corpus / "labels-synthetic"),), out, kind="linear"))


def short_pairs(folder):
    """Conversations that no limit cuts: an import knows of none but the model's positions."""
    folder.mkdir()
    sides = {"chosen": "\n\nHuman: tea?\n\nAssistant: Yes, do.", "rejected": "\n\nHuman: tea?\n\nAssistant: No."}
    (folder / "test.jsonl").write_text(json.dumps(sides) + "\n")
    return folder / "test.jsonl"


def scores_of(plumb, source, models, out):
    found = []
    for model in models:
        ended, _, told = plumb("score", model, source, "-o", out)
        assert ended == 0, told
        found.append([json.loads(line)["score"] for line in out.read_text().splitlines()])
    return found


def test_it_goes_to_other_tools_and_comes_back(trained, plumb, tmp_path):
    short, back = short_pairs(tmp_path / "harmless-short"), tmp_path / "come back"
    assert plumb("train", "export", trained[0], "-o", tmp_path / "out")[0] == 0
    ended, _, told = plumb("train", "import", tmp_path / "out", "--on", "harmlessness", "-o", back)
    assert ended == 0, told
    assert f"next: plumbline evaluate '{back}' SOURCE" in told
    scores = scores_of(plumb, short, (trained[0], back), tmp_path / "scores.jsonl")
    assert len(scores[0]) == 2
    assert np.allclose(*scores, atol=1e-5)


def test_loaded_adapters_go_to_other_tools_too(corpus, base, plumb, tmp_path):
    words = (*SMALL, "--held-out", 0.5, "--split", "test", "--lora", 2)
    source = corpus / "harmless-synthetic"
    ended, _, told = plumb("train", "preference", source, "--model", base, "-o", tmp_path / "m", *words)
    assert ended in (0, 1), told
    assert (tmp_path / "m" / "adapter").is_dir()
    assert plumb("train", "export", tmp_path / "m", "-o", tmp_path / "out")[0] == 0
    assert not (tmp_path / "out" / "adapter").exists()
    assert plumb("train", "import", tmp_path / "out", "--on", "harmlessness", "-o", tmp_path / "again")[0] == 0
    short = short_pairs(tmp_path / "harmless-short")
    scores = scores_of(plumb, short, (tmp_path / "m", tmp_path / "again"), tmp_path / "scores.jsonl")
    assert len(scores[0]) == 2
    assert np.allclose(*scores, atol=1e-5)


def test_an_import_takes_the_place_of_no_other_model(trained, plumb, tmp_path):
    assert plumb("train", "export", trained[0], "-o", tmp_path / "out")[0] == 0
    before = file_digest(trained[0] / "model.json")
    for words in (("--task", "cost"), ("--on", "helpfulness")):
        ended, _, told = plumb("train", "import", tmp_path / "out", *words, "-o", trained[0])
        assert (ended, told.split()[0]) == (2, "PL-OUT-013")
    assert file_digest(trained[0] / "model.json") == before


def test_an_export_takes_the_place_of_its_own_alone(trained, plumb, tmp_path):
    out = tmp_path / "out"
    assert plumb("train", "export", trained[0], "-o", out)[0] == 0
    assert plumb("train", "export", trained[0], "-o", out)[0] == 0
    before = file_digest(out / "manifest.json")
    other = shutil.copytree(trained[0], tmp_path / "other")
    described = json.loads((other / "model.json").read_text())
    (other / "model.json").write_text(json.dumps({**described, "name": "other"}))
    restate(other)
    ended, _, told = plumb("train", "export", other, "-o", out)
    assert (ended, told.split()[0]) == (2, "PL-OUT-016")
    assert "one of harmless, preference (harmlessness)" in told
    assert file_digest(out / "manifest.json") == before
    manifest = json.loads(before_text := (out / "manifest.json").read_text())
    for name in ("task", "axis"):  # as earlier versions wrote it
        manifest["configuration"].pop(name)
    (out / "manifest.json").write_text(json.dumps(manifest))
    ended, _, told = plumb("train", "export", other, "-o", out)
    assert (ended, told.split()[0]) == (2, "PL-OUT-016")
    assert plumb("train", "export", trained[0], "-o", out)[0] == 0
    assert set(json.loads((out / "manifest.json").read_text())) == set(json.loads(before_text))


def test_scores_of_an_import_say_that_they_are_not_calibrated(trained, plumb, tmp_path):
    assert plumb("train", "export", trained[0], "-o", tmp_path / "out")[0] == 0
    ended, _, told = plumb("train", "import", tmp_path / "out", "--on", "harmlessness", "-o", tmp_path / "again")
    assert ended == 0
    assert "cut at 96 tokens: the manifest of the export says so" in " ".join(told.split())
    short = short_pairs(tmp_path / "harmless-short")
    found = {}
    for model in (trained[0], tmp_path / "again"):
        ended, _, told = plumb("score", model, short, "-o", tmp_path / "scores.jsonl")
        assert ended == 0
        manifest = json.loads((tmp_path / "scores.jsonl.manifest.json").read_text())
        found[model.name] = ("is not calibrated" in " ".join(told.split()), manifest["findings"].get("PL-SCO-003"))
    assert found == {trained[0].name: (False, None), "again": (True, 2)}


@pytest.mark.parametrize("task", ["cost", "moderation"])
def test_the_other_tasks_train_too(task, corpus, base, plumb, tmp_path):
    source = corpus / ("preferences-synthetic" if task == "cost" else "labels-synthetic")
    words = (*SMALL, "--held-out", 0.5, "--split", "test", "--lora", 2)
    ended, _, told = plumb("train", task, source, "--model", base, "-o", tmp_path / "m", *words)
    assert ended in (0, 1), told
    described = json.loads((tmp_path / "m" / "model.json").read_text())
    assert described["adapter"]
    assert described["heads"][0]["name"] == ("cost" if task == "cost" else "unsafe")
    assert described["heads"][0]["threshold"] is not None
    ended, printed, told = plumb("evaluate", tmp_path / "m", source, "--json")
    assert ended in (0, 1), told
    assert json.loads(printed)["auprc"]["value"] is not None


@pytest.mark.parametrize(
    ("task", "source"),
    [("preference", "harmless-synthetic"), ("cost", "preferences-synthetic"), ("moderation", "labels-synthetic")],
)
def test_heads_alone_are_fitted_on_a_frozen_trunk(task, source, corpus, base, plumb, tmp_path, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_CACHE", str(tmp_path / "cache"))
    words = ("train", task, corpus / source, "--split", "test", "--model", base, "--max-tokens", 96, "--held-out", 0.5)
    ended, _, told = plumb(*words, "-o", tmp_path / "m", "--frozen")
    assert ended in (0, 1), told
    outcome = json.loads((tmp_path / "m" / "model.json").read_text())["training"]["outcome"]
    assert outcome["computed"] == outcome["sequences"] > 20
    plumb(*words, "-o", tmp_path / "again", "--frozen")
    assert json.loads((tmp_path / "again" / "model.json").read_text())["training"]["outcome"]["computed"] == 0
    one, other, trunk = (
        load_file(folder / name)
        for folder, name in (
            (tmp_path / "m", "heads.safetensors"),
            (tmp_path / "again", "heads.safetensors"),
            (tmp_path / "m", "model.safetensors"),
        )
    )
    assert all(np.array_equal(one[name], other[name]) for name in one)
    before = load_file(base / "model.safetensors")
    assert all(np.array_equal(trunk[name], before[name]) for name in before)
    assert "the heads alone were fitted" in (tmp_path / "m" / "README.md").read_text()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--model", "gpt"], "PL-ARG-001"),
        (["--epochs", "2"], "PL-ARG-003"),
        (["--model", "PATH", "--features", "words"], "PL-ARG-003"),
        (["--model", "PATH", "--template", "alpaca"], "PL-ARG-001"),
        (["--model", "PATH", "--resume", "--restart"], "PL-ARG-004"),
        (["--model", "PATH", "--frozen", "--lora", "2"], "PL-ARG-005"),
        (["--model", "PATH", "--max-tokens", "4000"], "PL-TOK-001"),
        (["--model", "./nothing/here"], "PL-BBN-001"),
    ],
)
def test_wrong_usage_says_so_and_leaves_nothing(words, code, corpus, base, plumb, tmp_path):
    words = [str(base) if word == "PATH" else word for word in words]
    ended, _, told = plumb("train", "preference", corpus / "harmless-synthetic", "-o", tmp_path / "m", *words)
    assert (ended, told.split()[0]) == (2, code)
    assert not (tmp_path / "m").exists()
    assert not (tmp_path / "m.training" / "checkpoints").exists()


def test_a_linear_model_is_not_exported(corpus, plumb, tmp_path):
    plumb("train", "preference", corpus / "harmless-synthetic", "-o", tmp_path / "m", "--features", "words")
    ended, _, told = plumb("train", "export", tmp_path / "m", "-o", tmp_path / "out")
    assert (ended, told.split()[0]) == (2, "PL-XCH-008")
    ended, _, told = plumb("train", "export", tmp_path, "-o", tmp_path / "out")
    assert (ended, told.split()[0]) == (2, "PL-MOD-001")


@pytest.mark.thorough  # starts a process; `test_trouble` kills one in the worst moment, and ends with such weights too
def test_a_killed_run_goes_on_and_ends_with_the_same_weights(trained, corpus, base, plumb, tmp_path):
    out = tmp_path / "harmless"
    words = ["train", "preference", corpus / "harmless-synthetic", "--model", base, "-o", out, *SMALL]
    words = [*words, "--checkpoint-every", "2"]
    process = subprocess.Popen([*ENTRY, *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    work = out.with_name("harmless.training")
    for _ in range(1200):
        if list((work / "checkpoints").glob("step-*")) or process.poll() is not None:
            break
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not out.exists()
    assert list((work / "checkpoints").glob("step-*"))
    ended, _, told = plumb(*words)
    assert (ended, told.split()[0]) == (2, "PL-RUN-004")
    ended, _, told = plumb(*words, "--resume")
    assert ended in (0, 1), told
    assert not work.exists()
    outcome = json.loads((out / "model.json").read_text())["training"]["outcome"]
    assert outcome["resumed_step"] >= 2
    uninterrupted = trained[0]
    for name in ("model.safetensors", "heads.safetensors"):
        ours, theirs = load_file(out / name), load_file(Path(uninterrupted) / name)
        assert all(np.array_equal(ours[key], theirs[key]) for key in theirs), name


@pytest.mark.parametrize(
    ("task", "flags", "named"),
    [
        ("preference", ("--merge-adapter",), "--lora"),
        ("preference", ("--balance-categories",), "moderation"),
        ("cost", ("--balance-categories",), "moderation"),
        ("moderation", ("--frozen", "--epochs", 2), "--frozen"),
    ],
)
def test_a_flag_that_would_change_nothing_is_refused(task, flags, named, corpus, base, plumb, tmp_path):
    out = tmp_path / "x"
    ended, _, told = plumb("train", task, corpus / "labels-synthetic", "--model", base, "-o", out, *flags)
    assert ended == 2
    assert "PL-ARG-005" in told
    assert named in told
    assert not list(tmp_path.iterdir())


def test_settings_that_turned_out_to_change_nothing_are_told(corpus, base, plumb, tmp_path):
    out = tmp_path / "x"
    given = ("train", "preference", corpus / "harmless-synthetic", "--model", base, "-o", out, *SMALL)
    ended, _, told = plumb(*given, "--margin", 1, "--resume")
    assert ended in (0, 1), told
    assert "--margin changed nothing" in told
    assert "nothing to go on with" in told
