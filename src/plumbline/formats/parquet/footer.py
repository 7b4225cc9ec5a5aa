"""What a Parquet file's footer says of each column chunk: where its pages stand, how many values, how many bytes.

PyArrow says it too, but one byte changed in the statistics ends the whole process when it is asked for a column chunk:
the histograms of levels are checked in a constructor whose exception nobody catches. So the footer is read here.

Source: https://github.com/apache/parquet-format (FileMetaData, RowGroup, ColumnMetaData, SizeStatistics).
"""

from __future__ import annotations

from dataclasses import dataclass
from mmap import mmap

import pyarrow.parquet as pq

from plumbline.formats.parquet.thrift_compact import INT_32, INT_64, CompactReader, Elements, Fields, Shape, count_of

_TAIL_BYTES = 8  # the footer's length and the magic
_MOST_BYTES = 16 << 20

_VALUES, _UNPACKED, _STORED, _DATA_AT, _DICTIONARY_AT, _SIZES = 5, 6, 7, 9, 11, 16
_STRING_BYTES, _REPETITION, _DEFINITION = 1, 2, 3
_COLUMNS, _ROWS, _META, _ROW_GROUPS = 1, 3, 3, 4
_SIZE_STATISTICS: Shape = {_STRING_BYTES: INT_64, _REPETITION: Elements(), _DEFINITION: Elements()}
_CHUNK: Shape = {
    _VALUES: INT_64,
    _UNPACKED: INT_64,
    _STORED: INT_64,
    _DATA_AT: INT_64,
    _DICTIONARY_AT: INT_64,
    _SIZES: _SIZE_STATISTICS,
}
_ROW_GROUP: Shape = {_COLUMNS: Elements({_META: _CHUNK}), _ROWS: INT_64}
_FOOTER: Shape = {1: INT_32, _ROW_GROUPS: Elements(_ROW_GROUP)}


@dataclass(frozen=True)
class ColumnChunk:
    """A column chunk as the footer states it.

    Attributes:
        starts_at: byte of the file at which its first page begins, that of its dictionary where it has one.
        values: how many, nulls too.
        stored_bytes, unpacked_bytes: of its pages, as they stand in the file and decompressed.
        string_bytes: of its strings written out; None where that is not stated.
        repetition_levels, definition_levels: how many the histograms count; 0 where there is none.
    """

    starts_at: int
    values: int
    stored_bytes: int
    unpacked_bytes: int
    string_bytes: int | None = None
    repetition_levels: int = 0
    definition_levels: int = 0

    def check_levels(self, column: pq.ColumnSchema) -> None:
        """Check that the size statistics are those of such a column.

        Raises:
            ValueError: a histogram is of another length than the column has levels, or strings are stated of numbers.
        """
        for levels, deepest in (
            (self.repetition_levels, column.max_repetition_level),
            (self.definition_levels, column.max_definition_level),
        ):
            if levels not in (0, deepest + 1):
                raise ValueError("a histogram of another length than there are levels")
        if self.string_bytes is not None and column.physical_type != "BYTE_ARRAY":
            raise ValueError("bytes of strings in a column that has none")


@dataclass(frozen=True)
class RowGroup:
    """A row group as the footer states it: its rows, and its chunks in the order of the columns."""

    rows: int
    chunks: list[ColumnChunk]


def read_footer(content: mmap) -> list[RowGroup]:
    """The row groups of a Parquet file, whole and not encrypted.

    Raises:
        ValueError: the footer cannot be read, or is longer than 16 MiB.
    """
    tail = len(content) - _TAIL_BYTES
    length = int.from_bytes(content[tail : tail + 4], "little") if tail >= 0 else 0
    if not 0 < length <= min(tail, _MOST_BYTES):
        raise ValueError("a footer longer than the file or than any honest one")
    fields = CompactReader(content[tail - length : tail]).structure(_FOOTER)
    return [
        RowGroup(count_of(group, _ROWS), [_chunk(column.get(_META)) for column in group.get(_COLUMNS, [])])
        for group in fields.get(_ROW_GROUPS, [])
    ]


def _chunk(fields: Fields | None) -> ColumnChunk:
    if fields is None:
        raise ValueError("a column chunk that the footer does not describe")
    data_at = count_of(fields, _DATA_AT)
    dictionary_at = fields.get(_DICTIONARY_AT, 0)
    sizes = fields.get(_SIZES, {})
    return ColumnChunk(
        dictionary_at if 0 < dictionary_at < data_at else data_at,
        count_of(fields, _VALUES),
        count_of(fields, _STORED),
        count_of(fields, _UNPACKED),
        sizes.get(_STRING_BYTES),
        sizes.get(_REPETITION, 0),
        sizes.get(_DEFINITION, 0),
    )
