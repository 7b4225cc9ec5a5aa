"""Training shared over processes by the launcher's configuration: FSDP2 as the how-to page configures it, on CPUs."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.numpy import load_file

from plumbline.cli import console
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from tests.models.transformer import tiny
from tests.models.transformer.ranks import run_ranks

torch.set_num_threads(1)

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "how-to" / "train-on-several-gpus.md"

_PROGRAM = """
import os
import sys
from accelerate.state import PartialState
from accelerate.utils import DistributedType
from torch.distributed.tensor import DTensor

# Accelerate shards only where it sees GPUs; from here on everything is as it is configured.
PartialState._prepare_backend = lambda self, *_: ("gloo", DistributedType.MULTI_GPU)

from plumbline.cli.main import run
from plumbline.lineage import writing
from plumbline.models.transformer.training import trainer

learn = trainer._Run._learn

def watched(self, step):
    is_sharded = self.accelerator.is_fsdp2 and any(isinstance(each, DTensor) for each in self.scorer.trunk.parameters())
    if not is_sharded or self.accelerator.num_processes != 2:
        os._exit(70)
    if self.standing.step == int(os.environ["STOP_AFTER"]):
        os._exit(71)
    return learn(self, step)

def nothing(*_):
    os._exit(72)

trainer._Run._learn = watched
if os.environ["RANK"] == "1":
    writing.workplace = nothing
run()
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Sources and a model to start from."""
    folder = tmp_path_factory.mktemp("devices")
    write_synthetic_corpus(folder / "corpus", scale=0.0625)
    tiny.save(folder / "llama", tiny.llama(), tiny.tokenizer())
    (folder / "program.py").write_text(_PROGRAM)
    (configuration,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (folder / "fsdp2.yaml").write_text(configuration)
    return folder


def command(folders, out, *more):
    """Several batches a step, activations checkpointed; the last checkpoint is made right after an evaluation."""
    words = ["train", "preference", folders / "corpus" / "helpful-synthetic", "--model", folders / "llama", "-o", out]
    words += ["--max-tokens", 96, "--held-out", 0.5, "--learning-rate", 1e-4, "--rows-per-step", 6, "--threads", 1]
    words += ["--tokens-per-batch", 250, "--gradient-checkpointing", "--checkpoint-every", 2, "--no-cache"]
    return [*map(str, words), *more]


def by_file(folders):
    launcher = ["-m", "accelerate.commands.launch", "--config_file", folders / "fsdp2.yaml"]
    return [*launcher, "--num_processes", "2", "--main_process_port", "0"], {}


def by_environment():
    settings = dict(re.findall(r"\b((?:ACCELERATE|FSDP)_\w+)=(\S+)", PAGE.read_text()))
    assert len(settings) == 5
    settings["ACCELERATE_MIXED_PRECISION"] = "bf16"  # to no effect: the program's own option says the precision
    return settings


def torchrun():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    return ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(port)]


def launched(folders, words, launcher, configured, *, stop_after):
    clean = {
        key: value for key, value in os.environ.items() if not key.startswith(("ACCELERATE", "FSDP", "RANK", "WORLD"))
    }
    asked = {
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "ACCELERATE_TORCH_DEVICE": "cpu",
        "STOP_AFTER": str(stop_after),
    }
    return subprocess.run(
        [sys.executable, *map(str, launcher), folders / "program.py", *words],
        env={**clean, **configured, **asked},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )


def resumed_by_torchrun(folders, words):
    done = launched(folders, words, torchrun(), by_environment(), stop_after=-1)
    return done, done.returncode == 0


def resumed_in_forks(folders, words):
    """With the variables that torchrun gives its processes."""
    env = {**by_environment(), "ACCELERATE_TORCH_DEVICE": "cpu", "STOP_AFTER": "-1"}
    done = run_ranks(folders / "program.py", *words, env=env)
    return done, done.codes == [0, 0]


@pytest.mark.thorough  # `test_several_processes` shows in short that processes end with the weights of one
@pytest.mark.parametrize("resumed", [resumed_in_forks, resumed_by_torchrun])
def test_fsdp2_ends_with_the_weights_of_one_process_and_goes_on_where_it_was_stopped(folders, plumb, tmp_path, resumed):
    out, alone = tmp_path / "sharded", tmp_path / "alone"
    done = launched(folders, command(folders, out), *by_file(folders), stop_after=3)
    assert "exitcode  : 71" in done.stderr, done.stderr[-3000:]
    (kept,) = (tmp_path / "sharded.training" / "checkpoints").glob("step-*")
    assert kept.name == "step-00000002"
    assert {name.split("/")[0] for name in load_file(kept / "random.safetensors")} == {"0", "1"}
    base = load_file(folders / "llama" / "model.safetensors")
    written = load_file(kept / "weights.safetensors")
    assert {name.removeprefix("trunk."): value.shape for name, value in written.items() if "trunk." in name} == {
        name: value.shape for name, value in base.items()
    }
    done, went_well = resumed(folders, command(folders, out, "--resume"))
    assert went_well, done.stderr[-3000:]
    assert done.stdout.count("held-out rows of") == 1, "the first process speaks for both"
    assert plumb(*command(folders, alone))[0] in (0, 1)
    for name in ("model.safetensors", "heads.safetensors"):
        ours, theirs = load_file(out / name), load_file(alone / name)
        assert ours.keys() == theirs.keys()
        assert max(float(abs(ours[key] - theirs[key]).max()) for key in theirs) < 1e-5
    outcomes = [json.loads((each / "model.json").read_text())["training"]["outcome"] for each in (out, alone)]
    assert [each["resumed_step"] for each in outcomes] == [2, 0]
    assert outcomes[0]["steps"] == outcomes[1]["steps"] > 4
    losses = [
        [line["loss"] for line in map(json.loads, (each / "metrics.jsonl").read_text().splitlines()) if "loss" in line]
        for each in (out, alone)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    assert not (tmp_path / "sharded.training").exists()


def test_a_further_process_says_nothing_of_its_progress(monkeypatch, capsys):
    monkeypatch.setattr(console, "_LOGGED_EVERY_SECONDS", 0.0)
    for rank, said in (("0", "training: step 1 (0 s)\ntraining: step 2, 50 % (0 s)\n"), ("1", "")):
        monkeypatch.setenv("RANK", rank)
        with console.progress("training") as shown:
            shown.step("step 1")
            shown.of("step 2", 1, 2)
        assert capsys.readouterr().err == said
