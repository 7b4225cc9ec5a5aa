"""Dealing rows out to buckets, so that those meet which belong together, and reading a bucket again.

The files of a data set are divided into shares. Each share is one piece of work: one streaming query, which holds some rows
of each bucket at a time and writes ``<folder>/<share>/to-bucket=<number>/*.parquet``. A share's folder is there once it is
whole. Polars was measured against DuckDB, slices written part by part and Ray Data's own shuffles: docs/design/engine.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import polars as pl
import polars_hash
import pyarrow as pa
import pyarrow.parquet as pq

from plumbline.engine.dataset import Dataset, damaged, part_of_expression, read_row_groups, read_table
from plumbline.engine.engines import Answer
from plumbline.lineage import file_digest, write_aside
from plumbline.records import SourceError

_BUCKET = "to-bucket"
_ROWS_OF_A_GROUP = 8_000
"""Rows that a bucket gathers before they go to disk. With Polars' default, memory grows with what is exchanged; with fewer, or
with hundreds of buckets, it closes files and opens more. What holds memory down there is the size of a share."""
_BYTES_OF_A_GROUP = 8 << 20
"""Of rows so wide that these are fewer, a bucket gathers no more than these; all buckets together no more than
`_BYTES_OF_ALL_GROUPS`."""
_BYTES_OF_ALL_GROUPS = 512 << 20
_BYTES_OF_A_PORTION = 16 << 20
_BYTES_OF_A_SHARE = 128 << 20


@dataclass(frozen=True)
class Exchange:
    """The dealing out of a data set's rows; goes to other processes as it is.

    Attributes:
        dataset: whose rows are dealt out; at least one part.
        schema: of the rows as they are read from buckets.
        column: decides over a row's bucket, by its part (positions) or by its hash; rows where it is null are left out.
        by_part: the column holds positions, and bucket i are those of part i.
        buckets: how many there are.
        folder: of the shares.
        shares: how many there are.
    """

    dataset: Dataset
    schema: pa.Schema
    column: str
    by_part: bool
    buckets: int
    folder: Path
    shares: int

    def __call__(self, number: int) -> Answer:
        """Deal out one share. One that an earlier run has finished is not dealt out again.

        Raises:
            SourceError: a file is damaged or gone.
            WriteError: the disk is full or cannot be written to.
        """
        target = self._share(number)
        if not target.is_dir():
            with write_aside(target) as aside:
                aside.mkdir()
                self._deal_out(range(number, len(self.dataset.parts), self.shares), aside)
        return {}

    def read(self, bucket: int, order: Sequence[str]) -> pa.Table:
        """The rows of a bucket in one chunk, sorted; the same whoever dealt them out.

        Raises:
            SourceError: a file is damaged or gone, or not all shares can be seen from here.
            ValueError: the order does not tell apart rows that may differ.
        """
        tables = [read_table(path).cast(self.schema) for path in self._files(bucket)]
        rows = pa.concat_tables(tables) if tables else self.schema.empty_table()
        return _encoded_anew(_sorted(rows, order).combine_chunks())

    def portions(self, bucket: int) -> Iterator[pa.Table]:
        """The rows of a bucket in tables of some megabytes, in no order.

        Raises:
            SourceError: as for `read`.
        """
        waiting: list[pa.Table] = []
        size = 0
        for group in (group for path in self._files(bucket) for group in read_row_groups(path)):
            waiting.append(group.cast(self.schema))
            size += group.nbytes
            if size >= _BYTES_OF_A_PORTION:
                yield pa.concat_tables(waiting)
                waiting, size = [], 0
        if waiting:
            yield pa.concat_tables(waiting)

    def _files(self, bucket: int) -> list[Path]:
        shares = [self._share(number) for number in range(self.shares)]
        unseen = sum(not share.is_dir() for share in shares)
        if unseen:
            raise not_shared(self.folder, f"{self.shares} shares of rows that were dealt out", f"{unseen} fewer")
        return [path for share in shares for path in sorted(_bucket(share, bucket).glob("*.parquet"))]

    def _share(self, number: int) -> Path:
        return self.folder / f"{number:06d}"

    def _deal_out(self, parts: Sequence[int], target: Path) -> None:
        paths = [self.dataset.path(part) for part in parts if self.dataset.parts[part].rows]
        if not paths:
            return
        rows = pl.scan_parquet(paths, glob=False, hive_partitioning=False)
        rows = rows.select(*self.schema.names, self._bucket_of().alias(_BUCKET)).drop_nulls(_BUCKET)
        try:
            rows.sink_parquet(
                pl.PartitionBy(target, key=_BUCKET, include_key=False),
                compression="lz4",
                row_group_size=self._rows_of_a_group(paths),
                engine="streaming",
            )
        except Exception:  # of whatever kind the library makes it; raised again as it is
            self._require_whole(parts)  # what cannot be read is told as such; a full disk by whoever made the folder
            raise
        self._require_all_there(paths, target)

    def _rows_of_a_group(self, paths: Sequence[Path]) -> int:
        most = min(_BYTES_OF_A_GROUP, _BYTES_OF_ALL_GROUPS // self.buckets)
        widest = max(_row_bytes(path, self.schema.names) for path in paths)
        return max(1, min(_ROWS_OF_A_GROUP, int(most / widest)))

    def _bucket_of(self) -> pl.Expr:
        if self.by_part:
            return part_of_expression(self.column).cast(pl.UInt32)
        kind = self.schema.field(self.column).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if pa.types.is_nested(kind) or pa.types.is_floating(kind):
            raise ValueError(f"expected whole numbers, texts or bytes to exchange rows by, found {kind}")
        key: pl.Expr = polars_hash.col(self.column)
        key = key.bin.encode("hex") if _holds_bytes(kind) else key.cast(pl.String)
        hashed = key.nchash.xxhash64()  # type: ignore[attr-defined]  # polars_hash adds it at run time
        bucket: pl.Expr = (hashed % self.buckets).cast(pl.UInt32)
        return bucket

    def _require_whole(self, parts: Sequence[int]) -> None:
        for part in parts:
            path = self.dataset.path(part)
            try:
                same = file_digest(path) == self.dataset.parts[part].sha256
            except OSError as error:
                raise damaged(path, type(error).__name__) from error
            if not same:
                raise damaged(path, "another file, or one that is damaged")

    def _require_all_there(self, paths: Sequence[Path], target: Path) -> None:
        """No row is lost on the way, nor given to a bucket that nobody reads."""
        written = {path.name: _row_count(path) for path in target.iterdir()}
        read = {_bucket(target, number).name for number in range(self.buckets)}
        expected, found = sum(_rows_with(path, self.column) for path in paths), sum(written.values())
        if found != expected or not written.keys() <= read:
            raise ValueError(
                f"expected {expected} rows in {self.buckets} buckets by {self.column}, found {found} in {sorted(written)}"
            )


def share_count(dataset: Dataset, least: int) -> int:
    """Into how many shares the files of a data set are divided: no more than there are files, and none of much more bytes than
    may be in memory at once.

    Raises:
        SourceError: a file is gone.
    """
    try:
        size = sum(dataset.path(part).stat().st_size for part in range(len(dataset.parts)))
    except OSError as error:
        raise damaged(Path(str(error.filename)), type(error).__name__) from error
    return min(len(dataset.parts), max(least, ceil(size / _BYTES_OF_A_SHARE)))


def not_shared(folder: Path, expected: str, found: str) -> SourceError:
    """The error where what one process wrote is not seen by another."""
    return SourceError(
        "PL-ENG-006",
        str(folder),
        "files that the run wrote cannot be seen",
        expected=expected,
        found=found,
        advice="on a cluster, name an output on a file system that all its machines share, under one path; "
        "else see whether something removes files there, and run the same command again",
    )


def _bucket(share: Path, number: int) -> Path:
    return share / f"{_BUCKET}={number}"


def _row_count(folder: Path) -> int:
    return sum(pq.read_metadata(path).num_rows for path in folder.glob("*.parquet"))


def _row_bytes(path: Path, columns: Sequence[str]) -> float:
    """What a row of these columns takes in memory, on average where that is largest; by what the file says of itself."""
    meta = pq.read_metadata(path)
    widest = 1.0
    for group in (meta.row_group(number) for number in range(meta.num_row_groups)):
        chunks = [group.column(place) for place in range(meta.num_columns)]
        wanted = [chunk for chunk in chunks if chunk.path_in_schema.split(".")[0] in columns]
        # Numbers of few values are kept as places in a list of them: smaller than they are in memory.
        sizes = [max(chunk.total_uncompressed_size, 8 * chunk.num_values) for chunk in wanted]
        widest = max(widest, sum(sizes) / max(group.num_rows, 1))
    return widest


def _rows_with(path: Path, column: str) -> int:
    """Rows whose value is not null, by what the file says of itself."""
    meta = pq.read_metadata(path)
    place = next(place for place in range(meta.num_columns) if meta.schema.column(place).path == column)
    groups = [meta.row_group(group).column(place).statistics for group in range(meta.num_row_groups)]
    if all(group is not None and group.has_null_count for group in groups):
        return int(meta.num_rows - sum(group.null_count for group in groups))
    return int(meta.num_rows - read_table(path, [column])[column].null_count)


def _holds_bytes(kind: pa.DataType) -> bool:
    return any(
        test(kind)
        for test in (
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_fixed_size_binary,
            pa.types.is_binary_view,
        )
    )


def _sorted(table: pa.Table, order: Sequence[str]) -> pa.Table:
    keys = pl.DataFrame({name: pl.Series(table[name]) for name in order})
    positions = keys.select(pl.arg_sort_by(*order, maintain_order=True))[:, 0]
    if set(order) != set(table.column_names):
        _require_told_apart(keys[positions], order)
    return table if positions.is_sorted() else table.take(positions.to_arrow())


def _require_told_apart(keys: pl.DataFrame, order: Sequence[str]) -> None:
    """Where two rows tie, their order would be that in which they came, which is another on every engine."""
    same = keys.select(pl.all_horizontal(*(pl.col(name).eq_missing(pl.col(name).shift()) for name in order)))
    if same[1:, 0].any():
        raise ValueError(f"expected an order that tells rows apart, found two of the same {', '.join(order)}")


def _encoded_anew(table: pa.Table) -> pa.Table:
    """Dictionaries in the order in which their values appear: each writer lists them in its own."""
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            plain = table.column(place).cast(field.type.value_type)
            table = table.set_column(place, field, plain.dictionary_encode().cast(field.type))
    return table
