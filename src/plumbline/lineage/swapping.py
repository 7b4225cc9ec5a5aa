"""Two paths that change places in one step of the system: whenever a run ends, either the one or the other stands there."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_HERE = -100
"""``AT_FDCWD``: paths are relative to the working folder."""
_EXCHANGE = 2
"""``RENAME_EXCHANGE`` of Linux; ``RENAME_SWAP`` of macOS has the same number."""


def swapped(first: Path, second: Path) -> bool:
    """Let two paths on one file system change places.

    Returns:
        False where the system or the file system cannot do that; then both are where they were.
    Source: renameat2(2), Linux 3.15; renamex_np(2), macOS 10.12.
    """
    system = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(first), os.fsencode(second)
    if hasattr(system, "renameat2"):
        return bool(system.renameat2(_HERE, names[0], _HERE, names[1], ctypes.c_uint(_EXCHANGE)) == 0)
    if sys.platform == "darwin" and hasattr(system, "renamex_np"):
        return bool(system.renamex_np(*names, ctypes.c_uint(_EXCHANGE)) == 0)
    return False
