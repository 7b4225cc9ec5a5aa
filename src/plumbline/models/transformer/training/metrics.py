"""What a training run says of itself, one JSON object a line; a resumed run goes on where its checkpoint was made."""

from __future__ import annotations

import errno
import importlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from plumbline.lineage import write_aside
from plumbline.lineage.writing import write_error
from plumbline.records import MissingExtraError

FIGURES_NAME = "metrics.jsonl"


class MetricsLog:
    """A file of figures, and a TensorBoard folder where it was asked for.

    Args:
        folder: gets ``metrics.jsonl``, and ``tensorboard/``.
        after_step: lines of later steps are removed: they were written after the checkpoint a run goes on from.
        tensorboard: also write for TensorBoard.
    Raises:
        MissingExtraError: TensorBoard was asked for and is not installed.
        WriteError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, *, after_step: int = 0, tensorboard: bool = False) -> None:
        self._board = _board(folder / "tensorboard", after_step) if tensorboard else None
        self._path = folder / FIGURES_NAME
        kept = _lines_until(self._path, after_step) if self._path.is_file() else []
        with write_aside(self._path) as aside:
            aside.write_text("".join(kept), encoding="utf-8")
        # Nothing is held back: what could not be written at once would fail a second time on closing.
        self._file = self._path.open("ab", buffering=0)

    def write(self, line: Mapping[str, Any]) -> None:
        """Add a line; it needs a "step". Numbers go to TensorBoard too.

        Raises:
            WriteError: the disk is full.
        """
        text = (json.dumps(dict(line), allow_nan=False) + "\n").encode()
        try:
            if self._file.write(text) != len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise write_error(self._path, error) from error
        if self._board is not None:
            for name, value in _numbers(line):
                self._board.add_scalar(name, value, line["step"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics file; a last line that was cut off is left out."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line[-1] == "\n"]


def _lines_until(path: Path, step: int) -> list[str]:
    return [json.dumps(line) + "\n" for line in read_metrics(path) if line["step"] <= step]


def _numbers(line: Mapping[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in line.items():
        if isinstance(value, Mapping):
            found += _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and name != "step":
            found.append((prefix + name, float(value)))
    return found


def _board(folder: Path, after_step: int) -> Any:
    try:
        module = importlib.import_module("torch.utils.tensorboard")
    except ImportError as error:
        raise MissingExtraError(
            "PL-FIT-008",
            "--tensorboard",
            "tensorboard is not installed",
            expected="the package that writes its files",
            advice="pip install tensorboard, or leave --tensorboard out: metrics.jsonl holds the same figures",
        ) from error
    return module.SummaryWriter(log_dir=str(folder), purge_step=after_step + 1 if after_step else None)
