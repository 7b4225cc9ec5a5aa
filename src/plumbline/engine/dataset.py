"""Rows on disk: a folder of Parquet parts in order, each with its row count and digest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from plumbline.lineage import file_digest, json_digest, write_aside
from plumbline.records import SourceError

_ROWS_OF_A_PART = 1 << 32


def position_of(part: int, row: int) -> int:
    """The number that names a row of a data set: 2³² · part + row."""
    return part * _ROWS_OF_A_PART + row


def positions(part: int, rows: int) -> pa.Int64Array:
    """The positions of all rows of a part, in order."""
    return pa.array(np.arange(rows, dtype=np.int64) + position_of(part, 0))


def part_of(position: NDArray[np.int64]) -> NDArray[np.int64]:
    """The parts that positions stand in."""
    return position // _ROWS_OF_A_PART


def part_of_expression(column: str) -> pl.Expr:
    """The same as an expression on a column of positions."""
    return pl.col(column) // _ROWS_OF_A_PART


class Part(BaseModel):
    """One file of a data set.

    Attributes:
        name: of the file, within its folder.
        rows: how many it holds.
        sha256: of its bytes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[\w.-]+\.parquet$")
    rows: int
    sha256: str


@dataclass(frozen=True)
class Dataset:
    """Parquet files in order. Parts of one data set may differ in their schemas, where no stage exchanges them.

    Attributes:
        folder: where the files stand.
        parts: the files, in order.
    """

    folder: Path
    parts: tuple[Part, ...]

    @cached_property
    def digest(self) -> str:
        """Of names, counts and bytes of all parts: what depends on these rows is addressed by it."""
        return json_digest([part.model_dump() for part in self.parts])

    @property
    def rows(self) -> int:
        """Rows of all parts."""
        return sum(part.rows for part in self.parts)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns of the first part."""
        return tuple(read_schema(self.path(0)).names)

    def path(self, number: int) -> Path:
        """The file of a part."""
        return self.folder / self.parts[number].name

    def read(self, number: int, columns: Sequence[str] | None = None) -> pa.Table:
        """A part as a table.

        Args:
            number: of the part, from 0.
            columns: only these; all by default.
        Raises:
            SourceError: the file is damaged or gone, or has no such column.
        """
        return read_table(self.path(number), columns)


def read_whole(dataset: Dataset, columns: Sequence[str] | None = None) -> pa.Table:
    """All parts as one table, in order; for narrow columns.

    Raises:
        SourceError: a file is damaged or gone, or has no such column.
        ValueError: there are no parts, which would name the columns.
    """
    if not dataset.parts:
        raise ValueError("expected a data set of at least one part, found none")
    return pa.concat_tables([dataset.read(number, columns) for number in range(len(dataset.parts))])


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A Parquet file of ours as a table.

    Raises:
        SourceError: it is damaged or gone, or has no such column.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            missing = sorted(set(columns or ()) - set(file.schema_arrow.names))
            if missing:
                raise damaged(path, f"no column {missing[0]}")
            return file.read(columns=None if columns is None else list(columns))
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, type(error).__name__) from error


def read_row_groups(path: Path) -> Iterator[pa.Table]:
    """The rows of a Parquet file of ours, as many at once as were written at once.

    Raises:
        SourceError: it is damaged or gone.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, type(error).__name__) from error


def read_schema(path: Path) -> pa.Schema:
    """The columns of a Parquet file of ours, without what was noted about the table.

    Raises:
        SourceError: it is damaged or gone.
    """
    try:
        return pq.read_schema(path).remove_metadata()
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, type(error).__name__) from error


def damaged(path: Path, found: str) -> SourceError:
    """The error where a file of an earlier stage is not what the stage wrote."""
    return SourceError(
        "PL-ENG-001",
        str(path),
        "a file of an earlier stage cannot be read",
        expected="the Parquet file that the stage wrote",
        found=found,
        advice="run the same command again: what is damaged is made anew from what stands before it; where that does not "
        "help, remove the folder of the stage and look at the disk",
    )


def part_at(path: Path) -> Part:
    """The part that a file is.

    Raises:
        SourceError: it is damaged.
    """
    try:
        return Part(name=path.name, rows=pq.read_metadata(path).num_rows, sha256=file_digest(path))
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, type(error).__name__) from error


def write_part(folder: Path, name: str, table: pa.Table) -> Part:
    """Write a part aside and rename it.

    Raises:
        WriteError: the disk is full or the folder cannot be written to.
    """
    return write_portions(folder, name, iter([table]))


def write_portions(folder: Path, name: str, tables: Iterator[pa.Table]) -> Part:
    """Write a part aside and rename it; of its rows no more are in memory than one of the tables holds.

    Args:
        tables: of one schema, at least one; a row group each.
    Raises:
        WriteError: the disk is full or the folder cannot be written to.
        ValueError: there is no table, which would name the columns.
    """
    path = folder / name
    rows = 0
    with write_aside(path) as aside:
        first = next(tables, None)
        if first is None:
            raise ValueError(f"part {name}: expected at least one table, found none")
        with pq.ParquetWriter(aside, first.schema, compression="lz4", write_page_checksum=True) as writer:
            for table in chain([first], tables):
                rows += len(table)
                writer.write_table(table.combine_chunks())  # in one chunk, since the bytes would tell how the rows came
    # LZ4 is fast and small enough: the files live as long as the run.
    return Part(name=name, rows=rows, sha256=file_digest(path))
