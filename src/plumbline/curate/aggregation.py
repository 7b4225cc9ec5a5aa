"""Several judgements of an item → one: by majority, by Dawid–Skene, or by Bradley–Terry with workers of differing ability.

What the judges said is kept beside what is concluded: votes, a soft label, how far they disagree. An item judged once
stays as it was judged, whatever a fit says of its worker: nobody's judgement is turned round for want of a second. A pair
that at least half of its judges call a tie is a tie, by every method: a fit knows no ties, and would make winners of them.
Nor does a fit turn round what all who decided on a side said: it weighs people where they differ.
What stands for several judgements already counts with its votes, or stays as it is where nobody else judged the item. What
a worker says of an item again is no second vote.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

from plumbline.curate.conclusions import (
    CONCLUSION,
    GREATER,
    LESSER,
    SAFE,
    TIE,
    UNSAFE,
    are_apart,
    is_judged,
    one_word_each,
    refuse_overlap,
    with_votes,
)
from plumbline.measure.dawid_skene import DawidSkeneSettings, fit_dawid_skene
from plumbline.measure.soft_labels import vote_disagreement
from plumbline.measure.worker_bradley_terry import fit_worker_bradley_terry
from plumbline.records import Kind, NoDataError

Method = Literal["majority", "dawid-skene", "bradley-terry"]
Ties = Literal["unsafe", "unknown"]
Fitted = tuple[pl.Series, str]
"""The column soft, and what it is noted to be made by: the model that ran, which is not always the method asked for."""

OUTVOTED, EVEN = "against their majority", "which were as many each way"
"""How a conclusion differs from that of the majority: other than what most said, or settled where nothing was said most."""

_CLASSES = {Kind.COMPARISONS: (LESSER, GREATER, TIE), Kind.SAFETY_LABELS: (SAFE, UNSAFE)}


def aggregated(judgements: pl.DataFrame, method: Method, ties: Ties) -> pl.DataFrame:
    """One row for each item with several judgements of one kind.

    Args:
        judgements: columns item_id, kind and family (one value each), id, parents, worker, verdict, categories,
            conclusion, in_order, said_of_sides, lesser_side and greater_side; every judgement of an item is among them. The
            first of an item is of the record that will stand for all: its sides say which votes are for the first.
        method: how what is said becomes one label.
        ties: what a reply is called that as many call safe as unsafe.
    Returns:
        Columns item_id, verdict (null: unknown), against (what the majority of the judges would have said otherwise: one of
        `OUTVOTED` and `EVEN`, or null where they would have said the same) and label, the JSON that `writing` makes
        the record of.
    Raises:
        NoDataError: the method needs to know who judged, and some judgements do not say, or were made one already.
    """
    judged = with_votes(judgements.filter(is_judged() & are_apart())).sort("item_id", maintain_order=True)
    several = judged.filter(pl.col("item_id").is_duplicated())
    if not len(several):
        return pl.DataFrame(schema=dict.fromkeys(("item_id", "verdict", "against", "label"), pl.String))
    refuse_overlap(several, "rule aggregate")
    kind = Kind(several["kind"][0])
    judged, once = one_word_each(judged), one_word_each(several)
    counted = _votes(several, once, kind)
    concluded = {"majority": _by_majority, "dawid-skene": _by_dawid_skene, "bradley-terry": _by_bradley_terry}
    if method != "majority":
        _require_judgements(several, method)
        judged = judged.filter(pl.col("conclusion").is_null())
        _require_workers(judged, method)
    # A fit learns of workers from items judged once, too; what it says of those items is left.
    soft, model = concluded[method](judged, counted, kind)
    with_soft = counted.with_columns(soft, pl.lit(model).alias("method")).with_columns(_with_the_unanimous(kind))
    return _pair_labels(with_soft) if kind is Kind.COMPARISONS else _safety_labels(once, with_soft, ties)


def _votes(several: pl.DataFrame, once: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """Columns item_id, one count a class, judgements, parents, in_order of the first judgement, sides_agree, disagreement.

    In order of item_id. The counts are of `once`, in which nobody says the same twice; judgements of all, repetitions too.
    parents: the records that become one, and those that they were made of, but for the parents of the first, which it keeps.
    sides_agree: whether all who said something of either side by itself said the same.
    """
    disagreed = ~pl.col("conclusion").str.json_decode(CONCLUSION).struct.field("sides_agree").fill_null(value=True)
    counted = several.group_by("item_id", maintain_order=True).agg(
        pl.sum_horizontal(_CLASSES[kind]).sum().alias("judgements"),
        pl.col("id").alias("parents"),
        pl.col("in_order").first(),
        ((pl.col("said_of_sides").drop_nulls().n_unique() <= 1) & ~disagreed.any()).alias("sides_agree"),
        pl.col("said_of_sides").drop_nulls().first().alias("said"),
    )
    votes_once = once.group_by("item_id").agg(pl.col(word).sum() for word in _CLASSES[kind])
    counted = counted.join(votes_once, "item_id", "left", maintain_order="left")
    counted = counted.join(_made_of(several), "item_id", "left", maintain_order="left").with_columns(
        pl.when(pl.col("made_of").is_null())
        .then("parents")
        .otherwise(pl.concat_list("parents", "made_of"))
        .alias("parents"),
    )
    votes = counted.select(_CLASSES[kind]).to_numpy()
    return counted.with_columns(pl.Series("disagreement", vote_disagreement(votes)))


def _made_of(several: pl.DataFrame) -> pl.DataFrame:
    """Columns item_id, made_of: the parents of records that are not the first of their item; of items that have such."""
    later = several.filter(~pl.col("item_id").is_first_distinct() & pl.col("parents").is_not_null())
    made = later.select("item_id", pl.col("parents").alias("made_of")).explode("made_of").drop_nulls("made_of")
    return made.group_by("item_id", maintain_order=True).agg("made_of")


def _by_majority(judged: pl.DataFrame, counted: pl.DataFrame, kind: Kind) -> Fitted:  # noqa: ARG001  # as the others'
    """The share of votes for the second of two classes; a tie is half a vote for each."""
    votes = counted.select(_CLASSES[kind]).to_numpy().astype(np.float64)
    half = votes[:, 2] / 2 if votes.shape[1] == 3 else np.zeros(len(votes))
    return pl.Series("soft", (votes[:, 1] + half) / votes.sum(axis=1)), "majority"


def _by_dawid_skene(judged: pl.DataFrame, counted: pl.DataFrame, kind: Kind) -> Fitted:
    """The chance of the second class, given who said what; a tie is half a judgement of each."""
    doubled = pl.concat(
        [
            judged.filter(pl.col("verdict") != TIE).with_columns(pl.lit(1.0).alias("weight")),
            *(
                judged.filter(pl.col("verdict") == TIE).with_columns(
                    pl.lit(word).alias("verdict"), pl.lit(0.5).alias("weight")
                )
                for word in _CLASSES[kind][:2]
            ),
        ]
    )
    items, workers = _codes(judged["item_id"]), _codes(judged["worker"])
    pairs = kind is Kind.COMPARISONS
    fit = fit_dawid_skene(
        doubled["item_id"].replace_strict(items, return_dtype=pl.Int64).to_numpy(),
        doubled["worker"].replace_strict(workers, return_dtype=pl.Int64).to_numpy(),
        (doubled["verdict"] == _CLASSES[kind][1]).cast(pl.Int64).to_numpy(),
        class_count=2,
        item_count=len(items),
        worker_count=len(workers),
        weights=doubled["weight"].to_numpy(),
        # Which side's text comes first in the alphabet means nothing: no worker errs more on one of them.
        settings=DawidSkeneSettings(one_coin=pairs, even_classes=pairs),
    )
    places = counted["item_id"].replace_strict(items, return_dtype=pl.Int64).to_numpy()
    return pl.Series("soft", fit.posteriors[places, 1]), "one-coin" if pairs else "dawid-skene"


def _by_bradley_terry(judged: pl.DataFrame, counted: pl.DataFrame, kind: Kind) -> Fitted:
    """The chance that the greater side is the better one, from scores of replies and abilities of workers."""
    if kind is not Kind.COMPARISONS:
        return _by_dawid_skene(judged, counted, kind)  # a label compares nothing
    sides = _codes(pl.concat([judged["lesser_side"], judged["greater_side"]]))
    workers = _codes(judged["worker"])
    points = judged["verdict"].replace_strict({GREATER: 1.0, LESSER: 0.0, TIE: 0.5}, return_dtype=pl.Float64)
    fit = fit_worker_bradley_terry(
        judged["greater_side"].replace_strict(sides, return_dtype=pl.Int64).to_numpy(),
        judged["lesser_side"].replace_strict(sides, return_dtype=pl.Int64).to_numpy(),
        judged["worker"].replace_strict(workers, return_dtype=pl.Int64).to_numpy(),
        points.to_numpy(),
        item_count=len(sides),
        worker_count=len(workers),
    )
    chances = judged.select("item_id", pl.Series("soft", fit.first_better)).unique("item_id", keep="first")
    of_items = counted.select("item_id").join(chances, "item_id", "left", maintain_order="left")
    return of_items["soft"].fill_null(0.5), fit.model


def _with_the_unanimous(kind: Kind) -> pl.Expr:
    """The soft label; where it is against all who decided on a side, or even, the share of their votes instead."""
    low, high, *tie = _CLASSES[kind]
    shares = (pl.col(high) + sum(pl.col(name) for name in tie) / 2) / pl.sum_horizontal(_CLASSES[kind])
    all_high, all_low = pl.col(low) == 0, pl.col(high) == 0
    against = (all_high & ~all_low & (pl.col("soft") <= 0.5)) | (all_low & ~all_high & (pl.col("soft") >= 0.5))
    return pl.when(against).then(shares).otherwise("soft").alias("soft")


def _codes(values: pl.Series) -> dict[object, int]:
    return {value: code for code, value in enumerate(values.unique().sort())}


def _require_workers(judged: pl.DataFrame, method: Method) -> None:
    missing = judged["worker"].null_count()
    if missing:
        raise NoDataError(
            "PL-CUR-001",
            f"rule aggregate, method {method}",
            "some judgements do not say who judged",
            expected="a worker for each judgement",
            found=f"none for {missing:,} of {len(judged):,}",
            advice='method = "majority", which does not ask who judged',
        )


def _require_judgements(several: pl.DataFrame, method: Method) -> None:
    made = several["conclusion"].count()
    if made:
        raise NoDataError(
            "PL-CUR-005",
            f"rule aggregate, method {method}",
            "some records stand for several judgements already, and do not say who judged which way",
            expected="single judgements of each item, with their workers",
            found=f"{made:,} records with votes beside other judgements of their items",
            advice='method = "majority", which counts the votes; or curate the judgements that they were made of',
        )


def _side_of(soft: pl.Expr, low: str, even: str | None, high: str) -> pl.Expr:
    near_half = (soft - 0.5).abs() < 1e-9
    return pl.when(near_half).then(pl.lit(even)).when(soft > 0.5).then(pl.lit(high)).otherwise(pl.lit(low))


def _pair_labels(counted: pl.DataFrame) -> pl.DataFrame:
    """Votes and soft label turned to the sides as the first judgement's record has them."""
    greater = pl.col("soft")
    most = pl.max_horizontal(LESSER, GREATER)
    tied = (pl.col(TIE) >= most) | (pl.col(LESSER) == pl.col(GREATER))
    of_most = pl.when(pl.col(GREATER) > pl.col(LESSER)).then(pl.lit(GREATER)).otherwise(pl.lit(LESSER))
    by_majority = pl.when(tied).then(pl.lit(TIE)).otherwise(of_most)
    half_tie = pl.col(TIE) * 2 >= pl.sum_horizontal(LESSER, GREATER, TIE)
    fitted = pl.when(half_tie).then(pl.lit(TIE)).otherwise(_side_of(greater, LESSER, TIE, GREATER))
    verdict = pl.when(pl.col("method") == "majority").then(by_majority).otherwise(fitted)
    first = pl.when("in_order").then(pl.lit(LESSER)).otherwise(pl.lit(GREATER))
    by_order = pl.when("in_order")
    told = counted.with_columns(verdict.alias("verdict"), by_majority.alias("by_majority")).with_columns(
        outcome=pl.when(pl.col("verdict") == TIE)
        .then(pl.lit("tie"))
        .when(pl.col("verdict") == first)
        .then(pl.lit("first"))
        .otherwise(pl.lit("second")),
        votes=pl.concat_list(
            by_order.then(pl.col(LESSER)).otherwise(pl.col(GREATER)),
            by_order.then(pl.col(GREATER)).otherwise(pl.col(LESSER)),
            pl.col(TIE),
        ),
        soft_label=by_order.then(1 - greater).otherwise(greater),
    )
    label = pl.struct(
        "outcome",
        "votes",
        "soft_label",
        "disagreement",
        "method",
        "judgements",
        "parents",
        "sides_agree",
        "said",
        "in_order",
    ).struct.json_encode()
    return told.select("item_id", "verdict", _against(_CLASSES[Kind.COMPARISONS]), label.alias("label"))


