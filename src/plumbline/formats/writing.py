"""Tables of records → files of a public format, or Plumbline's own Parquet, written aside and renamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path, PurePosixPath

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import JsonValue

from plumbline.formats.columns_not_carried import ColumnCounts, added
from plumbline.formats.doubled_rows import refuse_doubled_rows
from plumbline.formats.hh_rlhf import axis_of
from plumbline.formats.line_stream import LineStream
from plumbline.formats.loading import Loaded
from plumbline.formats.registry import AXIS_BY_FOLDER, FORMATS, PARQUET, Format
from plumbline.formats.source_files import JUDGED_ON
from plumbline.lineage import (
    Fault,
    FileEntry,
    Manifest,
    count_by_code,
    is_own_file,
    refuse_foreign_file,
    refuse_output_among_inputs,
    write_aside,
    write_folder_aside,
)
from plumbline.records import Axis, Kind, NoDataError, UsageError, unknown_name

_LINE_ENDINGS = (".jsonl", ".jsonl.gz")
_FILE_SUFFIXES = (".jsonl", ".json", ".gz", ".csv", ".arrow", ".parquet")


@dataclass
class Written:
    """What was written.

    Attributes:
        rows: lines or rows by file name, relative to the output.
        faults: records that the format cannot express; they are in no file.
        not_carried: rows of kinds that the format never holds, by kind.
        columns_not_carried: rows that say something in a column that the format does not have, by kind and column.
        judged_on: axis by file name, where the lines do not say what was judged.
    """

    rows: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    not_carried: dict[Kind, int] = field(default_factory=dict)
    columns_not_carried: ColumnCounts = field(default_factory=dict)
    judged_on: dict[str, str] = field(default_factory=dict)


def write_tables(tables: Mapping[Kind, pa.Table], out: Path, to: str) -> Written:
    """Write records in a format: a folder in hub layout, or one file where `out` ends like one.

    Args:
        tables: by kind.
        out: a folder (``<subset>/<split>.jsonl.gz``; for parquet ``<kind>/<split>.parquet``), or one file.
        to: the format's name.
    Raises:
        UsageError: the format is not one that can be written, or the file's ending does not fit it.
        WriteError: the disk is full or not writable; nothing is left half-written.
    """
    refuse_unknown_format(to)
    if to == PARQUET:
        return _write_parquet(tables, out)
    known = FORMATS[to]
    written = Written(
        not_carried={kind: len(table) for kind, table in tables.items() if kind not in known.kinds and len(table)}
    )
    carried = {kind: table for kind, table in tables.items() if kind in known.kinds and len(table)}
    if _is_file(out, to):
        _write_lines(out, out.name, carried, known, written)
        return written
    for name, part in _by_place(carried, by_axis=known.name in AXIS_BY_FOLDER):
        _write_lines(_below(out, name), name, part, known, written)
    return written


def refuse_unknown_format(to: str) -> None:
    """Refuse a format that is none of those written; a command asks before it reads anything.

    Raises:
        UsageError: there is no such format.
    """
    if to not in (*FORMATS, PARQUET):
        raise unknown_name("--to", to, [*FORMATS, PARQUET])


@dataclass(frozen=True)
class ConversionRun:
    """What the manifest says of a conversion beside what it read and wrote.

    Attributes:
        command: as it was called.
        configuration: how the source was read and, where the rows were dealt to splits, their shares.
        seed: of what was random, the splits for one.
    """

    command: Sequence[str] = ()
    configuration: Mapping[str, JsonValue] = field(default_factory=dict)
    seed: int | None = None


def convert_loaded(
    loaded: Loaded,
    out: Path,
    to: str,
    *,
    run: ConversionRun | None = None,
    source: str | Path | None = None,
) -> Written:
    """Write what was loaded in a format, with a manifest that names the files and the manifests it came from.

    Args:
        loaded: the rows.
        out, to: as in `write_tables`.
        run: what the manifest says of the run.
        source: where the rows were read; the output may not stand there.
    Raises:
        As `write_tables`; and UsageError where nothing of the source can be expressed in the format, or a record
            stands in it twice: once converted, the copy could no longer be told.
    """
    refuse_unknown_format(to)
    run = run or ConversionRun()
    refuse_doubled_rows(loaded.findings, str(source or out))
    if source is not None and Path(source).exists():
        refuse_output_among_inputs(out, [Path(source)])
    _require_something_carried(loaded, to)
    if _is_file(out, to):
        _refuse_single_file(loaded, out, to)
        written = write_tables(loaded.tables, out, to)
        _require_rows(written, to)
        _manifest(loaded, written, to, run).write_beside(out)
        return written
    if to in AXIS_BY_FOLDER:
        _refuse_untold_axis(_axes_beside_no_folder(loaded.comparisons), out.resolve(), out)
    with write_folder_aside(out, "data") as aside:
        written = write_tables(loaded.tables, aside, to)
        _require_rows(written, to)
        _manifest(loaded, written, to, run).write(aside)
    return written


def _require_something_carried(loaded: Loaded, to: str) -> None:
    carried = FORMATS[to].kinds if to in FORMATS else tuple(Kind)
    if not any(len(table) for kind, table in loaded.tables.items() if kind in carried):
        raise UsageError(
            "PL-OUT-005",
            "--to",
            f"{to} holds nothing of what this source holds",
            expected=", ".join(carried),
            found=", ".join(kind for kind, table in loaded.tables.items() if len(table)) or "no rows",
            advice="choose another format, or parquet, which holds everything",
        )


def _require_rows(written: Written, to: str) -> None:
    if not written.rows:
        counts = count_by_code(written.faults)
        raise NoDataError(
            "PL-OUT-011",
            "--to",
            f"{to} can express no row of this source",
            found=", ".join(f"{count:,} × {code}" for code, count in counts.items()),
            advice="choose another format, or parquet, which holds everything",
        )


def _refuse_single_file(loaded: Loaded, out: Path, to: str) -> None:
    refuse_foreign_file(out, is_ours=is_own_file(out))
    splits = sorted(
        {split or "none" for table in loaded.tables.values() for split in table["split"].unique().to_pylist()}
    )
    if to in AXIS_BY_FOLDER:
        _refuse_untold_axis(sorted(loaded.comparisons["axis"].unique().to_pylist()), out.resolve().parent, out)
    if len(splits) > 1 and to != PARQUET:  # Parquet keeps the split as a column
        raise UsageError(
            "PL-OUT-009",
            str(out),
            "several splits would be merged into one file",
            expected="one split in a file",
            found=", ".join(splits),
            advice=f"--split {splits[0]}, or name a folder: each split gets a file of its own",
        )


def _refuse_untold_axis(axes: Sequence[str], folder: Path, out: Path) -> None:
    """Refuse a file for comparisons whose axis would be lost in it, or read otherwise: the lines do not tell it."""
    told = axis_of(folder.name)
    if len(axes) > 1:
        problem, found = "comparisons on several axes would be mixed in one file", ", ".join(axes)
    elif told is not None and axes and axes[0] != told:
        problem, found = f"its folder's name says {told}, as which these comparisons would be read", axes[0]
    else:
        return
    raise UsageError(
        "PL-OUT-012",
        str(out),
        problem,
        expected="one axis in a file, and no other in its folder's name: the lines do not tell it",
        found=found,
        advice="name another folder"
        if folder == out.resolve()
        else "name a folder: each axis gets a folder of its own",
    )


def _axes_beside_no_folder(comparisons: pa.Table) -> list[str]:
    """The axes of those whose file gets no folder of its own in the output."""
    told = pl.DataFrame({name: pl.Series(comparisons[name].cast(pa.string())) for name in ("subset", "axis")}).unique()
    return sorted(axis for subset, axis in told.iter_rows() if not _folder(subset, axis))


def _manifest(loaded: Loaded, written: Written, to: str, run: ConversionRun) -> Manifest:
    not_carried: JsonValue = {kind.value: count for kind, count in written.not_carried.items()}
    columns: JsonValue = {kind.value: dict(counts) for kind, counts in written.columns_not_carried.items()}
    configuration = {
        **run.configuration,
        "to": to,
        "not_carried": not_carried,
        "columns_not_carried": columns,
    }
    if written.judged_on:
        configuration[JUDGED_ON] = dict(written.judged_on)
    outputs = [FileEntry(path=name, sha256="", size_bytes=0, rows=rows) for name, rows in written.rows.items()]
    quarantined = count_by_code([*loaded.faults, *written.faults])
    manifest = loaded.manifest("data", run.command, configuration, seed=run.seed)
    return manifest.model_copy(update={"outputs": outputs, "quarantined": quarantined})


def _is_file(out: Path, to: str) -> bool:
    """Whether the output is one file, by its ending; the ending must be one that the format is written to."""
    fitting = (".parquet",) if to == PARQUET else _LINE_ENDINGS
    if out.name.endswith(fitting):
        return True
    if out.suffix in _FILE_SUFFIXES:
        raise UsageError(
            "PL-OUT-003",
            str(out),
            f"{to} is not written to such a file",
            expected=f"a folder, or a file that ends in {' or '.join(fitting)}",
            advice=f"name it {out.name.split('.')[0]}{fitting[-1]}, or name a folder",
        )
    return False


def _below(out: Path, name: str) -> Path:
    """The file of that name in the output folder; subsets and splits are words of the data and may be anything."""
    is_hidden = any(part.startswith(".") for part in PurePosixPath(name).parts)  # ".." among them
    if name.startswith("/") or "\0" in name or is_hidden:
        raise UsageError(
            "PL-OUT-007",
            str(out),
            "a subset or split of the data leads out of the output folder, or to a hidden file that nothing would read",
            expected="names that begin with no dot, not absolute",
            found=name,
            advice="look where the data come from; name a single output file to leave subsets and splits out",
        )
    return out / name


def _write_lines(path: Path, name: str, tables: Mapping[Kind, pa.Table], known: Format, written: Written) -> None:
    stream = LineStream(known, zipped=path.name.endswith(".gz"))
    pieces = stream.feed(tables)
    first = next(pieces, None)
    if first is not None:  # an empty file is nothing that could be read again, nor worth what stands there
        with write_aside(path) as aside, aside.open("wb") as file:
            file.writelines(chain([first], pieces))
            file.write(stream.end())
        written.rows[name] = stream.rows
        axes = tables[Kind.COMPARISONS]["axis"].unique().to_pylist() if Kind.COMPARISONS in tables else []
        if known.name in AXIS_BY_FOLDER and len(axes) == 1:
            written.judged_on[name] = axes[0]
    written.faults += stream.take_faults()
    written.columns_not_carried = added(written.columns_not_carried, stream.columns_not_carried)


def _by_place(tables: Mapping[Kind, pa.Table], *, by_axis: bool) -> Iterator[tuple[str, dict[Kind, pa.Table]]]:
    """(file name, the rows that belong there) in order of the names."""
    keyed = {kind: _names(table, by_axis=by_axis and kind is Kind.COMPARISONS) for kind, table in tables.items()}
    for name in sorted({name for names in keyed.values() for name in names.unique()}):
        yield (
            name,
            {
                kind: table.filter(pa.array((keyed[kind] == name).to_list(), pa.bool_()))
                for kind, table in tables.items()
            },
        )


def _names(table: pa.Table, *, by_axis: bool) -> pl.Series:
    count = len(table)
    subset = (
        pl.Series(table["subset"].cast(pa.string()))
        if "subset" in table.schema.names
        else pl.Series([None] * count, dtype=pl.String)
    )
    split = pl.Series(table["split"].cast(pa.string())).fill_null("data")
    axis = pl.Series(table["axis"].cast(pa.string())) if by_axis else pl.Series([""] * count)
    places = pl.DataFrame({"subset": subset, "axis": axis}).unique()
    folders = {(row["subset"], row["axis"]): _folder(row["subset"], row["axis"]) for row in places.to_dicts()}
    names = [folders[pair] for pair in zip(subset, axis, strict=True)]
    return pl.Series(names, dtype=pl.String) + split + ".jsonl.gz"


def _folder(subset: str | None, axis: str) -> str:
    """The folder of a subset, ending in a slash; its name, the last of several, tells the axis where the lines do not."""
    named = {Axis.HELPFULNESS: "helpful", Axis.HARMLESSNESS: "harmless", Axis.OVERALL: "overall"}
    if not axis or axis_of(subset) == axis or (axis == Axis.OVERALL and axis_of(subset) is None):
        return f"{subset}/" if subset else ""
    above, slash, name = (subset or "pairs").rpartition("/")
    return f"{above}{slash}{named[Axis(axis)]}-{name}/"


def _write_parquet(tables: Mapping[Kind, pa.Table], out: Path) -> Written:
    filled = {kind: table for kind, table in tables.items() if len(table)}
    written = Written()
    if _is_file(out, PARQUET):
        if len(filled) != 1:
            raise UsageError(
                "PL-OUT-004",
                str(out),
                "one Parquet file holds one kind of record",
                found=", ".join(filled) or "no rows",
                advice="name a folder; each kind gets files of its own",
            )
        ((kind, table),) = filled.items()
        _write_parquet_file(out, out.name, table, written)
        return written
    for kind, table in filled.items():
        splits = pl.Series(table["split"].cast(pa.string())).fill_null("data")
        for split in sorted(splits.unique()):
            name = f"{kind}/{split}.parquet"
            _write_parquet_file(_below(out, name), name, table.filter(pa.array((splits == split).to_list())), written)
    return written


def _write_parquet_file(path: Path, name: str, table: pa.Table, written: Written) -> None:
    with write_aside(path) as aside:
        pq.write_table(table, aside, compression="zstd")
    written.rows[name] = len(table)
