"""Sources and models that are damaged, and outputs that cannot be: every command ends in a code, and leaves nothing."""

import gzip
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.cli.told_errors import GOOD_LINE, SECRET, fails
from tests.restating import restate

# --- sources, to every command that reads ---


def _bad_sources(folder):
    def put(name, content):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    lines = (GOOD_LINE + b"\n") * 300
    put("mixed/train.jsonl", lines)
    put("mixed/labels.jsonl", json.dumps({"prompt": SECRET, "response": "a", "is_safe": True}).encode() + b"\n")
    (folder / "empty").mkdir()
    (folder / "folder.jsonl").mkdir()
    (folder / "loop.jsonl").symlink_to("loop.jsonl")
    (folder / "gone.jsonl").symlink_to("nowhere")
    (folder / "pipe").mkdir()
    os.mkfifo(folder / "pipe" / "train.jsonl")
    return {
        "missing": folder / "missing.jsonl",
        "missing, like a path": folder / "a" / "b",
        "truncated gzip": put("harmless-cut/train.jsonl.gz", gzip.compress(lines)[:-30]),
        "garbled gzip": put("harmless-bad/train.jsonl.gz", gzip.compress(os.urandom(5000))[:40] + b"\xff" * 400),
        "no JSON": put("harmless-words/train.jsonl", f"{SECRET}\n".encode() * 30),
        "an object of no format": put("odd/train.jsonl", json.dumps({"text": SECRET}).encode()),
        "other keys are the text": put("keys/train.jsonl", b'{"\\u001b[2J": 1}\n'),
        "an empty file": put("harmless-none/train.jsonl", b""),
        "an empty folder": folder / "empty",
        "a folder that is called a file": folder / "folder.jsonl",
        "two formats": folder / "mixed",
        "a link to itself": folder / "loop.jsonl",
        "a link to nothing": folder / "gone.jsonl",
        "a folder with a pipe": folder / "pipe",
        "no Parquet": put("table/train.parquet", b"PAR1" + SECRET.encode() + b"PAR1"),
        "an unknown ending": put("notes.txt", SECRET.encode()),
        "only a broken array": put("harmless-array/train.json", b'[{"chosen": "' + SECRET.encode()),
        "every row unreadable": put("harmless-rows/train.jsonl", b'{"chosen": 1, "rejected": "x"}\n' * 5),
        "a manifest that is none": put("claimed/manifest.json", b"{}").parent,
        "UTF-16": put("harmless-wide/train.jsonl", lines.decode().encode("utf-16")),
        "a name too long": folder / ("x" * 300 + ".jsonl"),
        "a name that is no UTF-8": put(os.fsdecode(b"harmless-\xff/train.jsonl"), lines),
    }


@pytest.fixture(scope="module")
def bad_sources(tmp_path_factory):
    return _bad_sources(tmp_path_factory.mktemp("bad"))


BAD = [
    *("missing", "missing, like a path", "truncated gzip", "garbled gzip", "no JSON", "an object of no format"),
    *("other keys are the text", "an empty file", "an empty folder", "a folder that is called a file", "two formats"),
    *("a link to itself", "a link to nothing", "a folder with a pipe", "no Parquet", "an unknown ending"),
    *("only a broken array", "every row unreadable", "a manifest that is none", "UTF-16"),
    *("a name that is no UTF-8", "a name too long"),
]
READABLE_IN_PART = {"every row unreadable"}
"""`data show` and `data check` have something to say of these: rows in quarantine."""


def _readers(source, model, out):
    """Every command that reads a source, on this one."""
    return {
        "show": ("data", "show", source),
        "show a line": ("data", "show", source, "--line", "2"),
        "check": ("data", "check", source, "-o", out / "check"),
        "convert": ("data", "convert", source, out / "converted", "--to", "parquet"),
        "convert to a file": ("data", "convert", source, out / "one.jsonl.gz", "--to", "hh-rlhf"),
        "preference": ("train", "preference", source, "-o", out / "model"),
        "cost": ("train", "cost", source, "-o", out / "model"),
        "moderation": ("train", "moderation", source, "-o", out / "model"),
        "evaluate": ("evaluate", model, source, "-o", out / "evaluation"),
        "score": ("score", model, source, "-o", out / "scores.parquet"),
        "demo": ("demo", "--data", source, "-o", out / "demo"),
        "report": ("report", source, "-o", out / "report.html"),
        "curate": ("curate", source, "-o", out / "curated", "--axis", "harmlessness"),
        "as a model": ("evaluate", source, source),
    }


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_source_ends_every_command_in_a_code_and_leaves_nothing(kind, plumb, bad_sources, model, tmp_path):
    assert set(BAD) == set(bad_sources)
    for name, arguments in _readers(bad_sources[kind], model, tmp_path).items():
        code, out, err = plumb(*arguments)
        assert SECRET not in out + err
        assert "\x1b" not in out + err
        if code == 0 or (code == 1 and not err.startswith("PL-")):
            assert name == "show a line" or (kind in READABLE_IN_PART and name in ("show", "check")), (name, out, err)
        else:
            fails((code, "", err))
    left = {path.name for path in tmp_path.iterdir()}  # empty folders among it
    assert left <= ({"check"} if kind in READABLE_IN_PART else set())


def test_a_demo_of_a_folder_without_a_readable_row_leaves_nothing(plumb, bad_sources, tmp_path):
    folder = bad_sources["every row unreadable"].parent
    fails(plumb("demo", "--data", folder, "-o", tmp_path / "demo"), "PL-RUN-001", 1)
    assert not list(tmp_path.iterdir())


