"""The functions that stages of a curation are made of: pure, on Arrow tables, importable by name on any machine.

A record's fate is what rules have decided of it so far. Fates are kept apart from the records, one narrow row a decision,
so that texts are written once at the end.
"""

from __future__ import annotations

import polars as pl
import polars_hash
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import JsonValue

from plumbline.curate.clusters import cluster_table, repeated_rows
from plumbline.curate.minhash import band_table, choose_banding
from plumbline.curate.rules import RULES
from plumbline.curate.rules.rule import giving_way
from plumbline.curate.rules.verdicts import VERDICT_SCHEMA, verdict_table

FATE_SCHEMA = pa.schema([pa.field("step", pa.int16(), nullable=False), *VERDICT_SCHEMA])
"""A verdict and the step of the recipe that gave it, from 0."""


def no_fates(identity: pa.Table) -> pa.Table:  # noqa: ARG001  # one empty part for each part of the records
    """A stage: nothing is decided yet."""
    return FATE_SCHEMA.empty_table()


def alive_rows(identity: pa.Table, fates: pa.Table, *traits: pa.Table, columns: list[str]) -> pa.Table:
    """A stage: the rows that no rule has removed, as they are now.

    Args:
        identity: n rows of `traits.identity`.
        fates: what was decided of them.
        traits: n rows each.
        columns: those wanted, beside the position.
    Returns:
        position and the columns, in order of the records.
    """
    found: dict[str, pa.ChunkedArray] = {}
    for table in (*traits, identity):
        found.update({name: table[name] for name in table.schema.names})
    changing = [name for name in _DECIDED if name in columns]
    rows = pa.table({name: found[name] for name in dict.fromkeys(("position", *columns))})
    if not len(fates):
        return rows
    decided = pl.DataFrame(pl.from_arrow(fates))
    gone = decided.filter("removed")["position"].unique()
    for name in changing:
        rows = _changed(rows, name, decided)
    stays = ~pl.Series(rows["position"]).is_in(gone.to_list())
    return rows.filter(stays.to_arrow())


_CONCLUDED = pl.col("label").is_not_null()
_DECIDED = {
    "split": (pl.col("split").is_not_null(), pl.col("split")),
    "verdict": (_CONCLUDED, pl.col("verdict")),
    "worker": (_CONCLUDED, pl.lit(None, pl.String)),
}
"""Columns that rules decide over: which of their decisions do, and what the column is then. What several judgements came
to may be that nothing is known, and it is nobody's judgement."""


def _changed(rows: pa.Table, name: str, fates: pl.DataFrame) -> pa.Table:
    """The rows with the last value that was decided for a column."""
    concerned, value = _DECIDED[name]
    decided = fates.filter(concerned)
    if not len(decided):
        return rows
    last = decided.sort("step").unique("position", keep="last")
    last = last.select("position", value.alias("now"), pl.lit(value=True).alias("decided"))
    both = pl.DataFrame({"position": pl.Series(rows["position"]), "was": pl.Series(rows[name])})
    told = both.join(last, "position", "left", maintain_order="left")
    now = told.select(pl.when("decided").then("now").otherwise("was"))[:, 0]
    array = now.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(rows.schema.field(name).type)
    return rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), array)


def splits_left(identity: pa.Table, fates: pa.Table) -> pa.Table:
    """A stage: the splits in which rows of a part are left, each once; null where some have none."""
    rows = alive_rows(identity, fates, columns=["split"])
    return pl.DataFrame(pl.from_arrow(rows)).select(pl.col("split").unique().sort()).to_arrow()


def noted(rows: pa.Table, *, rule: str) -> pa.Table:
    """A stage: what a rule notes of rows that meet, before it decides."""
    note = RULES[rule].note
    if note is None:
        raise ValueError(f"rule {rule} notes nothing")
    return note(pl.DataFrame(pl.from_arrow(rows))).to_arrow()


def judged(rows: pa.Table, *, rule: str, version: int, settings: dict[str, JsonValue]) -> pa.Table:
    """A stage: what a rule decides of rows that meet.

    Args:
        rows: with the rule's columns.
        rule: its name.
        version: of the rule, so that what an earlier one decided is not taken over.
        settings: as its model takes them.
    Returns:
        rows of `VERDICT_SCHEMA`, by position.
    Raises:
        ValueError: another version of the rule is installed here.
    """
    known = RULES[rule]
    if known.version != version:
        raise ValueError(f"rule {rule}: expected version {version}, found {known.version}")
    verdicts = known.judge(pl.DataFrame(pl.from_arrow(rows)), known.settings.model_validate(settings))
    return verdict_table(verdicts.sort("position"))


def judged_alive(
    identity: pa.Table,
    fates: pa.Table,
    *traits: pa.Table,
    columns: list[str],
    rule: str,
    version: int,
    settings: dict[str, JsonValue],
) -> pa.Table:
    """A stage: what a rule that looks at each row by itself decides of those that are still there."""
    rows = alive_rows(identity, fates, *traits, columns=columns)
    return judged(rows, rule=rule, version=version, settings=settings)


def fates_with(fates: pa.Table, verdicts: pa.Table, *, step: int) -> pa.Table:
    """A stage: the fates of a part, and what one more step decided of its rows."""
    numbered = verdicts.add_column(0, FATE_SCHEMA.field("step"), pa.array([step] * len(verdicts), pa.int16()))
    return pa.concat_tables([fates, numbered.cast(FATE_SCHEMA)])


# --- near-duplicates: what stands before and after the steps of `clusters` and `verification` ---


