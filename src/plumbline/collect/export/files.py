"""The files of an export while they are made: batches in, bytes out, counted and hashed on the way."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

import pyarrow as pa

from plumbline.collect.export.forms import FilePlan
from plumbline.formats.columns_not_carried import ColumnCounts
from plumbline.formats.line_stream import LineStream
from plumbline.formats.parquet.stream import ParquetStream
from plumbline.formats.registry import Format
from plumbline.lineage import FileEntry, Terms
from plumbline.records import Comparison, Kind, Record, table_from_records

RecordBatch = dict[Kind, list[Record]]
SplitOf = Callable[[Record], str]
"""The split that a record belongs to."""

BatchT = TypeVar("BatchT")
BatchInT = TypeVar("BatchInT", contravariant=True)


class Writer(Protocol[BatchInT]):
    """What makes one file's bytes of batches."""

    @property
    def rows(self) -> int:
        """Lines or rows so far."""

    def feed(self, batch: BatchInT, quarantined: Counter[str]) -> Iterator[bytes]:
        """What a batch adds; what the form cannot express is counted by code."""

    def end(self) -> bytes:
        """The rest; nothing at all where there was no row."""


class FileInMaking(Generic[BatchT]):
    """One file: its bytes leave piece by piece, and what it was is known at the end."""

    def __init__(self, name: str, writer: Writer[BatchT]) -> None:
        self.name = name
        self.writer = writer
        self._digest = hashlib.sha256()
        self._size = 0

    def feed(self, batch: BatchT, quarantined: Counter[str]) -> Iterator[bytes]:
        """What a batch adds to the file."""
        for data in self.writer.feed(batch, quarantined):
            if data:
                yield self._noted(data)

    def end(self) -> Iterator[bytes]:
        """The rest of the file."""
        data = self.writer.end()
        if data:
            yield self._noted(data)

    @property
    def entry(self) -> FileEntry:
        """What the manifest says of it."""
        return FileEntry(path=self.name, sha256=self._digest.hexdigest(), size_bytes=self._size, rows=self.writer.rows)

    def _noted(self, data: bytes) -> bytes:
        self._digest.update(data)
        self._size += len(data)
        return data


class RecordLines:
    """Records → lines of a public format."""

    def __init__(self, plan: FilePlan, known: Format, split_of: SplitOf) -> None:
        self._plan = plan
        self._split_of = split_of
        self._stream = LineStream(known)

    @property
    def rows(self) -> int:
        """See `Writer.rows`."""
        return self._stream.rows

    @property
    def columns_not_carried(self) -> ColumnCounts:
        """Rows that say something where the format has no place for it."""
        return self._stream.columns_not_carried

    def feed(self, batch: RecordBatch, quarantined: Counter[str]) -> Iterator[bytes]:
        """See `Writer.feed`."""
        tables = tables_for(self._plan, batch, self._split_of)
        if tables:
            yield from self._stream.feed(tables)
            quarantined.update(fault.code for fault in self._stream.take_faults())

    def end(self) -> bytes:
        """See `Writer.end`."""
        return self._stream.end()


class RecordParquet:
    """Records → our own table."""

    columns_not_carried: ColumnCounts = {}  # noqa: RUF012 - a table of ours has a place for everything

    def __init__(self, plan: FilePlan, terms: Terms, split_of: SplitOf) -> None:
        self._plan = plan
        self._split_of = split_of
        self._stream = ParquetStream(terms)

    @property
    def rows(self) -> int:
        """See `Writer.rows`."""
        return self._stream.rows

    def feed(self, batch: RecordBatch, quarantined: Counter[str]) -> Iterator[bytes]:  # noqa: ARG002 - every table fits
        """See `Writer.feed`."""
        for table in tables_for(self._plan, batch, self._split_of).values():
            yield from self._stream.feed(table)

    def end(self) -> bytes:
        """See `Writer.end`."""
        return self._stream.end()


def tables_for(plan: FilePlan, batch: RecordBatch, split_of: SplitOf) -> dict[Kind, pa.Table]:
    """The records of a batch that belong into a file, as tables that name its split; empty where there are none."""
    tables = {}
    for kind in plan.kinds:
        records = [record for record in batch[kind] if _is_in(record, plan) and split_of(record) == plan.split]
        if records:
            table = table_from_records(records)
            place = table.schema.get_field_index("split")
            field = table.schema.field(place)
            splits = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), len(records)), [plan.split])
            tables[kind] = table.set_column(place, field, splits)
    return tables


def _is_in(record: Record, plan: FilePlan) -> bool:
    return plan.axis is None or (isinstance(record, Comparison) and record.axis is plan.axis)
