"""What a device without room for a batch that is read, not learned from, says to a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from plumbline.models.transformer.training.errors import is_out_of_memory
from plumbline.records import ModelError


@contextmanager
def reading_memory_watched(sequences: int, tokens: int) -> Iterator[None]:
    """Let a device that runs out of memory while it reads sequences say so as a person can use it.

    Args:
        sequences: of the batch.
        tokens: computed at once, padding included.
    Raises:
        ModelError: there was not enough memory for them.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        smaller = f"--tokens-per-batch {max(tokens // 2, 1)}"
        alone = "a device with more memory, or a model that was trained with a smaller --max-tokens"
        raise ModelError(
            "PL-SCO-001",
            f"a batch of {sequences} sequence{'s' if sequences > 1 else ''}",
            "the device has not enough memory to read it",
            found=f"{tokens} tokens computed at once, padding included",
            advice=smaller if sequences > 1 else alone,
        ) from error
