"""What rules decide: a table of verdicts, one row a record that goes or changes; nothing is said of one that stays as it is."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

VERDICT_SCHEMA = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),
        pa.field("removed", pa.bool_(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("partner", pa.string()),
        pa.field("split", pa.string()),
        pa.field("verdict", pa.string()),
        pa.field("label", pa.string()),
    ]
)
"""position: of the record. removed: it goes; else it is changed. reason: counted; a few words, never text of the record.
partner: id of the record that it repeats, contradicts or was merged into. split: its new split. verdict, label: what it is
judged now, as `traits.identity` and `aggregation` write it; null where that stays."""

_COLUMNS = {
    "position": pl.Int64,
    "removed": pl.Boolean,
    "reason": pl.String,
    "partner": pl.String,
    "split": pl.String,
    "verdict": pl.String,
    "label": pl.String,
}


def removal(rows: pl.DataFrame, reason: str | pl.Expr, partner: str | None = None) -> pl.DataFrame:
    """Verdicts that remove rows.

    Args:
        rows: what goes; with its position.
        reason: of all, or an expression on the rows.
        partner: the column that names the partner's id.
    """
    return change(rows, reason, removed=True, partner=None if partner is None else pl.col(partner))


def change(
    rows: pl.DataFrame,
    reason: str | pl.Expr,
    *,
    removed: bool = False,
    **values: pl.Expr | None,
) -> pl.DataFrame:
    """Verdicts on rows; `values` are expressions for the columns partner, split, verdict and label."""
    told = {name: value for name, value in values.items() if value is not None}
    columns = [
        pl.col("position"),
        pl.lit(removed).alias("removed"),
        (pl.lit(reason) if isinstance(reason, str) else reason).alias("reason"),
        *(told.get(name, pl.lit(None)).cast(_COLUMNS[name]).alias(name) for name in _COLUMNS if name not in _SAID),
    ]
    return rows.select(columns)


_SAID = ("position", "removed", "reason")


def verdict_table(verdicts: pl.DataFrame) -> pa.Table:
    """Verdicts as the table that stages hand on."""
    arrays = [
        verdicts[field.name].cast(_COLUMNS[field.name]).to_arrow(compat_level=pl.CompatLevel.oldest()).cast(field.type)
        for field in VERDICT_SCHEMA
    ]
    return pa.table(arrays, schema=VERDICT_SCHEMA)


def no_verdicts() -> pl.DataFrame:
    """Every row stays as it is."""
    return pl.DataFrame(schema=_COLUMNS)
