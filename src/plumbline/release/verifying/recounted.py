"""What the data files of a handed-over folder hold, read back: rows, splits, terms, and the lines that its tables give.

The tables tell what the release holds; each line is held against them, so lines need no parsing. Where there are no tables, as in
a folder that is no release, the gates look at whatever data can be read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from plumbline.curate.personal_data import find_personal_data
from plumbline.formats.columns_not_carried import ColumnCounts, added, count_columns_not_carried
from plumbline.formats.loading import Advance
from plumbline.formats.locations import Location, find_locations
from plumbline.formats.origin import Origin
from plumbline.formats.own_folders import NOTES
from plumbline.formats.parquet.batches import open_parquet
from plumbline.formats.reading import ReadFile, recognise_format
from plumbline.formats.registry import PARQUET
from plumbline.lineage import FileEntry, Terms, terms_of
from plumbline.lineage.uses import LICENCE_KEY, USES_KEY
from plumbline.records import SCHEMAS, Kind, PlumblineError
from plumbline.records.tables import kind_by_columns
from plumbline.release.handed_over import Finding, HandedOver
from plumbline.release.incoming import read_incoming
from plumbline.release.layout import LINES_OF, Laid, data_paths, place_columns, safe_names
from plumbline.release.names import RECORDS, is_table, place_of, safe_split
from plumbline.release.observed import Observer
from plumbline.release.plurals import counted
from plumbline.release.verifying.disguises import disguise
from plumbline.release.verifying.line_sums import LineSums

_DATA = (".parquet", ".jsonl", ".jsonl.gz")
_TERMS = {USES_KEY, LICENCE_KEY}
_ARROW_SCHEMA = b"ARROW:schema"


@dataclass
class Recounted:
    """What was read back.

    Attributes:
        observer: of the tables; of any data where there are none.
        rows: of each file that could be read, by name.
        unreadable: rows that are not as they were written, by code.
        stated: the terms that tables state, each once.
        findings: what is wrong with files and rows.
        places: folder and split → rows of the tables that stand there.
        is_whole: whether there are tables, and every data file could be read to its end.
    """

    observer: Observer = field(default_factory=lambda: Observer(find_personal_data))
    rows: dict[str, int] = field(default_factory=dict)
    unreadable: Counter[str] = field(default_factory=Counter)
    stated: list[Terms] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    places: Counter[tuple[str, str]] = field(default_factory=Counter)
    is_whole: bool = True
    _sums: LineSums = field(default_factory=LineSums)
    _tables: Counter[tuple[Kind, str]] = field(default_factory=Counter)
    _refused: defaultdict[Kind, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _renamed: dict[str, str] = field(default_factory=dict)
    _columns: ColumnCounts = field(default_factory=dict)

    def read(self, handed: HandedOver, advance: Advance | None) -> None:
        """Read every data file once, tables first."""
        tables = [name for name in handed.files if is_table(name)]
        lines = [name for name in handed.files if not is_table(name) and _is_data(name)]
        total = sum(handed.size(name) for name in (*tables, *lines))
        done = 0
        self.is_whole = bool(tables)
        for name in (*tables, *lines):
            done += handed.size(name)
            try:
                self.rows[name] = self._read_file(handed, name, among_tables=bool(tables))
            except PlumblineError as error:
                self.is_whole = False
                self.findings.append(Finding(error.code, name, error.problem))
            except OSError:
                self.is_whole = False
                self.findings.append(Finding("PL-REL-027", name, "it cannot be read to its end"))
            if advance is not None:
                advance(name, done, total)
        for code, count in sorted(self.unreadable.items()):
            problem = f"{counted(count, 'row')} unreadable or not as written"
            self.findings.append(Finding(code, "rows", problem))
        if tables:
            self.findings += [
                Finding("PL-REL-031", f"{folder}, {split}", _differing(given, there))
                for (folder, split), given, there in self._sums.differing()
            ]

    def laid(self, handed: HandedOver) -> Laid:
        """The files that a release of these rows has, those that are missing too, with digests of those that are there."""
        given = {each: count for each, count in self._sums.given.items() if count}
        lines, tables = data_paths(given, self._tables)
        return Laid.of(
            {each: _entry(handed, name, given[each]) for each, name in lines.items()},
            {each: _entry(handed, name, self._tables[each]) for each, name in tables.items()},
            self._refused,
            self._columns,
            self._renamed,
        )

    def _read_file(self, handed: HandedOver, name: str, *, among_tables: bool) -> int:
        path = handed.files[name]
        if (problem := disguise(path)) is not None:
            self.findings.append(Finding("PL-REL-032", name, problem))
        if not among_tables:
            return sum(self._read_any(location) for location in find_locations(path))
        if is_table(name):
            return self._read_table(Location(path, Origin(name)), name)
        count, intake = self._sums.read(path, name)
        self.unreadable.update(fault.code for fault in intake.faults)
        self.findings += [Finding(each.code, name, each.problem) for each in intake.findings]
        return count

    def _read_any(self, location: Location) -> int:
        read = ReadFile(location, recognise_format(location))
        for kind, table in read_incoming(read):
            self.observer.look(kind, table)
            self._note_terms(table)
        self._note_faults(read)
        return read.rows_read

    def _read_table(self, location: Location, name: str) -> int:
        folder, split = place_of(name)
        problems = _wrong_columns(open_parquet(location.path), folder)
        self.findings += [Finding("PL-REL-032", name, problem) for problem in problems]
        read = ReadFile(location, PARQUET)
        misplaced = 0
        for kind, table in read_incoming(read):
            if codes := self._sums.give(kind, table):
                self._refused[kind].update(codes)
            self._renamed |= safe_names(table)
            self._columns = added(self._columns, count_columns_not_carried(LINES_OF[kind], {kind: table}))
            self.observer.look(kind, table)
            self.places.update(place_columns(kind, table).iter_rows())
            for given, count in _splits(table):
                self._tables[kind, given] += count
                misplaced += count if given != split else 0
            self._note_terms(table)
        if misplaced:
            self.findings.append(
                Finding("PL-REL-032", name, f"{counted(misplaced, 'row')} of another split than the file's name says")
            )
        self._note_faults(read)
        return read.rows_read

    def _note_terms(self, table: pa.Table) -> None:
        terms = terms_of(table)
        if terms is not None and terms not in self.stated:
            self.stated.append(terms)

    def _note_faults(self, read: ReadFile) -> None:
        self.unreadable.update(fault.code for fault in read.faults)
        self.unreadable.update(finding.code for finding in read.findings if finding.code == "PL-IO-014")


def _is_data(name: str) -> bool:
    return not name.startswith(f"{NOTES}/") and name.lower().endswith(_DATA)


def _entry(handed: HandedOver, name: str, rows: int) -> FileEntry:
    there = name in handed.files
    return FileEntry(
        path=name,
        sha256=handed.digest(name) if there else "",
        size_bytes=handed.size(name) if there else 0,
        rows=rows,
    )


def _splits(table: pa.Table) -> Iterator[tuple[str, int]]:
    counted = table["split"].value_counts()
    for each in counted.to_pylist():
        yield safe_split(each["values"]), each["counts"]


def _wrong_columns(file: pq.ParquetFile, folder: str) -> Iterable[str]:
    """What of a table's columns is not as a release writes them: a reader would take it for something else."""
    schema = file.schema_arrow
    kind = kind_by_columns(schema.names)
    if kind is None:
        return
    if folder != f"{RECORDS}/{kind.value}":
        yield f"its columns are those of {kind.value}, and its folder is another's"
    if not schema.equals(SCHEMAS[kind]):
        yield "its columns are not those of a table of its kind, or of other types"
    if set(schema.metadata or {}) != _TERMS or set(file.metadata.metadata or {}) - _TERMS != {_ARROW_SCHEMA}:
        yield "beside its columns it says more or less than its terms, and readers may heed that"


def _differing(given: int, there: int) -> str:
    if given != there:
        return f"the tables give {counted(given, 'line')} and there are {there:,}"
    return f"the {there:,} lines are not those that the tables give"
