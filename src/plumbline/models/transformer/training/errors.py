"""What can stop a training run, said so that a person knows which rows, and what to turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from torch import nn

from plumbline.models.transformer.examples.batches import Batch
from plumbline.models.transformer.examples.example import Example
from plumbline.models.transformer.reading_memory import is_out_of_memory
from plumbline.records import NoDataError, PlumblineError

_NAMED = 16
_BYTES_TRAINED, _BYTES_FROZEN = 16, 4
"""Of a weight in 32 bits; a trained one has its gradient and the two averages of Adam beside it."""
_GOES_ON = "--resume goes on from the last checkpoint, which is untouched"


class TrainingError(PlumblineError):
    """Training cannot go on; the last checkpoint stands."""


@contextmanager
def memory_watched(batch: Batch, examples: Sequence[Example], *, gradient_checkpointing: bool) -> Iterator[None]:
    """Let a device that runs out of memory say so as a person can use it.

    Raises:
        TrainingError: there was not enough memory for the batch.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        sequences = sum(len(examples[number].sequences) for number in batch.examples)
        tokens = batch.processed_tokens
        more = [] if gradient_checkpointing else ["--gradient-checkpointing"]
        flags = ", or ".join([f"--tokens-per-batch {max(tokens // 2, 1)}", *more])
        single = " (this batch is one example: only a smaller --max-tokens makes it smaller)"
        raise TrainingError(
            "PL-FIT-001",
            f"a batch of {len(batch.examples)} rows, {sequences} sequences",
            "the device has not enough memory for it",
            found=f"{tokens} tokens computed at once, padding included",
            advice=f"{flags}{single if len(batch.examples) == 1 else ''}; {_GOES_ON}",
        ) from error


@contextmanager
def states_watched(model: nn.Module) -> Iterator[None]:
    """Let a device that has no room for the model and its optimizer say so as a person can use it.

    Raises:
        TrainingError: there was not enough memory for them, whatever the batch.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        counts = {True: 0, False: 0}
        for weight in model.parameters():
            counts[weight.requires_grad] += weight.numel()
        gigabytes = (_BYTES_TRAINED * counts[True] + _BYTES_FROZEN * counts[False]) / 1e9
        raise TrainingError(
            "PL-FIT-009",
            "the model",
            "the device has not enough memory for its weights, their gradients and the optimizer",
            found=f"{counts[True]:,} weights that are trained and {counts[False]:,} that are not, {gigabytes:,.1f} GB in all",
            advice="--lora 16 trains adapters alone; or share the model among several devices "
            f"(docs/how-to/train-on-several-gpus.md); {_GOES_ON}",
        ) from error


def not_finite(step: int, examples: Sequence[Example], *, what: str) -> TrainingError:
    """The error where a loss or a gradient is NaN or infinite.

    Args:
        step: from 1.
        examples: that it was computed of.
        what: is not finite: "loss", "gradient", "loss of held-out rows".
    """
    ids = [each for example in examples for each in example.ids]
    named = ", ".join(ids[:_NAMED]) + (f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else "")
    return TrainingError(
        "PL-FIT-002",
        f"step {step}",
        f"the {what} is not a finite number; its rows are {named or 'without ids'}",
        expected="finite numbers",
        advice=f"look at these rows with plumbline data check, or lower --learning-rate with --restart; {_GOES_ON}",
    )


def nothing_to_train_on() -> NoDataError:
    """The error where there is no example."""
    return NoDataError(
        "PL-FIT-003",
        "train",
        "no row is left to train on",
        expected="at least one example",
        advice="plumbline data check SOURCE; the rows set aside are counted by code",
    )


def processes_apart(folder: Path, steps: Sequence[int]) -> TrainingError:
    """Processes of one run that found different checkpoints; -1 stands for none."""
    told = ", ".join("none" if step < 0 else str(step) for step in steps)
    return TrainingError(
        "PL-FIT-010",
        str(folder),
        "the processes of this run found different checkpoints",
        expected="one folder that all of them read: a disk that all machines share",
        found=f"steps {told}",
        advice="put the output on a shared disk and --resume, or --restart",
    )
