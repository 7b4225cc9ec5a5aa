"""Prompts of safety work: rows whose prompt stands among rows judged on harmlessness."""

from __future__ import annotations

import polars as pl

from plumbline.curate.rules.rule import NO_PROMPT, Meet, Rule, RuleSettings
from plumbline.curate.rules.verdicts import removal
from plumbline.records import Axis, Kind


class SafetyPrompts(RuleSettings):
    """No settings: a prompt is one of safety work where any record judged on harmlessness, any safety label or any
    red-team attempt begins with it."""


def judge(rows: pl.DataFrame, settings: SafetyPrompts) -> pl.DataFrame:  # noqa: ARG001  # as every rule's
    """Rows of other work that share their first human message with a row of safety work."""
    of_safety = (pl.col("axis") == Axis.HARMLESSNESS).fill_null(value=False) | pl.col("kind").is_in(
        [Kind.SAFETY_LABELS.value, Kind.RED_TEAM_ATTEMPTS.value]
    )
    rows = rows.filter(pl.col("group_id") != NO_PROMPT)
    first = rows.filter(of_safety).sort("position").unique("group_id", keep="first", maintain_order=True)
    shared = rows.filter(~of_safety).join(first.select("group_id", pl.col("id").alias("partner")), "group_id")
    return removal(shared, "its prompt stands among safety work", partner="partner")


RULE = Rule(
    "safety-prompts",
    1,
    SafetyPrompts,
    title=lambda _: "records whose prompt was also used for judging harm",
    meeting=lambda _: Meet("group_id"),
    columns=("id", "kind", "axis", "group_id"),
    judge=judge,
)
