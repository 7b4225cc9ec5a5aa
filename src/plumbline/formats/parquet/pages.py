"""What a Parquet file's pages say of their size: the headers that the decoder goes by, read before anything is decoded.

A footer may understate how many values a column holds, and the decoder follows the pages all the same: 549 bytes have
been seen to give 400 megabytes. So the pages' own headers are read here, and only they.

Source: https://github.com/apache/parquet-format (PageHeader).
"""

from __future__ import annotations

from dataclasses import dataclass
from mmap import mmap

from plumbline.formats.parquet.footer import ColumnChunk
from plumbline.formats.parquet.thrift_compact import INT_32, CompactReader, Fields, Shape, count_of

_KIND, _UNCOMPRESSED_SIZE, _COMPRESSED_SIZE = 1, 2, 3
_DATA, _INDEX, _DICTIONARY, _DATA_V2 = 5, 6, 7, 8
_OF_KIND = {0: _DATA, 1: _INDEX, 2: _DICTIONARY, 3: _DATA_V2}
"""The field that describes the page, by the page's kind."""
_NUM_VALUES = 1
_COUNTED: Shape = {_NUM_VALUES: INT_32}
_HEADER: Shape = {
    _KIND: INT_32,
    _UNCOMPRESSED_SIZE: INT_32,
    _COMPRESSED_SIZE: INT_32,
    _DATA: _COUNTED,
    _INDEX: {},
    _DICTIONARY: _COUNTED,
    _DATA_V2: _COUNTED,
}
_MOST_WITHOUT_VALUES = 1000


@dataclass(frozen=True)
class ChunkSize:
    """What the pages of a column chunk hold: bytes once decompressed, and values, those of dictionaries too."""

    page_bytes: int
    values: int


def chunk_size(content: mmap, chunk: ColumnChunk) -> ChunkSize:
    """Add up the pages that the decoder will read: until they hold as many values as the footer states.

    Raises:
        ValueError: a header cannot be read or is that of no page, or over a thousand pages bring no values.
    """
    at = chunk.starts_at
    end = min(at + chunk.stored_bytes, len(content))
    page_bytes = values = seen = without_values = 0
    while seen < chunk.values and at < end:
        reader = CompactReader(content, at)
        header = reader.structure(_HEADER)
        of_data, of_dictionary = _page_values(header)
        seen += of_data
        values += of_data + of_dictionary
        without_values += not of_data
        if without_values > _MOST_WITHOUT_VALUES:
            raise ValueError("page after page without values")
        page_bytes += count_of(header, _UNCOMPRESSED_SIZE)
        at = reader.at + count_of(header, _COMPRESSED_SIZE)
    return ChunkSize(page_bytes, values)


def _page_values(header: Fields) -> tuple[int, int]:
    """How many values a page of data holds, and how many one of a dictionary; 0 of what it is not."""
    kind = _OF_KIND.get(header.get(_KIND, -1))
    if kind is None or kind not in header:
        raise ValueError("a header that is that of no page")
    if kind == _INDEX:
        return 0, 0
    count = count_of(header[kind], _NUM_VALUES)
    return (0, count) if kind == _DICTIONARY else (count, 0)
