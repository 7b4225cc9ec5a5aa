"""Features on disk: files of rows, each row under the digest of the token sequence it was computed from.

A file is written whole (aside, then renamed), says the SHA-256 of its rows, and is mapped into memory when it is read.
A run that was killed has lost the block it was at. A file that is damaged is removed, and said so; its rows are then
computed anew. One folder holds the features of one trunk read in one way.

Features tell much of the texts they come from: the folder is readable by its owner only.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from plumbline.lineage import clear_leftovers, write_aside
from plumbline.records import PlumblineError

_LOG = logging.getLogger(__name__)

_DIGEST_BYTES = 16
_DTYPES: dict[str, np.dtype[np.floating]] = {"F16": np.dtype(np.float16), "F32": np.dtype(np.float32)}
_UNTOUCHED_SECONDS = 3600

Rows = NDArray[np.floating]


def sequence_digest(tokens: NDArray[np.int64]) -> bytes:
    """Sixteen bytes that stand for a token sequence."""
    return hashlib.blake2b(np.ascontiguousarray(tokens, np.int64).tobytes(), digest_size=_DIGEST_BYTES).digest()


class FeatureStore:
    """The features of one trunk, read in one way.

    Attributes:
        parts: arrays of shape (rows, width), mapped into memory where they stand on disk.
        damaged: names of files that were removed for being damaged.
        unwritten: why rows could not be kept on disk, or "".
    """

    def __init__(self, folder: Path | None, width: int) -> None:
        """Open what is there.

        Args:
            folder: of the files; None keeps everything in memory.
            width: columns of a row.
        """
        self._folder = folder
        self._width = width
        self._places: dict[bytes, tuple[int, int]] = {}
        self.parts: list[Rows] = []
        self.damaged: list[str] = []
        self.unwritten = ""
        if folder is not None and folder.is_dir():
            clear_leftovers(folder)
            for path in sorted(folder.glob("*.safetensors")):
                self._open(path)

    def __contains__(self, digest: bytes) -> bool:
        """Whether the features of this sequence are there."""
        return digest in self._places

    def place(self, digest: bytes) -> tuple[int, int]:
        """Which part, and which row of it."""
        return self._places[digest]

    def add(self, digests: Sequence[bytes], rows: Rows) -> None:
        """Keep the features of sequences; on disk where that can be.

        Args:
            digests: m, from `sequence_digest`.
            rows: shape (m, width), float16 or float32.
        """
        if self._folder is not None and not self.unwritten:
            name = hashlib.blake2b(b"".join(digests), digest_size=_DIGEST_BYTES).hexdigest()
            path = self._folder / f"{name}.safetensors"
            try:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                _write(path, digests, rows)
            except (PlumblineError, OSError) as error:  # what is computed is not lost for a full disk
                self.unwritten = error.problem if isinstance(error, PlumblineError) else str(error.strerror)
                _LOG.warning("features are kept in memory only: %s could not be written", self._folder)
            else:
                if self._open(path):
                    return
        self._take(digests, rows)

    def _open(self, path: Path) -> bool:
        """Map a file; whether it is whole."""
        try:
            digests, rows = _read(path, self._width)
        except (OSError, ValueError, KeyError, SafetensorError):
            self.damaged.append(path.name)
            path.unlink(missing_ok=True)
            _LOG.warning("%s is damaged: removed, its features are computed anew", path)
            return False
        self._take(digests, rows)
        return True

    def _take(self, digests: Sequence[bytes], rows: Rows) -> None:
        self._places.update((digest, (len(self.parts), row)) for row, digest in enumerate(digests))
        self.parts.append(rows)


def _write(path: Path, digests: Sequence[bytes], rows: Rows) -> None:
    rows = np.ascontiguousarray(rows)
    names = np.frombuffer(b"".join(digests), np.uint8).reshape(len(digests), _DIGEST_BYTES)
    checksum = hashlib.sha256(names.tobytes() + rows.tobytes()).hexdigest()
    with write_aside(path) as aside:
        save_file({"digests": names, "rows": rows}, aside, {"sha256": checksum})


def _read(path: Path, width: int) -> tuple[list[bytes], Rows]:
    """Digests, and rows mapped into memory.

    Raises:
        ValueError, KeyError, SafetensorError: the file is damaged or of another kind.
    """
    with safe_open(path, framework="numpy") as file:  # checks that the header fits the file's size
        checksum = (file.metadata() or {})["sha256"]
        names = file.get_tensor("digests")
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        described = json.loads(file.read(header_bytes))["rows"]
    rows: Rows = np.memmap(
        path,
        dtype=_DTYPES[described["dtype"]],
        mode="r",
        offset=8 + header_bytes + described["data_offsets"][0],
        shape=tuple(described["shape"]),
    )
    if rows.shape != (len(names), width) or names.shape[1:] != (_DIGEST_BYTES,):
        raise ValueError("other shapes")
    digest = hashlib.sha256(names.tobytes())
    digest.update(np.ascontiguousarray(rows).data)
    if digest.hexdigest() != checksum:
        raise ValueError("other bytes")
    return [row.tobytes() for row in names], rows


def drop_oldest(parent: Path, limit_bytes: int) -> None:
    """Remove whole folders of features, the longest unused first, until the others stay within a limit.

    Args:
        parent: of folders that `FeatureStore` made; whatever else stands there is left alone, and so is what was used
            within the last hour, or is being written to.
        limit_bytes: of all of them together.
    """
    found = sorted(each for path in parent.iterdir() if (each := _store(path)) is not None)
    total = sum(size for _, size, _ in found)
    for used, size, path in found:
        if total <= limit_bytes:
            return
        if time.time() - used > _UNTOUCHED_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
            total -= size


def _store(path: Path) -> tuple[float, int, Path] | None:
    """When a folder of features was last used, and its bytes; None of what is none, or is changing while it is looked at."""
    try:
        files = list(path.iterdir())
        if len(path.name) != 64 or any(file.suffix != ".safetensors" for file in files):
            return None
        return path.stat().st_mtime, sum(file.stat().st_size for file in files), path
    except OSError:  # no folder, or another run removed something of it just now
        return None


def mark_used(folder: Path) -> None:
    """Let `drop_oldest` know."""
    if folder.is_dir():
        os.utime(folder)