def _against(classes: tuple[str, ...]) -> pl.Expr:
    """How the verdict differs from that of the majority; null where it does not."""
    votes = pl.concat_list(classes)
    even = (votes.list.eval(pl.element() == pl.element().max()).list.sum()) > 1
    how = pl.when(even).then(pl.lit(EVEN)).otherwise(pl.lit(OUTVOTED))
    return pl.when(pl.col("verdict").ne_missing(pl.col("by_majority"))).then(how).alias("against")


def _safety_labels(several: pl.DataFrame, counted: pl.DataFrame, ties: Ties) -> pl.DataFrame:
    """Safe or unsafe, and of the categories those that at least half of the judges who called it unsafe named."""
    even = UNSAFE if ties == "unsafe" else None
    verdict = _side_of(pl.col("soft"), SAFE, even, UNSAFE)
    by_majority = _side_of(pl.col(UNSAFE) / (pl.col(SAFE) + pl.col(UNSAFE)), SAFE, even, UNSAFE)
    told = counted.with_columns(verdict.alias("verdict"), by_majority.alias("by_majority"))
    told = told.join(_categories(several), "item_id", "left", maintain_order="left").with_columns(
        is_safe=pl.col("verdict").replace_strict({SAFE: True, UNSAFE: False}, return_dtype=pl.Boolean),
        votes=pl.concat_list(SAFE, UNSAFE),
        soft_label=pl.col("soft"),
        categories=pl.when(pl.col("verdict") == UNSAFE)
        .then(pl.col("categories"))
        .when((pl.col("verdict") == SAFE) & pl.col("told"))
        .then(pl.lit([], pl.List(pl.String))),
    )
    noted = ("votes", "category_votes", "category_judges", "soft_label", "disagreement", "method")
    label = pl.struct("is_safe", "categories", *noted, "judgements", "parents").struct.json_encode()
    return told.select("item_id", "verdict", _against(_CLASSES[Kind.SAFETY_LABELS]), label.alias("label"))


