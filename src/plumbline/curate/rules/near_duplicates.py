"""Near-duplicates: judgements of what is nearly the same as what another judgement is of."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from plumbline.curate.clusters import DEFAULT_THRESHOLD
from plumbline.curate.rules.rule import Repeats, Rule, RuleSettings
from plumbline.curate.rules.verdicts import removal


class NearDuplicates(RuleSettings):
    """What counts as nearly the same.

    Attributes:
        threshold: Jaccard similarity of word pairs that what was asked and each reply must have at least, in (0, 1).
    """

    threshold: float = Field(DEFAULT_THRESHOLD, gt=0, lt=1)


def judge(rows: pl.DataFrame, settings: NearDuplicates) -> pl.DataFrame:  # noqa: ARG001  # as every rule's
    """Every row that was found to repeat one that stays goes."""
    return removal(rows, "nearly the same as another", partner="partner")


RULE = Rule(
    "near-duplicates",
    2,
    NearDuplicates,
    title=lambda settings: (
        f"records nearly the same as another of their kind: similarity of question and replies {settings.threshold:g} or more"
    ),
    meeting=lambda settings: Repeats("judged-shingles", settings.threshold),
    columns=("id", "split"),
    judge=judge,
)