def test_outputs_that_cannot_be_written(plumb, corpus, model, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "notes.txt").write_text("mine")
    source = corpus / "preferences-synthetic"
    for out in (tmp_path / "file" / "below", tmp_path / "foreign", tmp_path / "file", Path("/proc/nowhere/x")):
        fails(plumb("data", "convert", source, out, "--to", "parquet"), "PL-OUT-00[12]")
        fails(plumb("train", "cost", source, "-o", out, "--features", "words"), "PL-OUT-00[12]")
        fails(plumb("evaluate", model, source, "--on", "harmlessness", "-o", out), "PL-OUT-00[12]")
        fails(plumb("data", "check", source, "-o", out), "PL-OUT-00[12]")
        if out.name != "foreign":
            fails(plumb("demo", "-o", out), "PL-OUT-00[12]")
    for name in (os.fsdecode(b"\xff"), "x" * 300):
        fails(plumb("data", "convert", source, tmp_path / name, "--to", "parquet"), "PL-OUT-001")
        fails(plumb("score", model, source, "-o", tmp_path / f"{name}.csv"), "PL-OUT-001")
        fails(plumb("report", model, "-o", tmp_path / f"{name}.html"), "PL-OUT-001")
    (tmp_path / "scores.csv").mkdir()
    fails(plumb("score", model, source, "-o", tmp_path / "scores.csv"), "PL-OUT-002")
    (tmp_path / "page.html").mkdir()
    fails(plumb("report", model, "-o", tmp_path / "page.html"), "PL-OUT-002")
    assert (tmp_path / "file").read_text() == (tmp_path / "foreign" / "notes.txt").read_text() == "mine"
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith((".partial", ".former"))]


# --- models that are damaged ---


def _truncate(name):
    def damage(folder):
        path = folder / name
        path.write_bytes(path.read_bytes()[:-100])

    return damage


def _edit(**values):
    def damage(folder):
        path = folder / "model.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
        restate(folder)

    return damage


def _arrays(change):
    def damage(folder):
        stored = load_file(folder / "model.safetensors")
        save_file(change(stored), folder / "model.safetensors")
        restate(folder)

    return damage


def _unsigned(damage):
    def both(folder):
        damage(folder)
        restate(folder)

    return both


def _replace_weights(folder):
    stored = load_file(folder / "model.safetensors")
    save_file({**stored, "weights": -stored["weights"]}, folder / "model.safetensors")


def _folder_for_weights(folder):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()


DAMAGES = {
    "weights cut": (_truncate("model.safetensors"), "PL-MOD-002"),
    "weights cut, no manifest": (_unsigned(_truncate("model.safetensors")), "PL-MOD-002"),
    "weights replaced": (_replace_weights, "PL-MOD-002"),
    "weights gone": (lambda folder: (folder / "model.safetensors").unlink(), "PL-MOD-002"),
    "weights a folder": (_folder_for_weights, "PL-MOD-002"),
    "description cut": (_truncate("model.json"), "PL-MOD-002"),
    "description gone": (lambda folder: (folder / "model.json").unlink(), "PL-MOD-001"),
    "description no UTF-8": (lambda folder: (folder / "model.json").write_bytes(b'{"\xff": 1}'), "PL-MOD-002"),
    "another version": (_edit(version=99), "PL-MOD-003"),
    "another program's": (_edit(plumbline="tree-model"), "PL-MOD-002"),
    "an unknown key": (_edit(colour="red"), "PL-MOD-002"),
    "no heads": (_edit(heads=[]), "PL-MOD-002"),
    "frequencies missing": (_edit(unseen_frequencies=[]), "PL-MOD-002"),
    "an array missing": (_arrays(lambda a: {"columns": a["columns"], "weights": a["weights"]}), "PL-MOD-002"),
    "columns out of range": (_arrays(lambda a: {**a, "columns": a["columns"] + (1 << 30)}), "PL-MOD-002"),
    "weights not finite": (_arrays(lambda a: {**a, "weights": a["weights"] * np.float32("nan")}), "PL-MOD-002"),
    "weights too short": (_arrays(lambda a: {**a, "weights": a["weights"][:, :-1].copy()}), "PL-MOD-002"),
    "columns of another type": (_arrays(lambda a: {**a, "columns": a["columns"].astype(np.float32)}), "PL-MOD-002"),
    "columns no list": (_arrays(lambda a: {**a, "columns": a["columns"][None].copy()}), "PL-MOD-002"),
    "manifest damaged": (_truncate("manifest.json"), "PL-MAN-001"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_model_is_refused(kind, plumb, model, corpus, tmp_path):
    damage, code = DAMAGES[kind]
    copy = tmp_path / "model"
    shutil.copytree(model, copy)
    damage(copy)
    source = corpus / "harmless-synthetic" / "test.jsonl.gz"
    fails(plumb("evaluate", copy, source), code)
    fails(plumb("score", copy, source, "-o", tmp_path / "scores.jsonl"), code)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_model_and_data_the_other_way_round_are_told(plumb, model, corpus):
    source = corpus / "harmless-synthetic"
    ended = plumb("evaluate", source, model)
    fails(ended, "PL-MOD-001")
    assert f"the model comes first, then the data: {model} {source}" in ended[2]
    fails(plumb("evaluate", source, "x" * 300), "PL-MOD-001")