def _categories(several: pl.DataFrame) -> pl.DataFrame:
    """What is said of categories, of items of which anything is: that some apply, or that none does.

    Columns item_id, told (true), categories, category_votes, category_judges. A category counts where at least half of those
    named it who called the item unsafe and said anything of categories (category_judges), else the most frequent ones; null
    where there are none of those.
    """
    noted = pl.col("conclusion").str.json_decode(CONCLUSION).struct.unnest()
    made = several.filter(pl.col("conclusion").is_not_null()).select("item_id", "categories", noted)
    said = several.filter(pl.col("conclusion").is_null() & pl.col("categories").is_not_null())
    unsafe = said.filter(pl.col("verdict") == UNSAFE).select(
        "item_id", "categories", category_judges=pl.lit(1, pl.Int64)
    )
    judges = pl.concat([each.select("item_id", "category_judges") for each in (unsafe, made)])
    of_items = judges.group_by("item_id").agg(pl.col("category_judges").sum()).filter(pl.col("category_judges") > 0)
    votes = _category_votes(unsafe, made).join(of_items, "item_id")
    enough = pl.col("votes") * 2 >= pl.col("category_judges")
    most = pl.col("votes") == pl.col("votes").max().over("item_id")
    kept = votes.filter(enough | (most & ~enough.any().over("item_id")))
    lists = kept.group_by("item_id").agg(pl.col("category").sort().alias("categories"))
    counts = votes.group_by("item_id", maintain_order=True).agg(pl.struct("category", "votes").alias("category_votes"))
    told = [
        said.select("item_id"),
        made.filter(pl.col("categories").is_not_null()).select("item_id"),
        of_items.select("item_id"),
    ]
    items = pl.concat(told).unique().with_columns(told=pl.lit(value=True))
    joined = items.join(of_items, "item_id", "left").join(lists, "item_id", "left").join(counts, "item_id", "left")
    none = pl.when(pl.col("category_judges").is_not_null()).then(pl.lit([], pl.List(pl.String)))
    return joined.with_columns(pl.coalesce("categories", none), pl.col("category_judges").fill_null(0))


def _category_votes(unsafe: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """Columns item_id, category, votes, in this order: of judgements one for each category named, of conclusions theirs."""
    named = unsafe.select("item_id", pl.col("categories").alias("category"), votes=pl.lit(1, pl.Int64)).explode(
        "category"
    )
    noted = made.select("item_id", "category_votes").explode("category_votes")
    concluded = noted.select("item_id", pl.col("category_votes").struct.unnest())
    both = pl.concat([named, concluded]).drop_nulls("category")
    return both.group_by("item_id", "category").agg(pl.col("votes").sum()).sort("item_id", "category")
