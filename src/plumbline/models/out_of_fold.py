"""Out-of-fold scores as columns: what models that had not seen a row say of the label it was given.

One row a record and head. A record that stands in the training data several times has one row here: its copies share their
prompt, so one model scored them all.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from plumbline.models.figures.evaluation import RowScores
from plumbline.models.linear.training import Trained
from plumbline.models.rows.folds import OutOfFold
from plumbline.models.rows.training_rows import LabelRows, PreferenceRows
from plumbline.models.scored_model import (
    UNSAFE,
    Floats,
    ScoredModel,
    better_sign,
    pair_calibration,
    pair_probabilities,
)
from plumbline.records import Kind

OUT_OF_FOLD_NAME = "out_of_fold.parquet"

OUT_OF_FOLD_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("side", pa.int8()),
        pa.field("head", pa.string(), nullable=False),
        pa.field("probability", pa.float64(), nullable=False),
        pa.field("fold", pa.int16(), nullable=False),
    ]
)
"""The columns of ``out_of_fold.parquet``; those that ``plumbline score`` writes too mean the same there.

id, kind: of the record. head: what was asked of it: of a comparison its axis; of a safety label ``unsafe``, or a category.
side: of a comparison always 0, since `probability` is that its first side is the better one on the axis, whichever was
judged better; of a safety label the reply that it is about, where it is of a pair. probability: calibrated; of a safety label
that the reply is unsafe, or that the category applies. It is never that of the label given. The mean over the deals of folds,
where they were dealt several times. fold: of the first deal.
"""


def out_of_fold_table(trained: Trained, pairs: PreferenceRows | None, labels: LabelRows | None) -> pa.Table:
    """The out-of-fold scores of a linear model.

    Args:
        trained: what training showed.
        pairs, labels: the rows that it was trained on.
    Returns:
        Rows of `OUT_OF_FOLD_SCHEMA`: those scored, by head and in the order of the training rows.
    """
    model, parts = trained.model, []
    if pairs is not None:
        chances = [
            (out, pair_calibration(model).probabilities(better_sign(model) * out.scores))
            for out in (trained.out_of_fold, trained.further)
            if out is not None
        ]
        parts.append(_pair_rows(pairs, chances))
    scores = (trained.out_of_fold, trained.further) if pairs is None else (trained.label_scores, trained.further_labels)
    if labels is not None:
        columns = [(out, out.scores.reshape(len(out.positions), -1)) for out in scores if out is not None]
        for number, (name, head) in enumerate(model.heads.items()):
            of_head = [(out, head.calibration.probabilities(each[:, number])) for out, each in columns]
            parts.append(_label_rows(labels, name if model.task == "moderation" else UNSAFE, of_head))
    return pa.concat_tables([OUT_OF_FOLD_SCHEMA.empty_table(), *parts])


def held_out_table(model: ScoredModel, scored: RowScores) -> pa.Table:
    """The same of rows that a model trained once had held out: one fold, and the other rows have no scores.

    Args:
        model: calibrated.
        scored: held-out rows and the scores of the model's heads.
    Returns:
        Rows of `OUT_OF_FOLD_SCHEMA`, those held out, by head.
    """
    parts = []
    if scored.pairs is not None and scored.pair_scores is not None:
        of_sides = scored.pair_scores.heads
        chances = pair_probabilities(model, of_sides[:, 0, 0], of_sides[:, 1, 0])
        parts.append(_pair_rows(scored.pairs, [(_one_fold(chances), chances)]))
    if scored.labels is not None and scored.label_scores is not None:
        for number, (name, head) in enumerate(model.heads.items()):
            chances = head.calibration.probabilities(scored.label_scores.heads[:, number])
            of_head = name if model.task == "moderation" else UNSAFE
            parts.append(_label_rows(scored.labels, of_head, [(_one_fold(chances), chances)]))
    return pa.concat_tables([OUT_OF_FOLD_SCHEMA.empty_table(), *parts])


def out_of_fold_content(table: pa.Table) -> bytes:
    """What the file of a model's folder holds."""
    written = io.BytesIO()
    pq.write_table(table, written, compression="zstd")
    return written.getvalue()


def _one_fold(chances: Floats) -> OutOfFold:
    return OutOfFold(np.arange(len(chances)), chances, np.zeros(len(chances), np.int64))


_Chances = Sequence[tuple[OutOfFold, Floats]]
"""Out-of-fold scores, and the probability of each."""


def _pair_rows(pairs: PreferenceRows, chances: _Chances) -> pa.Table:
    of_rows = _by_row(chances)
    sides = np.zeros(len(of_rows), np.int8)
    return _table(Kind.COMPARISONS, pairs.axis, pairs.places.ids, pa.array(sides), of_rows)


def _label_rows(labels: LabelRows, head: str, chances: _Chances) -> pa.Table:
    """The rows that say whether the label applies: of the others there is nothing to hold a probability against."""
    known = np.ones(len(labels), bool) if head == UNSAFE else labels.knows(head)
    of_rows = _by_row(chances)
    of_rows = of_rows.filter(pl.Series(known).gather(of_rows["row"]))
    return _table(Kind.SAFETY_LABELS, head, labels.places.ids, _label_sides(labels, of_rows["row"].to_numpy()), of_rows)


def _label_sides(labels: LabelRows, rows: NDArray[np.int64]) -> pa.Array:
    if not len(labels.records.positions):
        return pa.nulls(len(rows), pa.int8())
    sides = labels.records.table["side"].take(pa.array(labels.records.positions[rows]))
    return sides.combine_chunks() if isinstance(sides, pa.ChunkedArray) else sides


def _by_row(chances: _Chances) -> pl.DataFrame:
    """Columns row, probability (the mean over deals), fold (of the first deal); by row."""
    parts = [
        pl.DataFrame({"row": out.positions, "probability": each, "fold": out.folds.astype(np.int16)})
        for out, each in chances
    ]
    return (
        pl.concat(parts)
        .group_by("row", maintain_order=True)
        .agg(pl.col("probability").mean(), pl.col("fold").first())
        .sort("row")
    )


def _table(kind: Kind, head: str, ids: pl.Series, sides: pa.Array, of_rows: pl.DataFrame) -> pa.Table:
    told = of_rows.select(
        ids.gather(of_rows["row"]).alias("id"),
        pl.lit(kind.value).alias("kind"),
        pl.Series("side", sides),
        pl.lit(head).alias("head"),
        "probability",
        "fold",
    )
    return told.unique("id", keep="first", maintain_order=True).to_arrow().cast(OUT_OF_FOLD_SCHEMA)
