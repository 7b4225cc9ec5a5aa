"""Files of scores from outside: what some model says of labels, read and checked before anything else is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from plumbline.lineage import file_digest
from plumbline.records import SourceError

SCORE_COLUMNS = {"id": pl.String, "side": pl.Int8, "head": pl.String, "probability": pl.Float64}
_OF_CATEGORY = "probability_"
"""Before the name of a category, in files of `plumbline score`."""
_NUMBERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64, pl.Float32, pl.Float64)


@dataclass(frozen=True)
class ScoreFile:
    """A file that was read.

    Attributes:
        path: as it was named.
        sha256: of its bytes.
        rows: that it holds.
        out_of_fold: whether it says in which fold a row was (a column `fold`), and so that the model had not seen it.
    """

    path: Path
    sha256: str
    rows: int
    out_of_fold: bool


@dataclass(frozen=True)
class LabelScores:
    """Probabilities of labels, of all files.

    Attributes:
        table: columns id, side (null: not said), head (null: not said), probability; rows without one are left out.
        files: where they are from.
    """

    table: pl.DataFrame
    files: tuple[ScoreFile, ...]

    def to_json(self) -> list[dict[str, Any]]:
        """The files as they stand in ``summary.json`` and in the manifest."""
        # Its folder and its name: where it lies on somebody's machine is nobody's business, and summaries are released.
        return [{**asdict(file), "path": f"{file.path.resolve().parent.name}/{file.path.name}"} for file in self.files]


def read_scores(paths: Sequence[Path]) -> LabelScores:
    """Read files as ``plumbline train`` (out_of_fold.parquet) and ``plumbline score`` write them, or your own.

    Args:
        paths: .parquet, .jsonl or .csv, with columns `id` (of the record) and `probability`: of a comparison that the
            side named is the better one (`side` 0, also where it is not said, or 1), of a safety label that the reply is
            unsafe, or that the category in `head` applies. A column `category` stands for `head`, and
            ``probability_<category>`` for rows of that head, where `head` is not there. A probability may be null: not scored.
    Raises:
        SourceError: a file cannot be read, lacks a column, or has a probability that is none.
    """
    tables, files = [pl.DataFrame(schema=SCORE_COLUMNS)], []
    for path in paths:
        frame = _read(path)
        tables.append(_scores_of(frame, path))
        files.append(ScoreFile(path, file_digest(path), len(frame), "fold" in frame.columns))
    return LabelScores(pl.concat(tables), tuple(files))


def _read(path: Path) -> pl.DataFrame:
    readers: dict[str, Callable[[Path], pa.Table]] = {
        ".parquet": pyarrow.parquet.read_table,
        ".jsonl": pyarrow.json.read_json,
        ".csv": lambda file: pyarrow.csv.read_csv(
            file, convert_options=pyarrow.csv.ConvertOptions(column_types={"id": pa.string(), "head": pa.string()})
        ),
    }
    if path.suffix not in readers:
        raise _unreadable(path, f"a name that ends in {path.suffix or 'nothing'}")
    if not path.is_file():
        raise _unreadable(path, "a folder" if path.is_dir() else "nothing there")
    try:
        table = readers[path.suffix](path)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, type(error).__name__) from error
    kept = [name for name in table.schema.names if name in _KEPT or name.startswith(_OF_CATEGORY)]
    if len(set(kept)) != len(kept):
        raise _unreadable(path, "a column twice")
    frame = pl.DataFrame(pl.from_arrow(table.select(kept)))
    texts = [name for name in ("head", "category") if name in frame.columns]
    if any(frame[name].dtype not in (pl.String, pl.Null, pl.Categorical) for name in texts):
        raise _unreadable(path, "heads that are no texts")
    return frame


_KEPT = ("id", "side", "head", "category", "probability", "fold")


def _unreadable(path: Path, found: str) -> SourceError:
    return SourceError(
        "PL-LBL-001",
        str(path),
        "no file of scores can be read here",
        expected="a file in .parquet, .jsonl or .csv, as plumbline train and plumbline score write them",
        found=found,
        advice="name the out_of_fold.parquet in the folder of a model that plumbline train made",
    )


def _scores_of(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    """The scores of a file as rows of `SCORE_COLUMNS`."""
    _require_columns(frame, path)
    side = pl.col("side").cast(pl.Int8) if "side" in frame.columns else pl.lit(None, pl.Int8).alias("side")
    named = next((name for name in ("head", "category") if name in frame.columns), None)
    head = pl.lit(None, pl.String) if named is None else pl.col(named).cast(pl.String).replace("", None)
    columns = {"probability": head}
    if named != "head":
        others = [name for name in frame.columns if name.startswith(_OF_CATEGORY)]
        columns |= {name: pl.lit(name.removeprefix(_OF_CATEGORY)) for name in others}
    parts = []
    for name, of_head in columns.items():
        _require_probabilities(frame[name], path, name)
        parts.append(frame.select(pl.col("id"), side, of_head.alias("head"), pl.col(name).alias("probability")))
    scores = pl.concat([part.with_columns(pl.col("probability").cast(pl.Float64)) for part in parts])
    return scores.drop_nulls("probability").select(SCORE_COLUMNS.keys())


def _require_columns(frame: pl.DataFrame, path: Path) -> None:
    """Refuse a file without ids and probabilities, or whose ids or sides are none.

    Raises:
        SourceError: PL-LBL-002.
    """

    def refused(problem: str, **told: Any) -> SourceError:
        """The error of all these, which differ in what is wrong."""
        return SourceError(
            "PL-LBL-002",
            str(path),
            problem,
            **told,
            advice="give it the columns id and probability; docs/how-to/label-errors.md says what they mean",
        )

    missing = [name for name in ("id", "probability") if name not in frame.columns]
    if missing:
        found = ", ".join(frame.columns) or "none of those that are known"
        raise refused("the file lacks a column", expected=" and ".join(missing), found=found)
    if frame["id"].dtype != pl.String or frame["id"].null_count():
        raise refused("a row does not say of which record it is", expected="the record's id, as text, in column id")
    if "side" in frame.columns and frame["side"].null_count() < len(frame):
        sides = frame["side"].drop_nulls()
        if sides.dtype not in _NUMBERS or not sides.is_in([0, 1]).all():
            raise refused("a side is none", expected="0, 1 or nothing in column side")


def _require_probabilities(values: pl.Series, path: Path, name: str) -> None:
    """Numbers in [0, 1], or null."""
    if values.dtype in (*_NUMBERS, pl.Null):
        given = values.cast(pl.Float64)
        wrong = (~given.is_between(0.0, 1.0)).fill_null(value=False)
        if not wrong.any():
            return
        found = f"{int(wrong.sum()):,} others, the first in row {int(wrong.arg_max() or 0) + 1:,}"
    else:
        found = "something else than numbers"
    raise SourceError(
        "PL-LBL-003",
        f"{path}, column {name}",
        "what should be probabilities is not",
        expected="numbers from 0 to 1, or nothing where a row was not scored",
        found=found,
        advice="give probabilities, calibrated where that is possible; a reward or a logit is none",
    )
