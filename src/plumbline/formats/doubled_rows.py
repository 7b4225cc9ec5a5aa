"""Rows that stand in two files: the same record twice would count twice in whatever is trained on it.

A row is known by its (source, row) and the digest of the file it was first read from, so that a file is known again
under another name, and in a table that was made of it. Files in other formats that were made of one another give their
rows new places: there records of one id count as the same. A file beside its own copy in another packing (``.jsonl``
and ``.jsonl.gz``, ``.json``) is known by its records, alike row for row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import polars as pl
import pyarrow as pa

from plumbline.formats.locations import split_name
from plumbline.formats.provenance import Provenance
from plumbline.lineage import Finding
from plumbline.records import Kind, UsageError

DOUBLED, CONTRADICTED = "PL-SRC-013", "PL-SRC-014"
_APART = ("axis", "worker", "side")
"""Columns that tell the records of one row apart, where the kind has them."""
_ROW_BITS = 40
_TELLING_ROWS = 20
"""Two people may judge fewer rows than this alike, all of them; more in one folder are a copy."""


@dataclass(frozen=True)
class Part:
    """A file, or several that were looked through already.

    Attributes:
        name: what people call it.
        digests: SHA-256 of its files.
    """

    name: str
    tables: Mapping[Kind, pa.Table]
    provenance: Provenance
    digests: frozenset[str]


def find_doubled_rows(parts: Sequence[Part]) -> list[Finding]:
    """What stands in more than one of the parts: `DOUBLED` the same record, `CONTRADICTED` one row with other content."""
    findings = []
    for kind in Kind:
        holding = [part for part in parts if kind in part.tables and len(part.tables[kind])]
        if len(holding) > 1:
            findings += _by_place(kind, holding) or _by_descent(kind, holding) or _by_content(kind, holding)
    return findings


def find_repeated_rows(source: str, tables: Mapping[Kind, pa.Table]) -> list[Finding]:
    """Records that a table of ours holds twice, alike in everything that tells the records of one row apart."""
    findings = []
    for table in tables.values():
        suspects = table.filter(pl.Series(table["id"]).is_duplicated().to_arrow())
        if not len(suspects):
            continue
        names = [name for name in ("source", "row", "id", "side", "extra") if name in table.schema.names]
        frame = pl.DataFrame([_column(suspects, name) for name in names])
        again = frame.filter(~frame.select(pl.struct(names).is_first_distinct()).to_series())
        if len(again):
            problem = f"{_rows(len(again))} of the table a second time"
            findings.append(Finding(DOUBLED, source, again["row"][0], again["id"][0], problem))
    return findings


def refuse_doubled_rows(findings: Sequence[Finding], place: str) -> None:
    """Refuse data in which a record stands twice.

    Raises:
        UsageError: one of the findings says so.
    """
    doubled = [finding for finding in findings if finding.code == DOUBLED]
    if doubled:
        raise UsageError(
            DOUBLED,
            place,
            "the same records stand here twice",
            expected="each record once, for one that stands here twice would count twice",
            found="; ".join(f"{finding.source}: {finding.problem}" for finding in doubled[:3]),
            advice="remove the copy, or name each source once: one file, or the data or what was made of it, not both; "
            "--data-dir takes one folder",
        )


def _rows(count: int) -> str:
    return f"{count:,} row{'s' if count > 1 else ''}"


def _column(table: pa.Table, name: str) -> pl.Series:
    column = table[name]
    return pl.Series(name, column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column)


# --- by (source, row) ---


def _by_place(kind: Kind, parts: Sequence[Part]) -> list[Finding]:
    """What parts share by source, or by the file that the source was."""
    sources = [part.tables[kind]["source"].unique().to_pylist() for part in parts]
    keys = _keys(parts, sources)
    holders: dict[str, list[int]] = defaultdict(list)
    for number, names in enumerate(sources):
        for key in {keys[name] for name in names}:
            holders[key].append(number)
    shared = {key: numbers for key, numbers in holders.items() if len(numbers) > 1}
    if not shared:
        return []
    concerned = sorted({number for numbers in shared.values() for number in numbers})
    codes = {key: code for code, key in enumerate(shared)}
    by_name = {name: codes[key] for name, key in keys.items() if key in codes}
    tables = [_without_texts(parts[number].tables[kind]) for number in concerned]
    places = [_places(table, by_name) for table in tables]
    once = pl.concat([each.drop_nulls().unique() for each in places])
    again = once.filter(once.is_duplicated()).unique()
    if again.is_empty():
        return []  # as where the rows of one file were dealt out to several
    frames = []
    for table, place, number in zip(tables, places, concerned, strict=True):
        met = place.is_in(again.implode())
        frames.append(_told_apart(table.filter(met.fill_null(False).to_arrow()), place.filter(met), number))
    return _told(pl.concat(frames), parts)


def _keys(parts: Sequence[Part], sources: Sequence[Sequence[str]]) -> dict[str, str]:
    """Source → what it is known by: its file's digest, or its name where that is unknown or several files have it."""
    digests: dict[str, set[str]] = {name: set() for names in sources for name in names}
    for part, names in zip(parts, sources, strict=True):
        for name in names:
            if name in part.provenance.origins:
                digests[name].add(part.provenance.origins[name])
    return {name: next(iter(known)) if len(known) == 1 else name for name, known in digests.items()}


