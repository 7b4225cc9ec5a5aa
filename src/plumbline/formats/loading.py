"""`load`: any SOURCE → tables of records, with everything that was set aside along with them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from pydantic import JsonValue

from plumbline.formats import cache as file_cache
from plumbline.formats.doubled_rows import Part, find_doubled_rows, find_repeated_rows, refuse_doubled_rows
from plumbline.formats.locations import Location
from plumbline.formats.provenance import Provenance, ProvenanceFinder, combined
from plumbline.formats.reading import ReadFile, read_tables
from plumbline.formats.registry import PARQUET
from plumbline.formats.source_files import locate, refuse_other_axes
from plumbline.lineage import (
    Fault,
    FileEntry,
    Finding,
    Manifest,
    StatedTerms,
    Terms,
    count_by_code,
    with_terms,
)
from plumbline.records import Axis, Kind, UsageError, empty_table

_CACHED_FROM_BYTES = 4 << 20
_MOST_NAMED = 5

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
        formats: file → the name of its format.
        terms: what may be done with the rows, strictest over the files.
        parents: digests of the manifests that the files stand under; what is derived from the rows names them.
        origins: source of rows → SHA-256 of the file they were first read from, where that is known.
        derived_from: SHA-256 of the files that these files were made of, directly or over several conversions, as their
            manifests say.
        paths: source of rows → path of the file, from the folder that the caller is in.
    """

    tables: dict[Kind, pa.Table]
    faults: list[Fault]
    findings: list[Finding]
    rows_read: int
    files: list[FileEntry]
    formats: dict[str, str]
    terms: Terms
    parents: tuple[str, ...] = ()
    origins: dict[str, str] = field(default_factory=dict)
    derived_from: frozenset[str] = frozenset()
    paths: dict[str, str] = field(default_factory=dict)

    def place(self, source: str, row: int | None = None) -> str:
        """A file, or a row of it, as a person on this machine can open it; a source that is no file read stays as it is."""
        path = self.paths.get(source, source)
        return path if row is None else f"{path} line {row + 1}"

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

    def manifest(
        self, holds: str, command: Sequence[str], configuration: Mapping[str, JsonValue], *, seed: int | None = None
    ) -> Manifest:
        """The manifest of what is made of these rows: inputs, ancestors, counts and terms are theirs.

        Args:
            holds: what is made, see `Manifest`.
            command, configuration, seed: of the run that makes it.
        """
        return Manifest(
            holds=holds,
            command=list(command),
            configuration=dict(configuration),
            seed=seed,
            inputs=self.files,
            parents=list(self.parents),
            ancestors=sorted(self.derived_from),
            rows_read=self.rows_read,
            quarantined=self.quarantined,
            findings=count_by_code(self.findings),
            uses=sorted(self.terms.uses),
            licence=self.terms.licence,
        )

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
    stated_terms: StatedTerms | None = None,
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
        stated_terms: licence and uses of one's own data; they fill in what nothing else tells, and loosen nothing.
        advance: called after each file, for progress.
    Returns:
        The tables, and what was set aside. Rows read = rows in tables + faults, for formats of one record a row.
    Raises:
        SourceError, UsageError: the source or an option names nothing that exists, or the rows contradict the axis.
        FaultError: a file is damaged as a whole, or `on_error` is "stop" and a row is unreadable.
    """
    files = locate(source, data_dir=data_dir, split=split, format=format, axis=axis, on_error=on_error)
    behind = ProvenanceFinder(files.manifest, stated_terms or StatedTerms())
    total = sum(location.path.stat().st_size for location, _ in files.chosen)
    done = 0
    loaded = []
    for location, name in files.chosen:
        read, tables = _read_file(location, name, cache=cache, asked=format)
        if on_error == "stop" and read.faults:
            raise read.faults[0].error(str(location.path))
        refuse_other_axes(location, tables, axis)
        loaded.append(_of_file(read, tables, behind))
        done += location.path.stat().st_size
        if advance:
            advance(location.origin.source, done, total)
    findings = [*files.findings, *find_doubled_rows([_part(each) for each in loaded], of_one_source=True)]
    whole = _concatenated(loaded, findings)
    overruled = (stated_terms or StatedTerms()).overruled(whole.terms)
    if overruled:
        whole.findings.append(Finding("PL-USE-004", str(source), None, None, overruled))
    return whole


def _of_file(read: ReadFile, tables: dict[Kind, pa.Table], behind: ProvenanceFinder) -> Loaded:
    """What one file held."""
    source = read.location.origin.source
    file = FileEntry.of(read.location.path, name=source, rows=read.rows_read)
    of_file = behind.provenance(read.location, read.format_name, file.sha256)
    again = find_repeated_rows(source, tables) if read.format_name == PARQUET else []
    return Loaded(
        tables,
        read.faults,
        [*read.findings, *again],
        read.rows_read,
        [file],
        {source: read.format_name},
        of_file.terms,
        of_file.parents,
        of_file.origins,
        of_file.derived_from,
        {source: str(read.location.path)},
    )


def _part(loaded: Loaded) -> Part:
    """What was loaded, as the search for doubled rows takes it."""
    name = loaded.files[0].path if len(loaded.files) == 1 else f"{loaded.files[0].path} and others"
    return Part(name, loaded.tables, _provenance(loaded), frozenset(file.sha256 for file in loaded.files))


def _provenance(loaded: Loaded) -> Provenance:
    return Provenance(loaded.terms, loaded.parents, loaded.origins, loaded.derived_from)


def _concatenated(parts: Sequence[Loaded], findings: list[Finding]) -> Loaded:
    """The parts one after the other, under the strictest terms; further findings come first."""
    behind = combined(_provenance(part) for part in parts)
    tables: dict[Kind, list[pa.Table]] = defaultdict(list)
    for part in parts:
        for kind, table in part.tables.items():
            tables[kind].append(table)
    return Loaded(
        {kind: with_terms(pa.concat_tables(several), behind.terms) for kind, several in sorted(tables.items())},
        [fault for part in parts for fault in part.faults],
        [*findings, *(finding for part in parts for finding in part.findings)],
        sum(part.rows_read for part in parts),
        [file for part in parts for file in part.files],
        {name: known for part in parts for name, known in part.formats.items()},
        behind.terms,
        behind.parents,
        behind.origins,
        behind.derived_from,
        {source: path for part in parts for source, path in part.paths.items()},
    )


def merge_loaded(parts: Sequence[Loaded]) -> Loaded:
    """Several sources as one: rows one after the other, the strictest terms.

    Args:
        parts: at least one.
    Raises:
        UsageError: two parts hold files of one name or content, or the same record: it would count twice.
    """
    files = [file for part in parts for file in part.files]
    refuse_names_twice(files)
    digests = Counter(file.sha256 for file in files)
    copies = sorted(file.path for file in files if digests[file.sha256] > 1)
    if copies:
        raise UsageError(
            "PL-SRC-010",
            copies[0],
            "two sources hold the same file under two names",
            expected="each row once",
            found=", ".join(copies[:_MOST_NAMED])
            + (f" and {len(copies) - _MOST_NAMED:,} more" if copies[_MOST_NAMED:] else ""),
            advice="name one of them",
        )
    findings = find_doubled_rows([_part(part) for part in parts if part.files])
    refuse_doubled_rows(findings, ", ".join(dict.fromkeys(finding.source for finding in findings[:_MOST_NAMED])))
    return _concatenated(parts, findings)


def refuse_names_twice(files: Sequence[FileEntry]) -> None:
    """Refuse two files of one name: which of them a row is of could not be told.

    Raises:
        UsageError: there are two.
    """
    names = Counter(file.path for file in files)
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        raise UsageError(
            "PL-SRC-010",
            twice[0],
            "two sources hold a file of this name",
            expected="each file once",
            advice="name each source once, or rename one of the folders",
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
