"""Which records a model was trained on: 64 bits of each id, so that an evaluation says how many it measures again.

Ids are made of what a record says, so a row is known again in whatever file or format it comes back. What was judged, and
how, plays no part: a comparison is known by its context and its two sides. Two different rows share 64 bits by chance about
once in a thousand million million; 8 bytes a row are kept, 1.3 MB for 160,000 rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from plumbline.models.model_folder import FolderDescription, damaged
from plumbline.models.rows.training_rows import LabelRows, PreferenceRows, Records
from plumbline.records.identity import canonical_conversations, digests

TRAINED_ROWS_NAME = "trained_rows.safetensors"
_BLOCK_ROWS = 16_384

Bools = NDArray[np.bool_]
_Short = NDArray[np.uint64]


@dataclass(frozen=True)
class TrainedRows:
    """The rows of a training.

    Attributes:
        items: sorted, each once: 64 bits of the SHA-256 of what identifies a comparison's or label's item.
        prompts: the same of the groups: prompts.
    """

    items: _Short
    prompts: _Short

    @classmethod
    def of(cls, parts: Iterable[PreferenceRows | LabelRows | None]) -> TrainedRows:
        """The rows of a task, those of both kinds together."""
        items, prompts = [], []
        for part in parts:
            if part is not None:
                items.append(_shortened(_item_ids(part.records)))
                prompts.append(_shortened(np.unique(part.places.group_ids).tolist()))
        return cls(_united(items), _united(prompts))

    def united(self, other: TrainedRows | None) -> TrainedRows:
        """These rows and others; these alone where there are no others."""
        if other is None:
            return self
        return TrainedRows(_united([self.items, other.items]), _united([self.prompts, other.prompts]))

    def rows_among(self, rows: Records) -> Bools:
        """Which records were trained on, shape (n,), whatever they say was judged."""
        return np.isin(_shortened(_item_ids(rows)), self.items)

    def prompts_among(self, group_ids: Sequence[str]) -> Bools:
        """Which groups were trained on, shape (n,)."""
        return np.isin(_shortened(group_ids), self.prompts)

    def content(self) -> bytes:
        """What the file of a model's folder holds."""
        return save({"items": self.items, "prompts": self.prompts})


@dataclass(frozen=True)
class Overlap:
    """How much of what is measured was trained on.

    Attributes:
        trained_rows, rows: those trained on, of how many.
        trained_prompts, prompts: the same of different prompts.
    """

    trained_rows: int
    rows: int
    trained_prompts: int
    prompts: int

    @classmethod
    def of(cls, trained: TrainedRows, parts: Iterable[PreferenceRows | LabelRows | None]) -> Overlap:
        """The overlap of rows to be measured with those of a training."""
        measured = [part for part in parts if part is not None]
        rows = sum(int(trained.rows_among(part.records).sum()) for part in measured)
        groups = sorted({name for part in measured for name in part.places.group_ids.tolist()})
        return cls(rows, sum(map(len, measured)), int(trained.prompts_among(groups).sum()), len(groups))

    def to_json(self) -> dict[str, int]:
        """As it stands in ``evaluation.json``."""
        return asdict(self)

    @property
    def told(self) -> str | None:
        """In words; None where there is none."""
        prompts = f"{self.trained_prompts:,} of their {self.prompts:,} prompts"
        if self.trained_rows:
            share = 100 * self.trained_rows / self.rows
            return (
                f"the model was TRAINED on {self.trained_rows:,} of these {self.rows:,} rows ({share:.1f} %) and on "
                f"{prompts}: the figures flatter it"
            )
        return f"the model was trained on {prompts}, with other replies" if self.trained_prompts else None


def _item_ids(rows: Records) -> list[str]:
    """What identifies each record's item; of comparisons without the axis, which a table may be given by hand."""
    names = rows.table.schema.names
    if "continuations" not in names:
        found: list[str] = rows.table["item_id" if "item_id" in names else "id"].take(rows.positions).to_pylist()
        return found
    pairs = rows.table.select(["context", "continuations"])
    return [
        name
        for start in range(0, len(rows.positions), _BLOCK_ROWS)
        for name in _pair_ids(pairs.take(rows.positions[start : start + _BLOCK_ROWS]))
    ]


def _pair_ids(pairs: pa.Table) -> list[str]:
    """Ids of context and sides, the sides in byte order."""
    sides = canonical_conversations(pairs["continuations"].combine_chunks().flatten())
    first, second = sides.gather_every(2), sides.gather_every(2, 1)
    in_order = first <= second
    lesser, greater = first.zip_with(in_order, second), second.zip_with(in_order, first)
    found: list[str] = digests(
        "pair", canonical_conversations(pairs["context"].combine_chunks()), lesser, greater
    ).to_pylist()
    return found


def _shortened(ids: Sequence[str]) -> _Short:
    digests = b"".join(hashlib.sha256(name.encode()).digest()[:8] for name in ids)
    return np.frombuffer(digests, np.uint64)


def _united(parts: Sequence[_Short]) -> _Short:
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.uint64)


def read_trained_rows(folder: Path, description: FolderDescription) -> TrainedRows | None:
    """The rows that a saved model was trained on; None where it was saved without them, as imported ones are.

    Raises:
        ModelError: the file is damaged, or is not the one that the description names.
    """
    if description.trained_rows_sha256 is None:
        return None
    path = folder / TRAINED_ROWS_NAME
    try:
        content = path.read_bytes()
        stored = load(content)
        found = TrainedRows(stored["items"], stored["prompts"])
    except (OSError, KeyError, SafetensorError) as error:
        raise damaged(path, type(error).__name__) from error
    if hashlib.sha256(content).hexdigest() != description.trained_rows_sha256:
        raise damaged(path, "another digest than model.json states")
    if any(part.dtype != np.uint64 or part.ndim != 1 for part in (found.items, found.prompts)):
        raise damaged(path, "arrays that are no lists of rows")
    return found


def write_trained_rows(folder: Path, trained: TrainedRows | None) -> str | None:
    """Write the file into a model's folder.

    Returns:
        Its SHA-256, for the description; None where there is nothing to write.
    """
    if trained is None:
        return None
    content = trained.content()
    (folder / TRAINED_ROWS_NAME).write_bytes(content)
    return hashlib.sha256(content).hexdigest()
