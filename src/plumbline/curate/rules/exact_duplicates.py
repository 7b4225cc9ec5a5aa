"""Exact duplicates: the same judgement of the same item a second time."""

from __future__ import annotations

import polars as pl

from plumbline.curate.rules.rule import Meet, Rule, RuleSettings, giving_way
from plumbline.curate.rules.verdicts import removal


class ExactDuplicates(RuleSettings):
    """No settings: rows with one id are the same judgement, see `records.identity`; but none repeats another of which
    others said something else, see `records.conclusions.apart_of`."""


def judge(rows: pl.DataFrame, settings: ExactDuplicates) -> pl.DataFrame:  # noqa: ARG001  # as every rule's
    """All but the first of each id go; a row outside train stays rather than one of train."""
    ordered = rows.sort(giving_way(), "position")
    first = pl.struct("id", "apart").is_first_distinct()
    return removal(ordered.filter(~first), "the same record again", partner="id")


RULE = Rule(
    "exact-duplicates",
    2,
    ExactDuplicates,
    title=lambda _: "records that stand there already, word by word and judged the same",
    meeting=lambda _: Meet("id"),
    columns=("id", "split", "apart"),
    judge=judge,
)
