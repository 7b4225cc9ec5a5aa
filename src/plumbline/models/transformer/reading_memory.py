"""A device without room: how its errors are known, and what is told where a batch was to be read, not learned from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from plumbline.records import ModelError

_CPU_SAYS = ("can't allocate memory", "DefaultCPUAllocator", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error of an allocator says that memory is at an end."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _CPU_SAYS)


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
