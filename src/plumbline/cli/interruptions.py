"""What a person is told who interrupts a training with checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plumbline.cli.console import note


@contextmanager
def interruption_told(out: Path) -> Iterator[None]:
    """Say, of a training with checkpoints that is interrupted or fails by a fault of ours, how it goes on.

    Args:
        out: of the training.
    """
    from plumbline.records import PlumblineError

    try:
        yield
    except PlumblineError:
        raise  # it says itself how to go on
    except BaseException:  # an interrupt, or a fault of ours: what training came to is not lost
        _tell_unfinished(out)
        raise


def _tell_unfinished(out: Path) -> None:
    from plumbline.loop.training.folder import MARK_NAME, checkpointed_step, training_folder

    work = training_folder(out)
    if not (work / MARK_NAME).is_file():
        return
    step = checkpointed_step(work)
    note(
        f"the same command with --resume goes on after step {step:,}, of which {work} holds a checkpoint"
        if step
        else f"{work} holds no checkpoint yet: the same command with --resume begins at the first step "
        "(--checkpoint-every makes them sooner)"
    )
