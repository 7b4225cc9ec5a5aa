"""What a run found and did, in numbers: a census of what was read, a waterfall of what each rule removed, and a ledger.

Rows in = rows out + rows removed: `waterfall` refuses numbers that do not add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from plumbline.curate.parts import kind_of_part
from plumbline.curate.split_files import WITHOUT_SPLIT
from plumbline.curate.step_columns import WHICH_RECORD, WHICH_STEP

LEDGER_SCHEMA = pa.schema(
    [
        pa.field("kind", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        *WHICH_RECORD,
        *WHICH_STEP,
        pa.field("partner", pa.string()),
        pa.field("parents", pa.list_(pa.string())),
    ]
)
"""One row a record that is not in the output. id: its id, after masking; parents: the id it was read with, where it was
masked. partner: as it was called then; where later judgements were made one with it, the
record in the output names it among its parents."""

KINDS_SCHEMA = pa.schema([pa.field("kind", pa.string()), pa.field("records", pa.int64())])

Counts = dict[str, dict[str, int]]
"""kind → split → records."""


def census_of(rows: pa.Table) -> pa.Table:
    """A stage: counts of rows that share items, by family; each item's rows are all among them.

    Args:
        rows: columns family, id, apart, item_id, verdict.
    Returns:
        family, records, records_distinct (by id and apart), items, judged_both_ways (items).
    """
    frame = pl.DataFrame(pl.from_arrow(rows))
    decided = pl.col("verdict").filter(pl.col("verdict") != "tie").drop_nulls().n_unique()
    items = frame.group_by("family", "item_id").agg(
        pl.len().alias("records"), pl.struct("id", "apart").n_unique().alias("distinct"), decided.alias("verdicts")
    )
    counted = items.group_by("family").agg(
        pl.col("records").sum().cast(pl.Int64),
        pl.col("distinct").sum().cast(pl.Int64).alias("records_distinct"),
        pl.len().cast(pl.Int64).alias("items"),
        (pl.col("verdicts") > 1).sum().cast(pl.Int64).alias("judged_both_ways"),
    )
    return counted.sort("family").to_arrow()


def tally_of(identity: pa.Table, fates: pa.Table) -> pa.Table:
    """A stage: records of a part, counted.

    Args:
        identity: columns position, kind, split.
        fates: what was decided.
    Returns:
        step (-1: what was read), removed, reason, kind, split (before the step), to_split (that the step gave), records.
    """
    rows = pl.DataFrame(pl.from_arrow(identity)).select("position", "kind", "split")
    read = rows.group_by("kind", "split").agg(pl.len().alias("records"))
    read = read.with_columns(
        pl.lit(-1, pl.Int16).alias("step"),
        pl.lit(value=False).alias("removed"),
        pl.lit("").alias("reason"),
        pl.lit(None, pl.String).alias("to_split"),
    )
    decided = pl.DataFrame(pl.from_arrow(fates)).select("position", "step", "removed", "reason", "split")
    # A split that an earlier step gave is the one in which a later step finds the row.
    told = decided.rename({"split": "to_split"}).join(rows, "position", maintain_order="left").sort("position", "step")
    given = pl.col("to_split").forward_fill().shift(1).over("position")
    placed = told.with_columns(pl.coalesce(given, "split").alias("split"))
    keys = ("step", "removed", "reason", "kind", "split", "to_split")
    counted = placed.group_by(keys).agg(pl.len().alias("records"))
    both = pl.concat([frame.select(*keys, pl.col("records").cast(pl.Int64)) for frame in (read, counted)])
    return both.sort(keys).to_arrow()


def ledger_of(records: pa.Table, fates: pa.Table, *, rules: list[str]) -> pa.Table:
    """A stage: the records of a part that are not in the output, rows of `LEDGER_SCHEMA` in order.

    A record stands there with the split in which the rule found it, which an earlier step may have given it.

    Args:
        records: of one kind, with their position.
        fates: what was decided of them.
        rules: the name of each step's rule.
    """
    decided = pl.DataFrame(pl.from_arrow(fates)).sort("position", "step")
    given = decided.drop_nulls("split").unique("position", keep="last").select("position", "split")
    gone = decided.filter("removed").unique("position", keep="first", maintain_order=True).drop("split")
    gone = gone.join(given, "position", "left", maintain_order="left")
    if not len(gone):
        return LEDGER_SCHEMA.empty_table()
    places = pc.index_in(pa.array(gone["position"].to_numpy()), records["position"].combine_chunks())
    names = set(records.schema.names)
    kept = [name for name in LEDGER_SCHEMA.names if name in names]
    rows = records.select(kept).take(places)
    kind = kind_of_part(records)
    was = pl.Series(rows["split"].cast(pa.string()))
    told = gone.with_columns(
        pl.lit(kind.value).alias("kind"),
        pl.col("step").replace_strict(dict(enumerate(rules)), return_dtype=pl.String).alias("rule"),
        (pl.col("step") + 1).alias("step"),
        pl.coalesce("split", was).alias("split"),
    )
    columns = []
    for field_ in LEDGER_SCHEMA:
        if field_.name in told.columns:
            array = told[field_.name].to_arrow(compat_level=pl.CompatLevel.oldest()).cast(field_.type)
        else:
            array = rows[field_.name].cast(field_.type) if field_.name in kept else pa.nulls(len(gone), field_.type)
        columns.append(array)
    return pa.table(columns, schema=LEDGER_SCHEMA)


def kinds_of(masked: pa.Table) -> pa.Table:
    """A stage: how many records of a part hold each kind of personal data; one with several counts under each.

    Args:
        masked: the column of `redaction.MASKED` alone.
    Returns:
        kind, records.
    """
    found = pl.DataFrame(pl.from_arrow(masked)).select(pl.all().explode()).to_series().drop_nulls().alias("kind")
    counted = found.to_frame().group_by("kind").agg(pl.len().cast(pl.Int64).alias("records"))
    return counted.sort("kind").to_arrow().cast(KINDS_SCHEMA)


@dataclass
class StepCounts:
    """What a step did.

    Attributes:
        before: records that it found.
        removed, changed: by kind and the split they stood in.
        reasons: records by reason, both removed and changed.
    """

    before: Counts
    removed: Counts = field(default_factory=dict)
    changed: Counts = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)


@dataclass
class Waterfall:
    """What was read, what each step did, and what is left.

    Attributes:
        read, left: by kind and split.
        steps: in order of the recipe.
    """

    read: Counts
    steps: list[StepCounts]
    left: Counts


def waterfall(tally: pa.Table, step_count: int) -> Waterfall:
    """Put the tallies of all parts together.

    Args:
        tally: rows as `tally_of` gives them, of all parts.
        step_count: steps of the recipe.
    Raises:
        ValueError: a step removed records that were not there.
    """
    rows = pl.DataFrame(pl.from_arrow(tally)).with_columns(
        pl.col("split").fill_null(WITHOUT_SPLIT), pl.col("to_split").fill_null("")
    )
    read: Counts = {}
    for row in rows.filter(pl.col("step") == -1).sort("kind", "split").iter_rows(named=True):
        _add(read, row["kind"], row["split"], row["records"])
    alive = _copy(read)
    steps = []
    for number in range(step_count):
        step = StepCounts(_copy(alive))
        for row in rows.filter(pl.col("step") == number).iter_rows(named=True):
            kind, split, records = row["kind"], row["split"], row["records"]
            step.reasons[row["reason"]] = step.reasons.get(row["reason"], 0) + records
            _add(step.removed if row["removed"] else step.changed, kind, split, records)
            if row["removed"] or row["to_split"]:
                _add(alive, kind, split, -records)
            if row["to_split"]:
                _add(alive, kind, row["to_split"], records)
        if any(count < 0 for splits in alive.values() for count in splits.values()):
            raise ValueError(f"step {number + 1} decided of more records than there were")
        steps.append(step)
    return Waterfall(read, steps, _filled(alive))


def _add(counts: Counts, kind: str, split: str, records: int) -> None:
    splits = counts.setdefault(kind, {})
    splits[split] = splits.get(split, 0) + records


def _copy(counts: Mapping[str, Mapping[str, int]]) -> Counts:
    return _filled({kind: dict(splits) for kind, splits in counts.items()})


def _filled(counts: Counts) -> Counts:
    return {
        kind: {split: count for split, count in sorted(splits.items()) if count}
        for kind, splits in sorted(counts.items())
    }


def total(counts: Mapping[str, Mapping[str, int]]) -> int:
    """Records of all kinds and splits."""
    return sum(sum(splits.values()) for splits in counts.values())
