"""Where the stages of a run leave what they made, so that a run that was stopped can be taken up again."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from plumbline.lineage import write_error
from plumbline.records import UsageError

_LOCK = "lock"

Advance = Callable[[str, int, int], None]
"""Told the stage's name, and how many of how many pieces of it are done."""

Note = Callable[[str], None]
"""Told one sentence for a person."""


def _unheard(*_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Workspace:
    """A folder of finished and unfinished stages, in which one run is at work.

    Attributes:
        folder: holds a folder for each stage.
        advance: told of progress.
        note: told what a person should hear: that a stage is made anew since its files were damaged.
    """

    folder: Path
    advance: Advance = _unheard
    note: Note = _unheard

    def remove(self) -> None:
        """Take the folder away: the run is through and its output stands elsewhere."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def open_workspace(
    folder: Path,
    advance: Advance = _unheard,
    note: Note = _unheard,
) -> Iterator[Workspace]:
    """A workspace that no other run uses meanwhile; what an earlier run left there stays, to be taken up.

    Raises:
        UsageError: another run is at work there.
        WriteError: the folder cannot be made.
    """
    folder = folder.absolute()  # as other processes find it, too
    lock = _locked(folder)
    try:
        yield Workspace(folder, advance, note)
    finally:
        os.close(lock)


def _locked(folder: Path) -> int:
    """The open file that holds the folder's lock; the system lets go of it when the process ends, however it ends."""
    while True:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # texts stand there as they were read
            _require_own(folder)
            folder.chmod(0o700)  # somebody may have made it beforehand
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise write_error(folder, error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise _taken(folder) from error
        except OSError:  # a file system without locks
            return lock
        if _stands_at(folder / _LOCK, lock):
            return lock
        os.close(lock)  # the run before this one took the folder away at that moment


def _require_own(folder: Path) -> None:
    """Refuse a folder that leads elsewhere or that somebody else made: they would read what stands there.

    Raises:
        UsageError: it is one.
    """
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise UsageError(
            "PL-ENG-007",
            str(folder),
            "the folder for what stages leave is a link, or another user's",
            expected="a folder of your own, or none",
            advice="remove it, or name another folder with --work",
        )


def _stands_at(path: Path, lock: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(lock))
    except OSError:
        return False


def _taken(folder: Path) -> UsageError:
    return UsageError(
        "PL-ENG-002",
        str(folder),
        "another run is at work on this output",
        expected="one run for each output",
        advice="wait for it, or name another output",
    )
