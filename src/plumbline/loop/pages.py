"""Pages that runs draw: whether they can be drawn here, and the moment that stands on them."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.util import find_spec


def can_draw() -> bool:
    """Whether the extra that draws pages is installed."""
    return all(find_spec(name) is not None for name in ("matplotlib", "jinja2"))


def moment_shown() -> str:
    """Now, as a page says when it was made: ``2026-02-03 14:05 UTC``."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
