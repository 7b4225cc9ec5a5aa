"""`stream`: the rows of one kind of record, batch after batch, in bounded memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from plumbline.formats.provenance import ProvenanceFinder
from plumbline.formats.reading import ReadFile, read_tables
from plumbline.formats.source_files import SourceFiles, locate, refuse_other_axes
from plumbline.lineage import Fault, Finding, StatedTerms, Terms, strictest_terms, with_terms
from plumbline.records import Axis, Kind, unknown_name


def stream(
    source: str | Path,
    kind: Kind | str = Kind.COMPARISONS,
    *,
    data_dir: str | None = None,
    split: str | None = None,
    format: str | None = None,
    axis: Axis | str | None = None,
    on_fault: Callable[[Fault], None] | None = None,
    on_finding: Callable[[Finding], None] | None = None,
) -> Iterator[pa.RecordBatch]:
    """The rows of one kind as record batches, file after file, in bounded memory.

    Every batch's schema states the permitted uses and the licence, strictest over all files, as `load`'s tables do.
    What spans files, a record that stands in two of them, is not looked for: that takes all rows at once.

    Args:
        kind: which records to draw.
        on_fault: told of each unreadable row; without it the first one raises.
        on_finding: told of files left out and of what looked wrong while reading; without it what is known of the files
            beforehand (left out, nothing says what was judged) is warned of.
        source, data_dir, split, format, axis: as in `load`.
    Raises:
        UsageError: there is no such kind; at once, as everything that concerns the source.
        FaultError: a row is unreadable and nobody listens for faults; further as `load`.
    """
    if kind not in list(Kind):
        raise unknown_name("kind", kind, list(Kind))
    files = locate(source, data_dir=data_dir, split=split, format=format, axis=axis)
    for finding in files.findings:
        if on_finding is None:
            warnings.warn(f"{finding.code}  {finding.source}: {finding.problem}", stacklevel=2)
        else:
            on_finding(finding)
    return _batches(files, Kind(kind), axis, _Listeners(on_fault, on_finding))


def _batches(
    files: SourceFiles, kind: Kind, axis: Axis | str | None, listeners: _Listeners
) -> Iterator[pa.RecordBatch]:
    terms = _terms(files)
    for location, name in files.chosen:
        read = ReadFile(location, name)
        for tables in read_tables(read):
            refuse_other_axes(location, tables, axis)
            yield from (with_terms(tables[kind], terms).to_batches() if kind in tables else ())
            listeners.tell(read)
        listeners.tell(read)


def _terms(files: SourceFiles) -> Terms:
    behind = ProvenanceFinder(files.manifest, StatedTerms())
    return strictest_terms(behind.terms(location, name) for location, name in files.chosen)


@dataclass
class _Listeners:
    """Those who want to hear of faults and findings, and how many of the present file's they have heard."""

    on_fault: Callable[[Fault], None] | None
    on_finding: Callable[[Finding], None] | None
    file: ReadFile | None = None
    faults: int = 0
    findings: int = 0

    def tell(self, read: ReadFile) -> None:
        """Tell what reading the file has turned up since the last time.

        Raises:
            FaultError: there is a fault and nobody listens for faults.
        """
        if read is not self.file:
            self.file, self.faults, self.findings = read, 0, 0
        for fault in read.faults[self.faults :]:
            if self.on_fault is None:
                raise fault.error(str(read.location.path))
            self.on_fault(fault)
        for finding in read.findings[self.findings :]:
            if self.on_finding is not None:
                self.on_finding(finding)
        self.faults, self.findings = len(read.faults), len(read.findings)
