"""What stops a transformer's training: told with a code on one screen, and nothing lost.

Each time: what stood at the output still stands, and what went on with --resume has the weights of an undisturbed run.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file

from plumbline.lineage import file_digest
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from plumbline.loop.training.folder import claimed
from plumbline.loop.training.run import TrainingRun, run_training
from plumbline.models.transformer.training import checkpoints, trainer
from tests.formats.hub_server import serving
from tests.models.transformer import tiny

torch.set_num_threads(1)

ROOT = Path(__file__).parents[3]
SETTINGS = {"max_tokens": 96, "held_out": 0.5, "learning_rate": 1e-3, "rows_per_step": 6, "threads": 1}
SMALL = [word for name, value in SETTINGS.items() for word in (f"--{name.replace('_', '-')}", str(value))]
STEP = 5  # trouble comes in this one; the checkpoint of step 4 stands then


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trouble") / "corpus"
    write_synthetic_corpus(folder, scale=0.0625)
    return folder / "harmless-synthetic"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("base") / "llama", tiny.llama(), tiny.tokenizer())


@pytest.fixture(scope="module")
def undisturbed(source, base, tmp_path_factory):
    """A model trained without trouble."""
    out = tmp_path_factory.mktemp("models") / "m"
    run_training(TrainingRun("preference", (str(source),), out, kind=str(base), settings=SETTINGS))
    return out


@pytest.fixture
def words(source, base, tmp_path):
    """The command; trouble is made in some of its steps."""
    out = tmp_path / "m"
    return ["train", "preference", source, "--model", base, "-o", out, *SMALL, "--checkpoint-every", "2"]


def before_step(patch, act, number=STEP):
    """Do something before a step of training."""
    learn = trainer._Run._learn

    def patched(self, step):
        if self.standing.step + 1 == number:
            act(self)
        return learn(self, step)

    patch.setattr(trainer._Run, "_learn", patched)


def told_once(told, code):
    """The error is all that is told, and fits on a screen."""
    assert told.startswith(code), told
    assert told.count("PL-") == 1
    assert "Try: " in told
    assert len(told.splitlines()) <= 5
    assert len(told) < 1200


def files_of(folder):
    return {path.relative_to(folder): file_digest(path) for path in folder.rglob("*") if path.is_file()}


def weights_of(model):
    return {
        (name, key): value
        for name in ("model.safetensors", "heads.safetensors")
        for key, value in load_file(model / name).items()
    }


def goes_on(plumb, words, tmp_path, undisturbed, *, step=STEP - 1):
    """--resume ends with the weights of an undisturbed run."""
    assert not list(tmp_path.rglob("*.partial"))
    ended, _, told = plumb(*words, "--resume")
    assert ended in (0, 1), told
    assert not (tmp_path / "m.training").exists()
    outcome = json.loads((tmp_path / "m" / "model.json").read_text())["training"]["outcome"]
    assert outcome["resumed_step"] == step
    ours, theirs = weights_of(tmp_path / "m"), weights_of(undisturbed)
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[key], theirs[key]) for key in theirs)
    lines = [json.loads(line) for line in (tmp_path / "m" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, outcome["steps"] + 1))


# --- while it trains ---


def spoil(run):
    with torch.no_grad():
        run.scorer.heads.weight.fill_(float("nan"))


def exhaust(_run):
    def hook(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    _run.scorer.trunk.register_forward_hook(hook)


def stopped(plumb, words, tmp_path, undisturbed, patch, act):
    """What is told where a step fails; the model that stood at the output still stands, and so does the checkpoint."""
    shutil.copytree(undisturbed, tmp_path / "m")
    before = files_of(tmp_path / "m")
    before_step(patch, act)
    ended, printed, told = plumb(*words)
    assert (ended, printed) == (1, "")
    assert "--resume" in told
    assert files_of(tmp_path / "m") == before
    assert [path.name for path in sorted((tmp_path / "m.training" / "checkpoints").iterdir())][-1] == "step-00000004"
    return told


def test_a_loss_that_is_not_finite_names_its_rows(plumb, words, tmp_path, undisturbed, monkeypatch):
    with monkeypatch.context() as patch:
        told = stopped(plumb, words, tmp_path, undisturbed, patch, spoil)
    told_once(told, "PL-FIT-002  step 5: the loss is not a finite number; its rows are")
    assert "--learning-rate" in told
    goes_on(plumb, words, tmp_path, undisturbed)


def test_memory_at_an_end_names_the_batch_and_a_flag_that_helps(plumb, words, tmp_path, undisturbed, monkeypatch):
    with monkeypatch.context() as patch:
        told = stopped(plumb, words, tmp_path, undisturbed, patch, exhaust)
    told_once(told, "PL-FIT-001  a batch of 6 rows, 12 sequences")
    suggested = told.split("--tokens-per-batch ")[1].split(",")[0]
    assert plumb(*words, "--resume", "--tokens-per-batch", suggested, "--gradient-checkpointing")[0] in (0, 1)
    assert json.loads((tmp_path / "m" / "model.json").read_text())["training"]["outcome"]["resumed_step"] == 4
    ours, theirs = weights_of(tmp_path / "m"), weights_of(undisturbed)
    assert all(np.allclose(ours[key], theirs[key], atol=1e-4) for key in theirs)


def test_a_rate_too_high_is_stopped_before_anything_is_saved(plumb, words, tmp_path):
    ended, _, told = plumb(*words, "--learning-rate", "1e30")
    assert ended == 1
    told_once(told, "PL-FIT-002")
    assert not (tmp_path / "m").exists()


def test_an_interruption_says_how_to_go_on(plumb, words, tmp_path, undisturbed, monkeypatch):
    def interrupt(_run):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        before_step(patch, interrupt)
        ended, printed, told = plumb(*words)
    assert (ended, printed) == (130, "")
    assert "--resume goes on after step 4" in told
    assert told.endswith("interrupted; nothing was left half-written\n")
    goes_on(plumb, words, tmp_path, undisturbed)
    with monkeypatch.context() as patch:
        before_step(patch, interrupt)
        ended, _, told = plumb(*words[:-1], "100")
    assert ended == 130
    assert "holds no checkpoint yet" in told


# --- while it saves ---


def full(*_arguments, **_how):
    raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


def test_a_full_disk_keeps_the_checkpoint_before(plumb, words, tmp_path, undisturbed, monkeypatch):
    with monkeypatch.context() as patch:
        before_step(patch, lambda _: patch.setattr(checkpoints, "save_file", full), number=6)
        ended, _, told = plumb(*words)
    assert ended == 1
    told_once(told, "PL-OUT-001")
    assert "the disk is full" in told
    assert [path.name for path in sorted((tmp_path / "m.training" / "checkpoints").iterdir())] == [
        "step-00000002",
        "step-00000004",
    ]
    goes_on(plumb, words, tmp_path, undisturbed)


_KILLED = """
import os, signal, sys
from plumbline.cli.main import run
from plumbline.models.transformer.training import checkpoints
save = checkpoints.save_file

