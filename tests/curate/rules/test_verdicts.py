"""Verdicts: one table, whichever rule gives them, and also where it decides of nothing."""

import polars as pl

from plumbline.curate.rules import RULES, near_duplicates
from plumbline.curate.rules.verdicts import VERDICT_SCHEMA, no_verdicts, verdict_table
from tests.curate.made_up import frame


def test_verdicts_are_one_table_whoever_gives_them():
    assert verdict_table(no_verdicts()).schema == VERDICT_SCHEMA
    some = verdict_table(near_duplicates.judge(frame([{"partner": "p"}]), near_duplicates.NearDuplicates()))
    assert some.to_pylist() == [
        {
            "position": 0,
            "removed": True,
            "reason": "nearly the same as another",
            "partner": "p",
            "split": None,
            "verdict": None,
            "label": None,
        }
    ]
    assert len(RULES) == 15
    for rule in RULES.values():  # a rule that decides of nothing says so, in the same columns
        types = {"personal_data": pl.List(pl.String), "findings": pl.List(pl.String), "categories": pl.List(pl.String)}
        types |= {"characters": pl.Int64, "messages": pl.Int64, "shortest_reply_characters": pl.Int64}
        types |= {"confidence": pl.Float64, "in_order": pl.Boolean, "cluster": pl.String, "partner": pl.String}
        names = ("position", *rule.columns, "group_id", "item_id", "partner")
        empty = pl.DataFrame(schema={n: types.get(n, pl.Int64 if n == "position" else pl.String) for n in names})
        asked = {"balance": {"by": "axis", "most": 1}, "keep-axis": {"axes": ["overall"]}}
        settings = rule.settings(**asked.get(rule.name, {"most_messages": 1} if rule.name == "lengths" else {}))
        assert verdict_table(rule.judge(empty, settings)).num_rows == 0, rule.name
        assert rule.title(settings)
