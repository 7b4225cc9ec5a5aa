"""Which process of a distributed run this is."""

from __future__ import annotations

import os


def is_first_process() -> bool:
    """Whether this is the process of a distributed run that writes.

    As launchers say it: the state of Accelerate is the training loop's to make, with the devices that it finds.
    """
    return int(os.environ.get("RANK", "0")) == 0
