"""What judgements and conclusions say of an item, counted in votes; which records are conclusions, `records` says."""

from __future__ import annotations

import polars as pl

LESSER, GREATER, TIE, SAFE, UNSAFE = "lesser", "greater", "tie", "safe", "unsafe"
"""What is said of an item: of a pair which side is better, by the order of their texts; of a reply what it is."""

CONCLUSION = pl.Struct(
    {
        "votes": pl.List(pl.Int64),
        "category_votes": pl.List(pl.Struct({"category": pl.String, "votes": pl.Int64})),
        "category_judges": pl.Int64,
        "parents": pl.List(pl.String),
    }
)
"""What `records.conclusions.conclusions_of` writes, as JSON. votes: for the first side, the second, and ties; of a label for safe and unsafe.
category_judges: those who called it unsafe and said anything of categories. parents: in order of the alphabet."""


def is_judged() -> pl.Expr:
    """Whether a row says anything: of a conclusion that nothing is known, its votes still count."""
    return pl.col("verdict").is_not_null() | pl.col("conclusion").is_not_null()


def with_votes(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with how many judges said each thing of their item.

    Args:
        rows: columns verdict, conclusion (see `records.conclusions.conclusions_of`) and in_order.
    Returns:
        The rows with a column of counts for each of `LESSER`, `GREATER`, `TIE`, `SAFE` and `UNSAFE`: of a judgement one 1,
        of a conclusion its votes, turned as the sides are.
    """
    votes = pl.col("conclusion").str.json_decode(CONCLUSION).struct.field("votes")
    counted = rows.with_columns(votes.alias("_votes"), pl.col("in_order").fill_null(value=True).alias("_in_order"))
    is_pair, in_order = pl.col("_votes").list.len() == 3, pl.col("_in_order")
    first, second, last = (pl.col("_votes").list.get(place, null_on_oob=True) for place in range(3))
    of_conclusions = {
        LESSER: pl.when(is_pair).then(pl.when(in_order).then(first).otherwise(second)),
        GREATER: pl.when(is_pair).then(pl.when(in_order).then(second).otherwise(first)),
        TIE: last,
        SAFE: pl.when(~is_pair).then(first),
        UNSAFE: pl.when(~is_pair).then(second),
    }
    said = [
        pl.when(pl.col("conclusion").is_null())
        .then((pl.col("verdict") == word).cast(pl.Int64))
        .otherwise(votes_)
        .fill_null(0)
        .alias(word)
        for word, votes_ in of_conclusions.items()
    ]
    return counted.with_columns(said).drop("_votes", "_in_order")
