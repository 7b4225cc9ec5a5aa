"""Parquet files as record batches: opened, bounded in what they may unpack to, and checked for UTF-8.

Strings are drawn as dictionaries, so that a value repeated ten thousand times is held once until it is known that the
file unpacks to no more than honest text would. Numbers cannot be held so: what they will take is added up before
anything is decoded, from the schema, the footer and the headers of the pages, whichever says the most. What was decoded
is counted too, batch by batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from mmap import ACCESS_READ, mmap
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from plumbline.formats.line_blocks import Limits
from plumbline.formats.parquet.footer import ColumnChunk, read_footer
from plumbline.formats.parquet.pages import chunk_size
from plumbline.records import FaultError, SourceError

_BATCH_ROWS = 16_384
_BATCH_BYTES = 256 << 20
_WRITE_AGAIN = "fetch or write the file again"
_UNREADABLE = (pa.ArrowException, OSError, UnicodeDecodeError)
"""What PyArrow raises of a damaged file; the last of a column's name, which is decoded when it is asked for."""


def open_parquet(path: Path, *, strings_as_dictionaries: bool = False) -> pq.ParquetFile:
    """The file, its footer read.

    Raises:
        SourceError: it is no Parquet file, or names a column twice.
    """
    try:
        file = pq.ParquetFile(path)
        schema = file.schema_arrow
        if strings_as_dictionaries:
            columns = [file.schema.column(index) for index in range(len(file.schema))]
            paths = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
            file = pq.ParquetFile(path, read_dictionary=paths)
        doubled = _doubled_name(list(schema))
    except _UNREADABLE as error:
        raise unreadable_parquet(path) from error
    if doubled is not None:
        raise unreadable_parquet(path, "a column stands twice in the file", "each name once", doubled[:40])
    return file


def unreadable_parquet(
    path: Path, problem: str = "this is no readable Parquet file", expected: str = "", found: str = ""
) -> SourceError:
    """The error of a Parquet file that cannot be read as a whole."""
    return SourceError("PL-IO-012", str(path), problem, expected=expected, found=found, advice=_WRITE_AGAIN)


def _doubled_name(fields: list[pa.Field]) -> str | None:
    counts = Counter(field.name for field in fields)
    doubled = [name for name, count in counts.items() if count > 1]
    inner = (_doubled_name(_children(field.type)) for field in fields)
    return next(chain(doubled, (name for name in inner if name is not None)), None)


def _children(kind: pa.DataType) -> list[pa.Field]:
    return [kind.field(index) for index in range(kind.num_fields)]


def parquet_batches(path: Path, limits: Limits | None = None) -> Iterator[pa.RecordBatch]:
    """The rows in batches, strings as dictionaries; each batch unpacks to at most 256 MiB, or is one row.

    Raises:
        SourceError: the file is damaged, or a string is not UTF-8.
        FaultError: the file unpacks to more than the limits allow.
    """
    limits = limits or Limits()
    allowed = max(limits.expansion_floor_bytes, limits.expansion * path.stat().st_size)
    total = 0
    try:
        file = open_parquet(path, strings_as_dictionaries=True)
        stated = _stated_sizes(file, path)
        if sum(size for size, _ in stated) > allowed:
            raise _too_much(path, allowed)
        for batch in _batches_by_row_group(file, _batch_rows(file, stated)):
            _require_utf8(batch, path)
            total += unpacked_bytes(batch)
            if total > allowed:
                raise _too_much(path, allowed)
            yield from _pieces(batch)
    except _UNREADABLE as error:  # damage behind an intact footer shows only now
        raise unreadable_parquet(path) from error


def _batches_by_row_group(file: pq.ParquetFile, rows: int) -> Iterator[pa.RecordBatch]:
    """The batches, none of them across row groups: nested dictionaries of two row groups cannot stand in one."""
    for index in range(file.metadata.num_row_groups):
        yield from file.iter_batches(batch_size=rows, row_groups=[index])


