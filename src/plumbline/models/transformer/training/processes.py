"""Which process of a distributed run this is, and whether all of them know of each other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from plumbline.records import UsageError

if TYPE_CHECKING:
    from accelerate import Accelerator


def is_first_process() -> bool:
    """Whether this is the process of a distributed run that writes.

    As launchers say it: the state of Accelerate is the training loop's to make, with the devices that it finds.
    """
    return int(os.environ.get("RANK", "0")) == 0


def accelerator_of_all() -> Accelerator:
    """What knows the processes and the device, computing as the program's own options say.

    Raises:
        UsageError: PL-FIT-011, a launcher started several processes, and each of them would train by itself, as if it were alone.
    """
    from accelerate import Accelerator

    found, started = Accelerator(mixed_precision="no"), int(os.environ.get("WORLD_SIZE", "1"))
    if found.num_processes < started:
        raise UsageError(
            "PL-FIT-011",
            "the launcher",
            "processes were started that do not know of each other: each would train alone, and all write the same files",
            expected=f"{started} processes that Accelerate shares the work out to",
            found=f"{found.num_processes}, on {found.device.type}",
            advice="accelerate launch --cpu where there is no GPU (it sets ACCELERATE_USE_CPU), or start one process",
        )
    return found
