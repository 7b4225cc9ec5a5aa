"""The folder beside an output in which a training's checkpoints and metrics outlive a killed run.

One training at a time works in it: two would mix their checkpoints, or remove each other's. The system lets go of a
lock when its process ends, however it ended, so a killed run keeps nobody out. Where the file system knows no locks nobody
is kept out at all.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from plumbline.lineage.writing import write_aside, write_error
from plumbline.models.transformer.training.processes import is_first_process
from plumbline.records import UsageError

MARK_NAME = "training.json"
"""Says that the folder is a training's, and not another thing of this name."""
_ATTEMPTS = 5


def training_folder(out: Path) -> Path:
    """Where a run's checkpoints stand while it lasts."""
    return out.with_name(f"{out.name}.training")


def is_unfinished(work: Path) -> bool:
    """Whether something stands there that is more than a run's beginning."""
    return work.exists() and not _holds_nothing(work)


def refuse_unfinished(work: Path, *, decided: bool) -> None:
    """Refuse to throw away, or to go on with, what is not known to be meant.

    Raises:
        UsageError: an unfinished training stands there and it was not `decided` what to do with it, or something else does.
    """
    if not is_unfinished(work):
        return
    if not (work / MARK_NAME).is_file():
        raise UsageError(
            "PL-OUT-002",
            str(work),
            "something stands there that is no training folder of plumbline",
            expected="nothing, or an unfinished training",
            advice="name another output with -o, or move away what stands there",
        )
    if not decided:
        raise UsageError(
            "PL-RUN-004",
            str(work),
            "a training that was not finished stands there",
            expected="a decision: go on with it, or begin anew",
            advice="--resume to go on with it, or --restart",
        )


def refuse_contradiction(*, resume: bool, restart: bool) -> None:
    """Refuse to go on and to begin anew at once.

    Raises:
        UsageError: PL-ARG-004.
    """
    if resume and restart:
        raise UsageError(
            "PL-ARG-004", "--restart", "it contradicts --resume", advice="--resume to go on, or --restart to begin anew"
        )


@contextmanager
def claimed(work: Path, taken: UsageError | None = None) -> Iterator[None]:
    """Hold a folder for this run alone; it is made where need be, and goes again if nothing came into it.

    Args:
        work: a training's, or that of another run which only one call may be at.
        taken: raised where another run holds it; that of trainings by default.
    Raises:
        UsageError: another run holds it.
        WriteError: it cannot be made.
    """
    if work.exists() and not work.is_dir():  # nothing of ours, which is told by whoever looks into it
        yield
        return
    try:
        lock = _locked(work)
    except BlockingIOError as error:
        raise (taken or _running(work)) from error
    except OSError as error:
        raise write_error(work, error) from error
    try:
        yield
    finally:
        with suppress(OSError):
            if _holds_nothing(work):  # what failed before the first step needs no decision
                shutil.rmtree(work)
        os.close(lock)


def _running(work: Path) -> UsageError:
    return UsageError(
        "PL-RUN-005",
        str(work),
        "another training to the same output is running",
        expected="one at a time",
        advice="wait for it or stop it, or name another output with -o",
    )


def make_ready(work: Path, out: Path, *, resume: bool) -> None:
    """Empty the folder of a run that begins anew, once all it needs is there, so that a wrong model costs no checkpoint; and mark it.

    In processes of a distributed run other than the first, which write nothing, nothing is done.

    Args:
        out: the run's output.
    """
    if is_first_process():
        if not resume:
            emptied(work)
        work.mkdir(parents=True, exist_ok=True)
        with write_aside(work / MARK_NAME) as aside:
            aside.write_text(json.dumps({"plumbline": "training", "out": out.name}) + "\n", encoding="utf-8")


def emptied(work: Path) -> None:
    """Remove what stands in a training's folder, not the folder, which is locked.

    Raises:
        WriteError: something could not be removed; a run must not go on from it unasked.
    """
    try:
        for path in work.iterdir() if work.is_dir() else ():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    except OSError as error:
        raise write_error(work, error) from error


def checkpointed_step(work: Path) -> int:
    """The step from which a run in this folder would go on; 0 where no checkpoint was made."""
    ours = [path.name for path in work.glob("checkpoints/step-*")]
    of_trl = [path.parent.name for path in work.glob("trl/checkpoint-*/plumbline.json")]  # the last that comes into one
    steps = (name.rpartition("-")[2] for name in (*ours, *of_trl))  # a copy that somebody made is called otherwise
    return max((int(step) for step in steps if step.isdecimal()), default=0)


def _holds_nothing(work: Path) -> bool:
    """No file but the mark."""
    return work.is_dir() and {path.name for path in work.rglob("*") if not path.is_dir()} <= {MARK_NAME}


def _locked(work: Path) -> int:
    """A lock on the folder; made anew where a run that ended removed it in that moment."""
    for _ in range(_ATTEMPTS):
        work.mkdir(parents=True, exist_ok=True)
        try:
            lock = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise
        except OSError:  # a file system without locks
            return lock
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), work.stat()):
                return lock
        os.close(lock)
    raise BlockingIOError(f"{work.name} went away each time it was made")
