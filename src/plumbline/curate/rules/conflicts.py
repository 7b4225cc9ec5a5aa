"""Conflicts: one item judged both ways."""

from __future__ import annotations

from typing import Literal

import polars as pl

from plumbline.curate.rules.rule import Meet, Rule, RuleSettings
from plumbline.curate.rules.verdicts import removal


class Conflicts(RuleSettings):
    """What becomes of a pair judged for one side here and the other there, a reply called both safe and unsafe.

    Attributes:
        action: `remove` all its judgements; or `majority`: those of the minority go, and all where neither side has more.
    """

    action: Literal["remove", "majority"] = "remove"


_ITEM = ["family", "item_id"]
"""Safe by one set of categories and unsafe by another is no conflict."""


def judge(rows: pl.DataFrame, settings: Conflicts) -> pl.DataFrame:
    """Judgements of items with more than one verdict. A tie contradicts neither side, and counts for none."""
    decided = rows.filter(pl.col("verdict").is_not_null() & (pl.col("verdict") != "tie")).sort("position")
    counts = decided.group_by(*_ITEM, "verdict", maintain_order=True).agg(pl.len().alias("judgements"))
    of_items = counts.group_by(_ITEM, maintain_order=True).agg(
        pl.len().alias("verdicts"),
        pl.col("judgements").max().alias("most"),
        (pl.col("judgements") == pl.col("judgements").max()).sum().alias("leading"),
    )
    split = of_items.filter(pl.col("verdicts") > 1)
    rows_of_split = decided.join(split, _ITEM, maintain_order="left").join(
        counts, [*_ITEM, "verdict"], maintain_order="left"
    )
    found = rows_of_split.join(_opposite(decided), [*_ITEM, "verdict"], "left", maintain_order="left")
    if settings.action == "remove":
        return removal(found, "the same item is judged otherwise elsewhere", partner="against")
    lost = found.filter((pl.col("judgements") < pl.col("most")) | (pl.col("leading") > 1))
    reason = (
        pl.when(pl.col("leading") > 1)
        .then(pl.lit("as many judge it otherwise"))
        .otherwise(pl.lit("most judge it otherwise"))
    )
    return removal(lost, reason, partner="against")


def _opposite(decided: pl.DataFrame) -> pl.DataFrame:
    """Columns family, item_id, verdict, against: the id of the first judgement of the item that says otherwise."""
    firsts = decided.group_by(*_ITEM, "verdict", maintain_order=True).agg(pl.col("id", "position").first())
    both = firsts.join(firsts, _ITEM, suffix="_other").filter(pl.col("verdict") != pl.col("verdict_other"))
    first = both.sort("position_other").unique([*_ITEM, "verdict"], keep="first", maintain_order=True)
    return first.select(*_ITEM, "verdict", pl.col("id_other").alias("against"))


RULE = Rule(
    "conflicts",
    1,
    Conflicts,
    title=lambda settings: {
        "remove": "items that are judged both ways, with all their judgements",
        "majority": "judgements that most others of the same item contradict",
    }[settings.action],
    meeting=lambda _: Meet("item_id"),
    columns=("id", "family", "item_id", "verdict"),
    judge=judge,
)
