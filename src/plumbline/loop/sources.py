"""The sources of a run: which split each stage reads, and whether what it read is synthetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from plumbline.formats import Loaded, load, merge_loaded
from plumbline.records import Axis, NoDataError, unknown_name

Step = Callable[[str], None]


def load_stage(sources: Sequence[str], split: str | None, options: Mapping[str, Any], step: Step) -> Loaded:
    """Load the sources of a stage that reads one split.

    Args:
        sources: files, folders, hub ids.
        split: the stage's own: ``train`` or ``test``; None reads all. A single file is read whole; an explicit split
            in the options overrides.
        options: of `formats.load`; `split` may be None.
        step: told what is being read.
    Raises:
        NoDataError: no row could be read.
    """

    def advance(name: str, done: int, total: int) -> None:
        step(f"reading {name}, {100 * done // max(total, 1)} %")

    parts = []
    for source in sources:
        chosen = options.get("split") or (None if _is_file(source) else split)
        parts.append(load(source, advance=advance, **{**options, "split": chosen}))
    loaded = merge_loaded(parts)
    if not any(len(table) for table in loaded.tables.values()):
        raise NoDataError(
            "PL-RUN-001",
            ", ".join(sources),
            "no row could be read",
            found=", ".join(f"{count:,} × {code}" for code, count in loaded.quarantined.items()) or "no rows",
            advice=f"plumbline data check {sources[0]}",
        )
    return loaded


def _is_file(source: str) -> bool:
    """Whether it is a single file; what the system takes for no path at all is none, and `load` says why."""
    try:
        return Path(source).is_file()
    except OSError:
        return False


def is_synthetic(loaded: Loaded) -> bool:
    """Whether any file read says in its name that a program made it up."""
    return any("synthetic" in file.path for file in loaded.files)


def known_axis(name: str | None) -> Axis | None:
    """The axis of that name; None for None.

    Raises:
        UsageError: there is no such axis.
    """
    if name is None or name in list(Axis):
        return None if name is None else Axis(name)
    raise unknown_name("--on", name, list(Axis))
