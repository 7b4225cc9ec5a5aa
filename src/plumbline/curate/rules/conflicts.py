"""Conflicts: one item judged both ways."""

from __future__ import annotations

from typing import Literal

import polars as pl

from plumbline.curate.conclusions import (
    GREATER,
    LESSER,
    SAFE,
    UNSAFE,
    are_apart,
    is_judged,
    one_word_each,
    refuse_overlap,
    with_votes,
)
from plumbline.curate.rules.rule import Meet, Rule, RuleSettings
from plumbline.curate.rules.verdicts import removal


class Conflicts(RuleSettings):
    """What becomes of a pair judged for one side here and the other there, a reply called both safe and unsafe.

    Attributes:
        action: `remove` all its judgements, ties among them; or `majority`: those of the minority go, and those of both where
            neither has more; ties stay.
    """

    action: Literal["remove", "majority"] = "remove"


_ITEM = ["family", "item_id"]
"""Safe by one set of categories and unsafe by another is no conflict."""
_WAYS = (LESSER, GREATER, SAFE, UNSAFE)
"""What can be contradicted: of two that are opposites only one kind of record says either."""


def judge(rows: pl.DataFrame, settings: Conflicts) -> pl.DataFrame:
    """Judgements of items that are judged both ways. A tie, or what is unknown, contradicts neither way and counts for none."""
    judged = with_votes(rows.filter(is_judged() & are_apart())).sort("position")
    decided = judged.filter(pl.col("verdict").is_in(_WAYS))
    both_ways = (
        decided.group_by(_ITEM, maintain_order=True).agg(pl.col("verdict").n_unique()).filter(pl.col("verdict") > 1)
    )
    if settings.action == "majority":
        refuse_overlap(judged.filter(pl.col("item_id").is_in(both_ways["item_id"].implode())), "rule conflicts")
    votes = one_word_each(judged).group_by(_ITEM).agg(pl.sum(*_WAYS))
    split = judged.drop(_WAYS).join(both_ways.select(_ITEM), _ITEM, maintain_order="left")
    found = (
        split.join(votes, _ITEM, "left", maintain_order="left")
        .join(_opposite(decided), [*_ITEM, "verdict"], "left", maintain_order="left")
        .join(_first(decided), _ITEM, "left", maintain_order="left")
    )
    if settings.action == "remove":
        is_decided = pl.col("verdict").is_in(_WAYS).fill_null(value=False)
        reason = pl.when(is_decided).then(pl.lit("the same item is judged otherwise elsewhere"))
        told = found.with_columns(pl.coalesce("against", "first"))
        return removal(told, reason.otherwise(pl.lit("others judge the same item both ways")), partner="against")
    own = pl.coalesce(pl.when(pl.col("verdict") == way).then(way) for way in _WAYS)
    counted = found.with_columns(own.alias("own"), (pl.sum_horizontal(_WAYS) - own).alias("others"))
    lost = counted.filter(pl.col("own") <= pl.col("others"))
    even = pl.when(pl.col("own") == pl.col("others")).then(pl.lit("as many judge it otherwise"))
    return removal(lost, even.otherwise(pl.lit("most judge it otherwise")), partner="against")


def _first(decided: pl.DataFrame) -> pl.DataFrame:
    """Columns family, item_id, first: the id of the item's first judgement for a side."""
    return decided.group_by(_ITEM, maintain_order=True).agg(pl.col("id").first().alias("first"))


def _opposite(decided: pl.DataFrame) -> pl.DataFrame:
    """Columns family, item_id, verdict, against: the id of the first judgement of the item that says otherwise."""
    firsts = decided.group_by(*_ITEM, "verdict", maintain_order=True).agg(pl.col("id", "position").first())
    both = firsts.join(firsts, _ITEM, suffix="_other").filter(pl.col("verdict") != pl.col("verdict_other"))
    first = both.sort("position_other").unique([*_ITEM, "verdict"], keep="first", maintain_order=True)
    return first.select(*_ITEM, "verdict", pl.col("id_other").alias("against"))


RULE = Rule(
    "conflicts",
    3,
    Conflicts,
    title=lambda settings: {
        "remove": "items that are judged both ways, with all their judgements",
        "majority": "judgements that most others of the same item contradict",
    }[settings.action],
    meeting=lambda _: Meet("item_id"),
    columns=(
        *("id", "parents", "family", "item_id", "worker", "verdict", "categories", "conclusion", "in_order"),
        *("lesser_side", "greater_side"),
    ),
    judge=judge,
)
