"""What to measure a model on that it has not seen: the split test of its sources, or the file beside the one trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plumbline.formats.locations import is_data_file, split_name
from plumbline.formats.source_files import locate
from plumbline.loop.sources import reading_words
from plumbline.loop.training.run import TrainingRun
from plumbline.records import PlumblineError

_HELD_OUT = "test"
_PASSED_ON = ("data_dir", "format", "axis")


def evaluation_commands(run: TrainingRun) -> list[list[str]]:
    """Words of commands that measure the model on held-out rows; one a source that has some, none where none has."""
    found = []
    learnt = {Path(source).resolve() for source in run.sources}
    for source in run.sources:
        held_out = _held_out(source, run.load_options)
        if held_out is not None and (held_out == source or Path(held_out).resolve() not in learnt):
            words = reading_words(run.load_options, _PASSED_ON)
            found.append(["plumbline", "evaluate", str(run.out), held_out, *words])
    return found


def _held_out(source: str, options: Mapping[str, Any]) -> str | None:
    """The source again where it has a split test that was not read, or the file of that split beside it."""
    path = Path(source)
    if path.is_file():
        return _test_beside(path)
    if options.get("split") == _HELD_OUT:
        return None
    asked: dict[str, Any] = {name: options.get(name) for name in _PASSED_ON}
    try:
        return source if locate(source, split=_HELD_OUT, **asked).chosen else None
    except PlumblineError:  # there is no such split
        return None


def _test_beside(path: Path) -> str | None:
    if split_name(path.name) != "train":
        return None
    others = [other for other in sorted(path.parent.iterdir()) if other.suffixes == path.suffixes]
    found = [other for other in others if split_name(other.name) == _HELD_OUT and is_data_file(Path(other.name))]
    return str(found[0]) if found else None
