"""What judgements and conclusions say of an item, counted in votes; which records are conclusions, `records` says."""

from __future__ import annotations

import polars as pl

from plumbline.records import NoDataError

LESSER, GREATER, TIE, SAFE, UNSAFE = "lesser", "greater", "tie", "safe", "unsafe"
"""What is said of an item: of a pair which side is better, by the order of their texts; of a reply what it is."""

CONCLUSION = pl.Struct(
    {
        "votes": pl.List(pl.Int64),
        "category_votes": pl.List(pl.Struct({"category": pl.String, "votes": pl.Int64})),
        "category_judges": pl.Int64,
        "sides_agree": pl.Boolean,
        "parents": pl.List(pl.String),
    }
)
"""What `records.conclusions.conclusions_of` writes, as JSON; what each field is, stands there."""


def is_judged() -> pl.Expr:
    """Whether a row says anything: of a conclusion that nothing is known, its votes still count."""
    return pl.col("verdict").is_not_null() | pl.col("conclusion").is_not_null()


def are_apart() -> pl.Expr:
    """Whether a row's two sides differ: masked, two replies may have become the same, and then nothing says which was the better."""
    return (pl.col("lesser_side") != pl.col("greater_side")).fill_null(value=True)


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


def one_word_each(rows: pl.DataFrame) -> pl.DataFrame:
    """Judgements as votes: what a worker says of an item more than once is said once, whichever way round it was shown.

    Who says both of two things has said both, once each. Where no worker is named every judgement is somebody's.

    Args:
        rows: columns family, item_id, worker, verdict, conclusion and categories.
    Returns:
        The rows but for repetitions; the categories of what was repeated are all that were named any of those times.
    """
    said, numbered = ["family", "item_id", "worker", "verdict"], rows.with_row_index("_at")
    named = numbered.filter(pl.col("worker").is_not_null() & pl.col("conclusion").is_null())
    repeated = named.filter(pl.struct(said).is_duplicated())
    categories = (
        repeated.filter(pl.col("categories").is_not_null())
        .group_by(said)
        .agg(pl.col("categories").explode().drop_nulls().unique().sort())
    )
    first = repeated.unique(said, keep="first", maintain_order=True).drop("categories")
    once = first.join(categories, said, "left").select(numbered.columns)
    others = numbered.filter(~pl.col("_at").is_in(repeated["_at"].implode()))
    return pl.concat([others, once]).sort("_at").drop("_at")


def refuse_overlap(rows: pl.DataFrame, place: str) -> None:
    """Refuse votes that may stand for the same judgement twice: in two conclusions, or in one and by itself.

    Args:
        rows: columns item_id, id, parents and conclusion; all that is known of their items.
        place: which rule, for the error.
    Raises:
        NoDataError: a judgement that a conclusion was made of is met elsewhere among the judgements of its item. Where no
            worker is named another's judgement may have the same id; nobody can tell, so this is refused, too.
    """
    if not rows["conclusion"].count():
        return
    numbered = rows.select("item_id", "id", "parents", "conclusion").with_row_index("record")
    is_conclusion = pl.col("conclusion").is_not_null()
    named = numbered.explode("parents").select("record", "item_id", is_conclusion.alias("made"), judgement="parents")
    own = numbered.filter(~is_conclusion).select("record", "item_id", pl.lit(value=False).alias("made"), judgement="id")
    known = pl.concat([named.drop_nulls("judgement").unique(), own])
    made, met = (known.filter(pl.col("made") == wanted).drop("made") for wanted in (True, False))
    twice = made.filter(pl.struct("item_id", "judgement").is_duplicated())
    twice = pl.concat([twice, made.join(met, ["item_id", "judgement"], "semi")])
    if items := twice["item_id"].n_unique():
        raise NoDataError(
            "PL-CUR-007",
            place,
            "some judgements would count twice: in the votes of a record, and in another record or by themselves",
            expected="each judgement in one record of its item",
            found=f"{items:,} items whose records share judgements, or what cannot be told from that since nobody is named",
            advice="curate the judgements that those records were made of, all together; their parents name them",
        )