_VALUE_BYTES = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8, "BYTE_ARRAY": 4}
"""What a value takes once decoded; of a string its index, for the text is held once."""


def _value_bytes(column: pq.ColumnSchema) -> int:
    return int(_VALUE_BYTES.get(column.physical_type) or column.length)


def _stated_sizes(file: pq.ParquetFile, path: Path) -> list[tuple[int, int]]:
    """Of each row group: the bytes it decodes to at the least, and its rows.

    Raises:
        SourceError: the footer or the header of a page cannot be read.
    """
    columns = [file.schema.column(index) for index in range(len(file.schema))]
    with path.open("rb") as opened, mmap(opened.fileno(), 0, access=ACCESS_READ) as content:
        try:
            groups = read_footer(content)
            for group in groups:
                for chunk, column in zip(group.chunks, columns, strict=True):
                    chunk.check_levels(column)
        except ValueError as error:
            raise unreadable_parquet(path, "the footer is damaged, or longer than 16 MiB") from error
        try:
            return [
                (
                    sum(
                        _chunk_bytes(content, chunk, column, group.rows)
                        for chunk, column in zip(group.chunks, columns, strict=True)
                    ),
                    group.rows,
                )
                for group in groups
            ]
        except ValueError as error:
            raise unreadable_parquet(path, "the header of a page is damaged") from error


def _chunk_bytes(content: mmap, chunk: ColumnChunk, column: pq.ColumnSchema, rows: int) -> int:
    of_pages = chunk_size(content, chunk)
    values = max(of_pages.values, chunk.values, rows)
    return max(of_pages.page_bytes, chunk.unpacked_bytes, values * _value_bytes(column))


def _batch_rows(file: pq.ParquetFile, stated: list[tuple[int, int]]) -> int:
    """How many rows to decode at a time: as many as stay within a batch's bytes in the widest row group."""
    columns = (file.schema.column(index) for index in range(len(file.schema)))
    plain = sum(
        _value_bytes(column) for column in columns if not column.max_repetition_level
    )  # true whatever is stated
    widest = max((size // max(rows, 1) for size, rows in stated), default=0)
    return min(max(_BATCH_BYTES // max(widest, plain, 1), 1), _BATCH_ROWS)


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if len(batch) <= 1 or unpacked_bytes(batch) <= _BATCH_BYTES:
        yield batch
        return
    half = len(batch) // 2
    yield from _pieces(batch.slice(0, half))
    yield from _pieces(batch.slice(half))


def unpacked_bytes(batch: pa.RecordBatch) -> int:
    """What the batch would take with every string written out."""
    return sum(_array_bytes(column) for column in batch.columns)


def _array_bytes(array: pa.Array) -> int:
    kind = array.type
    if pa.types.is_dictionary(kind) and (pa.types.is_string(kind.value_type) or pa.types.is_binary(kind.value_type)):
        lengths = pc.binary_length(array.dictionary).cast(pa.int64())
        return int(pc.sum(lengths.take(array.indices)).as_py() or 0) + int(array.indices.nbytes)
    if pa.types.is_struct(kind):
        return sum(_array_bytes(part) for part in array.flatten())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _array_bytes(array.flatten()) + 8 * len(array)
    return int(array.nbytes)


def _require_utf8(batch: pa.RecordBatch, path: Path) -> None:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            problem = "a column holds what cannot be read"
            raise unreadable_parquet(path, problem, "valid UTF-8 in every string", f"column {name[:40]}") from error


def _too_much(path: Path, allowed: int) -> FaultError:
    return FaultError(
        "PL-IO-004",
        str(path),
        "the Parquet file unpacks to more than any honest text would",
        expected=f"at most {allowed:,} bytes from {path.stat().st_size:,}",
        found="more",
        advice="look where the file comes from; unpack it yourself if you trust it",
    )