def killed(tensors, path, *rest):
    save(tensors, path, *rest)
    if path.name == "optimizer.safetensors" and list(path.parents[2].glob("step-*4")):
        os.truncate(path, path.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)

checkpoints.save_file = killed
run()
"""


def test_a_kill_in_the_middle_of_a_checkpoint(plumb, words, tmp_path, undisturbed):
    command = [sys.executable, "-c", _KILLED, *map(str, words)]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    assert done.returncode == -signal.SIGKILL, done.stderr
    folder = tmp_path / "m.training" / "checkpoints"
    (half,) = folder.glob(".step-00000006.*.partial")
    assert {path.name for path in (half / "new").iterdir()} == {"weights.safetensors", "optimizer.safetensors"}
    ended, _, told = plumb(*words)
    assert ended == 2
    told_once(told, "PL-RUN-004")
    shutil.copytree(folder, tmp_path / "seen", ignore=shutil.ignore_patterns(".*"))
    assert {path.name for path in (tmp_path / "seen").iterdir()} == {"step-00000002", "step-00000004"}
    ended, _, told = plumb(*words, "--resume")
    assert ended in (0, 1), told
    ours, theirs = weights_of(tmp_path / "m"), weights_of(undisturbed)
    assert all(np.array_equal(ours[key], theirs[key]) for key in theirs)
    assert not list(tmp_path.rglob("*.partial"))


# --- before it goes on ---


@pytest.fixture(scope="module")
def interrupted(source, base, tmp_path_factory):
    """What stands beside the output of a run that was interrupted after the checkpoint of step 4."""

    def interrupt(_run):
        raise KeyboardInterrupt

    out = tmp_path_factory.mktemp("interrupted") / "m"
    settings = {**SETTINGS, "checkpoint_every": 2}
    with pytest.MonkeyPatch.context() as patch:
        before_step(patch, interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_training(TrainingRun("preference", (str(source),), out, kind=str(base), settings=settings))
    return out.with_name("m.training")


@pytest.fixture
def unfinished(interrupted, tmp_path):
    shutil.copytree(interrupted, tmp_path / "m.training")
    return tmp_path / "m.training" / "checkpoints"


def test_a_checkpoint_short_of_one_byte_is_refused_and_the_one_before_goes_on(
    plumb, words, tmp_path, undisturbed, unfinished
):
    path = unfinished / "step-00000004" / "optimizer.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    ended, _, told = plumb(*words, "--resume")
    assert ended == 1
    told_once(told, "PL-FIT-004")
    assert "optimizer.safetensors missing or of another size" in told
    shutil.rmtree(unfinished / "step-00000004")  # as the message says
    goes_on(plumb, words, tmp_path, undisturbed, step=2)


def test_a_checkpoint_of_another_version_is_refused_and_kept(plumb, words, tmp_path, undisturbed, unfinished):
    manifest = unfinished / "step-00000004" / "manifest.json"
    written = manifest.read_text()
    manifest.write_text(written.replace('"format_version": 1', '"format_version": 2'))
    before = files_of(unfinished)
    ended, _, told = plumb(*words, "--resume")
    assert ended == 1
    told_once(told, "PL-FIT-005")
    assert files_of(unfinished) == before
    manifest.write_text(written)
    goes_on(plumb, words, tmp_path, undisturbed)


def test_what_is_unfinished_needs_a_decision_and_restart_begins_anew(plumb, words, tmp_path, undisturbed, unfinished):
    before = files_of(unfinished)
    ended, _, told = plumb(*words)
    assert ended == 2
    told_once(told, "PL-RUN-004")
    ended, _, told = plumb(*words, "--resume", "--learning-rate", "2e-3")
    assert ended == 1
    told_once(told, "PL-FIT-006")
    assert "learning_rate = 0.002" in told
    assert files_of(unfinished) == before
    ended, _, told = plumb(*words, "--restart", "--learning-rate", "2e-3")
    assert ended in (0, 1), told
    outcome = json.loads((tmp_path / "m" / "model.json").read_text())["training"]["outcome"]
    assert outcome["resumed_step"] == 0
    ours, theirs = weights_of(tmp_path / "m"), weights_of(undisturbed)
    assert any(not np.array_equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.parametrize("decision", [[], ["--resume"], ["--restart"]])
def test_a_second_training_to_the_same_output_is_refused(plumb, words, tmp_path, unfinished, decision):
    before = files_of(unfinished)
    with claimed(tmp_path / "m.training"):
        ended, _, told = plumb(*words, *decision)
    assert ended == 2
    told_once(told, "PL-RUN-005")
    assert files_of(unfinished) == before


def test_a_foreign_folder_in_the_place_of_checkpoints_is_left_alone(plumb, words, tmp_path):
    (tmp_path / "m.training").mkdir()
    (tmp_path / "m.training" / "notes.txt").write_text("mine")
    ended, _, told = plumb(*words, "--restart")
    assert ended == 2
    told_once(told, "PL-OUT-002")
    assert (tmp_path / "m.training" / "notes.txt").read_text() == "mine"


# --- the model to start from ---


def test_a_hub_id_that_is_not_there_and_a_hub_that_is_not_there(plumb, words, tmp_path, monkeypatch):
    from huggingface_hub import constants

    words = ["owner/other" if each == words[4] else each for each in words]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with serving("owner/name", {}) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
        ended, _, told = plumb(*words)
        assert ended == 2
        told_once(told, "PL-BBN-002")
        assert any("owner/other" in path for path in hub.paths)
    with socket.socket() as nobody:  # bound, but nobody listens
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        ended, _, told = plumb(*words)
    assert ended == 2
    told_once(told, "PL-BBN-003")
    assert "owner/other" in told
    assert not (tmp_path / "m").exists()
    assert not (tmp_path / "m.training").exists()


def test_neither_padding_nor_an_end_and_fewer_positions_than_the_rows(plumb, words, tmp_path):
    short = tiny.save(tmp_path / "short", tiny.llama(positions=40), tiny.tokenizer(end=None))
    words = [short if each == words[4] else each for each in words]
    ended, _, told = plumb(*words)  # asks for 96 tokens
    assert ended == 2
    told_once(told, "PL-TOK-001")
    assert "max_tokens 40" in told
    at = words.index("--max-tokens")
    assert not (tmp_path / "m.training").exists(), "nothing was begun, so nothing is asked"
    ended, _, told = plumb(*words[:at], *words[at + 2 :])
    assert ended in (0, 1), told
    assert "conversations were too long and were cut, oldest turns first" in told
    card = json.loads((tmp_path / "m" / "model.json").read_text())["training"]
    assert any("neither pad token nor EOS" in note for note in card["notes"])
    assert card["truncated_conversations"] > 0


def test_a_fault_of_ours_after_training_loses_nothing_and_says_so(plumb, words, tmp_path, undisturbed, monkeypatch):
    """As where scoring held-out rows fails by a mistake in the program."""
    from plumbline.models.transformer.training import task_training

    with monkeypatch.context() as patch:
        patch.setattr(task_training, "read_held_out", lambda *_: {}["nothing"])
        ended, _, told = plumb(*words)
    assert ended == 1
    assert "PL-BUG-001" in told
    assert "--resume goes on after step" in told
    ended, _, told = plumb("evaluate", tmp_path / "m", "anything")
    assert ended in (1, 2)
    assert "PL-MOD-001" in told
    assert "with --resume" in told
    last = json.loads((undisturbed / "model.json").read_text())["training"]["outcome"]["steps"]
    goes_on(plumb, words, tmp_path, undisturbed, step=last)


def test_a_model_that_is_not_there_is_told_before_data_are_read(plumb, words, tmp_path):
    given = [*words[:2], tmp_path / "no-data", "--model", tmp_path / "no-model", *words[5:]]
    ended, _, told = plumb(*given)
    assert ended in (1, 2)
    assert "PL-BBN-001" in told or "not a known" in told or "no-model" in told
    assert "no-data" not in told


def test_data_of_another_kind_are_named_with_what_they_teach(plumb, words, source):
    given = [*words[:2], source.parent / "labels-synthetic", *words[3:]]
    ended, _, told = plumb(*given)
    assert ended == 1
    assert "safety labels" in told
    assert "plumbline train moderation" in told
