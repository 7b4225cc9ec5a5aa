"""A run that was stopped ends as one that was not; what cannot be gone on from says why."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file

from plumbline.models.transformer.scorer import Scorer
from plumbline.models.transformer.settings import LossSettings, TrainerSettings
from plumbline.models.transformer.training.checkpoints import WEIGHTS_NAME, checkpoint_folders, save_best
from plumbline.models.transformer.training.metrics import FIGURES_NAME, read_metrics
from plumbline.models.transformer.training.random_states import put_random_states, random_states
from plumbline.models.transformer.training.trainer import BEST, CHECKPOINTS, train
from plumbline.records import ModelError
from tests.models.transformer.toy import PADDING, largest_difference, make_pairs, make_scorer, weights_of

ROOT = Path(__file__).parents[4]
SETTINGS = TrainerSettings(learning_rate=1e-3, epochs=2, rows_per_step=8, bucket_steps=2, checkpoint_every=2)
EXAMPLES = make_pairs(38)
HELD_OUT = make_pairs(6, seed=8)


class Stopped(BaseException):
    """Stands for a process that is killed."""


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run(out, settings=SETTINGS, *, scorer=None, examples=EXAMPLES, loss=None, stop_at=0, dropout=0.2, **rest):
    scorer = scorer or make_scorer(dropout=dropout)

    def progress(now):
        if now.step == stop_at:
            raise Stopped

    outcome = None
    try:
        outcome = train(
            scorer,
            examples,
            HELD_OUT,
            settings,
            loss or LossSettings(),
            padding_id=PADDING,
            out=out,
            progress=progress,
            **rest,
        )
    except Stopped:
        assert stop_at
    return scorer, outcome


def comparable(path):
    return [
        {name: value for name, value in line.items() if name != "tokens_per_second"}
        for line in read_metrics(path / FIGURES_NAME)
    ]


@pytest.mark.parametrize("stop_at", [1, 2, 5, 8])
def test_a_run_that_went_on_ends_with_the_very_same_weights(tmp_path, stop_at):
    straight, outcome = run(tmp_path / "straight")
    run(tmp_path / "stopped", stop_at=stop_at)
    torch.manual_seed(99)  # nothing of the process that went before is left
    resumed, again = run(tmp_path / "stopped")
    assert again.resumed_step == (stop_at - 1) // 2 * 2
    assert largest_difference(weights_of(straight), weights_of(resumed)) == 0
    assert comparable(tmp_path / "straight") == comparable(tmp_path / "stopped")
    assert again.evaluations == tuple(json.loads(json.dumps(outcome.evaluations)))
    assert (again.steps, again.processed_tokens) == (outcome.steps, outcome.processed_tokens)


def test_dropout_matters_to_that(tmp_path):
    with_dropout, _ = run(tmp_path / "with")
    without, _ = run(tmp_path / "without", dropout=0.0)
    assert largest_difference(weights_of(with_dropout), weights_of(without)) > 1e-4


def test_early_stopping_goes_on_with_its_best_weights(tmp_path):
    chosen = replace(SETTINGS, epochs=30, evaluate_every=1, patience=3, learning_rate=0.02, checkpoint_every=3)
    straight, outcome = run(tmp_path / "straight", chosen)
    assert outcome.stopped_early
    assert outcome.best_step is not None
    run(tmp_path / "stopped", chosen, stop_at=outcome.steps - 1)
    resumed, again = run(tmp_path / "stopped", chosen)
    assert (again.best_step, again.steps, again.stopped_early) == (outcome.best_step, outcome.steps, True)
    assert largest_difference(weights_of(straight), weights_of(resumed)) == 0
    finished, third = run(tmp_path / "stopped", chosen)
    assert third.steps == third.resumed_step == outcome.steps
    assert largest_difference(weights_of(straight), weights_of(finished)) == 0


def test_the_last_two_are_kept_and_nothing_is_pickled(tmp_path):
    run(tmp_path)
    assert [path.name for path in checkpoint_folders(tmp_path / CHECKPOINTS)] == ["step-00000008", "step-00000010"]
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".safetensors", ".json", ".jsonl"}


def with_adapters():
    base = make_scorer()
    torch.manual_seed(1)
    adapted = get_peft_model(base.trunk, LoraConfig(r=2, target_modules=["q_proj", "v_proj"], lora_dropout=0.1))
    return Scorer(adapted, ("reward:harmlessness",), pooling="last")


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft asks by the old name
def test_with_adapters_only_they_and_the_heads_are_written(tmp_path):
    straight, _ = run(tmp_path / "straight", scorer=with_adapters())
    run(tmp_path / "stopped", scorer=with_adapters(), stop_at=5)
    written = load_file(checkpoint_folders(tmp_path / "stopped" / CHECKPOINTS)[-1] / WEIGHTS_NAME)
    assert all("lora_" in name or name.startswith("heads.") for name in written)
    assert len(written) == 2 * 2 * 2 + 2
    resumed, _ = run(tmp_path / "stopped", scorer=with_adapters())
    assert largest_difference(weights_of(straight), weights_of(resumed)) == 0


# --- killed ---

_KILLED = """
import sys
from pathlib import Path
import torch
from safetensors.torch import save_file
from plumbline.models.transformer.training.trainer import train
from tests.models.transformer.training.test_checkpoints import EXAMPLES, HELD_OUT, SETTINGS, LossSettings, replace
from tests.models.transformer.toy import make_scorer
torch.set_num_threads(1)
scorer = make_scorer(dropout=0.2)
chosen = replace(SETTINGS, checkpoint_every=1, epochs=40)
train(scorer, EXAMPLES, HELD_OUT, chosen, LossSettings(), padding_id=0, out=Path(sys.argv[1]))
"""


@pytest.mark.thorough  # `tests/cli` kills a training amid a checkpoint, and ends it
def test_a_process_killed_while_it_saves_leaves_whole_checkpoints(tmp_path):
    """Killed at moments of no choosing while it saves after every step; then the run is finished here."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    out = tmp_path / "killed"
    with subprocess.Popen([sys.executable, "-c", _KILLED, str(out)], env=environment, cwd=ROOT) as process:
        deadline = time.monotonic() + 60
        while not checkpoint_folders_seen(out) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    chosen = replace(SETTINGS, checkpoint_every=1, epochs=40)
    reached = int(checkpoint_folders(out / CHECKPOINTS)[-1].name[5:])
    assert not list((out / CHECKPOINTS).glob(".*"))
    resumed, _ = run(out, chosen, stop_at=reached + 2)
    straight, _ = run(tmp_path / "straight", chosen, stop_at=reached + 2)
    assert largest_difference(weights_of(straight), weights_of(resumed)) == 0


