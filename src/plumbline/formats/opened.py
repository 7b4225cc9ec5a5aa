"""Several sources, file by file: what stands behind each before a row is read, and its rows block by block.

For runs that never hold all rows: `loading` reads whole sources at once.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path, PurePosixPath

import polars as pl
import pyarrow as pa

from plumbline.formats.cache import READER_VERSION
from plumbline.formats.doubled_rows import TELLING_ROWS
from plumbline.formats.loading import Loaded, refuse_names_twice
from plumbline.formats.locations import Location
from plumbline.formats.provenance import Provenance, ProvenanceFinder, combined
from plumbline.formats.reading import ReadFile, read_tables
from plumbline.formats.registry import PARQUET
from plumbline.formats.source_files import locate, refuse_other_axes
from plumbline.lineage import Fault, FileEntry, Finding, StatedTerms, is_there, refuse_output_among_inputs
from plumbline.records import Axis, Kind, UsageError

_SPLIT_WORDS = re.compile(r"(?:^|[^a-z])(?:train|test|val|dev|eval|held|hold)", re.IGNORECASE)
"""What names of splits begin with, or have within."""


@dataclass(frozen=True)
class OpenedFile:
    """A file of a source.

    Attributes:
        location, format_name: where it is and how it is read.
        entry: its name, digest and size; no rows yet.
        provenance: what stands behind it.
    """

    location: Location
    format_name: str
    entry: FileEntry
    provenance: Provenance

    def address(self) -> list[str]:
        """All that decides which records it gives."""
        origin = self.location.origin
        places = [origin.source, origin.subset or "", origin.split or "", str(origin.axis or "")]
        return [str(READER_VERSION), self.entry.sha256, self.format_name, *places]

    def stands_beside(self, other: OpenedFile) -> bool:
        """Whether both are files of one folder and split, as ``train.jsonl`` and ``train.jsonl.gz`` are."""
        folders = {PurePosixPath(each.entry.path).parent for each in (self, other)}
        return len(folders) == 1 and self.location.origin.split == other.location.origin.split


@dataclass
class FileTold:
    """What reading a file turned up.

    Attributes:
        rows_read: lines or rows seen.
        kinds: records by kind.
        content: kind → digest of the ids, in order: files with one digest hold the same records.
        faults: rows that could not be read.
        findings: what looked wrong while reading.
    """

    rows_read: int = 0
    kinds: dict[Kind, int] = field(default_factory=dict)
    content: dict[Kind, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class OpenedSources:
    """The files of one or several sources.

    Attributes:
        files: in the order in which they are read.
        findings: files left out.
        axis, on_error, stated_terms: as in `loading.load`.
    """

    files: tuple[OpenedFile, ...]
    findings: tuple[Finding, ...]
    axis: Axis | str | None
    on_error: str
    stated_terms: StatedTerms = field(default_factory=StatedTerms)

    @property
    def tells_splits(self) -> bool:
        """Whether anything says which split a row is of.

        Rows of our own tables say it themselves. Of other files the name does; one name for all of them that is no
        split's (``pairs.jsonl``) says only how the file is called.
        """
        names = {file.location.origin.split or "" for file in self.files}
        own = any(file.format_name == PARQUET for file in self.files)
        return own or len(names) > 1 or any(map(_SPLIT_WORDS.search, names))

    def tables(self, number: int, told: FileTold) -> Iterator[dict[Kind, pa.Table]]:
        """The records of a file, block after block; what reading turns up goes to `told`.

        Raises:
            FaultError: a row cannot be read and `on_error` is "stop", or the file is damaged as a whole.
            UsageError: the rows contradict the axis.
        """
        opened = self.files[number]
        read = ReadFile(opened.location, opened.format_name)
        digests = {kind: blake2b(digest_size=16) for kind in Kind}
        for tables in read_tables(read):
            refuse_other_axes(opened.location, tables, self.axis)
            if read.faults and self.on_error == "stop":
                raise read.faults[0].error(str(opened.location.path))
            for kind, table in tables.items():
                told.kinds[kind] = told.kinds.get(kind, 0) + len(table)
                digests[kind].update(pl.Series(table["id"]).hash().to_numpy().tobytes())
            yield tables
        if read.faults and self.on_error == "stop":
            raise read.faults[0].error(str(opened.location.path))
        told.content = {kind: digests[kind].hexdigest() for kind, count in told.kinds.items() if count}
        told.rows_read, told.faults, told.findings = read.rows_read, read.faults, read.findings

    def loaded(self, told: Sequence[FileTold], kinds: Sequence[Kind], apart: Container[int] = ()) -> Loaded:
        """What all files held, as `loading.load` tells it, without their rows.

        Args:
            told: of each file.
            kinds: terms are those of the files that hold records of these.
            apart: numbers of files whose terms bind nothing all the same: nothing of them is in what was made.
        """
        holding = [
            opened.provenance
            for number, (opened, each) in enumerate(zip(self.files, told, strict=True))
            if number not in apart and any(each.kinds.get(kind) for kind in kinds)
        ]
        behind = combined(holding or [opened.provenance for opened in self.files])
        overruled = self.stated_terms.overruled(behind.terms)
        whole = (
            [Finding("PL-USE-004", self.files[0].location.origin.source, None, None, overruled)] if overruled else []
        )
        return Loaded(
            {},
            [fault for each in told for fault in each.faults],
            [*self.findings, *(finding for each in told for finding in each.findings), *whole],
            sum(each.rows_read for each in told),
            [
                opened.entry.model_copy(update={"rows": each.rows_read})
                for opened, each in zip(self.files, told, strict=True)
            ],
            {opened.location.origin.source: opened.format_name for opened in self.files},
            behind.terms,
            behind.parents,
            behind.origins,
            behind.derived_from,
            {opened.location.origin.source: str(opened.location.path) for opened in self.files},
        )


def open_sources(
    sources: Sequence[str | Path],
    *,
    out: Path,
    data_dir: str | None = None,
    split: str | None = None,
    format: str | None = None,
    axis: Axis | str | None = None,
    on_error: str = "quarantine",
    stated_terms: StatedTerms | None = None,
) -> OpenedSources:
    """Find the files of several sources and what stands behind them; no row is read.

    Args:
        sources: at least one.
        out: an output that may not stand among them.
        data_dir, split, format, axis, on_error, stated_terms: as in `loading.load`.
    Raises:
        UsageError: two sources hold a file of one name, or the output would stand where one of them is.
        UsageError, SourceError: as `loading.load`.
    """
    stated = stated_terms or StatedTerms()
    files: list[OpenedFile] = []
    findings: list[Finding] = []
    for source in sources:
        if is_there(source):
            refuse_output_among_inputs(out, [Path(source)])
        found = locate(source, data_dir=data_dir, split=split, format=format, axis=axis, on_error=on_error)
        refuse_output_among_inputs(out, [location.path for location, _ in found.chosen])  # links lead anywhere
        behind = ProvenanceFinder(found.manifest, stated)
        findings += found.findings
        for location, name in found.chosen:
            entry = FileEntry.of(location.path, name=location.origin.source)
            provenance = behind.provenance(location, name, entry.sha256)
            files.append(OpenedFile(location, name, entry, provenance))
    refuse_names_twice([file.entry for file in files])
    return OpenedSources(tuple(files), tuple(findings), axis, on_error, stated)


def refuse_copies(opened: OpenedSources, told: Sequence[FileTold], kinds: Sequence[Kind]) -> None:
    """Refuse a file beside its own copy, packed otherwise or not, or beside what was made of it.

    A copy holds the same records one for one. Several people may judge a few items alike, and a row may stand in two
    splits: files of fewer than `TELLING_ROWS` records are copies only where their bytes are the same, or where they are
    of one folder and split. Files that share only some records are not told: that takes all rows at once.

    Args:
        opened, told: the files and what was read of them.
        kinds: records of other kinds are not used, and may stand twice.
    Raises:
        UsageError: two files do.
    """
    for kind in kinds:
        holding = [(file, each) for file, each in zip(opened.files, told, strict=True) if each.kinds.get(kind)]
        _refuse_same_records(kind, holding)
        _refuse_descendants([file for file, _ in holding])


def _refuse_same_records(kind: Kind, holding: Sequence[tuple[OpenedFile, FileTold]]) -> None:
    alike: dict[str, list[OpenedFile]] = defaultdict(list)
    for file, each in holding:
        earlier = alike[each.content[kind]]
        for other in earlier:
            same = file.entry.sha256 == other.entry.sha256 or file.stands_beside(other)
            if same or each.kinds[kind] >= TELLING_ROWS:
                problem = f"it holds the same {kind.replace('_', ' ')} as {other.entry.path}, one for one"
                raise _twice(file.entry.path, problem, "each row once")
        earlier.append(file)


def _refuse_descendants(files: Sequence[OpenedFile]) -> None:
    by_digest = {file.entry.sha256: file for file in files}
    for file in files:
        for digest in sorted(by_digest.keys() & file.provenance.derived_from):
            problem = f"it was made of {by_digest[digest].entry.path}, which is read, too"
            raise _twice(file.entry.path, problem, "data, or what was made of it")


def _twice(place: str, problem: str, expected: str) -> UsageError:
    advice = "name one of them, or move the other away; --data-dir and --split leave files out"
    return UsageError("PL-SRC-010", place, problem, expected=expected, advice=advice)
