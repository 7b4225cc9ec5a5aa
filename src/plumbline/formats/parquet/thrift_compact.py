"""Thrift's compact protocol, as much of it as Parquet's footers and page headers need: the fields asked for, by shape.

Covers: integers, structures and lists of structures that a shape names; of a list of integers, its length. Any other
field is passed over. A field whose kind is not the one named counts as another field, as in the decoders of Thrift.

Source: https://github.com/apache/thrift, compact protocol. Deviation: an integer too wide for its kind is not cut off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from mmap import mmap
from typing import Any

_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 0, 1, 2, 3, 7, 8, 9, 10, 11, 12
_FIXED_BYTES = {_TRUE: 1, _FALSE: 1, _BYTE: 1, _DOUBLE: 8}
"""What an element of a collection takes; a flag takes a byte there, unlike in a field."""
_INTEGERS = (4, 5, 6)
_DEEPEST = 16

INT_32, INT_64 = 5, 6
"""A field that is an integer of that kind."""


@dataclass(frozen=True)
class Elements:
    """A field that is a list: of structures of one shape, or of integers, which are only counted."""

    of: Shape | None = None


Shape = Mapping[int, "int | Elements | Shape"]
"""The fields to keep of a structure: what each is, by its number."""
Fields = dict[int, Any]
"""The fields kept, by number: an integer, `Fields` of a structure, a list of `Fields`, a count of integers."""


class CompactReader:
    """Reads structures of the compact protocol one after the other.

    Raises, from every method:
        ValueError: what stands there is no such structure, or does not end.
    """

    def __init__(self, content: bytes | mmap, at: int = 0) -> None:
        self._content = content
        self._end = len(content)
        self.at = at

    def structure(self, shape: Shape, depth: int = 0) -> Fields:
        """The structure that begins here, those fields of it that the shape names."""
        if depth > _DEEPEST:
            raise ValueError("a structure nested too deep")
        fields: Fields = {}
        number = 0
        while (head := self._byte()) != _STOP:
            number = number + (head >> 4) if head >> 4 else self._integer()
            kind, wanted = head & 15, shape.get(number)
            if wanted is None:
                self._pass_value(kind, depth)
            elif isinstance(wanted, int) and kind == wanted:
                fields[number] = self._integer()
            elif isinstance(wanted, Elements) and kind == _LIST:
                fields[number] = self._elements(wanted, depth)
            elif isinstance(wanted, Mapping) and kind == _STRUCT:
                fields[number] = self.structure(wanted, depth + 1)
            else:
                self._pass_value(kind, depth)
        return fields

    def _elements(self, wanted: Elements, depth: int) -> list[Fields] | int:
        count, kind = self._list_head()
        if count and kind != (INT_64 if wanted.of is None else _STRUCT):
            raise ValueError("a list of another kind")
        if wanted.of is not None:
            return [self.structure(wanted.of, depth + 1) for _ in range(count)]
        for _ in range(count):
            self._unsigned()
        return count

    def _list_head(self) -> tuple[int, int]:
        head = self._byte()
        return (self._unsigned() if head >> 4 == 15 else head >> 4), head & 15

    def _pass_value(self, kind: int, depth: int) -> None:
        if kind in _INTEGERS:
            self._unsigned()
        elif kind == _STRUCT:
            self.structure({}, depth + 1)
        elif kind in (_LIST, _SET):
            count, inner = self._list_head()
            self._pass_elements(count, [inner], depth + 1)
        elif kind == _MAP:
            count = self._unsigned()
            kinds = self._byte() if count else 0
            self._pass_elements(count, [kinds >> 4, kinds & 15], depth + 1)
        elif kind == _BINARY:
            self._pass(self._unsigned())
        elif kind in (_BYTE, _DOUBLE):
            self._pass(_FIXED_BYTES[kind])
        elif kind not in (_TRUE, _FALSE):
            raise ValueError("a field of an unknown kind")

    def _pass_elements(self, count: int, kinds: list[int], depth: int) -> None:
        if depth > _DEEPEST:
            raise ValueError("a collection nested too deep")
        if all(kind in _FIXED_BYTES for kind in kinds):
            self._pass(count * sum(_FIXED_BYTES[kind] for kind in kinds))
            return
        for _ in range(count):
            for kind in kinds:
                if kind in _FIXED_BYTES:
                    self._pass(_FIXED_BYTES[kind])
                else:
                    self._pass_value(kind, depth)

    def _pass(self, count: int) -> None:
        self.at += count
        if self.at > self._end:
            raise ValueError("a structure that does not end")

    def _byte(self) -> int:
        at = self.at
        if at >= self._end:
            raise ValueError("a structure that does not end")
        self.at = at + 1
        return self._content[at]

    def _unsigned(self) -> int:
        byte = self._byte()
        if byte < 0x80:  # most are: a number of one byte
            return byte
        value, shift = byte & 0x7F, 7
        while (byte := self._byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > 63:
                raise ValueError("a number too long")
        return value | byte << shift

    def _integer(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)


def count_of(fields: Fields, number: int) -> int:
    """A number that is at least 0.

    Raises:
        ValueError: it is below 0, or is not there.
    """
    value = fields.get(number)
    if not isinstance(value, int) or value < 0:
        raise ValueError("a count below 0, or none")
    return value
