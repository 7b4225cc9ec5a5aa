"""What a Parquet file's pages say of their size: the headers that the decoder goes by, read before anything is decoded.

A footer may understate how many values a column holds, and the decoder follows the pages all the same: 549 bytes have
been seen to give 400 megabytes. So the pages' own headers are read here, and only they: Thrift's compact protocol, any
field of it skipped that is not asked for.

Source: https://github.com/apache/parquet-format (PageHeader); https://github.com/apache/thrift, compact protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from mmap import mmap

import pyarrow.parquet as pq

_UNCOMPRESSED_SIZE, _COMPRESSED_SIZE, _DATA, _DICTIONARY, _DATA_V2 = 2, 3, 5, 7, 8
_NUM_VALUES = 1
_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 0, 1, 2, 3, 7, 8, 9, 10, 11, 12
_INTEGERS = (4, 5, 6)
_DEEPEST = 16

Fields = dict[int, "int | Fields"]
"""Integers and structures by the number of their field."""


@dataclass(frozen=True)
class ChunkSize:
    """What the pages of a column chunk hold: bytes once decompressed, and values, those of dictionaries too."""

    page_bytes: int
    values: int


def chunk_size(content: mmap, chunk: pq.ColumnChunkMetaData) -> ChunkSize:
    """Add up the pages that the decoder will read: until they hold as many values as the footer states.

    Raises:
        ValueError: a header cannot be read.
    """
    at = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < at:
        at = chunk.dictionary_page_offset
    end = min(at + chunk.total_compressed_size, len(content))
    page_bytes = values = seen = 0
    while seen < chunk.num_values and at < end:
        reader = _Reader(content, at)
        header = reader.structure()
        data = header.get(_DATA) or header.get(_DATA_V2)
        seen += _count(data, _NUM_VALUES)
        values += _count(data, _NUM_VALUES) + _count(header.get(_DICTIONARY), _NUM_VALUES)
        page_bytes += _count(header, _UNCOMPRESSED_SIZE)
        at = reader.at + _count(header, _COMPRESSED_SIZE)
    return ChunkSize(page_bytes, values)


def _count(fields: int | Fields | None, number: int) -> int:
    """A number that is at least 0; 0 where it is not there."""
    value = fields.get(number, 0) if isinstance(fields, dict) else 0
    if not isinstance(value, int) or value < 0:
        raise ValueError("a page header with a size below 0, or none")
    return value


class _Reader:
    """Reads one structure of the compact protocol."""

    def __init__(self, content: mmap, at: int) -> None:
        self._content = content
        self.at = at

    def structure(self, depth: int = 0) -> Fields:
        """The fields of the structure that begins here."""
        fields: Fields = {}
        number = 0
        while (head := self._byte()) != _STOP:
            number = number + (head >> 4) if head >> 4 else self._integer()
            value = self._value(head & 15, depth)
            if value is not None:
                fields[number] = value
        return fields

    def _value(self, kind: int, depth: int) -> int | Fields | None:
        """A value of that kind; None where it is none that is asked for."""
        if depth > _DEEPEST:
            raise ValueError("a page header nested too deep")
        if kind in _INTEGERS:
            return self._integer()
        if kind == _STRUCT:
            return self.structure(depth + 1)
        if kind in (_LIST, _SET, _MAP):
            self._pass_collection(kind, depth)
        elif kind == _BINARY:
            self._pass(self._unsigned())
        elif kind in (_BYTE, _DOUBLE):
            self._pass(1 if kind == _BYTE else 8)
        elif kind not in (_TRUE, _FALSE):
            raise ValueError("a page header with an unknown type")
        return None

    def _pass_collection(self, kind: int, depth: int) -> None:
        if kind == _MAP:
            count = self._unsigned()
            kinds = self._byte() if count else 0
            each = [kinds >> 4, kinds & 15]
        else:
            head = self._byte()
            count = self._unsigned() if head >> 4 == 15 else head >> 4
            each = [head & 15]
        for _ in range(count):
            for inner in each:
                if inner in (_TRUE, _FALSE):  # in a collection, unlike in a field, a byte holds it
                    self._pass(1)
                else:
                    self._value(inner, depth + 1)

    def _pass(self, count: int) -> None:
        self.at += count
        if self.at > len(self._content):
            raise ValueError("a page header that does not end")

    def _byte(self) -> int:
        self._pass(1)
        return self._content[self.at - 1]

    def _unsigned(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > 63:
                raise ValueError("a number too long in a page header")
        return value | byte << shift

    def _integer(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
