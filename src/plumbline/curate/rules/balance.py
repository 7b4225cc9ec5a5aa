"""Balance: no value of a column has many more rows than the rarest, or no worker more than so many."""

from __future__ import annotations

from typing import Literal

import polars as pl
import polars_hash
from pydantic import Field, model_validator

from plumbline.curate.conclusions import SAFE, UNSAFE
from plumbline.curate.rules.rule import AllTogether, Limit, Rule, RuleSettings, Seed
from plumbline.curate.rules.verdicts import removal


class Balance(RuleSettings):
    """What is evened out, within each kind of record and each split.

    Attributes:
        by: the column: `verdict` (safe and unsafe; of pairs nothing, for which side stands first is arbitrary, and ties
            are no third side), `axis`, `subset` or `worker`.
        ratio: rows of the most frequent value to rows of the rarest, at most.
        most: rows of any one value, at most.
        seed: which rows go; another seed, others.
    """

    by: Literal["verdict", "axis", "subset", "worker"]
    ratio: float | None = Field(None, ge=1, le=1e12)
    most: Limit | None = None
    seed: Seed = 0

    @model_validator(mode="after")
    def _one_limit(self) -> Balance:
        if (self.ratio is None) == (self.most is None):
            raise ValueError("exactly one of ratio and most")
        return self


def judge(rows: pl.DataFrame, settings: Balance) -> pl.DataFrame:
    """Of values with too many rows, those go whose id's hash with the seed is greatest: the rest stay whatever is added."""
    of_labels = pl.col("verdict").is_in([SAFE, UNSAFE]) if settings.by == "verdict" else pl.lit(value=True)
    known = rows.filter(pl.col(settings.by).is_not_null() & of_labels)
    counts = known.group_by("kind", "split", settings.by).agg(pl.len().alias("rows"))
    rarest = pl.col("rows").min().over("kind", "split")
    limit = pl.lit(settings.most) if settings.most is not None else (rarest * settings.ratio).floor()
    limits = counts.with_columns(limit.cast(pl.Int64).alias("limit"))
    hashed = known.with_columns(pl.concat_str(pl.lit(f"{settings.seed}:"), pl.col("id")).alias("drawn")).with_columns(
        polars_hash.col("drawn").nchash.xxhash64().alias("drawn")
    )
    ordered = hashed.join(limits, ["kind", "split", settings.by], nulls_equal=True).sort("drawn", "position")
    place = pl.int_range(pl.len()).over("kind", "split", settings.by)
    return removal(ordered.filter(place >= pl.col("limit")), pl.format("too many of {}", pl.lit(settings.by))).sort(
        "position"
    )


def _than_the_rarest(ratio: float) -> str:
    return "the rarest has" if ratio == 1 else f"{ratio:g} times the rarest"


RULE = Rule(
    "balance",
    2,
    Balance,
    title=lambda settings: (
        f"records of a {settings.by} with more than "
        + (f"{settings.most:,} of them" if settings.most is not None else _than_the_rarest(settings.ratio or 1.0))
    ),
    meeting=lambda _: AllTogether(),
    columns=("id", "kind", "split", "verdict", "axis", "subset", "worker"),
    judge=judge,
)
