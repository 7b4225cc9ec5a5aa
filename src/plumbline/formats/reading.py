"""One file → tables of records, block by block: the format recognised, two blocks decoded at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from plumbline.formats.line_blocks import Intake, Limits, LineBlock, read_line_blocks
from plumbline.formats.locations import Location
from plumbline.formats.registry import FORMATS, PARQUET, Format, recognise
from plumbline.formats.strict_json import canonical_line
from plumbline.lineage import Fault, Finding
from plumbline.records import SCHEMAS, FaultError, Kind, SourceError, kind_of

_ROWS_LOOKED_AT = 50
_PARQUET_BATCH_ROWS = 16_384
_MOST_FAULTS = 1_000_000

Advance = Callable[[int], None]
"""Told how many more rows have been read."""


@dataclass
class ReadFile:
    """A file being read; its counts are whole once its tables are drawn.

    Attributes:
        location: the file.
        format_name: the format recognised or given.
    """

    location: Location
    format_name: str
    rows_read: int = 0
    blank_lines: int = 0
    faults: list[Fault] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def take(self, intake: Intake) -> None:
        """Add what one intake turned up.

        Raises:
            FaultError: so many rows are unreadable that this cannot be the file that was meant.
        """
        self.rows_read += intake.rows_read
        self.blank_lines += intake.blank_lines
        self.faults += intake.faults
        self.findings += intake.findings
        if len(self.faults) + self.blank_lines > _MOST_FAULTS:
            raise FaultError(
                "PL-IO-013",
                str(self.location.path),
                "too many lines are unreadable or blank",
                expected=f"at most {_MOST_FAULTS:,}",
                found="more",
                advice="check that this is the file you mean, and its format",
            )

    def close(self) -> None:
        """Note what can only be said of the whole file."""
        if self.blank_lines:
            problem = f"{self.blank_lines:,} blank lines, passed over"
            self.findings.append(Finding("PL-IO-011", self.location.origin.source, None, None, problem))


def recognise_format(location: Location) -> str:
    """The name of a file's format, from the keys of its first readable rows.

    Raises:
        SourceError: no row among the first is readable, or their keys are those of no known format.
    """
    if location.is_parquet:
        schema = _open_parquet(location).schema_arrow
        if kind_of(schema.empty_table()):
            return PARQUET
        keys = frozenset(schema.names)
        text_keys = frozenset(
            field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        )
    else:
        row = _first_row(location)
        keys = frozenset(row)
        text_keys = frozenset(key for key, value in row.items() if isinstance(value, str))
    known = recognise(keys, text_keys)
    if known:
        return known.name
    shown = ", ".join(sorted(key[:40] for key in keys)[:12])
    raise SourceError(
        "PL-SRC-008",
        str(location.path),
        "the columns are those of no known format" if keys else "no row among the first is a readable JSON object",
        expected="; ".join(
            f"{each.name} ({', '.join(sorted(each.keys[0]))})" for each in FORMATS.values() if each.keys
        ),
        found=shown or "none",
        advice="rename the columns after one of these formats" if keys else "plumbline data show FILE --line 1",
    )


def _first_row(location: Location) -> dict[str, object]:
    block = next(iter(read_line_blocks(location.path, Intake(""), Limits(block_bytes=1 << 18))), None)
    for _, line in (block.numbered_lines() if block else [])[:_ROWS_LOOKED_AT]:
        try:
            value = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return {}


def read_tables(file: ReadFile, limits: Limits | None = None) -> Iterator[dict[Kind, pa.Table]]:
    """The tables of each block of the file, in order; counts, faults and findings go to `file`.

    Raises:
        PlumblineError: the file as a whole cannot be read, see `read_line_blocks`.
    """
    if file.format_name == PARQUET:
        yield from _own_parquet(file)
        return
    known = FORMATS[file.format_name]
    intake = Intake(file.location.origin.source)
    blocks = (
        _parquet_lines(file.location, intake)
        if file.location.is_parquet
        else read_line_blocks(file.location.path, intake, limits)
    )
    yield from _parse_blocks(blocks, known, file)
    file.take(intake)
    file.close()


def _parse_blocks(blocks: Iterator[LineBlock], known: Format, file: ReadFile) -> Iterator[dict[Kind, pa.Table]]:
    """Decode a few blocks ahead in threads: decompression, Polars and hashing overlap."""
    workers = min(os.cpu_count() or 1, 4)
    waiting: deque[Future[tuple[dict[Kind, pa.Table], Intake]]] = deque()

    def parse(block: LineBlock) -> tuple[dict[Kind, pa.Table], Intake]:
        intake = Intake(file.location.origin.source)
        return known.parse(block, file.location.origin, intake), intake

    def first() -> dict[Kind, pa.Table]:
        tables, intake = waiting.popleft().result()
        file.take(intake)
        return tables

    with ThreadPoolExecutor(workers) as pool:
        for block in blocks:
            waiting.append(pool.submit(parse, block))
            if len(waiting) > workers:
                yield first()
        while waiting:
            yield first()


def _open_parquet(location: Location) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(location.path)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable_parquet(location) from error


def _parquet_batches(location: Location) -> Iterator[pa.RecordBatch]:
    try:
        yield from _open_parquet(location).iter_batches(batch_size=_PARQUET_BATCH_ROWS)
    except (pa.ArrowException, OSError) as error:  # damage behind an intact footer shows only now
        raise _unreadable_parquet(location) from error


def _unreadable_parquet(location: Location) -> SourceError:
    return SourceError(
        "PL-IO-012",
        str(location.path),
        "this is no readable Parquet file",
        advice="fetch or write the file again",
    )


def _own_parquet(file: ReadFile) -> Iterator[dict[Kind, pa.Table]]:
    schema = _open_parquet(file.location).schema_arrow
    kind = kind_of(schema.empty_table())
    if kind is None:
        raise SourceError(
            "PL-SRC-008",
            str(file.location.path),
            "the columns are not those of a table of records",
            expected="a Parquet file that plumbline wrote",
            advice="leave --format out, so that the columns are recognised",
        )
    for batch in _parquet_batches(file.location):
        file.rows_read += len(batch)
        table = pa.Table.from_batches([batch])
        yield {kind: table.cast(SCHEMAS[kind].with_metadata(schema.metadata))}


def _parquet_lines(location: Location, intake: Intake) -> Iterator[LineBlock]:
    """Rows of a foreign Parquet file as the lines they would be, so that one reader serves both."""
    row = 0
    for batch in _parquet_batches(location):
        lines = [canonical_line(values) for values in batch.to_pylist()]
        intake.rows_read += len(lines)
        yield LineBlock(b"\n".join(lines) + b"\n", row)
        row += len(lines)
