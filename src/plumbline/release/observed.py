"""What the gates look at, gathered batch by batch while the rows pass: counts, hashes and shapes, never a text.

What is held: 18 bytes a row for leakage, each worker's name once, and counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from plumbline.curate.split_files import WITHOUT_SPLIT
from plumbline.curate.worker_names import is_pseudonym
from plumbline.records import Kind
from plumbline.records.identity import NO_PROMPT
from plumbline.release.layout import require_few_files
from plumbline.release.words import HOME_PATH, count_texts, is_readable, leads_home, names_in_extra, texts_of, words_of

_MOST_IDS = 5

FindPersonalData = Callable[[pl.Series], pl.DataFrame]
"""Texts → one row a finding with ``text`` (its position) and ``kind``; see `plumbline.curate.personal_data`."""


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Findings by kind, the records that hold them, and the first of their ids.

    Attributes:
        texts: of the rows, how many were looked at, however the rows came in batches; words of other columns are looked at beside.
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


_SHAPES = {
    "e-mail address": re.compile(r".*@.*", re.DOTALL),
    "Prolific id": re.compile(r"[0-9a-f]{24}"),
    "Mechanical Turk id": re.compile(r"A[0-9A-Z]{9,20}"),
    "telephone number": re.compile(r"\+?[0-9][0-9 ()./-]{8,}"),
}
_OTHER_WORDS = "other words, such as a name"
_UNREADABLE = "extra that is no JSON object, so nobody can tell"


def shape_of_worker(name: str) -> str | None:
    """What a worker's name looks like that is no pseudonym; None where it is one."""
    for shape, pattern in _SHAPES.items():
        if pattern.fullmatch(name) and not (shape == "telephone number" and is_pseudonym(name)):
            return shape
    return None if is_pseudonym(name) else _OTHER_WORDS


@dataclass(frozen=True, slots=True)
class _Named:
    """A name: its shape where it is no pseudonym, and the record and column in which it first stands."""

    shape: str | None
    id: str
    place: str


@dataclass
class Observer:
    """Gathers over batches.

    Args:
        find_personal_data: looks at texts.
    """

    find_personal_data: FindPersonalData
    rows: dict[str, Counter[str]] = field(default_factory=dict)
    synthetic_rows: int = 0
    _personal: Counter[str] = field(default_factory=Counter)
    _personal_ids: list[str] = field(default_factory=list)
    _personal_records: int = 0
    _texts: int = 0
    _workers: dict[str, _Named] = field(default_factory=dict)
    _beside: Counter[tuple[str, str]] = field(default_factory=Counter)
    _beside_ids: list[str] = field(default_factory=list)
    _splits: dict[str, int] = field(default_factory=dict)
    _places: list[tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint16]]] = field(default_factory=list)

    def look(self, kind: Kind, table: pa.Table) -> None:
        """Take note of rows.

        Raises:
            UsageError: PL-REL-004, there are more splits than a release may have: each is held against every other.
        """
        if not len(table):
            return
        splits = pl.Series(table["split"].cast(pa.string())).fill_null(WITHOUT_SPLIT)
        require_few_files(len(self._splits.keys() | set(splits.unique())))
        counted = self.rows.setdefault(kind.value, Counter())
        counted.update({row["split"]: row["count"] for row in splits.alias("split").value_counts().to_dicts()})
        self._note_places(table, splits)
        self._note_workers(kind, table)
        self._note_personal_data(kind, table)
        self.synthetic_rows += int(pl.Series(table["source"].cast(pa.string())).str.contains("(?i)synthetic").sum())

    @property
    def is_synthetic(self) -> bool:
        """Whether some row says of itself that a program made it up."""
        return self.synthetic_rows > 0

    # --- leakage ---

    def _note_places(self, table: pa.Table, splits: pl.Series) -> None:
        for split in splits.unique(maintain_order=True):
            self._splits.setdefault(split, len(self._splits))
        codes = splits.replace_strict(self._splits, return_dtype=pl.UInt16).to_numpy()
        groups = pl.Series(table["group_id"].cast(pa.string()))
        ids = pl.Series(table["id"].cast(pa.string()))
        without = (groups == NO_PROMPT).to_numpy()
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
            for first, second in combinations(sorted(of_split), 2)
        }
        return {pair: count for pair, count in counts.items() if count}

    # --- workers ---

    def _note_workers(self, kind: Kind, table: pa.Table) -> None:
        ids = pl.Series(table["id"].cast(pa.string()))
        if "worker" in table.schema.names:
            self._note_names(kind, "worker", pl.Series(table["worker"].cast(pa.string())), ids)
        if "reviews" in table.schema.names:
            reviews = table["reviews"].combine_chunks()
            owners = pl.Series(pc.list_parent_indices(reviews)).cast(pl.UInt32)
            names = pl.Series(reviews.flatten().field("reviewer"))
            self._note_names(kind, "reviews (reviewer)", names, ids.gather(owners))
        extras = [(ids[row], extra) for row, extra in enumerate(table["extra"].to_pylist()) if extra is not None]
        told = [(name, identity) for identity, extra in extras for name in names_in_extra(extra)]
        frame = pl.DataFrame(told, schema={"name": pl.String, "id": pl.String}, orient="row")
        self._note_names(kind, "extra", frame["name"], frame["id"])
        for identity, extra in extras:
            if not is_readable(extra):
                self._note_beside(_UNREADABLE, identity, kind, "extra")
            elif leads_home(extra):
                self._note_beside(HOME_PATH, identity, kind, "extra")
        for words in words_of(table):
            for text, row in zip(words.texts, words.rows, strict=True):
                if leads_home(text):
                    self._note_beside(HOME_PATH, ids[int(row)], kind, words.column)

    def _note_beside(self, shape: str, identity: str, kind: Kind, column: str) -> None:
        self._beside[shape, f"{kind.value}, column {column}"] += 1
        self._beside_ids += [identity] * (len(self._beside_ids) < _MOST_IDS)

    def _note_names(self, kind: Kind, column: str, names: pl.Series, ids: pl.Series) -> None:
        frame = pl.DataFrame({"name": names, "id": ids}).drop_nulls("name")
        for name, identity in frame.unique("name", keep="first", maintain_order=True).iter_rows():
            if name not in self._workers:
                self._workers[name] = _Named(shape_of_worker(name), identity, f"{kind.value}, column {column}")

    def workers(self) -> WorkerNames:
        """Under what names workers stand."""
        refused = [each for each in self._workers.values() if each.shape is not None]
        shapes = Counter(each.shape for each in refused if each.shape is not None)
        places = Counter(each.place for each in refused)
        for (shape, place), count in self._beside.items():
            shapes[shape] += count
            places[place] += count
        ids = [*(each.id for each in refused[:_MOST_IDS]), *self._beside_ids]
        return WorkerNames(len(self._workers) - len(refused), shapes, tuple(ids[:_MOST_IDS]), places)

    # --- personal data ---

    def _note_personal_data(self, kind: Kind, table: pa.Table) -> None:
        texts, owners = texts_of(kind, table)
        self._texts += count_texts(kind, table)
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
