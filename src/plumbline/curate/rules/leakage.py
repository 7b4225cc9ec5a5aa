"""Leakage: rows of training splits whose prompt stands in another split, word by word or nearly."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from plumbline.curate.clusters import DEFAULT_THRESHOLD
from plumbline.curate.rules.rule import Rule, RuleSettings, giving_way, prompts_meet, with_meetings
from plumbline.curate.rules.verdicts import removal
from plumbline.records.identity import NO_PROMPT

IN_ONE_GROUP = "its prompt is in one group of near-alike prompts with one in another split"
"""Why a row goes whose prompt another split does not hold word by word. Groups are chains: the partner is the first row of the
other split in the group, and its prompt may be unlike."""


class Leakage(RuleSettings):
    """What counts as the same prompt.

    Attributes:
        threshold: Jaccard similarity of word pairs from which prompts are nearly the same, in (0, 1); 1 = only prompts
            that are the same word by word.
    """

    threshold: float = Field(DEFAULT_THRESHOLD, gt=0, le=1)


def judge(rows: pl.DataFrame, settings: Leakage) -> pl.DataFrame:  # noqa: ARG001  # as every rule's
    """Rows of training splits that meet rows of a split that is none go; the other split keeps all of its own.

    What two training splits share leaks nowhere.
    """
    met = with_meetings(rows)
    kept = met.filter(~giving_way() & pl.col("split").is_not_null()).sort("position")
    places = kept.unique("meeting", keep="first", maintain_order=True).select("meeting", pl.col("id").alias("partner"))
    same = kept.unique("prompt", keep="first", maintain_order=True).select("prompt", pl.col("id").alias("same"))
    leaking = met.filter(giving_way()).join(places, "meeting", maintain_order="left")
    found = leaking.join(same, "prompt", "left", maintain_order="left")
    exact = pl.col("same").is_not_null()
    reason = pl.when(exact).then(pl.lit("its prompt stands in another split")).otherwise(pl.lit(IN_ONE_GROUP))
    return removal(found.with_columns(pl.coalesce("same", "partner").alias("partner")), reason, partner="partner")


def note(rows: pl.DataFrame) -> pl.DataFrame:
    """The leakage matrix: prompts that two splits share, among the rows that earlier rules left.

    Returns:
        first, second (splits, in order of the alphabet), exact (prompts in both, word by word), near (groups of prompts
        that are nearly the same and stand in both, and share none word by word).
    """
    placed = with_meetings(rows).filter(pl.col("split").is_not_null() & (pl.col("group_id") != NO_PROMPT))
    exact, near = _shared(placed, "prompt"), _shared(placed, "meeting")
    near = near.join(exact.select("first", "second", "meeting").unique(), ["first", "second", "meeting"], "anti")
    counted = pl.concat(
        [
            exact.group_by("first", "second").agg(pl.len().alias("exact"), pl.lit(0, pl.UInt32).alias("near")),
            near.group_by("first", "second").agg(pl.lit(0, pl.UInt32).alias("exact"), pl.len().alias("near")),
        ],
        how="diagonal_relaxed",
    )
    sums = counted.group_by("first", "second").agg(pl.col("exact", "near").sum().cast(pl.Int64))
    return sums.sort("first", "second")


def _shared(rows: pl.DataFrame, by: str) -> pl.DataFrame:
    """Each value of a column with each two splits it stands in."""
    places = rows.select("split", *dict.fromkeys((by, "meeting"))).unique()
    both = places.join(places, by, suffix="_other").filter(pl.col("split") < pl.col("split_other"))
    return both.rename({"split": "first", "split_other": "second"})


RULE = Rule(
    "leakage",
    3,
    Leakage,
    title=lambda settings: (
        "rows of training splits whose prompt stands in another split"
        if settings.threshold == 1
        else "rows of training splits whose prompt stands in another split, "
        f"or one of similarity {settings.threshold:g} or more"
    ),
    meeting=lambda settings: prompts_meet(settings.threshold),
    columns=("id", "item_id", "group_id", "split"),
    judge=judge,
    splits=lambda splits: len(splits - {None}) > 1,
    note=note,
)
