"""Records in the order in which they are written, some thousands at a time: for formats of one record a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from plumbline.records import Kind, empty_table, in_source_order

_ROWS_TOGETHER = 16_384


def written_parts(tables: Mapping[Kind, pa.Table], kind: Kind) -> Iterator[pa.Table]:
    """The records of one kind by (source, row); each part in one chunk, none empty."""
    table = in_source_order(tables.get(kind, empty_table(kind)))
    for batch in table.to_batches(max_chunksize=_ROWS_TOGETHER):
        yield pa.Table.from_batches([batch])
