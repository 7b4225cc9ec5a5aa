"""Processes that train a policy together: their devices, what of Accelerate is refused, and that none waits for one that failed."""

from types import SimpleNamespace

import pytest
import torch
from accelerate.state import AcceleratorState, GradientState, PartialState

from plumbline.align.processes import loss_of_others_told, supported_accelerator, take_own_device, together
from plumbline.records import ModelError, UsageError
from tests.models.transformer.ranks import run_ranks


@pytest.mark.parametrize(("rank", "device"), [("0", 0), ("3", 1), (None, None)])
def test_each_process_takes_a_gpu_of_its_own(monkeypatch, rank, device):
    taken = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    if rank is None:
        monkeypatch.delenv("LOCAL_RANK", raising=False)
    else:
        monkeypatch.setenv("LOCAL_RANK", rank)
    take_own_device()
    assert taken == ([] if device is None else [device])


@pytest.fixture
def anew():
    """Accelerate's state is one for the whole process; it is made anew, and again after the test."""
    for each in (AcceleratorState, PartialState, GradientState):
        each._shared_state.clear()
    yield
    for each in (AcceleratorState, PartialState, GradientState):
        each._shared_state.clear()


@pytest.mark.parametrize(
    ("variable", "value", "found"),
    [
        ("ACCELERATE_USE_FSDP", "true", "FSDP"),
        ("ACCELERATE_USE_DEEPSPEED", "True", "DeepSpeed"),
        ("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4", "gradient_accumulation_steps 4"),
    ],
)
def test_what_this_training_does_not_do_is_refused(anew, monkeypatch, variable, value, found):
    assert supported_accelerator().num_processes == 1
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=f"(?s)PL-ALN-001.*{found}"):
        supported_accelerator()


def test_processes_that_do_not_know_of_each_other_are_refused(anew, monkeypatch):
    """As a launcher starts them on CPUs that does not say so to Accelerate."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("ACCELERATE_USE_CPU", "false")
    with pytest.raises(UsageError, match="PL-FIT-011"):
        supported_accelerator()


def test_where_another_process_failed_this_one_stops_and_its_own_error_comes_first():
    other = SimpleNamespace(
        device=torch.device("cpu"), process_index=0, gather=lambda mine: torch.cat([mine, torch.ones_like(mine)])
    )
    with pytest.raises(ModelError, match=r"(?s)PL-ALN-002.*process 1"), together(other):
        pass
    with pytest.raises(KeyError, match="mine"), together(other):
        raise KeyError("mine")
    alone = SimpleNamespace(device=torch.device("cpu"), process_index=0, gather=lambda mine: mine)
    with together(alone):
        pass


def test_a_process_whose_others_are_gone_says_so():
    gone = RuntimeError("[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:547] Connection closed by peer")
    several, alone = (SimpleNamespace(num_processes=count, process_index=0) for count in (2, 1))
    for error in (gone, torch.distributed.DistNetworkError("made up")):
        with pytest.raises(ModelError, match=r"PL-ALN-002  process 0"), loss_of_others_told(several):
            raise error
    with pytest.raises(RuntimeError, match="gloo"), loss_of_others_told(alone):
        raise gone
    with pytest.raises(RuntimeError, match="a shape"), loss_of_others_told(several):
        raise RuntimeError("a shape does not fit")


_LAUNCHED = """
import os
import sys
from pathlib import Path

import torch
from accelerate import PartialState

from plumbline.align import checkpointing
from plumbline.align.policy import Policy
from plumbline.align.ppo.ppo_lag import PpoLag, PpoSettings
from plumbline.align.ppo.run import RunSettings, Task, run_ppo
from plumbline.align.ppo.reply_scorers import ReplyScores, TokenScorer
from plumbline.align.rollouts import RolloutSettings
from plumbline.models.transformer.training.run_identity import RunIdentity
from plumbline.records import PlumblineError, WriteError
from tests.align.conftest import tiny_model

folder = Path(sys.argv[1])


def told(name, scores):
    learner = PpoLag(Policy(tiny_model()), TokenScorer(scores), PpoSettings(minibatch=2), None,
                     end_ids=frozenset({11}), padding_id=0, rollouts=RolloutSettings(3))
    settings = RunSettings(steps=2, replies=4, checkpoint_every=1)
    try:
        run_ppo(learner, Task([[1, 2], [3]]), settings, RunIdentity({}, {}), folder / name)
    except PlumblineError as error:
        print(name, PartialState().process_index, error.code, flush=True)


def good(_numbers, written):
    return ReplyScores(written.mask.float().sum(1), written.mask.float().sum(1))


def bad(numbers, written):
    if PartialState().process_index == 1:
        raise WriteError("PL-MADE-1", "a scorer", "made up", advice="none")
    return good(numbers, written)


def full(*_):
    raise WriteError("PL-MADE-2", "a disk", "made up", advice="none")


told("scorer", bad)
checkpointing.checkpoints.save_checkpoint = full
told("disk", good)


def dies(*_):
    if PartialState().process_index == 1:
        os._exit(0)
    return learn(*_)


learn, PpoLag._descend = PpoLag._descend, dies
told("killed", good)
"""


@pytest.mark.thorough  # starts two processes; what one does that learns of another's failure is shown above
def test_two_processes_stop_together_where_one_fails(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(_LAUNCHED)
    done = run_ranks(script, tmp_path, env={"ACCELERATE_USE_CPU": "true"}, timeout=120)
    assert done.codes == [0, 0], done.stderr[-3000:]
    assert sorted(done.stdout.split("\n")[:-1]) == [
        "disk 0 PL-MADE-2",
        "disk 1 PL-ALN-002",
        "killed 0 PL-ALN-002",
        "scorer 0 PL-ALN-002",
        "scorer 1 PL-MADE-1",
    ]