def _without_texts(table: pa.Table) -> pa.Table:
    return table.select([name for name in ("source", "row", "id", *_APART) if name in table.schema.names])


def _places(table: pa.Table, codes: Mapping[str, int]) -> pl.Series:
    """A number a row, the same for the same (source, row); null where the source is none of those with a code."""
    sources = []
    for chunk in table["source"].chunks:
        known = np.array([codes.get(name, -1) for name in chunk.dictionary.to_pylist()] or [-1], np.int64)
        sources.append(known[chunk.indices.to_numpy()])
    source, row = np.concatenate(sources), table["row"].to_numpy()
    places = pl.Series("place", (source << _ROW_BITS) | (row & ((1 << _ROW_BITS) - 1)))
    return places.set(pl.Series(source < 0), None)


def _told_apart(table: pa.Table, places: pl.Series, number: int) -> pl.DataFrame:
    """Id, row, part, and two digests: of what tells the records of one row apart, and of that with the id."""
    frame = pl.DataFrame([places, *(_column(table, name) for name in _APART if name in table.schema.names)])
    record_id = _column(table, "id")
    digests = {"judged": frame.hash_rows(), "record": frame.with_columns(record_id).hash_rows()}
    return pl.DataFrame({"id": record_id, "row": _column(table, "row"), **digests}).with_columns(part=number)


def _told(rows: pl.DataFrame, parts: Sequence[Part]) -> list[Finding]:
    """Findings on rows that several parts hold.

    Args:
        rows: id, row, judged, record, part.
    """
    rows = rows.unique(["part", "record"], maintain_order=True)
    doubled = rows["record"].is_duplicated()
    findings = _finding(DOUBLED, rows.filter(doubled), parts, "")
    others = rows.filter(~doubled).unique(["part", "judged"], maintain_order=True)
    return findings + _finding(
        CONTRADICTED, others.filter(others["judged"].is_duplicated()), parts, ", with other content"
    )


def _finding(code: str, rows: pl.DataFrame, parts: Sequence[Part], how: str) -> list[Finding]:
    """One finding a part that holds again what an earlier one holds."""
    first, *later = rows["part"].unique(maintain_order=True).to_list() or [0]
    findings = []
    for number in later:
        own = rows.filter(pl.col("part") == number)
        problem = f"{_rows(len(own))} of {parts[first].name} a second time{how}"
        findings.append(Finding(code, parts[number].name, own["row"][0], own["id"][0], problem))
    return findings


# --- by descent ---


def _by_descent(kind: Kind, parts: Sequence[Part]) -> list[Finding]:
    """Records of one id in a file and in another that was made of it."""
    by_digest = {digest: part for part in parts for digest in part.digests}
    findings = []
    for part in parts:
        made_of = {id(each): each for digest in part.provenance.derived_from if (each := by_digest.get(digest))}
        for other in made_of.values():
            if other is part:
                continue
            again = pl.Series(part.tables[kind]["id"]).is_in(pl.Series(other.tables[kind]["id"]).implode())
            if again.any():
                at = int(again.arg_true()[0])
                row, record_id = (part.tables[kind][name][at].as_py() for name in ("row", "id"))
                problem = f"{_rows(int(again.sum()))} of {other.name} a second time, made of that file"
                findings.append(Finding(DOUBLED, part.name, row, record_id, problem))
    return findings


# --- by content ---


def _by_content(kind: Kind, parts: Sequence[Part]) -> list[Finding]:
    """Files of one folder that begin alike and hold the same records at the same rows.

    Of one split (``train.jsonl`` beside ``train.jsonl.gz``) half of the shorter file is enough, for one of them may have
    grown since; of others, all rows of both, and not few.
    """
    alike: dict[tuple[PurePosixPath, int, str], list[Part]] = defaultdict(list)
    for part in parts:
        if len(part.digests) == 1:
            row, record_id = (part.tables[kind][name][0].as_py() for name in ("row", "id"))
            alike[PurePosixPath(part.name).parent, row, record_id].append(part)
    findings = []
    for first, *later in alike.values():
        for part in later:
            lengths = [len(each.tables[kind]) for each in (first, part)]
            of_one_split = split_name(first.name) == split_name(part.name)
            if not of_one_split and (lengths[0] != lengths[1] or lengths[0] < _TELLING_ROWS):
                continue
            again = _same_rows(part.tables[kind], first.tables[kind])
            if 2 * again >= min(lengths) if of_one_split else again == lengths[0]:
                row, record_id = (part.tables[kind][name][0].as_py() for name in ("row", "id"))
                problem = f"{_rows(again)} of {first.name} a second time"
                findings.append(Finding(DOUBLED, part.name, row, record_id, problem))
    return findings


def _same_rows(table: pa.Table, other: pa.Table) -> int:
    """How many records of a table stand in the other at the same row."""
    names = [name for name in ("row", "id", *_APART) if name in table.schema.names]
    frames = [pl.DataFrame([_column(each, name) for name in names]) for each in (table, other)]
    return len(frames[0].join(frames[1], on=names, how="semi", nulls_equal=True))
