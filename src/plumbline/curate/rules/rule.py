"""What a rule is: settings, the traits it looks at, which rows must meet, and a pure function that gives verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from plumbline.curate.split_names import is_training_split
from plumbline.records.identity import NO_PROMPT

Limit = Annotated[int, Field(ge=1, le=10**12)]
"""A setting that counts something: columns of rows hold no larger numbers."""

Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""A setting by which something is drawn; as large as TOML's numbers are elsewhere."""


class RuleSettings(BaseModel):
    """What a recipe says of a rule; unknown keys are refused, and numbers that are none."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True)
class RowByRow:
    """Each row is judged by itself."""


@dataclass(frozen=True)
class Meet:
    """Rows with one value of a column are judged together; those with none stay away.

    Attributes:
        key: the column.
    """

    key: str


@dataclass(frozen=True)
class MeetAlike:
    """Rows whose texts hang together by near-duplicates are judged together, by a column ``cluster``.

    Attributes:
        trait: of the shingles.
        threshold: Jaccard similarity of near-duplicates.
        key: rows with one value of this column are together in any case.
        within_families: only rows of one family are compared.
    """

    trait: str
    threshold: float
    key: str
    within_families: bool


@dataclass(frozen=True)
class Repeats:
    """Each row that is a near-duplicate of one that stays, with columns ``partner`` and ``similarity``.

    Rows outside training splits stay rather than rows of them, and earlier ones rather than later ones. Judgements of
    one item do not repeat each other: they are judgements of it again.

    Attributes:
        trait: of the shingles.
        threshold: Jaccard similarity of near-duplicates.
        within: only rows with one value of this column are compared; rows with none are not.
        of_items: whether judgements of one item are one row here; else the same item again repeats the first.
    """

    trait: str
    threshold: float
    within: str = "family"
    of_items: bool = True


@dataclass(frozen=True)
class AllTogether:
    """All rows are judged at once: for what must be fitted or counted over everything."""


Meeting = RowByRow | Meet | MeetAlike | Repeats | AllTogether


@dataclass(frozen=True)
class Rule:
    """A rule by which records go or change.

    Attributes:
        name: as recipes write it.
        version: raised whenever it decides otherwise on the same rows.
        settings: the model of its settings.
        title: one line for people, from the settings.
        meeting: which rows must meet, from the settings.
        columns: what of the rows' traits `judge` looks at, beside the position.
        traits: traits that hold these columns, beside `identity`.
        judge: from the rows that meet (one table may hold several meetings), and the settings, verdicts.
        splits: from the splits in which rows are left (None: some have none), whether the rule could decide anything.
        note: from the rows that meet, a small table of counts for the summary.
    """

    name: str
    version: int
    settings: type[RuleSettings]
    title: Callable[[Any], str]
    meeting: Callable[[Any], Meeting]
    columns: tuple[str, ...]
    judge: Callable[[pl.DataFrame, Any], pl.DataFrame]
    traits: tuple[str, ...] = ()
    splits: Callable[[set[str | None]], bool] | None = None
    note: Callable[[pl.DataFrame], pl.DataFrame] | None = None


def prompts_meet(threshold: float) -> Meeting:
    """Rows of one prompt meet, below a threshold of 1 those of prompts that hang together by near-duplicates, too."""
    if threshold == 1:
        return Meet("group_id")
    return MeetAlike("prompt-shingles", threshold, key="group_id", within_families=False)


def giving_way() -> pl.Expr:
    """Whether a row gives way to others: it is of a training split, see `split_names`. Rows without a split do not."""
    return pl.col("split").map_batches(_of_training, return_dtype=pl.Boolean)


def _of_training(splits: pl.Series) -> pl.Series:
    training = [name for name in splits.unique().drop_nulls() if is_training_split(name)]
    return splits.is_in(pl.Series(training, dtype=pl.String).implode()).fill_null(value=False)


def with_meetings(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of prompts, with what they are one by.

    Args:
        rows: columns group_id and item_id, and `cluster` where near-duplicates hang together.
    Returns:
        The rows with `prompt`, which is one word by word, and `meeting`, which is one nearly. Rows in which no human
        speaks are one with those of their item only.
    """
    nobody = pl.col("group_id") == NO_PROMPT
    together = "cluster" if "cluster" in rows.columns else "group_id"
    return rows.with_columns(
        pl.when(nobody).then("item_id").otherwise(name).alias(alias)
        for name, alias in (("group_id", "prompt"), (together, "meeting"))
    )
