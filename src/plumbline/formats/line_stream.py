"""Tables of records → the bytes of one file of lines, bit by bit: what is held does not grow with the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, cast

import pyarrow as pa
from isal import igzip

from plumbline.formats.columns_not_carried import ColumnCounts, added, count_columns_not_carried
from plumbline.formats.line_blocks import Intake
from plumbline.formats.registry import Format
from plumbline.lineage import Fault
from plumbline.records import Kind

_GZIP_LEVEL = 2  # isal's best; files come out a little larger than gzip's own, ten times as fast
_PIECE_BYTES = 1 << 18


class Outbox:
    """A binary file that keeps what is written until it is taken; it cannot seek."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Keep the data."""
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing: all is kept anyway."""

    def take(self) -> bytes:
        """Everything since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


class ByteLines:
    """Lines → the bytes of a file, zipped or plain.

    Attributes:
        rows: lines so far.
    """

    def __init__(self, *, zipped: bool) -> None:
        self.rows = 0
        self._outbox = Outbox()
        self._zipped = zipped
        self._stream: BinaryIO | None = None

    def feed(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """What these lines add to the file, in pieces; may be nothing for now. Read it to its end."""
        waiting: list[bytes] = []
        size = 0
        for line in lines:
            waiting.append(line)
            size += len(line)
            self.rows += 1
            if size >= _PIECE_BYTES:
                yield self._written(waiting)
                waiting, size = [], 0
        if waiting:
            yield self._written(waiting)

    def end(self) -> bytes:
        """The rest of the file; nothing at all where there was no line."""
        if self._stream is not None and self._zipped:
            self._stream.close()
        return self._outbox.take()

    def _written(self, lines: list[bytes]) -> bytes:
        if self._stream is None:
            outbox = cast(BinaryIO, self._outbox)
            zipping = cast(BinaryIO, igzip.IGzipFile("", "wb", _GZIP_LEVEL, outbox, mtime=0)) if self._zipped else None
            self._stream = zipping or outbox
        self._stream.write(b"\n".join([*lines, b""]))
        return self._outbox.take()


class LineStream:
    """Tables of records → the bytes of a file of a public format.

    Attributes:
        columns_not_carried: rows that say something in a column that the format does not have, by kind and column.
    """

    def __init__(self, known: Format, *, zipped: bool = True) -> None:
        self.columns_not_carried: ColumnCounts = {}
        self._known = known
        self._lines = ByteLines(zipped=zipped)
        self._intake = Intake("")

    @property
    def rows(self) -> int:
        """Lines so far."""
        return self._lines.rows

    def feed(self, tables: Mapping[Kind, pa.Table]) -> Iterator[bytes]:
        """What these records add to the file, in pieces; those that the format cannot express become faults."""
        lost = count_columns_not_carried(self._known.name, tables)
        self.columns_not_carried = added(self.columns_not_carried, lost)
        yield from self._lines.feed(self._known.format_lines(tables, self._intake))

    def take_faults(self) -> list[Fault]:
        """The faults since the last time."""
        faults, self._intake.faults = self._intake.faults, []
        return faults

    def end(self) -> bytes:
        """The rest of the file; nothing at all where there was no line."""
        return self._lines.end()
