"""The records that came from one line, brought together again for writing: joined on (source, row), never on text."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pyarrow as pa

from plumbline.formats.raw_lines import Reader, Values, raw_if_unchanged
from plumbline.records import Kind, empty_table, take_rows
from plumbline.records.extra import raw_line

_ROWS_TOGETHER = 4096


@dataclass(frozen=True)
class RowGroup:
    """The records of one (source, row).

    Attributes:
        source, row: as the records say.
        positions: of each kind, where its records stand in the tables of the `RowGroups`, in their order.
    """

    source: str
    row: int
    positions: dict[Kind, list[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class RowGroups:
    """Some thousands of rows of a file with all their records.

    Attributes:
        tables: by kind, only the records of these rows.
        groups: by (source, row).
    """

    tables: dict[Kind, pa.Table]
    groups: list[RowGroup]


def row_groups(tables: Mapping[Kind, pa.Table], kinds: Collection[Kind]) -> Iterator[RowGroups]:
    """All rows by (source, row), some thousands at a time, with their records of these kinds."""
    whole = {kind: tables.get(kind, empty_table(kind)) for kind in kinds}
    keys = pl.concat(_keys(kind, table) for kind, table in whole.items())
    keys = keys.sort("source", "row", maintain_order=True)
    group = keys.select(pl.struct("source", "row").rle_id())[:, 0].to_numpy()
    bounds = np.searchsorted(
        group, np.arange(0, (group[-1] if len(group) else -1) + 1 + _ROWS_TOGETHER, _ROWS_TOGETHER)
    )
    for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        if end > start:
            yield _together(keys.slice(start, end - start), whole)


def _keys(kind: Kind, table: pa.Table) -> pl.DataFrame:
    source = pl.Series("source", table["source"].cast(pa.string()), dtype=pl.String)
    frame = pl.DataFrame([source, pl.Series("row", table["row"], dtype=pl.Int64)])
    return frame.with_columns(pl.lit(kind.value).alias("kind"), pl.int_range(pl.len()).alias("position"))


def _together(keys: pl.DataFrame, whole: Mapping[Kind, pa.Table]) -> RowGroups:
    parts = {
        kind: take_rows(table, keys.filter(pl.col("kind") == kind.value)["position"].to_numpy())
        for kind, table in whole.items()
    }
    seen = dict.fromkeys(whole, 0)
    groups: list[RowGroup] = []
    for source, row, name in keys.select("source", "row", "kind").iter_rows():
        if not groups or (groups[-1].source, groups[-1].row) != (source, row):
            groups.append(RowGroup(source, row, {kind: [] for kind in whole}))
        kind = Kind(name)
        groups[-1].positions[kind].append(seen[kind])
        seen[kind] += 1
    return RowGroups(parts, groups)


def unchanged_groups(rows: RowGroups, parse: Reader, *, columns: Collection[str] = ()) -> dict[int, bytes]:
    """Index of a group → its raw line, where one is kept and still says what the group's records say."""
    extras = {kind: table["extra"].to_pylist() for kind, table in rows.tables.items()}
    raws: dict[int, str] = {}
    for index, group in enumerate(rows.groups):
        kept = (raw_line(extras[kind][at]) for kind, positions in group.positions.items() for at in positions)
        if (raw := next((line for line in kept if line is not None), None)) is not None:
            raws[index] = raw
    if not raws:
        return {}
    records: list[list[Values]] = [[] for _ in raws]
    for kind, table in rows.tables.items():
        places = [(at, place) for place, index in enumerate(raws) for at in rows.groups[index].positions[kind]]
        taken = table.take(pa.array([at for at, _ in places], pa.int64()))
        for (_, place), record in zip(places, taken.to_pylist(), strict=True):
            records[place].append(record)
    lines = raw_if_unchanged(list(raws.values()), records, parse, columns=columns)
    return {index: line for index, line in zip(raws, lines, strict=True) if line is not None}
