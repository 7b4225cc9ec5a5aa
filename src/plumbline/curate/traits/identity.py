"""Who a record is: its ids, where it stands, who judged, and what was said, as one word."""

from __future__ import annotations

import numpy as np
import polars as pl
import polars_hash
import pyarrow as pa

from plumbline.curate.conclusions import GREATER, LESSER, SAFE, TIE, UNSAFE
from plumbline.curate.conversations import combined
from plumbline.records import Kind, Outcome
from plumbline.records.conclusions import apart_of, conclusions_of
from plumbline.records.identity import canonical_conversations

IDENTITY_SCHEMA = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("family", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("item_id", pa.string()),
        pa.field("group_id", pa.string(), nullable=False),
        pa.field("axis", pa.string()),
        pa.field("subset", pa.string()),
        pa.field("split", pa.string()),
        pa.field("worker", pa.string()),
        pa.field("verdict", pa.string()),
        pa.field("in_order", pa.bool_()),
        pa.field("lesser_side", pa.uint64()),
        pa.field("greater_side", pa.uint64()),
        pa.field("said_of_sides", pa.string()),
        pa.field("categories", pa.list_(pa.string())),
        pa.field("conclusion", pa.string()),
        pa.field("apart", pa.string()),
        pa.field("parents", pa.list_(pa.string())),
    ]
)
"""One row a record.

position: where it stands in the run. item_id: of kinds without items the id. family: kind and axis, or kind and
taxonomy: only records of one family are measured against each other. verdict: of a comparison `lesser` or `greater`, the better side by the order of their texts,
whichever stood first, or `tie`; of a safety label `safe` or `unsafe`; null where nothing was judged. in_order: of a
comparison, whether the lesser side stands first. lesser_side, greater_side: of a comparison, hashes of its replies with
what was said before: the same reply in another comparison has the same. said_of_sides: of a comparison, the JSON of what
its judge said of either side by itself (is_safe, categories, severity), the lesser side's first; null where that is nothing.
categories: of a safety label or a prompt. conclusion: of a record that stood for several judgements as it was read, its votes and
parents, see `records.conclusions.conclusions_of`; null of a judgement. apart: what tells it from records of the same id, see
`records.conclusions.apart_of`. parents: the ids that the record was made of; null where there are none.
"""

SAID_OF_SIDES = ("is_safe", "categories", "severity")
"""Columns of comparisons in which a judge says something of either side by itself."""


def identity_of(kind: Kind, records: pa.Table) -> pa.Table:
    """The identity of n records, n rows of `IDENTITY_SCHEMA`."""
    count = len(records)
    names = set(records.schema.names)
    found: dict[str, pa.Array] = {}
    for field in IDENTITY_SCHEMA:
        plain = field.name in names and field.name != "categories"
        found[field.name] = records[field.name].cast(field.type) if plain else pa.nulls(count, field.type)
    if "item_id" not in names:
        found["item_id"] = found["id"]
    found["kind"] = pa.array([kind.value] * count, pa.string())
    found["family"] = _families(kind, records)
    if kind is Kind.COMPARISONS:
        found |= _sides(records)
    if kind is Kind.SAFETY_LABELS:
        words = pl.Series(records["is_safe"]).replace_strict({True: SAFE, False: UNSAFE}, return_dtype=pl.String)
        found["verdict"] = words.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string())
    if kind in (Kind.SAFETY_LABELS, Kind.PROMPTS):
        found["categories"] = records["categories"]
    found["conclusion"] = conclusions_of(kind, records)
    found["apart"] = apart_of(kind, records)
    if "parents" in names:
        parents = pl.Series(records["parents"])
        made = pl.select(pl.when(parents.list.len() > 0).then(parents))[:, 0]
        found["parents"] = made.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.list_(pa.string()))
    return pa.table([found[name] for name in IDENTITY_SCHEMA.names], schema=IDENTITY_SCHEMA)


def _families(kind: Kind, records: pa.Table) -> pa.Array:
    told = {Kind.COMPARISONS: "axis", Kind.SAFETY_LABELS: "taxonomy"}.get(kind)
    if told is None:
        return pa.array([kind.value] * len(records), pa.string())
    words = kind.value + "/" + pl.Series(records[told].cast(pa.string())).fill_null("")
    return words.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string())


def _sides(records: pa.Table) -> dict[str, pa.Array]:
    """What is told of a comparison's sides; polarity is taken from `outcome`, the better side, and from nothing else."""
    sides = canonical_conversations(combined(records, "continuations").flatten())
    in_order = (sides.gather_every(2) <= sides.gather_every(2, 1)).to_numpy()
    outcome = pl.Series(records["outcome"].cast(pa.string()))
    first, second = (outcome == Outcome.FIRST).fill_null(False), (outcome == Outcome.SECOND).fill_null(False)
    lesser = np.where(in_order, first.to_numpy(), second.to_numpy())
    greater = np.where(in_order, second.to_numpy(), first.to_numpy())
    tie = (outcome == Outcome.TIE).fill_null(False).to_numpy()
    words = np.select([lesser, greater, tie], [LESSER, GREATER, TIE], default="")
    hashes = _replies(canonical_conversations(combined(records, "context")), sides)
    return {
        "verdict": pa.array(words, pa.string(), mask=words == ""),
        "in_order": pa.array(in_order, pa.bool_()),
        "lesser_side": pa.array(np.where(in_order, hashes[::2], hashes[1::2]), pa.uint64()),
        "greater_side": pa.array(np.where(in_order, hashes[1::2], hashes[::2]), pa.uint64()),
        "said_of_sides": _said_of_sides(records, in_order),
    }


def _said_of_sides(records: pa.Table, in_order: np.ndarray) -> pa.Array:
    told = pl.DataFrame({name: pl.Series(records[name]) for name in SAID_OF_SIDES}).with_columns(
        pl.col("categories").list.eval(pl.element().list.sort())
    )
    turned = [
        pl.when(pl.lit(pl.Series(in_order))).then(name).otherwise(pl.col(name).list.reverse()).alias(name)
        for name in told.columns
    ]
    said = told.with_columns(turned).select(
        pl.when(pl.any_horizontal(pl.all().is_not_null()))
        .then(pl.struct(SAID_OF_SIDES).struct.json_encode())
        .alias("said")
    )
    return said["said"].to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string())


def _replies(contexts: pl.Series, sides: pl.Series) -> np.ndarray:
    """A hash of each side with its context; shape (2n,)."""
    before = contexts.gather(np.repeat(np.arange(len(contexts)), 2))
    frame = pl.DataFrame({"before": before, "side": sides}).select(
        polars_hash.col("before").nchash.xxh3_64().cast(pl.String).alias("before"), "side"
    )
    whole = frame.select(pl.concat_str("before", "side", separator=" ").alias("whole"))
    found: np.ndarray = whole.select(polars_hash.col("whole").nchash.xxh3_64())[:, 0].to_numpy()
    return found
