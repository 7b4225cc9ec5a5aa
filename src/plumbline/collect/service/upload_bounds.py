"""What a file of items that was sent may grow to, found out before any of it is read: a server has others to serve.

Data that is larger is entered on the server's machine, by a command that takes no one's time but its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from isal import igzip
from isal.isal_zlib import IsalError

from plumbline.collect.service.failures import too_large
from plumbline.formats.line_blocks import Limits
from plumbline.formats.parquet.batches import open_parquet, parquet_batches
from plumbline.records import FaultError

_PIECE_BYTES = 1 << 20
_BLANK = b" \t\r\n\xef\xbb\xbf"
_DAMAGED: tuple[type[Exception], ...] = (OSError, EOFError, cast("type[Exception]", IsalError))


@dataclass(frozen=True, slots=True)
class UploadBounds:
    """The most that is taken.

    Attributes:
        unpacked_bytes: once unpacked, with every string of a Parquet file written out.
        array_bytes: the same of lines that are one JSON array: how many rows it has is known only once it is read.
        rows: lines, or rows of a table; a million short ones take longer than the bytes tell.
    """

    unpacked_bytes: int = 256 << 20
    array_bytes: int = 4 << 20
    rows: int = 1_000_000


def require_within(path: Path, form: str, bounds: UploadBounds | None = None) -> None:
    """Refuses a file that holds more, as soon as that is seen. A damaged one passes: reading it says what is wrong.

    Args:
        form: ``jsonl``, ``jsonl.gz`` or ``parquet``.
    Raises:
        ServiceError: PL-SVC-012. SourceError: it is no Parquet file at all.
    """
    bounds = bounds or UploadBounds()
    if form == "parquet":
        _require_parquet_within(path, bounds)
        return
    try:
        with path.open("rb") as file:
            # What a file is shows in its first bytes, whatever it was called.
            zipped = file.peek(2)[:2] == b"\x1f\x8b"
        with cast(BinaryIO, igzip.open(path, "rb")) if zipped else path.open("rb") as opened:
            _require_lines_within(opened, bounds)
    except _DAMAGED:
        return


def _require_lines_within(opened: BinaryIO, bounds: UploadBounds) -> None:
    size = rows = 0
    most = bounds.unpacked_bytes
    begins = b""
    while piece := opened.read(_PIECE_BYTES):
        if not begins:
            begins = piece.lstrip(_BLANK)[:1]
            most = min(most, bounds.array_bytes) if begins == b"[" else most
        size += len(piece)
        rows += piece.count(b"\n")
        if size > most:
            as_what = "once unpacked" if most == bounds.unpacked_bytes else "as one array; lines may be more"
            raise too_large(f"at most {most:,} bytes {as_what}")
        if rows > bounds.rows:
            raise too_large(f"at most {bounds.rows:,} rows")


def _require_parquet_within(path: Path, bounds: UploadBounds) -> None:
    """By the footer first; then by what the dictionaries and the rows that name their words would take, written out.

    The reader counts that too, but lets more through, and makes records of each batch before it looks at the next.
    """
    if open_parquet(path).metadata.num_rows > bounds.rows:
        raise too_large(f"at most {bounds.rows:,} rows")
    rows = 0
    try:
        for batch in parquet_batches(path, Limits(expansion=0, expansion_floor_bytes=bounds.unpacked_bytes)):
            rows += len(batch)
            if rows > bounds.rows:
                raise too_large(f"at most {bounds.rows:,} rows")
    except FaultError as error:
        raise too_large(f"at most {bounds.unpacked_bytes:,} bytes once unpacked") from error
