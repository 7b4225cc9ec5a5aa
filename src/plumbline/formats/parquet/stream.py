"""Tables of records → the bytes of one Parquet file, row group by row group: what is held does not grow with the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from plumbline.formats.line_stream import Outbox
from plumbline.lineage import Terms, with_terms

_GROUP_ROWS = 16_384
_GROUP_BYTES = 32 << 20


class ParquetStream:
    """Tables of one kind of record → the bytes of a Parquet file.

    Attributes:
        rows: rows so far.
    """

    def __init__(self, terms: Terms, *, group_rows: int = _GROUP_ROWS) -> None:
        """A file whose schema states the terms.

        Args:
            group_rows: rows of a row group; fewer where they are large.
        """
        self.rows = 0
        self._terms = terms
        self._group_rows = group_rows
        self._outbox = Outbox()
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._waiting_rows = self._waiting_bytes = 0

    def feed(self, table: pa.Table) -> Iterator[bytes]:
        """What these rows add to the file; nothing while a row group fills."""
        if not len(table):
            return
        self._waiting.append(with_terms(table, self._terms))
        self._waiting_rows += len(table)
        self._waiting_bytes += table.nbytes
        self.rows += len(table)
        if self._waiting_rows >= self._group_rows or self._waiting_bytes >= _GROUP_BYTES:
            self._write_group()
            yield self._outbox.take()

    def end(self) -> bytes:
        """The rest of the file; nothing at all where there was no row."""
        if self._waiting:
            self._write_group()
        if self._writer is not None:
            self._writer.close()
        return self._outbox.take()

    def _write_group(self) -> None:
        group = pa.concat_tables(self._waiting).unify_dictionaries()
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0
        if self._writer is None:
            sink = pa.PythonFile(cast(BinaryIO, self._outbox), mode="w")
            self._writer = pq.ParquetWriter(sink, group.schema, compression="zstd")
        self._writer.write_table(group, row_group_size=len(group))