def checkpoint_folders_seen(out):
    folder = out / CHECKPOINTS
    return [path for path in folder.iterdir() if path.name.startswith("step-")] if folder.is_dir() else []


def test_a_save_that_fails_midway_leaves_the_one_before(tmp_path, monkeypatch):
    run(tmp_path, stop_at=3)
    before = checkpoint_folders(tmp_path / CHECKPOINTS)

    def fails(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("plumbline.models.transformer.training.checkpoints.save_file", fails)
    with pytest.raises(Exception, match="PL-OUT-001"):
        run(tmp_path)
    assert checkpoint_folders(tmp_path / CHECKPOINTS) == before
    monkeypatch.undo()
    assert run(tmp_path)[1].resumed_step == 2


# --- what cannot be gone on from ---


@pytest.fixture(scope="module")
def stopped_once(tmp_path_factory):
    out = tmp_path_factory.mktemp("stopped") / "run"
    run(out, stop_at=3)
    return out


@pytest.fixture
def stopped(stopped_once, tmp_path):
    return Path(shutil.copytree(stopped_once, tmp_path / "run"))


def test_other_settings_are_named(stopped):
    with pytest.raises(
        ModelError, match=r"PL-FIT-006(.|\n)*learning_rate = 0.001(.|\n)*now: learning_rate = 0.005"
    ) as error:
        run(stopped, replace(SETTINGS, learning_rate=5e-3))
    assert "--restart" in error.value.advice
    with pytest.raises(ModelError, match=r"PL-FIT-006(.|\n)*margin"):
        run(stopped, loss=LossSettings(margin=0.5))


def test_settings_that_change_only_memory_may_change(stopped):
    chosen = replace(SETTINGS, tokens_per_batch=100, gradient_checkpointing=True, checkpoint_every=5)
    assert run(stopped, chosen)[1].resumed_step == 2


def test_trees_may_not_change_since_rows_of_like_size_are_others_then(stopped):
    with pytest.raises(ModelError, match=r"PL-FIT-006(.|\n)*as_trees"):
        run(stopped, replace(SETTINGS, as_trees=False))


def test_other_data_is_named(stopped):
    with pytest.raises(ModelError, match=r"PL-FIT-007.*: rows differ") as error:
        run(stopped, examples=make_pairs(38, seed=1))
    assert "row-" not in str(error.value)
    with pytest.raises(ModelError, match=r"PL-FIT-007.*rows differ"):
        run(stopped, examples=make_pairs(38, flipped=True))


def test_another_model_is_named(stopped):
    with pytest.raises(ModelError, match=r"PL-FIT-007.*: model differ"):
        run(stopped, scorer=make_scorer("gpt2"))
    other = make_scorer(dropout=0.2)
    other.origin = {"trunk weights": "0" * 64}
    with pytest.raises(ModelError, match=r"PL-FIT-007.*: trunk weights differ(.|\n)*--revision"):
        run(stopped, scorer=other)


def test_another_version_is_refused(stopped):
    manifest = checkpoint_folders(stopped / CHECKPOINTS)[-1] / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format_version": 1', '"format_version": 9'))
    with pytest.raises(ModelError, match=r"PL-FIT-005(.|\n)*version 1(.|\n)*version 9"):
        run(stopped)


@pytest.mark.parametrize(
    "name", ["weights.safetensors", "optimizer.safetensors", "random.safetensors", "manifest.json"]
)
@pytest.mark.parametrize("harm", ["cut", "gone", "garbled"])
def test_damage_is_seen(stopped, name, harm):
    path = checkpoint_folders(stopped / CHECKPOINTS)[-1] / name
    if harm == "gone":
        path.unlink()
    else:
        content = path.read_bytes()
        path.write_bytes(content[:-2] if harm == "cut" else b"\xff" * len(content))
    with pytest.raises(ModelError, match="PL-FIT-004"):
        run(stopped)


def test_best_weights_that_are_gone_are_missed(tmp_path):
    chosen = replace(SETTINGS, epochs=30, evaluate_every=1, patience=2, learning_rate=0.02)
    run(tmp_path, chosen)
    (tmp_path / BEST / WEIGHTS_NAME).unlink()
    with pytest.raises(ModelError, match="PL-FIT-004") as refused:
        run(tmp_path, chosen)
    assert refused.value.advice == "start anew with --restart", "there is no folder before this one to go on from"


def test_best_weights_of_another_evaluation_are_not_taken(tmp_path):
    chosen = replace(SETTINGS, epochs=30, evaluate_every=1, patience=2, learning_rate=0.02)
    _, outcome = run(tmp_path, chosen)
    weights = load_file(tmp_path / BEST / WEIGHTS_NAME)
    save_best(tmp_path / BEST, weights, outcome.best_step + 1)  # a run that was killed before its checkpoint told of it
    with pytest.raises(
        ModelError, match=rf"PL-FIT-004(.|\n)*step {outcome.best_step}(.|\n)*step {outcome.best_step + 1}"
    ):
        run(tmp_path, chosen)
    save_best(tmp_path / BEST, weights, outcome.best_step)
    run(tmp_path, chosen)


def test_random_states_come_back():
    import random

    import numpy as np

    device = torch.device("cpu")
    states = random_states(device)
    drawn = [
        (random.random(), float(np.random.rand()), float(torch.rand(())))
        for _ in range(2)
        if not put_random_states(states, device)
    ]
    assert drawn[0] == drawn[1]
