"""Aggregation: several judgements of an item become one record that names them as its parents."""

from __future__ import annotations

from typing import Literal

import polars as pl

from plumbline.curate.aggregation import aggregated
from plumbline.curate.conclusions import are_apart, is_judged
from plumbline.curate.rules.rule import AllTogether, Meet, Meeting, Rule, RuleSettings, giving_way
from plumbline.curate.rules.verdicts import change, no_verdicts, removal

MERGING = "aggregate"
"""The name of the rule: what it removes is merged into what stays."""
STANDS_FOR = "stands for several judgements"
"""How the reason begins why a record was changed that others were merged into."""


class Aggregate(RuleSettings):
    """How several judgements become one.

    Attributes:
        method: `majority` (a pair is a tie where no side has more votes than the other and than the ties); `dawid-skene`,
            which weighs workers by how they err; `bradley-terry`, which also scores the replies that were compared, and treats
            safety labels as dawid-skene does. By every method a pair that at least half of its judges call a tie is a tie, and
            what all who decided on a side said stays.
        ties: what a reply is called that as many call safe as unsafe: `unsafe`, or `unknown`. A pair is a tie then.
    """

    method: Literal["majority", "dawid-skene", "bradley-terry"] = "majority"
    ties: Literal["unsafe", "unknown"] = "unsafe"


def meeting_of(settings: Aggregate) -> Meeting:
    """A fit needs all judgements, a majority those of an item."""
    return Meet("item_id") if settings.method == "majority" else AllTogether()


def judge(rows: pl.DataFrame, settings: Aggregate) -> pl.DataFrame:
    """The first record of an item, outside train where there is one, stands for all; the others were merged into it."""
    verdicts = [no_verdicts()]
    ordered = rows.filter(pl.col("item_id").is_not_null()).sort(giving_way(), "position")
    for _, family in ordered.group_by("family", maintain_order=True):
        concluded = aggregated(family, settings.method, settings.ties)
        if not len(concluded):
            continue
        judged = family.filter(is_judged() & are_apart())
        of_item = judged.drop("verdict").join(concluded, "item_id", maintain_order="left")
        is_first = pl.col("item_id").is_first_distinct()
        stays = of_item.filter(is_first)
        verdicts.append(change(stays, _reason(), verdict=pl.col("verdict"), label=pl.col("label")))
        goes = of_item.filter(~is_first).join(stays.select("item_id", pl.col("id").alias("into")), "item_id")
        verdicts.append(removal(goes, "merged with other judgements of the item", partner="into"))
    return pl.concat(verdicts)


def _reason() -> pl.Expr:
    """Counted apart: conclusions that the majority of the judges would not have come to."""
    return pl.concat_str(pl.lit(STANDS_FOR), pl.col("against"), separator=", ", ignore_nulls=True)


RULE = Rule(
    MERGING,
    4,
    Aggregate,
    title=lambda settings: f"judgements of one item, made one by {settings.method}",
    meeting=meeting_of,
    columns=(
        "id",
        "parents",
        "kind",
        "family",
        "item_id",
        "worker",
        "split",
        "verdict",
        "categories",
        "conclusion",
        "in_order",
        "lesser_side",
        "greater_side",
        "said_of_sides",
    ),
    judge=judge,
)