def bands_of(rows: pa.Table, *, within: str | None, threshold: float) -> pa.Table:
    """A stage: the bands of rows with shingles.

    Args:
        rows: columns position, shingles and that of `within`.
        within: only rows with one value of this column meet, those with none meet nobody; None: all meet.
        threshold: for which bands are chosen.
    """
    banding = choose_banding(threshold)
    if within is None:
        return band_table(rows, banding)
    told = rows.filter(pc.is_valid(rows[within]))
    return band_table(told, banding, pl.Series(told[within]))


def keys_of(rows: pa.Table, *, key: str) -> pa.Table:
    """A stage: position and a hash of the key of every row."""
    frame = pl.DataFrame(pl.from_arrow(rows))
    return frame.select("position", polars_hash.col(key).nchash.xxh3_64().alias("key")).to_arrow()


def clusters_of(keys: pa.Table, pairs: pa.Table) -> pa.Table:
    """A stage on all pairs: what hangs together.

    Args:
        keys: rows of `keys_of`; rows of one key hang together, whichever of them were compared.
        pairs: as `verification.verified_pairs` gives them.
    """
    found = pl.DataFrame(pl.from_arrow(pairs)).select("a", "b")
    places = pl.DataFrame(pl.from_arrow(keys)).with_columns(pl.col("position").min().over("key").alias("a"))
    compared = pl.concat([found["a"], found["b"]]).unique()
    # Two steps: within `over` the whole list would be gone through once for each key.
    flagged = places.with_columns(pl.col("position").is_in(compared.implode()).alias("compared"))
    touched = flagged.filter(pl.col("compared").any().over("key"))
    of_keys = touched.filter(pl.col("a") != pl.col("position")).select("a", pl.col("position").alias("b"))
    return cluster_table(pl.concat([found, of_keys]).to_arrow())


def cluster_sizes(places: pa.Table, pairs: pa.Table) -> pa.Table:
    """A stage on all pairs: how many clusters there are of each size; judgements of one item alone are no cluster."""
    items = pl.DataFrame(pl.from_arrow(places)).select("position", "item")
    clusters = pl.DataFrame(pl.from_arrow(cluster_table(pairs))).join(items, "position")
    sizes = clusters.group_by("cluster").agg(
        pl.len().cast(pl.Int64).alias("size"), pl.col("item").n_unique().alias("items")
    )
    return (
        sizes.filter(pl.col("items") > 1)
        .group_by("size")
        .agg(pl.len().cast(pl.Int64).alias("clusters"))
        .sort("size")
        .to_arrow()
    )


def repeats_of(places: pa.Table, pairs: pa.Table) -> pa.Table:
    """A stage on all pairs: the rows that repeat one that stays.

    The judgements of an item go or stay together: none is lost for the sake of the others.

    Args:
        places: rows of `places_of`, every row that is still there.
        pairs: as `verification.verified_pairs` gives them.
    Returns:
        position, partner (id of the row that stays), similarity; by position.
    """
    # Numbered so that what stays stands before what gives way, wherever it stands in the sources.
    ranked = pl.DataFrame(pl.from_arrow(places)).sort("gives_way", "position").with_row_index("rank")
    ranked = ranked.with_columns(pl.col("rank").cast(pl.Int64)).with_columns(
        pl.col("rank").min().over("item").alias("first")
    )
    by_position = ranked.select("position", "first")
    found = pl.DataFrame(pl.from_arrow(pairs))
    sides = found.join(by_position, left_on="a", right_on="position").join(
        by_position, left_on="b", right_on="position", suffix="_b"
    )
    of_items = sides.filter(pl.col("first") != pl.col("first_b")).select(
        pl.min_horizontal("first", "first_b").alias("a"), pl.max_horizontal("first", "first_b").alias("b"), "similarity"
    )
    alike = of_items.group_by("a", "b").agg(pl.col("similarity").max()).sort("a", "b")
    repeated = pl.DataFrame(pl.from_arrow(repeated_rows(alike.to_arrow()))).rename({"position": "first"})
    kept = ranked.select(pl.col("rank").alias("partner"), pl.col("id").alias("kept"))
    gone = ranked.join(repeated, "first").join(kept, "partner").sort("position")
    return gone.select("position", pl.col("kept").alias("partner"), "similarity").to_arrow()


def with_clusters(rows: pa.Table, clusters: pa.Table, *, key: str) -> pa.Table:
    """A stage: rows with a column `cluster`, what they hang together with; of a row like no other its own key."""
    frame = pl.DataFrame(pl.from_arrow(rows))
    found = pl.DataFrame(pl.from_arrow(clusters)).select(
        "position", pl.format("cluster {}", "cluster").alias("cluster")
    )
    told = frame.join(found, "position", "left", maintain_order="left")
    return told.with_columns(pl.coalesce("cluster", key).alias("cluster")).to_arrow()


def with_repeats(rows: pa.Table, repeats: pa.Table) -> pa.Table:
    """A stage: the rows that repeat one that stays, with `partner` and `similarity`."""
    frame, found = pl.DataFrame(pl.from_arrow(rows)), pl.DataFrame(pl.from_arrow(repeats))
    return frame.join(found, "position", maintain_order="left").to_arrow()


def places_of(rows: pa.Table, *, within: str, of_items: bool) -> pa.Table:
    """A stage: position, id, whether the row gives way, and a hash of what it is one with.

    Args:
        rows: columns position, id, split, item_id and that of `within`.
        within: only rows with one value of this column are compared.
        of_items: rows of one item are one, within that value; else each row is one by itself.
    """
    own = "item_id" if of_items else "position"
    frame = pl.DataFrame(pl.from_arrow(rows)).with_columns(
        giving_way().alias("gives_way"), pl.concat_str(own, within, separator=" ").alias("item")
    )
    return frame.select("position", "id", "gives_way", polars_hash.col("item").nchash.xxh3_64()).to_arrow()
