"""What the gates look at, gathered batch by batch while the rows pass: counts, hashes and shapes, never a text.

What is held: 18 bytes a row for leakage, each worker's name once, and counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plumbline.curate.redaction import record_texts
from plumbline.records import Kind
from plumbline.records.identity import group_id
from plumbline.release.names import WITHOUT_SPLIT

_MOST_IDS = 5
_NO_PROMPT = group_id(())
"""The group of all rows in which no human speaks: they share no prompt."""

FindPersonalData = Callable[[pl.Series], pl.DataFrame]
"""Texts → one row a finding with ``text`` (its position) and ``kind``; see `plumbline.curate.personal_data`."""


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Findings by kind, the records that hold them, and the first of their ids.

    Attributes:
        texts: how many were looked at.
    """

    counts: Mapping[str, int]
    records: int
    ids: tuple[str, ...]
    texts: int


@dataclass(frozen=True, slots=True)
class Leakage:
    """What two splits share.

    Attributes:
        splits: how many there are.
        prompts: first human messages by pair of splits. records: whole records without one, likewise.
    """

    splits: int
    prompts: Mapping[tuple[str, str], int]
    records: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class WorkerNames:
    """Under what names workers stand.

    Attributes:
        pseudonyms: how many are recognised as such.
        refused: how many are of another shape, by shape.
        ids: of the first records that name one of these.
        places: how many of these stand first in which table and column.
    """

    pseudonyms: int
    refused: Mapping[str, int]
    ids: tuple[str, ...]
    places: Mapping[str, int] = field(default_factory=dict)


