"""Keeping a run on several processes, and going on with it: what `models.transformer.training.checkpoints` writes, put into place again."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from plumbline.align.processes import together
from plumbline.models.transformer.training import checkpoints
from plumbline.models.transformer.training.checkpoints import Stands, Stood
from plumbline.models.transformer.training.errors import processes_apart
from plumbline.models.transformer.training.metrics import FIGURES_NAME, read_metrics
from plumbline.models.transformer.training.random_states import put_random_states, random_states
from plumbline.models.transformer.training.run_identity import RunIdentity
from plumbline.records import ModelError

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


def figures_so_far(folder: Path, step: int, names: Collection[str]) -> list[dict[str, Any]]:
    """What a run told of each step up to its checkpoint, one line a step; lines of later steps are left out.

    Args:
        folder: of the run.
        step: of the checkpoint.
        names: that every line must hold, beside the step.
    Raises:
        ModelError: PL-FIT-004, the file is not there, is damaged, or lacks a step.
    """
    path = folder / FIGURES_NAME
    try:
        lines = read_metrics(path)
    except (OSError, ValueError) as error:
        raise _without_figures(path, step, type(error).__name__) from error
    are_lines = all(isinstance(line, dict) and isinstance(line.get("step"), int) for line in lines)
    kept = [line for line in lines if line["step"] <= step] if are_lines else []
    if [line["step"] for line in kept] != list(range(1, step + 1)):
        raise _without_figures(path, step, f"lines of {len(kept):,} steps")
    missing = [name for name in names if any(name not in line for line in kept)]
    if missing:
        raise _without_figures(path, step, f"lines without {missing[0]}")
    return kept


def _without_figures(path: Path, step: int, found: str) -> ModelError:
    return ModelError(
        "PL-FIT-004",
        str(path),
        "the figures of the steps before the checkpoint are damaged",
        expected=f"a line for each step from 1 to {step:,}",
        found=found,
        advice="put the file back as it was, or start anew with --restart",
    )


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
