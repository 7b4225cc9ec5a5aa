"""Processes that train a policy together: each on its own device, all of one mind about what they run, and all stopped where one fails.

Every process holds the whole policy and learns from its share of the rows; models that are dealt out in parts (FSDP, DeepSpeed,
Megatron) are not supported here, and neither is a configuration file's own accumulation of gradients.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from accelerate import Accelerator

from plumbline.models.transformer.training.processes import accelerator_of_all
from plumbline.models.transformer.training.run_identity import RunIdentity
from plumbline.records import ModelError, UsageError

_DEALT_OUT = {
    "ACCELERATE_USE_FSDP": "FSDP",
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron",
}
_CONNECTED_BY = ("gloo", "Gloo", "NCCL")
"""What connects processes, as torch's errors name it."""


def take_own_device() -> None:
    """Let "cuda" mean this process's own GPU; called before any model is loaded, or all of them are loaded onto the first."""
    rank = os.environ.get("LOCAL_RANK", "-1")
    if rank.isdecimal() and torch.cuda.is_available():
        torch.cuda.set_device(int(rank) % torch.cuda.device_count())  # as Accelerate deals them


def supported_accelerator() -> Accelerator:
    """What knows the processes and the device, computing as the program's own options say.

    Raises:
        UsageError: PL-ALN-001, Accelerate is configured for something that this training does not do; PL-FIT-011, processes that were
            started do not know of each other.
    """
    dealt_out = [name for variable, name in _DEALT_OUT.items() if os.environ.get(variable, "").lower() in ("true", "1")]
    if dealt_out:
        raise _unsupported(dealt_out[0])
    accelerator = accelerator_of_all()
    if accelerator.gradient_accumulation_steps != 1:
        raise _unsupported(f"gradient_accumulation_steps {accelerator.gradient_accumulation_steps}")
    return accelerator


def _unsupported(found: str) -> UsageError:
    return UsageError(
        "PL-ALN-001",
        "accelerate",
        "its configuration asks for what this training does not do",
        expected="one process or several, each with the whole policy, and gradient_accumulation_steps 1",
        found=found,
        advice="another configuration file (accelerate config); --lora asks for far less memory; plumbline align grpo for larger policies",
    )


def with_processes(identity: RunIdentity, accelerator: Accelerator) -> RunIdentity:
    """The identity of a run on so many processes: their number decides which rows a process learns from together."""
    return replace(identity, settings={**identity.settings, "processes": accelerator.num_processes})


@contextmanager
def loss_of_others_told(accelerator: Accelerator) -> Iterator[None]:
    """Let a process that waits for another which is gone say so: what torch says of it is no fault of this one.

    Raises:
        ModelError: PL-ALN-002, another process was killed, or failed where none learnt of it.
    """
    try:
        yield
    except RuntimeError as error:
        if accelerator.num_processes == 1 or not _is_of_others(error):
            raise
        raise ModelError(
            "PL-ALN-002",
            f"process {accelerator.process_index}",
            "another process of this run is gone, so this one stops, too",
            found=f"{type(error).__name__} while it was waited for",
            advice="see what it told last, or what killed it, and --resume: the last checkpoint is untouched",
        ) from error


def _is_of_others(error: RuntimeError) -> bool:
    """Whether torch tells of a connection to other processes; gloo has no error of its own."""
    own: Any = getattr(torch.distributed, "DistError", ())
    return isinstance(error, own) or any(name in str(error) for name in _CONNECTED_BY)


@contextmanager
def together(accelerator: Accelerator) -> Iterator[None]:
    """Let all processes stop where one of them fails in the block: the others would wait for it at what comes next.

    Every process must enter it, and none may wait for another within.

    Raises:
        ModelError: PL-ALN-002, another process failed. In that process its own error is raised.
    """
    failed: Exception | None = None
    try:
        yield
    except Exception as error:  # whatever it is, the others must learn of it
        failed = error
    mine = torch.tensor([failed is not None], dtype=torch.long, device=accelerator.device)
    flags = accelerator.gather(mine).tolist()
    if failed is not None:
        raise failed
    if any(flags):
        raise ModelError(
            "PL-ALN-002",
            f"process {accelerator.process_index}",
            "another process of this run failed, so this one stops, too",
            found=f"process {flags.index(1)}, which tells why",
            advice="mend what it tells, and --resume: the last checkpoint is untouched",
        )
