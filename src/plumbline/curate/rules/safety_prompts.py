"""Prompts of safety work: rows whose prompt stands among rows judged on harmlessness."""

from __future__ import annotations

import polars as pl

from plumbline.curate.rules.rule import Meet, Rule, RuleSettings
from plumbline.curate.rules.verdicts import removal
from plumbline.records import Axis, Kind
from plumbline.records.identity import NO_PROMPT


class SafetyPrompts(RuleSettings):
    """A prompt is one of safety work where a record of it begins with it: a comparison judged on harmlessness, a safety
    label, a red-team attempt, a prompt that names a category of harm.

    Attributes:
        records: whether those records go, too.
    """

    records: bool = False


def judge(rows: pl.DataFrame, settings: SafetyPrompts) -> pl.DataFrame:
    """Rows of other work that share their first human message with a row of safety work, and that row where asked for."""
    named_harm = (pl.col("kind") == Kind.PROMPTS.value) & (pl.col("categories").list.len() > 0)
    of_safety = (
        (pl.col("axis") == Axis.HARMLESSNESS)
        | pl.col("kind").is_in([Kind.SAFETY_LABELS.value, Kind.RED_TEAM_ATTEMPTS.value])
        | named_harm
    ).fill_null(value=False)
    asked = rows.filter(pl.col("group_id") != NO_PROMPT)
    first = asked.filter(of_safety).sort("position").unique("group_id", keep="first", maintain_order=True)
    shared = asked.filter(~of_safety).join(first.select("group_id", pl.col("id").alias("partner")), "group_id")
    found = removal(shared, "its prompt stands among safety work", partner="partner")
    return pl.concat([found, removal(rows.filter(of_safety), "of safety work itself")]) if settings.records else found


RULE = Rule(
    "safety-prompts",
    2,
    SafetyPrompts,
    title=lambda settings: (
        "records of safety work, and those whose prompt stands among them"
        if settings.records
        else "records whose prompt was also used for judging harm"
    ),
    meeting=lambda _: Meet("group_id"),
    columns=("id", "kind", "axis", "categories", "group_id"),
    judge=judge,
)
