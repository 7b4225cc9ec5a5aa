"""Records → the files of a release, batch by batch: lines in the layouts of the hub, and the tables they were made of.

    <subset>/<split>.jsonl.gz      pairs as hh-rlhf has them, labels as BeaverTails, attempts and prompts as their sets have
    records/<kind>/<split>.parquet every record with every column

A folder with a split that `datasets` does not know by its name has its files in ``data/<split>-00000-of-00001`` (`names.data_path`).
What lines cannot say (a tie, labels of another taxonomy) is counted, and stands in the tables alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa

from plumbline.formats.columns_not_carried import ColumnCounts, added
from plumbline.formats.line_stream import LineStream
from plumbline.formats.parquet.stream import ParquetStream
from plumbline.formats.registry import FORMATS
from plumbline.lineage import FileEntry, Terms
from plumbline.records import Kind, UsageError
from plumbline.release.names import RECORDS, data_path, folder_of, safe_split, safe_subset

LINES_OF = {
    Kind.COMPARISONS: "hh-rlhf",
    Kind.SAFETY_LABELS: "beavertails",
    Kind.RED_TEAM_ATTEMPTS: "red-team",
    Kind.PROMPTS: "beavertails-evaluation",
}
"""Kind → the format of its lines."""
_NOT_SAID = {
    "PL-HH-020": "without a better side, such as ties",
    "PL-HH-021": "with a system message",
    "PL-HH-022": "with a turn marker in a text",
    "PL-RT-020": "with a system message",
    "PL-RT-021": "with a turn marker in a text, or without turns",
    "PL-BT-020": "of other than one question and one answer",
    "PL-BT-021": "neither safe nor unsafe",
    "PL-BT-022": "with categories of another taxonomy",
    "PL-BT-023": "of other than one question",
    "PL-BT-024": "without exactly one of the 14 categories",
}
"""Code → what kept a record out of the lines, in words."""
MOST_FILES = 500
"""Files of data in a release."""
_LINES, _TABLE = ".jsonl.gz", ".parquet"


def not_said(code: str) -> str:
    """Why lines cannot say a record, in words behind a number of records, with its code."""
    return f"{_NOT_SAID[code]} ({code})" if code in _NOT_SAID else f"refused with {code}"


@dataclass(frozen=True, slots=True)
class LineFile:
    """A file of lines.

    Attributes:
        folder, split: of the records; safe names.
        kind: of the records that the lines say.
    """

    folder: str
    split: str
    kind: Kind

    @property
    def path(self) -> str:
        """Where it stands while it is made."""
        return _in_making(self.folder, self.split, _LINES)


@dataclass(frozen=True)
class Laid:
    """What was written.

    Attributes:
        lines, tables: each file with its entry; tables by (kind, split).
        not_in_lines: records that lines cannot say, by kind and code.
        columns_not_in_lines: rows that say something for which lines have no place, by kind and column.
        renamed: subset or split → the name that stands for it, where that is another.
    """

    lines: dict[LineFile, FileEntry]
    tables: dict[tuple[Kind, str], FileEntry]
    not_in_lines: dict[Kind, dict[str, int]]
    columns_not_in_lines: ColumnCounts
    renamed: dict[str, str]

    @classmethod
    def of(
        cls,
        lines: dict[LineFile, FileEntry],
        tables: dict[tuple[Kind, str], FileEntry],
        refused: Mapping[Kind, Mapping[str, int]],
        columns: ColumnCounts,
        names: Mapping[str, str],
    ) -> Laid:
        """What was written, told in an order that does not hang on that of the rows: its texts are made again from it.

        Args:
            refused: records that lines cannot say, by kind and code.
            columns: as `count_columns_not_carried` counts them.
            names: subset or split → the name that stands for it.
        """
        return cls(
            lines,
            tables,
            {kind: dict(sorted(refused[kind].items())) for kind in Kind if refused.get(kind)},
            {kind: dict(sorted(columns[kind].items())) for kind in Kind if columns.get(kind)},
            {name: safe for name, safe in sorted(names.items()) if name != safe},
        )


@dataclass
class FilesInMaking:
    """The files of a release while they are made.

    Args:
        folder: of the release; new.
        terms: stated by every table.
    """

    folder: Path
    terms: Terms
    _lines: dict[LineFile, LineStream] = field(default_factory=dict)
    _tables: dict[tuple[Kind, str], ParquetStream] = field(default_factory=dict)
    _faults: defaultdict[Kind, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _renamed: dict[str, str] = field(default_factory=dict)
    _splits: dict[str, str | None] = field(default_factory=dict)

    def take(self, kind: Kind, table: pa.Table) -> None:
        """Write rows.

        Raises:
            UsageError: PL-REL-004, they would stand in too many files, or two splits under one name.
        """
        places = place_columns(kind, table)
        self._note_names(table)
        for folder, split in places.unique(maintain_order=True).iter_rows():
            chosen = (places["folder"] == folder) & (places["split"] == split)
            self._write_lines(LineFile(folder, split, kind), _chosen(table, chosen))
        for split in places["split"].unique(maintain_order=True):
            stream = self._tables.setdefault((kind, split), ParquetStream(self.terms))
            for data in stream.feed(_chosen(table, places["split"] == split)):
                self._append(_in_making(_table_folder(kind), split, _TABLE), data)
        require_few_files(len(self._lines) + len(self._tables))

    def finish(self) -> Laid:
        """Close the files and say what they are."""
        for line_file, lines in self._lines.items():
            self._append(line_file.path, lines.end())
        for (kind, split), stream in self._tables.items():
            self._append(_in_making(_table_folder(kind), split, _TABLE), stream.end())
        columns: ColumnCounts = {}
        for lines in self._lines.values():
            columns = added(columns, lines.columns_not_carried)
        line_paths, table_paths = data_paths([each for each, lines in self._lines.items() if lines.rows], self._tables)
        return Laid.of(
            {each: self._settled(each.path, name, self._lines[each].rows) for each, name in line_paths.items()},
            {
                (kind, split): self._settled(
                    _in_making(_table_folder(kind), split, _TABLE), name, self._tables[kind, split].rows
                )
                for (kind, split), name in table_paths.items()
            },
            self._faults,
            columns,
            self._renamed,
        )

    def _write_lines(self, line_file: LineFile, rows: pa.Table) -> None:
        if line_file not in self._lines:
            self._lines[line_file] = LineStream(FORMATS[LINES_OF[line_file.kind]])
        stream = self._lines[line_file]
        for data in stream.feed({line_file.kind: rows}):
            self._append(line_file.path, data)
        self._faults[line_file.kind].update(fault.code for fault in stream.take_faults())

    def _note_names(self, table: pa.Table) -> None:
        self._renamed.update(safe_names(table))
        for name in table["split"].unique().to_pylist():
            safe = safe_split(name)
            if self._splits.setdefault(safe, name) != name:
                raise _refused("two splits of the data would get one name", "one split a name", safe)

    def _append(self, name: str, data: bytes) -> None:
        if not data:
            return
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(data)

    def _settled(self, in_making: str, name: str, rows: int) -> FileEntry:
        """A finished file in its place."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (self.folder / in_making).rename(path)
        return FileEntry.of(path, name=name, rows=rows)


