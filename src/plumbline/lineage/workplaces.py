"""Folders beside an output in which it is written: hidden, locked while their run lives, cleared away once it is dead.

The system lets go of a lock when its process ends, however it ended. A leftover is therefore proven to be a dead run's
where its name and content are those of a workplace and its lock is free; whatever else stands there is left alone. Where
the file system knows no locks nothing is proven and nothing is removed.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NEW, FORMER = "new", "former"
"""What stands in a workplace: the output being written, and what it takes the place of."""

_ENDING = ".partial"
_NAME = re.compile(r"\.(?P<target>.+)\.[0-9a-f]{8}\.partial", re.DOTALL)
_ATTEMPTS = 5


@contextmanager
def workplace(target: Path) -> Iterator[Path]:
    """Yield an empty, locked folder beside `target`; it is removed at the end, with what is still in it.

    What earlier runs to the same target left there when they were killed is cleared away first.

    Raises:
        OSError: the folder cannot be made.
    """
    if not any(part.endswith(_ENDING) for part in target.parent.parts):  # in a workplace nothing can be left over
        clear_leftovers(target.parent, target.name)
    folder, lock = _made(target)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def clear_leftovers(parent: Path, name: str | None = None) -> None:
    """Remove workplaces of runs that are dead; a former output that such a run had moved aside is put back.

    Args:
        parent: the folder in which they stand.
        name: only those of the output of this name; all by default.
    """
    with suppress(OSError):
        found = [(parent / entry, match) for entry in os.listdir(parent) if (match := _NAME.fullmatch(entry))]  # noqa: PTH208  # names are all that is needed, and of thousands of files
        for folder, match in found:
            if name in (None, match["target"]):
                _clear(folder, parent / match["target"])


def _clear(folder: Path, target: Path) -> None:
    with suppress(OSError):
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while its run lives
            content = {path.name for path in folder.iterdir()}
            if content <= {NEW, FORMER}:
                if FORMER in content and not os.path.lexists(target):
                    (folder / FORMER).rename(target)
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


def _made(target: Path) -> tuple[Path, int]:
    """A new folder beside the target, and its lock."""
    for _ in range(_ATTEMPTS):
        folder = target.with_name(f".{target.name}.{secrets.token_hex(4)}{_ENDING}")
        target.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        lock = _locked(folder)
        if lock is not None:
            return folder, lock
    raise BlockingIOError(f"no folder could be made beside {target.name}")


def _locked(folder: Path) -> int | None:
    """The lock of a folder just made; None where another run has taken it for a leftover in that moment."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError:  # a file system without locks: nobody can take this for a leftover
        return lock
    if folder.exists():
        return lock
    os.close(lock)
    return None
