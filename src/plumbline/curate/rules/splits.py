"""Splits for rows that have none: by prompt, so that no prompt stands on two sides."""

from __future__ import annotations

import polars as pl
from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from plumbline.curate.clusters import DEFAULT_THRESHOLD
from plumbline.curate.rules.rule import Rule, RuleSettings, Seed, giving_way, prompts_meet, with_meetings
from plumbline.curate.rules.verdicts import change
from plumbline.curate.split import assign_splits
from plumbline.curate.split_files import MOST_SPLITS, SPLIT_NAME, is_split_name, same_file
from plumbline.records.setting_words import FOUND


class Splits(RuleSettings):
    """How rows without a split are dealt out; rows that have one keep it.

    Attributes:
        shares: split → share of the prompts, summing to 1.
        seed: another seed, another division.
        threshold: Jaccard similarity from which prompts count as one, in (0, 1); 1 = only those the same word by word.
    """

    shares: dict[str, float] = Field(
        default_factory=lambda: {"train": 0.9, "test": 0.1}, min_length=1, max_length=MOST_SPLITS
    )
    seed: Seed = 0
    threshold: float = Field(DEFAULT_THRESHOLD, gt=0, le=1)

    @field_validator("shares")
    @classmethod
    def _sum_to_one(cls, shares: dict[str, float]) -> dict[str, float]:
        total, least = sum(shares.values()), min(shares, key=shares.__getitem__)
        if shares[least] < 0 or abs(total - 1) > 1e-9:
            told = f"{shares[least]:g} for {least}" if shares[least] < 0 else f"a sum of {total:.10g}"
            raise PydanticCustomError("shares", "shares of at least 0 that sum to 1", {FOUND: told[:100]})
        if not all(map(is_split_name, shares)):
            raise ValueError(f"names of splits of {SPLIT_NAME}")
        if same_file(shares) is not None:
            raise ValueError("names of splits that differ in more than case: each is the name of a file")
        return shares


def judge(rows: pl.DataFrame, settings: Splits) -> pl.DataFrame:
    """A split for each row without one: that of a row it meets, train last, else one by the hash of its prompt.

    Of prompts that meet the least id decides: the same one whatever stands beside them and in whichever order.
    """
    met = with_meetings(rows).with_columns(pl.col("prompt").min().over("meeting").alias("least"))
    told = met.filter(pl.col("split").is_not_null()).sort(giving_way(), "split", "position")
    known = told.unique("meeting", keep="first", maintain_order=True).select("meeting", pl.col("split").alias("known"))
    without = met.filter(pl.col("split").is_null())
    dealt = pl.Series(assign_splits(without["least"].to_arrow(), settings.shares, seed=settings.seed))
    placed = without.with_columns(dealt.alias("dealt")).join(known, "meeting", "left", maintain_order="left")
    return change(placed, "given a split", split=pl.coalesce("known", "dealt"))


RULE = Rule(
    "splits",
    2,
    Splits,
    title=lambda settings: (
        "records without a split, given one: "
        + ", ".join(f"{share:.0%} {name}" for name, share in settings.shares.items())
    ),
    meeting=lambda settings: prompts_meet(settings.threshold),
    columns=("item_id", "group_id", "split"),
    judge=judge,
    splits=lambda splits: None in splits,
)