_PSEUDONYM = re.compile(
    r"[abcdefghjkmnpqrstuvwxyz23456789]{10}"  # drawn by plumbline.collect
    r"|[0-9]{1,9}"
    r"|(?i:crowdworker|worker|annotator|reviewer|rater|judge|labell?er|participant|person|user|member|expert|[wapru])"
    r"[-_ ]?[0-9]{1,6}"
    r"|[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
_SHAPES = {
    "e-mail address": re.compile(r".*@.*", re.DOTALL),
    "Prolific id": re.compile(r"[0-9a-f]{24}"),
    "Mechanical Turk id": re.compile(r"A[0-9A-Z]{9,20}"),
    "telephone number": re.compile(r"\+?[0-9][0-9 ()./-]{8,}"),
}
_OTHER_WORDS = "other words, such as a name"


def shape_of_worker(name: str) -> str | None:
    """What a worker's name looks like that is no pseudonym; None where it is one."""
    for shape, pattern in _SHAPES.items():
        if pattern.fullmatch(name) and not (shape == "telephone number" and _PSEUDONYM.fullmatch(name)):
            return shape
    return None if _PSEUDONYM.fullmatch(name) else _OTHER_WORDS


@dataclass
class Observer:
    """Gathers over batches.

    Args:
        find_personal_data: looks at texts.
    """

    find_personal_data: FindPersonalData
    rows: dict[str, Counter[str]] = field(default_factory=dict)
    is_synthetic: bool = False
    _personal: Counter[str] = field(default_factory=Counter)
    _personal_ids: list[str] = field(default_factory=list)
    _personal_records: int = 0
    _texts: int = 0
    _workers: dict[str, tuple[str, str]] = field(default_factory=dict)
    _splits: dict[str, int] = field(default_factory=dict)
    _places: list[tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint16]]] = field(default_factory=list)

    def look(self, kind: Kind, table: pa.Table) -> None:
        """Take note of rows."""
        if not len(table):
            return
        splits = pl.Series(table["split"].cast(pa.string())).fill_null(WITHOUT_SPLIT)
        counted = self.rows.setdefault(kind.value, Counter())
        counted.update({row["split"]: row["count"] for row in splits.alias("split").value_counts().to_dicts()})
        self._note_places(table, splits)
        self._note_workers(kind, table)
        self._note_personal_data(kind, table)
        self.is_synthetic |= any("synthetic" in str(name) for name in table["source"].unique().to_pylist())

    # --- leakage ---

    def _note_places(self, table: pa.Table, splits: pl.Series) -> None:
        for split in splits.unique(maintain_order=True):
            self._splits.setdefault(split, len(self._splits))
        codes = splits.replace_strict(self._splits, return_dtype=pl.UInt16).to_numpy()
        groups = pl.Series(table["group_id"].cast(pa.string()))
        ids = pl.Series(table["id"].cast(pa.string()))
        without = (groups == _NO_PROMPT).to_numpy()
        hashes = groups.hash().to_numpy().copy()
        hashes[without] = 0
        self._places.append((hashes, ids.hash().to_numpy(), codes))

    def leakage(self) -> Leakage:
        """Which splits share prompts or records."""
        if not self._places or len(self._splits) < 2:
            return Leakage(len(self._splits), {}, {})
        groups, ids, codes = (np.concatenate(parts) for parts in zip(*self._places, strict=True))
        with_prompt = groups != 0
        prompts = self._shared(groups[with_prompt], codes[with_prompt])
        records = self._shared(ids[~with_prompt], codes[~with_prompt])
        return Leakage(len(self._splits), prompts, records)

    def _shared(self, keys: NDArray[np.uint64], codes: NDArray[np.uint16]) -> dict[tuple[str, str], int]:
        of_split = {name: np.unique(keys[codes == code]) for name, code in self._splits.items()}
        counts = {
            (first, second): len(np.intersect1d(of_split[first], of_split[second], assume_unique=True))
            for first, second in combinations(of_split, 2)
        }
        return {pair: count for pair, count in counts.items() if count}

    # --- workers ---

    def _note_workers(self, kind: Kind, table: pa.Table) -> None:
        named: list[tuple[pl.Series, pl.Series, str]] = []
        ids = pl.Series(table["id"].cast(pa.string()))
        if "worker" in table.schema.names:
            named.append((pl.Series(table["worker"].cast(pa.string())), ids, "worker"))
        if "reviews" in table.schema.names:
            reviews = table["reviews"].combine_chunks()
            owners = pl.Series(pc.list_parent_indices(reviews)).cast(pl.UInt32)
            named.append((pl.Series(reviews.flatten().field("reviewer")), ids.gather(owners), "reviews (reviewer)"))
        for names, of, column in named:
            frame = (
                pl.DataFrame({"name": names, "id": of})
                .drop_nulls("name")
                .unique("name", keep="first", maintain_order=True)
            )
            for name, identity in frame.iter_rows():
                self._workers.setdefault(name, (identity, f"{kind.value}, column {column}"))

    def workers(self) -> WorkerNames:
        """Under what names workers stand."""
        shapes = {name: shape for name in self._workers if (shape := shape_of_worker(name)) is not None}
        ids = tuple(self._workers[name][0] for name in list(shapes)[:_MOST_IDS])
        places = Counter(self._workers[name][1] for name in shapes)
        return WorkerNames(len(self._workers) - len(shapes), Counter(shapes.values()), ids, places)

    # --- personal data ---

    def _note_personal_data(self, kind: Kind, table: pa.Table) -> None:
        texts, owners = texts_of(kind, table)
        self._texts += len(texts)
        found = self.find_personal_data(texts)
        if not len(found):
            return
        self._personal.update(
            {row["kind"]: row["count"] for row in found["kind"].cast(pl.String).value_counts().to_dicts()}
        )
        rows = np.unique(owners[found["text"].cast(pl.Int64).to_numpy()])
        self._personal_records += len(rows)
        wanted = _MOST_IDS - len(self._personal_ids)
        self._personal_ids += [str(table["id"][int(row)]) for row in rows[:wanted]]

    def personal_data(self) -> PersonalData:
        """What was found."""
        return PersonalData(dict(self._personal), self._personal_records, tuple(self._personal_ids), self._texts)


_FURTHER = ("conversation_id", "subset", "tranche", "model_type", "models", "tags")
"""Columns that hold words of the source beside its texts."""


def texts_of(kind: Kind, table: pa.Table) -> tuple[pl.Series, NDArray[np.int64]]:
    """Every text of the rows, what a source said further among them, and of each the row it belongs to.

    Returns:
        m texts, and shape (m,) positions in the table.
    """
    parts = record_texts(kind, table)
    for name in [name for name in _FURTHER if name in table.schema.names]:
        array: Any = table[name].combine_chunks()
        rows = np.arange(len(array), dtype=np.int64)
        if pa.types.is_list(array.type):
            rows, array = rows[pc.list_parent_indices(array).to_numpy()], array.flatten()
        parts.append((pl.Series(array.cast(pa.string())), rows))
    texts = [text.cast(pl.String) for text, _ in parts]
    owners = [rows for _, rows in parts]
    joined = pl.concat(texts)
    kept = joined.is_not_null()
    return joined.filter(kept), np.concatenate(owners)[kept.to_numpy()]