def data_paths(
    lines: Iterable[LineFile], tables: Iterable[tuple[Kind, str]]
) -> tuple[dict[LineFile, str], dict[tuple[Kind, str], str]]:
    """Where each file of a release stands, in order; it hangs on the other splits of its folder.

    Args:
        lines: files with at least one line.
        tables: kind and split of each.
    """
    ordered, of_kinds = sorted(lines, key=_in_order), sorted(tables, key=_tables_in_order)
    splits: defaultdict[str, set[str]] = defaultdict(set)
    for each in ordered:
        splits[each.folder].add(each.split)
    for kind, split in of_kinds:
        splits[_table_folder(kind)].add(split)
    return (
        {each: data_path(each.folder, each.split, _LINES, beside=splits[each.folder]) for each in ordered},
        {
            (kind, split): data_path(_table_folder(kind), split, _TABLE, beside=splits[_table_folder(kind)])
            for kind, split in of_kinds
        },
    )


def safe_names(table: pa.Table) -> dict[str, str]:
    """The subsets and splits of rows, each with the name that stands for it."""
    subsets = table["subset"].unique().to_pylist() if "subset" in table.schema.names else []
    named = {name: safe_subset(name) for name in subsets if name is not None}
    return named | {name: safe_split(name) for name in table["split"].unique().to_pylist() if name is not None}


def place_columns(kind: Kind, table: pa.Table) -> pl.DataFrame:
    """Of each row the folder and the split that it stands in, both safe names.

    Raises:
        UsageError: PL-REL-004, these rows alone would stand in too many files.
    """
    frame = pl.DataFrame({name: _words(table, name) for name in ("subset", "axis", "split")})
    distinct = frame.unique()
    require_few_files(len(distinct))
    places = distinct.with_columns(
        pl.struct("subset", "axis")
        .map_elements(lambda row: folder_of(kind, row["subset"], row["axis"]), return_dtype=pl.String)
        .alias("folder"),
        pl.col("split").map_elements(safe_split, return_dtype=pl.String, skip_nulls=False).alias("safe"),
    )
    on = ["subset", "axis", "split"]
    joined = frame.join(places, on=on, how="left", nulls_equal=True, maintain_order="left")
    return joined.select("folder", split="safe")


def require_few_files(count: int) -> None:
    """Refuse more files than a release may have.

    Raises:
        UsageError: PL-REL-004.
    """
    if count > MOST_FILES:
        raise _refused(
            "the rows would stand in too many files",
            f"at most {MOST_FILES} of them, one a subset and split",
            f"{count:,}",
        )


def _words(table: pa.Table, name: str) -> pl.Series:
    if name not in table.schema.names:
        return pl.Series(name, [None] * len(table), dtype=pl.String)
    return pl.Series(name, table[name].cast(pa.string()))


def _chosen(table: pa.Table, rows: pl.Series) -> pa.Table:
    return table if rows.all() else table.filter(rows.to_arrow())


def _table_folder(kind: Kind) -> str:
    return f"{RECORDS}/{kind.value}"


def _in_making(folder: str, split: str, ending: str) -> str:
    return f"{folder}/{split}{ending}"


def _in_order(each: LineFile) -> tuple[str, tuple[bool, str]]:
    return each.folder, _train_first(each.split)


def _tables_in_order(each: tuple[Kind, str]) -> tuple[str, tuple[bool, str]]:
    return each[0].value, _train_first(each[1])


def _train_first(split: str) -> tuple[bool, str]:
    return split != "train", split


def _refused(problem: str, expected: str, found: str) -> UsageError:
    return UsageError(
        "PL-REL-004",
        "subsets and splits",
        problem,
        expected=expected,
        found=found,
        advice="name the splits and subsets of the source anew, or release its parts apart",
    )
