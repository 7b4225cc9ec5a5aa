"""Files as blocks of whole lines: decompressed as they are read, bounded in size, never guessed from the name.

Covers: plain and gzipped JSON lines, and JSON arrays (each element becomes a line). Gzip is recognised by its first
bytes. Does not cover Parquet.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
import numpy as np
from isal import igzip, isal_zlib
from isal.isal_zlib import IsalError

from plumbline.lineage import Fault, Finding
from plumbline.records import FaultError, SourceError

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31  # what zlib calls a window of 32 KiB with gzip's header and trailer
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLOCK_LINES = 1 << 16
_BLANK = b" \t\r\n"
_DAMAGED: tuple[type[Exception], ...] = (igzip.BadGzipFile, cast("type[Exception]", IsalError))
_UNFINISHED: tuple[type[Exception], ...] = (EOFError, *_DAMAGED)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what is read. The defaults pass every public data set with room to spare.

    Attributes:
        block_bytes: decompressed bytes handed on at a time; bounds memory.
        line_bytes: a longer line is quarantined unread.
        array_bytes: the largest JSON array, which must be held whole.
        expansion: decompressed bytes per compressed byte, beyond `expansion_floor_bytes`; more is a bomb.
    """

    block_bytes: int = 8 << 20
    line_bytes: int = 32 << 20
    array_bytes: int = 1 << 30
    expansion: int = 200
    expansion_floor_bytes: int = 256 << 20


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Whole lines of a file, each ended by a newline but perhaps the last of the file.

    Attributes:
        data: the bytes.
        first_row: 0-based row of the first line.
    """

    data: bytes
    first_row: int

    def numbered_lines(self) -> list[tuple[int, bytes]]:
        """(row, line without its newline), blank lines included."""
        lines = self.data.split(b"\n")
        return list(enumerate(lines[:-1] if lines[-1] == b"" else lines, self.first_row))


@dataclass
class Intake:
    """What a file's reading turned up, filled while the blocks are drawn.

    Attributes:
        source: the file as records name it.
        rows_read: lines seen, blank ones not counted.
        blank_lines: lines passed over because nothing stands in them.
    """

    source: str
    rows_read: int = 0
    blank_lines: int = 0
    faults: list[Fault] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def fault(self, code: str, row: int, problem: str, *, expected: str = "", found: str = "") -> None:
        """Set a row aside."""
        self.faults.append(Fault(code, self.source, row, problem, expected, found))

    def blank(self) -> None:
        """Pass over a line without content."""
        self.rows_read -= 1
        self.blank_lines += 1

    def finding(self, code: str, problem: str, row: int | None = None) -> None:
        """Note something suspicious about the file or one of its rows."""
        self.findings.append(Finding(code, self.source, row, None, problem))


def read_line_blocks(path: Path, intake: Intake, limits: Limits | None = None) -> Iterator[LineBlock]:
    """The file's lines in blocks, in order; memory stays near `limits.block_bytes`.

    Raises:
        SourceError: the file cannot be opened or is empty.
        FaultError: truncated or damaged gzip, or more expansion than the limits allow. What is missing from such a
            file cannot be counted, so the run ends rather than go on with part of it.
    """
    limits = limits or Limits()
    with _open(path) as file:
        zipped = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        if path.suffix.lower() == ".gz" and not zipped:
            intake.finding("PL-IO-008", "the name ends in .gz but the content is not gzipped")
        stream = cast(BinaryIO, igzip.IGzipFile(fileobj=file)) if zipped else file
        pieces = _bounded(_pieces(stream, path, limits), path, limits if zipped else None)
        first = next(pieces, b"")
        if first.startswith(BYTE_ORDER_MARK):
            intake.finding("PL-IO-007", "the file begins with a byte order mark, which was left out")
            first = first[len(BYTE_ORDER_MARK) :]
        is_array = first.lstrip(_BLANK)[:1] == b"["
        if is_array:
            first, is_array = _look_past_first_line(first, pieces, limits)
        if is_array:
            yield from _array_blocks(first, pieces, path, intake, limits)
        else:
            yield from _blocks_of_lines(first, pieces, path, intake, limits)


def _look_past_first_line(first: bytes, pieces: Iterator[bytes], limits: Limits) -> tuple[bytes, bool]:
    """What was drawn to find it out, and whether a file that begins with "[" is one array.

    It is not where the first line is whole by itself and another follows: those are lines, the first of them odd.
    """
    drawn = bytearray(first)
    start = len(first) - len(first.lstrip(_BLANK))
    end = drawn.find(b"\n", start)
    more = end >= 0 and bool(first[end:].strip(_BLANK))
    while not more:
        piece = next(pieces, b"") if len(drawn) <= limits.line_bytes else b""
        if not piece:
            return bytes(drawn), True
        before = len(drawn)
        drawn += piece
        end = drawn.find(b"\n", before) if end < 0 else end
        more = end >= 0 and bool(drawn[max(end, before) :].strip(_BLANK))
    return bytes(drawn), not _is_json(bytes(drawn[start:end]))


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise SourceError(
            "PL-IO-001",
            str(path),
            "the file cannot be opened",
            found=error.strerror or type(error).__name__,
            advice="check the path and that you may read it",
        ) from error


def _pieces(stream: BinaryIO, path: Path, limits: Limits) -> Iterator[bytes]:
    try:
        while piece := stream.read(limits.block_bytes):
            yield piece
    except _UNFINISHED as error:
        raise _unreadable_gzip(path, limits, cut_off=isinstance(error, EOFError)) from error
    except OSError as error:
        raise _damaged("PL-IO-001", path, "the file cannot be read to its end") from error


def _something_follows(path: Path, limits: Limits) -> bool:
    """Whether a gzip file that cannot be read to its end is whole, and bytes that are no gzip stand behind it."""
    with path.open("rb") as file:
        member = isal_zlib.decompressobj(wbits=_GZIP_WINDOW)
        data = file.read(limits.block_bytes)
        try:
            while data:
                member.decompress(data, limits.block_bytes)
                if not member.eof:
                    data = member.unconsumed_tail or file.read(limits.block_bytes)
                    continue
                data = _past_zeros(member.unused_data, file, limits)
                if data and not _GZIP_MAGIC.startswith(data[:2]):
                    return True
                member = isal_zlib.decompressobj(wbits=_GZIP_WINDOW)
        except _DAMAGED:
            return False
    return False


def _past_zeros(data: bytes, file: BinaryIO, limits: Limits) -> bytes:
    """What follows the zeros that pad a gzip file, as far as it was drawn; nothing at the file's end."""
    while not (rest := data.lstrip(b"\0")) and (data := file.read(limits.block_bytes)):
        pass
    return rest


