"""Ensembles on the command line: trained, scored, measured, told in the card; frozen or fine-tuned, one task or several."""

import json
import math

import pytest
import torch

from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from tests.models.transformer import tiny

torch.set_num_threads(1)

SMALL = ("--max-tokens", 96, "--held-out", 0.5, "--split", "test", "--threads", 1)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "corpus"
    write_synthetic_corpus(folder, scale=0.1)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("base") / "llama", tiny.llama(), tiny.tokenizer())


@pytest.mark.parametrize(
    ("task", "source", "how"),
    [
        ("preference", "harmless-synthetic", ("--learning-rate", 1e-3, "--rows-per-step", 8)),
        ("cost", "preferences-synthetic", ("--lora", 2)),
        ("moderation", "labels-synthetic", ("--frozen",)),
    ],
)
def test_an_ensemble_says_how_sure_the_model_is(task, source, how, corpus, base, plumb, tmp_path, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_CACHE", str(tmp_path / "cache"))
    words = ("train", task, corpus / source, "--model", base, "-o", tmp_path / "m", *SMALL, *how)
    ended, printed, told = plumb(*words, "--ensemble", 3, "--json")
    assert ended in (0, 1), told
    held_out = json.loads(printed)["uncertainty"]
    assert held_out["by_spread"]["accuracy_at_50"]["n"] > 10
    described = json.loads((tmp_path / "m" / "model.json").read_text())
    assert described["ensemble"]["members"] == described["training"]["ensemble"]["members"] == 3
    assert described["training"]["settings"]["ensemble"] == 3
    told_few = [note for note in described["training"]["notes"] if "the threshold rests on only" in note]
    assert len(told_few) == (task == "moderation")
    assert "ensemble.safetensors" in described["files"]
    assert "3 further heads" in (tmp_path / "m" / "README.md").read_text()
    assert not (tmp_path / "m.training").exists()
    ended, printed, told = plumb("evaluate", tmp_path / "m", corpus / source, "--split", "test", "--json")
    assert ended in (0, 1), told
    assert math.isfinite(json.loads(printed)["uncertainty"]["accuracy"]["value"])
    plumb("score", tmp_path / "m", corpus / source, "--split", "test", "-o", tmp_path / "scores.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert all((row["uncertainty"] is None) == (row["probability"] is None) for row in rows)
    assert all(0 < row["uncertainty"] < 0.6 for row in rows if row["probability"] is not None)


def test_without_one_nothing_else_changes(corpus, base, plumb, tmp_path, monkeypatch):
    monkeypatch.setenv("PLUMBLINE_CACHE", str(tmp_path / "cache"))
    words = ("train", "preference", corpus / "harmless-synthetic", "--model", base, *SMALL, "--frozen")
    plumb(*words, "-o", tmp_path / "with", "--ensemble", 2)
    plumb(*words, "-o", tmp_path / "without")
    assert json.loads((tmp_path / "without" / "model.json").read_text())["ensemble"] is None
    rows = []
    for name in ("with", "without"):
        plumb("score", tmp_path / name, corpus / "harmless-synthetic", "-o", tmp_path / f"{name}.jsonl")
        rows.append([json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()])
    for one, other in zip(*rows, strict=True):
        assert one.pop("uncertainty") is not None
        assert other.pop("uncertainty") is None
        assert one == other


@pytest.mark.parametrize(
    ("model", "members", "words"), [("PATH", "1", "greater than or equal to 2"), ("linear", "4", "PL-ARG-003")]
)
def test_an_ensemble_of_one_and_one_of_a_linear_model_are_refused(model, members, words, corpus, base, plumb, tmp_path):
    chosen = base if model == "PATH" else model
    source = corpus / "harmless-synthetic"
    ended, _, told = plumb(
        "train", "preference", source, "--model", chosen, "--ensemble", members, "-o", tmp_path / "m"
    )
    assert ended == 2
    assert words in told
    assert not (tmp_path / "m").exists()


def test_each_of_several_tasks_gets_an_ensemble_of_its_own(corpus, base, plumb, tmp_path):
    source = corpus / "preferences-synthetic"
    words = ("train", "together", source, "--model", base, "-o", tmp_path / "m", *SMALL, "--lora", 2, "--ensemble", 2)
    ended, _, told = plumb(*words)
    assert ended in (0, 1), told
    files = sorted((tmp_path / "m").glob("*/ensemble.safetensors"))
    assert len(files) > 1
    assert len({path.read_bytes() for path in files}) == len(files)
