"""Keeping a run on several processes, and going on with it: what `models.transformer.checkpoints` writes, put into place again."""

from __future__ import annotations

from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from plumbline.align.processes import together
from plumbline.models.transformer import checkpoints
from plumbline.models.transformer.checkpoints import Stands, Stood
from plumbline.models.transformer.random_states import put_random_states, random_states
from plumbline.models.transformer.run_identity import RunIdentity
from plumbline.models.transformer.training_errors import processes_apart

CHECKPOINTS = "checkpoints"


def take_up(
    accelerator: Accelerator,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    folder: Path,
    identity: RunIdentity,
    standing: type[Stood],
) -> Stood | None:
    """Weights, optimizer and random states of the last checkpoint of a run; every process must call it.

    Args:
        model, optimizer: bare, as they were before `Accelerator.prepare`.
        folder: of the run.
        standing: how such a run stands.
    Returns:
        Where it stood; None where there is no checkpoint.
    Raises:
        ModelError: the checkpoint is damaged, or of a run with other settings or other data.
        TrainingError: PL-FIT-010, processes found different checkpoints.
    """
    accelerator.wait_for_everyone()
    found = checkpoints.load_checkpoint(folder / CHECKPOINTS, identity, standing)
    step = torch.tensor([-1 if found is None else found[1].step], device=accelerator.device)
    steps = accelerator.gather(step).tolist()
    if len(set(steps)) > 1:
        raise processes_apart(folder, steps)
    if found is None:
        return None
    state, stood = found
    checkpoints.put_state(model, optimizer, state)
    mine = f"{accelerator.process_index}/"
    states = {name.removeprefix(mine): each for name, each in state.random.items() if name.startswith(mine)}
    if states:
        put_random_states(states, accelerator.device)
    return stood


def keep(
    accelerator: Accelerator,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    folder: Path,
    identity: RunIdentity,
    standing: Stands,
) -> None:
    """Write a checkpoint; every process must call it.

    Raises:
        WriteError: the disk is full or not writable; the checkpoints before it stand.
        ModelError: PL-ALN-002, in the processes that do not write.
    """
    gathered = {
        name: accelerator.gather(each.to(accelerator.device)[None]).cpu()
        for name, each in random_states(accelerator.device).items()
    }
    random = {f"{place}/{name}": rows[place].clone() for name, rows in gathered.items() for place in range(len(rows))}
    state = checkpoints.gather_state(model, optimizer, random)
    with together(accelerator):
        if accelerator.is_main_process:
            checkpoints.save_checkpoint(folder / CHECKPOINTS, state, standing, identity)