def _unreadable_gzip(path: Path, limits: Limits, *, cut_off: bool) -> FaultError:
    """The error of a gzip file that cannot be read to its end; trailing bytes look like either damage at first."""
    if _something_follows(path, limits):
        return FaultError(
            "PL-IO-003",
            str(path),
            "the gzip file is whole, but something that is no gzip follows its end",
            expected="nothing after the last member, or zeros",
            advice="fetch the file again, or unpack it yourself and name the unpacked file: gunzip leaves the rest out",
        )
    if cut_off:
        return _damaged("PL-IO-002", path, "the gzip file is cut off before its end")
    return _damaged("PL-IO-003", path, "the gzip file is damaged")


def _damaged(code: str, path: Path, problem: str) -> FaultError:
    return FaultError(
        code,
        str(path),
        problem,
        advice="fetch the file again; rows that are missing cannot be counted, so nothing was loaded",
    )


def _bounded(pieces: Iterator[bytes], path: Path, limits: Limits | None) -> Iterator[bytes]:
    """The pieces of a gzip file, stopped where they outgrow the file by more than any honest text does."""
    if limits is None:
        yield from pieces
        return
    allowed = max(limits.expansion_floor_bytes, limits.expansion * path.stat().st_size)
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > allowed:
            raise FaultError(
                "PL-IO-004",
                str(path),
                "the gzip file unpacks to more than any honest text would",
                expected=f"at most {allowed:,} bytes from {path.stat().st_size:,}",
                found="more",
                advice="look where the file comes from; unpack it yourself if you trust it",
            )
        yield piece


