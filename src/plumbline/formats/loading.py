"""`load` and `stream`: any SOURCE → tables of records, with everything that was set aside along with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from plumbline.formats import cache as file_cache
from plumbline.formats.hub import download_snapshot
from plumbline.formats.locations import Location, find_locations, is_hub_id, left_out_files
from plumbline.formats.reading import ReadFile, read_tables, recognise_format
from plumbline.formats.registry import FORMATS, PARQUET
from plumbline.lineage import (
    Fault,
    FileEntry,
    Finding,
    Manifest,
    Terms,
    count_by_code,
    governing_manifest,
    strictest_terms,
    terms_of,
    with_terms,
)
from plumbline.records import Axis, Kind, SourceError, UsageError, empty_table, unknown_name

_CACHED_FROM_BYTES = 4 << 20

Advance = Callable[[str, int, int], None]
"""Told the file being read, and how many of how many bytes on disk are behind."""


@dataclass(frozen=True)
class Loaded:
    """What a source held.

    Attributes:
        tables: one table a kind of record that the source's formats give; `split` and `subset` are columns.
        faults: rows that could not be read, each with its code.
        findings: what looked wrong about the files while reading; `curate.check` looks at the records.
        rows_read: lines or table rows seen; every one is in a table or among the faults.
        files: the files read, with digests.
        terms: what may be done with the rows, strictest over the files.
    """

    tables: dict[Kind, pa.Table]
    faults: list[Fault]
    findings: list[Finding]
    rows_read: int
    files: list[FileEntry]
    formats: dict[str, str]
    terms: Terms

    @property
    def comparisons(self) -> pa.Table:
        """The comparisons; a table without rows where the source has none."""
        return self._table(Kind.COMPARISONS)

    @property
    def safety_labels(self) -> pa.Table:
        """The safety labels; a table without rows where the source has none."""
        return self._table(Kind.SAFETY_LABELS)

    @property
    def red_team_attempts(self) -> pa.Table:
        """The red-team attempts; a table without rows where the source has none."""
        return self._table(Kind.RED_TEAM_ATTEMPTS)

    @property
    def prompts(self) -> pa.Table:
        """The prompts; a table without rows where the source has none."""
        return self._table(Kind.PROMPTS)

    def _table(self, kind: Kind) -> pa.Table:
        return self.tables[kind] if kind in self.tables else with_terms(empty_table(kind), self.terms)

    @property
    def quarantined(self) -> dict[str, int]:
        """How many rows were set aside, by code."""
        return count_by_code(self.faults)

    def __repr__(self) -> str:
        parts = [f"{len(table):,} {kind.replace('_', ' ')}" for kind, table in self.tables.items()]
        return f"Loaded({', '.join(parts)}; {self.rows_read:,} rows read, {len(self.faults):,} quarantined)"


def load(
    source: str | Path,
    *,
    data_dir: str | None = None,
    split: str | None = None,
    format: str | None = None,
    axis: Axis | str | None = None,
    cache: bool = True,
    on_error: str = "quarantine",
    advance: Advance | None = None,
) -> Loaded:
    """Read a source into tables of records.

    Args:
        source: a file, a folder in hub layout, a hub id, or a folder that Plumbline wrote.
        data_dir: only this folder of the source, as `datasets.load_dataset` means it.
        split: only files of this split; all by default, told apart by the `split` column.
        format: the format's name; recognised from the columns by default.
        axis: what comparisons were judged on, where neither the rows nor the folder's name tell.
        cache: keep large files as Arrow in Plumbline's cache, and take them from there.
        on_error: "quarantine" sets unreadable rows aside; "stop" raises at the first.
        advance: called as bytes are read, for progress.
    Returns:
        The tables, and what was set aside. Rows read = rows in tables + faults, for formats of one record a row.
    Raises:
        SourceError, UsageError: the source or an option names nothing that exists.
        FaultError: a file is damaged as a whole, or `on_error` is "stop" and a row is unreadable.
    """
    locations, of_root, unread = _locate(
        source, data_dir=data_dir, split=split, format=format, axis=axis, on_error=on_error
    )
    chosen, left_out = _choose_formats(locations, format)
    total = sum(location.path.stat().st_size for location, _ in chosen)
    parts: dict[Kind, list[pa.Table]] = defaultdict(list)
    reads: list[ReadFile] = []
    done = 0
    for location, name in chosen:
        read, tables = _read_file(location, name, cache=cache, asked=format)
        if on_error == "stop" and read.faults:
            raise read.faults[0].error(str(location.path))
        for kind, table in tables.items():
            parts[kind].append(table)
        reads.append(read)
        done += location.path.stat().st_size
        if advance:
            advance(location.origin.source, done, total)
    terms = _terms(reads, parts, of_root)
    return Loaded(
        {kind: with_terms(pa.concat_tables(tables), terms) for kind, tables in sorted(parts.items())},
        [fault for read in reads for fault in read.faults],
        [*unread, *left_out, *(finding for read in reads for finding in read.findings)],
        sum(read.rows_read for read in reads),
        [FileEntry.of(read.location.path, name=read.location.origin.source, rows=read.rows_read) for read in reads],
        {read.location.origin.source: read.format_name for read in reads},
        terms,
    )


def merge_loaded(parts: Sequence[Loaded]) -> Loaded:
    """Several sources as one: rows one after the other, the strictest terms.

    Args:
        parts: at least one.
    Raises:
        UsageError: two parts hold files of one name, so that their rows could not be told apart.
    """
    names = [file.path for part in parts for file in part.files]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(
            "PL-SRC-010",
            twice[0],
            "two sources hold a file of this name",
            expected="each file once",
            advice="name each source once, or rename one of the folders",
        )
    digests = [file.sha256 for part in parts for file in part.files]
    copies = sorted(file.path for part in parts for file in part.files if digests.count(file.sha256) > 1)
    if copies:
        raise UsageError(
            "PL-SRC-010",
            copies[0],
            "two sources hold the same file under two names",
            expected="each row once",
            found=", ".join(copies),
            advice="name one of them",
        )
    terms = strictest_terms(part.terms for part in parts)
    tables = {}
    for kind in sorted({kind for part in parts for kind in part.tables}):
        tables[kind] = with_terms(pa.concat_tables([part.tables[kind] for part in parts if kind in part.tables]), terms)
    return Loaded(
        tables,
        [fault for part in parts for fault in part.faults],
        [finding for part in parts for finding in part.findings],
        sum(part.rows_read for part in parts),
        [file for part in parts for file in part.files],
        {name: known for part in parts for name, known in part.formats.items()},
        terms,
    )


def stream(
    source: str | Path,
    kind: Kind | str = Kind.COMPARISONS,
    *,
    data_dir: str | None = None,
    split: str | None = None,
    format: str | None = None,
    axis: Axis | str | None = None,
    on_fault: Callable[[Fault], None] | None = None,
) -> Iterator[pa.RecordBatch]:
    """The rows of one kind as record batches, file after file, in bounded memory.

    Args:
        kind: which records to draw.
        on_fault: told of each unreadable row; without it the first one raises.
        source, data_dir, split, format, axis: as in `load`.
    Raises:
        FaultError: a row is unreadable and nobody listens for faults; further as `load`.
    """
    locations, _, _ = _locate(source, data_dir=data_dir, split=split, format=format, axis=axis, on_error="stop")
    for location, name in _choose_formats(locations, format)[0]:
        read = ReadFile(location, name)
        told = 0
        for tables in read_tables(read):
            yield from (tables[Kind(kind)].to_batches() if Kind(kind) in tables else ())
            told = _tell(read, told, on_fault)
        _tell(read, told, on_fault)


def _tell(read: ReadFile, told: int, on_fault: Callable[[Fault], None] | None) -> int:
    for fault in read.faults[told:]:
        if on_fault is None:
            raise fault.error(str(read.location.path))
        on_fault(fault)
    return len(read.faults)


def _locate(
    source: str | Path,
    *,
    data_dir: str | None,
    split: str | None,
    format: str | None,
    axis: Axis | str | None,
    on_error: str,
) -> tuple[list[Location], Manifest | None, list[Finding]]:
    """The files to read, the manifest of the source, and what is said of files that are not read for their ending."""
    _require_known("--format", format, [*FORMATS, PARQUET])
    _require_known("--axis", axis, list(Axis))
    _require_known("--on-error", on_error, ["quarantine", "stop"])
    text = str(source)
    root, name = (download_snapshot(text, data_dir=data_dir), text) if is_hub_id(text) else (Path(source), None)
    locations = find_locations(
        root, name=name, data_dir=data_dir, split=split, axis=None if axis is None else Axis(axis)
    )
    problem = "left out: its ending is none that is read"
    unread = [
        Finding("PL-SRC-012", path, None, None, problem)
        for path in left_out_files(root, data_dir, name=name, split=split)
    ]
    return locations, governing_manifest(root), unread


def _require_known(option: str, value: str | None, known: list[str]) -> None:
    if value is not None and value not in known:
        raise unknown_name(option, value, known)


def _choose_formats(locations: list[Location], asked: str | None) -> tuple[list[tuple[Location, str]], list[Finding]]:
    """Each file with its format; files of another format than the one asked for are left out, and said so."""
    if asked and len(locations) == 1:
        return [(locations[0], asked)], []
    chosen: list[tuple[Location, str]] = []
    left_out: list[Finding] = []
    for location in locations:
        name = recognise_format(location)
        if asked and name != asked:
            problem = f"left out: its format is {name}, asked for was {asked}"
            left_out.append(Finding("PL-SRC-007", location.origin.source, None, None, problem))
        else:
            chosen.append((location, name))
    if not chosen:
        raise SourceError(
            "PL-SRC-009",
            str(locations[0].path.parent),
            f"no file is of the format {asked}",
            found=", ".join(sorted({finding.problem.split(",")[0].rsplit(" ", 1)[1] for finding in left_out})),
            advice="leave --format out, or name the format found",
        )
    _refuse_mixed_folders(chosen)
    return chosen, left_out


def _refuse_mixed_folders(chosen: list[tuple[Location, str]]) -> None:
    by_folder: dict[Path, set[str]] = defaultdict(set)
    for location, name in chosen:
        by_folder[location.path.parent].add(name)
    for folder, names in by_folder.items():
        if len(names) > 1:
            raise UsageError(
                "PL-SRC-006",
                str(folder),
                "the folder holds files of several formats",
                expected="one format in a folder",
                found=", ".join(sorted(names)),
                advice=f"--format {sorted(names)[0]} to read only these files, or name a single file",
            )


def _read_file(
    location: Location, name: str, *, cache: bool, asked: str | None
) -> tuple[ReadFile, dict[Kind, pa.Table]]:
    read = ReadFile(location, name)
    worth_it = cache and name != PARQUET and location.path.stat().st_size >= _CACHED_FROM_BYTES
    key = file_cache.cache_key(location, asked) if worth_it else ""
    entry = file_cache.read_entry(key) if worth_it else None
    if entry:
        read = ReadFile(
            location,
            entry.format_name,
            rows_read=entry.rows_read,
            faults=entry.faults,
            findings=entry.findings,
        )
        return read, dict(entry.tables)
    blocks: dict[Kind, list[pa.Table]] = defaultdict(list)
    for tables in read_tables(read):
        for kind, table in tables.items():
            blocks[kind].append(table)
    whole = {kind: pa.concat_tables(parts) for kind, parts in blocks.items()}
    if worth_it:
        file_cache.write_entry(key, file_cache.CachedFile(whole, read.faults, read.findings, read.rows_read, name))
    return read, whole


def _terms(reads: list[ReadFile], parts: dict[Kind, list[pa.Table]], of_root: Manifest | None) -> Terms:
    """The strictest of what every file's manifest, else its format, and the tables themselves say."""
    stated = [terms for tables in parts.values() for table in tables if (terms := terms_of(table))]
    for read in reads:
        manifest = _manifest_of(read.location.path) or of_root
        if manifest and manifest.terms:
            stated.append(manifest.terms)
        elif read.format_name in FORMATS:
            stated.append(FORMATS[read.format_name].terms)
    return strictest_terms(stated) if stated else Terms(frozenset(), "unknown")


def _manifest_of(path: Path) -> Manifest | None:
    """The manifest a file stands under; one that is none of ours says nothing of it."""
    try:
        return governing_manifest(path)
    except SourceError:
        return None
