"""Plumbline: human judgements of AI conversations into data sets, and those into models.

import plumbline

loaded = plumbline.load("Anthropic/hh-rlhf", data_dir="harmless-base", split="test")
loaded.comparisons  # a pyarrow table
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = ["__version__", "load", "stream"]

if TYPE_CHECKING:
    from plumbline.formats import load, stream


def __getattr__(name: str) -> Any:
    # Loaded on first use: `import plumbline` and `plumbline --help` stay quick.
    if name in ("load", "stream"):
        from plumbline import formats

        return getattr(formats, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
