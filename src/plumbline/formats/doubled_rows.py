"""Rows that stand in two files: the same record twice would count twice in whatever is trained on it.

A row is known by its (source, row) and the digest of the file it was first read from, so that a file is known again
under another name, and in a table that was made of it. Files in other formats give their rows new places: where two
files descend from one, however many conversions lie between, records of one id count as the same. A file beside its own
copy in another packing (``.jsonl`` and ``.jsonl.gz``, ``.json``) is known by its records, alike row for row. Any other
record whose id stands in two files is told; where most of a file stands in others, and nothing there is judged otherwise,
it is a copy.
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

DOUBLED, CONTRADICTED, SHARED = "PL-SRC-013", "PL-SRC-014", "PL-SRC-016"
_APART = ("axis", "worker", "side")
"""Columns that tell the records of one row apart, where the kind has them."""
_ROW_BITS = 40
TELLING_ROWS = 20
"""Two people may judge fewer rows than this alike, all of them; more are a copy."""


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


def find_doubled_rows(parts: Sequence[Part], *, of_one_source: bool = False) -> list[Finding]:
    """What stands in more than one of the parts.

    Args:
        parts: files, or sources.
        of_one_source: the parts are its files: those of other splits are not used together, and are no copies for
            sharing half of their records.
    Returns:
        `DOUBLED` the same record, one finding a part; `CONTRADICTED` one row with other content, likewise; `SHARED` a
        record that may be another's of the same content, one finding a row.
    """
    findings = []
    for kind in Kind:
        holding = [part for part in parts if kind in part.tables and len(part.tables[kind])]
        if len(holding) > 1:
            sources = [part.tables[kind]["source"].unique().to_pylist() for part in holding]
            keys = _keys(holding, sources)
            found = _by_place(kind, holding, sources, keys)
            for of_search in (_by_content(kind, holding), _by_id(kind, holding, keys, of_one_source)):
                told = {finding.source for finding in found if finding.code == DOUBLED}
                found += [finding for finding in of_search if finding.source not in told]
            findings += found
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


def _by_place(
    kind: Kind, parts: Sequence[Part], sources: Sequence[Sequence[str]], keys: Mapping[str, str]
) -> list[Finding]:
    """What parts share by source, or by the file that the source was."""
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
            if not of_one_split and (lengths[0] != lengths[1] or lengths[0] < TELLING_ROWS):
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


# --- by id ---


def _by_id(kind: Kind, parts: Sequence[Part], keys: Mapping[str, str], of_one_source: bool) -> list[Finding]:
    """Records of one id in parts that descend from one file, that are copies, or that only share them.

    Rows of one file are left to `_by_place`: a file may hold a record at two rows. So are files of one manifest, which
    were written from rows that stood apart.
    """
    rows = _in_several(kind, parts, keys)
    if rows.is_empty():
        return []
    families = [part.provenance.parents if len(part.provenance.parents) == 1 else (n,) for n, part in enumerate(parts)]
    known = {family: number for number, family in enumerate(dict.fromkeys(families))}
    of_part = pl.DataFrame({"kin": _kinship(parts), "family": [known[family] for family in families]})
    rows = rows.hstack(of_part[rows["part"]])
    kin = rows.with_columns(pl.col("part", "key", "family").first().over("id", "kin").name.prefix("first_"))
    descended = (kin["key"] != kin["first_key"]) & (kin["family"] != kin["first_family"])
    others = rows.with_columns(pl.col("part", "key").first().over("id").name.prefix("first_")).filter(~descended)
    others = others.filter((pl.col("part") != pl.col("first_part")) & (pl.col("key") != pl.col("first_key")))
    splits = [split_name(part.name) if of_one_source else "" for part in parts]
    return _again(kin.filter(descended), parts, ", of one origin") + _overlaps(kind, others, parts, splits)


def _in_several(kind: Kind, parts: Sequence[Part], keys: Mapping[str, str]) -> pl.DataFrame:
    """Id, row, part, key (see `_keys`) of the rows whose id stands at several rows, in order of the parts."""
    table = pa.concat_tables([part.tables[kind].select(["id", "row", "source"]) for part in parts])
    numbers = np.repeat(np.arange(len(parts)), [len(part.tables[kind]) for part in parts])
    again = pl.Series(table["id"]).is_duplicated()
    if not again.any():
        return pl.DataFrame()
    frame = pl.DataFrame([_column(table.filter(again.to_arrow()), name) for name in ("id", "row", "source")])
    return frame.select(
        "id", "row", part=pl.Series(numbers).filter(again), key=pl.col("source").replace_strict(dict(keys))
    )


def _kinship(parts: Sequence[Part]) -> list[int]:
    """A number a part, the same for those that are or descend from one file."""
    leaders = list(range(len(parts)))
    holders: dict[object, int] = {}

    def leader(number: int) -> int:
        """The part that stands for all that are akin to this one (union-find, paths halved)."""
        while leaders[number] != number:
            leaders[number] = number = leaders[leaders[number]]
        return number

    for number, part in enumerate(parts):
        for digests in (part.digests, part.provenance.derived_from):
            # Thousands of files may stand under one manifest, with one set of ancestors.
            names: list[object] = [digests] if digests in holders else [digests, *digests] if digests else []
            for name in names:
                leaders[leader(number)] = leader(holders.setdefault(name, number))
    return [leader(number) for number in range(len(parts))]


def _overlaps(kind: Kind, rows: pl.DataFrame, parts: Sequence[Part], splits: Sequence[str]) -> list[Finding]:
    """Copies, and records that only stand in another part too.

    Args:
        rows: id, row, part, first_part.
        splits: of the parts; only parts of one split are copies.
    """
    used_together = pl.Series(splits, dtype=pl.String)
    together = rows.filter(used_together[rows["part"]] == used_together[rows["first_part"]])
    copies = [
        number
        for (number,), own in together.group_by("part", maintain_order=True)
        if _is_copy(kind, own, parts, int(str(number)))
    ]
    is_of_copy = pl.col("part").is_in(copies)
    shared = rows.filter(~is_of_copy)
    first = shared["first_part"].unique()
    where = parts[first[0]].name if len(first) == 1 else "another file"
    problem = f"the same record stands in {where} too"
    told = (shared[name].to_list() for name in ("part", "row", "id"))
    single = [Finding(SHARED, parts[part].name, row, name, problem) for part, row, name in zip(*told, strict=True)]
    return _again(rows.filter(is_of_copy), parts, "") + single


def _is_copy(kind: Kind, own: pl.DataFrame, parts: Sequence[Part], number: int) -> bool:
    """Whether others hold half of a part's records, or the part half of another's, and none is judged otherwise."""
    shared = own["id"].n_unique()
    if shared < TELLING_ROWS:
        return False
    ids = pl.Series(parts[number].tables[kind]["id"])
    firsts = own["first_part"].unique().to_list()
    of_first = {first: own.filter(pl.col("first_part") == first)["id"].n_unique() for first in firsts}
    most_of_first = any(
        count >= TELLING_ROWS and 2 * count >= pl.Series(parts[first].tables[kind]["id"]).n_unique()
        for first, count in of_first.items()
    )
    if not most_of_first and 2 * shared < ids.n_unique():
        return False
    others = pa.concat_tables([_items(kind, parts[first]) for first in firsts])
    return not _judged_otherwise(_items(kind, parts[number]), others)


def _items(kind: Kind, part: Part) -> pa.Table:
    return part.tables[kind].select([name for name in ("id", "item_id") if name in part.tables[kind].schema.names])


def _judged_otherwise(table: pa.Table, other: pa.Table) -> bool:
    """Whether either holds another judgement of an item of both: then two people judged, nobody copied."""
    if "item_id" not in table.schema.names:
        return False
    frames = [pl.DataFrame([_column(each, name) for name in ("id", "item_id")]) for each in (table, other)]
    for one, two in (frames, frames[::-1]):
        if len(one.join(two, on="item_id", how="semi").join(two, on="id", how="anti")):
            return True
    return False


def _again(rows: pl.DataFrame, parts: Sequence[Part], how: str) -> list[Finding]:
    """One finding for each part and each earlier one whose records it holds again."""
    findings = []
    for (number, first), own in rows.group_by("part", "first_part", maintain_order=True):
        problem = f"{_rows(len(own))} of {parts[int(str(first))].name} a second time{how}"
        findings.append(Finding(DOUBLED, parts[int(str(number))].name, own["row"][0], own["id"][0], problem))
    return findings
