"""What rules changed, record by record: what was masked and where, who was merged into whom, which split was given."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from plumbline.curate.parts import kind_of_part
from plumbline.curate.recipe_steps import MASKING
from plumbline.curate.redaction import ID_BEFORE, MASKED
from plumbline.curate.step_columns import WHICH_RECORD, WHICH_STEP

CHANGES_SCHEMA = pa.schema(
    [
        pa.field("kind", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("id_before", pa.string()),
        *WHICH_RECORD,
        *WHICH_STEP,
        pa.field("personal_data", pa.list_(pa.string())),
        pa.field("judgements", pa.int32()),
    ]
)
"""One row a change; a record that several rules changed has several, and one that a later rule removed stands in the ledger,
too. id: as the output calls the record, or the ledger. id_before: what this step found it under, where it has another id since.
personal_data: of masked records every kind that was masked.
judgements: of records that stand for several, how many those are, each vote of a record that had been made of several counted;
the ids of all are among its parents."""

_LABEL = pl.Struct({"judgements": pl.Int64})


def changes_of(records: pa.Table, fates: pa.Table, left: pa.Table, rules: list[str]) -> pa.Table:
    """The changes of a part, rows of `CHANGES_SCHEMA` in order of the records.

    Args:
        records: of one kind, with their position; redacted where the recipe masks.
        fates: what was decided of them.
        left: the records that no rule removed, as they are written, in order.
        rules: the name of each step's rule.
    """
    decided = pl.DataFrame(pl.from_arrow(fates)).sort("position", "step")
    if decided["removed"].all():
        return CHANGES_SCHEMA.empty_table()
    told = _told(decided, _held(records), left)
    masked, concluded = pl.col("masked_here"), pl.col("label").is_not_null()
    is_masking = pl.col("step").replace_strict(
        {step: rule == MASKING for step, rule in enumerate(rules)}, return_dtype=pl.Boolean
    )
    listed = told.with_columns(is_masking.alias("masked_here")).select(
        pl.lit(kind_of_part(records).value).alias("kind"),
        pl.coalesce("id_now", "id").alias("id"),
        pl.when(masked).then(ID_BEFORE).when(concluded & pl.col("id_now").is_not_null()).then("id").alias("id_before"),
        *("source", "row", "axis", "side", "worker"),
        pl.coalesce("given", "split").alias("split"),
        (pl.col("step") + 1).alias("step"),
        pl.col("step").replace_strict(dict(enumerate(rules)), return_dtype=pl.String).alias("rule"),
        "reason",
        pl.when(masked).then(MASKED).alias("personal_data"),
        pl.col("label").str.json_decode(_LABEL).struct.field("judgements"),
    )
    oldest = pl.CompatLevel.oldest()
    columns = [listed[field.name].to_arrow(compat_level=oldest).cast(field.type) for field in CHANGES_SCHEMA]
    return pa.table(columns, schema=CHANGES_SCHEMA)


def _told(decided: pl.DataFrame, held: pl.DataFrame, left: pa.Table) -> pl.DataFrame:
    """The changes with what their records hold, `id_now` as they are written, and `given`, the split of an earlier step."""
    gone = decided.filter("removed")["position"].unique()
    stays = held.filter(~pl.col("position").is_in(gone.implode()))
    now = stays.select("position", pl.Series("id_now", left["id"]))
    given = pl.col("split").forward_fill().shift(1).over("position").alias("given")
    changed = decided.with_columns(given).filter(~pl.col("removed")).drop("split")
    with_records = changed.join(held, "position", "left", maintain_order="left")
    return with_records.join(now, "position", "left", maintain_order="left")


def _held(records: pa.Table) -> pl.DataFrame:
    """What a change is told with, of every record; null of what its kind knows nothing of."""
    names = {field.name: field.type for field in CHANGES_SCHEMA if field.name in _OF_RECORDS}
    names |= {"position": pa.int64(), MASKED: pa.list_(pa.string()), ID_BEFORE: pa.string()}
    had = set(records.schema.names)
    return pl.DataFrame(
        {
            name: pl.Series(records[name].cast(type_) if name in had else pa.nulls(len(records), type_))
            for name, type_ in names.items()
        }
    )


_OF_RECORDS = frozenset({"id", "source", "row", "axis", "side", "worker", "split"})