def _blocks_of_lines(
    first: bytes, pieces: Iterator[bytes], path: Path, intake: Intake, limits: Limits
) -> Iterator[LineBlock]:
    row = 0
    rest = b""
    piece: bytes | None = first
    any_line = False
    while piece is not None:
        cut = piece.rfind(b"\n") + 1
        if cut:
            block = b"".join((rest, memoryview(piece)[:cut]))
            rest = piece[cut:]
            yield from _bounded_lines(block, row, intake, limits)
            row += block.count(b"\n")
            any_line = True
        else:
            rest += piece
        if len(rest) > limits.line_bytes:
            _set_aside_long_line(row, intake, limits)
            piece, rest = _past_line(pieces), b""
            row += 1
            any_line = True
        else:
            piece = next(pieces, None)
    if rest:
        yield from _line_blocks(rest, row, intake)
    elif not any_line:
        raise SourceError(
            "PL-IO-006", str(path), "the file is empty", advice="name a file with rows, or remove this one"
        )


def _line_blocks(data: bytes, first_row: int, intake: Intake) -> Iterator[LineBlock]:
    """The data as one block, or as several where its lines are so short that there are very many."""
    count = data.count(b"\n") + (not data.endswith(b"\n"))
    intake.rows_read += count
    if count <= _BLOCK_LINES:
        yield LineBlock(data, first_row)
        return
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1
    cuts = [0, *ends[_BLOCK_LINES - 1 : -1 : _BLOCK_LINES].tolist(), len(data)]
    for number, (start, end) in enumerate(pairwise(cuts)):
        yield LineBlock(data[start:end], first_row + number * _BLOCK_LINES)


def _bounded_lines(data: bytes, first_row: int, intake: Intake, limits: Limits) -> Iterator[LineBlock]:
    """Whole lines as blocks, without those that are too long."""
    if len(data) <= limits.line_bytes:
        yield from _line_blocks(data, first_row, intake)
        return
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")) + 1
    begins = np.append(0, ends[:-1])
    start, row = 0, 0
    for long in np.flatnonzero(ends - begins - 1 > limits.line_bytes).tolist():
        if long > row:
            yield from _line_blocks(data[start : begins[long]], first_row + row, intake)
        _set_aside_long_line(first_row + long, intake, limits)
        start, row = int(ends[long]), long + 1
    if start < len(data):
        yield from _line_blocks(data[start:], first_row + row, intake)


def _set_aside_long_line(row: int, intake: Intake, limits: Limits) -> None:
    intake.rows_read += 1
    intake.fault(
        "PL-IO-005", row, "the line is too long", expected=f"at most {limits.line_bytes:,} bytes", found="more"
    )


def _past_line(pieces: Iterator[bytes]) -> bytes:
    """Read on to the end of a line; what follows its newline is returned."""
    for piece in pieces:
        cut = piece.find(b"\n")
        if cut >= 0:
            return piece[cut + 1 :]
    return b""


def _array_blocks(
    first: bytes, pieces: Iterator[bytes], path: Path, intake: Intake, limits: Limits
) -> Iterator[LineBlock]:
    whole = io.BytesIO()
    whole.write(first)
    for piece in pieces:
        whole.write(piece)
        if whole.tell() > limits.array_bytes:
            raise FaultError(
                "PL-IO-009",
                str(path),
                "the JSON array is too large to hold in memory",
                expected=f"at most {limits.array_bytes:,} bytes",
                found="more",
                advice="write it as JSON lines, one object a line",
            )
    try:
        elements = msgspec.json.decode(whole.getvalue(), type=list[msgspec.Raw])
        lines = [msgspec.json.format(bytes(element), indent=0) + b"\n" for element in elements]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FaultError(
            "PL-JSON-001",
            str(path),
            "this is no JSON array",
            found=_offset_only(error),
            advice="mend the file, or write it as JSON lines so that single bad rows can be set aside",
        ) from error
    if not lines:
        raise SourceError("PL-IO-006", str(path), "the file is empty", advice="name a file with rows")
    row = 0
    step = 4096
    for start in range(0, len(lines), step):
        part = lines[start : start + step]
        intake.rows_read += len(part)
        yield LineBlock(b"".join(part), row)
        row += len(part)


def _offset_only(error: Exception) -> str:
    text = str(error)
    return text if isinstance(error, msgspec.DecodeError) else type(error).__name__
