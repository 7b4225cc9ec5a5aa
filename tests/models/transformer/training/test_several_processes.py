"""Several processes end with the weights of one, also where one of them has nothing to do in a step."""

import pytest
import torch
from safetensors.torch import load_file

from plumbline.models.transformer.settings import LossSettings, TrainerSettings
from plumbline.models.transformer.training.checkpoints import trained_weights
from plumbline.models.transformer.training.trainer import train
from tests.models.transformer.ranks import run_ranks
from tests.models.transformer.toy import largest_difference, make_labels, make_pairs, make_scorer


def trained(out):
    """Weights and the last held-out loss; 17 examples in steps of 8, so that the last step has one."""
    torch.set_num_threads(1)
    scorer = make_scorer(heads=("cost",))
    examples = [*make_pairs(13, signs=True, same_weight=False), *make_labels(4)]
    settings = TrainerSettings(learning_rate=1e-3, epochs=2, rows_per_step=8, tokens_per_batch=150, patience=9)
    outcome = train(scorer, examples, examples[:5], settings, LossSettings(), padding_id=0, out=out, progress=None)
    return trained_weights(scorer), outcome.evaluations[-1]["loss"]


_LAUNCHED = """
import os
import sys
from pathlib import Path
from safetensors.torch import save_file
from plumbline.models.transformer.training.errors import TrainingError
from tests.models.transformer.training.test_several_processes import trained
out, rank = Path(sys.argv[1]), os.environ["RANK"]
weights, loss = trained(out / "two")
from accelerate import PartialState  # only now: before the trainer's own it would choose the devices
if PartialState().num_processes != 2:
    raise SystemExit(f"expected 2 processes, found {PartialState().num_processes}")
if rank == "0":
    save_file({name: value.clone() for name, value in weights.items()}, out / "final.safetensors")
    (out / "loss.txt").write_text(repr(loss))
try:
    trained(out / "apart" / rank)
except TrainingError as error:
    print(error.code, error.found, flush=True)
    raise SystemExit(3)
"""


@pytest.fixture(scope="module")
def launched(tmp_path_factory):
    """Two processes that train together, and then as on two machines without a common disk; their folder and end."""
    folder = tmp_path_factory.mktemp("launched")
    trained(folder / "apart" / "0")  # the first has a checkpoint, the other has none
    script = folder / "train_toy.py"
    script.write_text(_LAUNCHED)
    return folder, run_ranks(script, folder, env={"ACCELERATE_USE_CPU": "true"}, timeout=120)


def test_two_processes_end_with_the_weights_of_one(launched, tmp_path):
    folder, done = launched
    assert (folder / "loss.txt").exists(), done.stderr[-3000:]
    weights, loss = trained(tmp_path / "alone")
    assert largest_difference(load_file(folder / "final.safetensors"), weights) < 1e-5
    assert float((folder / "loss.txt").read_text()) == pytest.approx(loss, abs=1e-5)


def test_processes_that_find_different_checkpoints_go_no_step(launched):
    """As on two machines without a common disk: the first has a checkpoint, the other has none."""
    folder, done = launched
    assert done.codes == [3, 3]
    assert done.stdout.count("PL-FIT-010 steps 6, none") == 2, done.stderr[-3000:]
    assert not (folder / "apart" / "1" / "checkpoints").exists()
