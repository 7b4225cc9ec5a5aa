"""Prompts of safety work take other rows with them, and rows without a prompt take nobody."""

import polars as pl

from plumbline.curate.rules import safety_prompts
from plumbline.records.identity import NO_PROMPT
from tests.curate.made_up import frame, gone


def test_prompts_of_safety_work_take_other_rows_with_them():
    def row(kind, axis, group, id_, categories=None):
        return {"kind": kind, "axis": axis, "group_id": group, "id": id_, "categories": categories}

    rows = frame(
        [
            row("comparisons", "helpfulness", "a", "0"),
            row("comparisons", "harmlessness", "a", "1"),
            row("comparisons", "harmlessness", "a", "2"),
            row("prompts", None, "a", "3"),
            row("comparisons", "overall", "b", "4"),
            row("safety_labels", None, "b", "5"),
            row("comparisons", "helpfulness", "c", "6"),
            row("red_team_attempts", None, "c", "7"),
            row("comparisons", "helpfulness", "d", "8"),
            row("comparisons", "helpfulness", NO_PROMPT, "9"),
            row("safety_labels", None, NO_PROMPT, "10"),
            row("comparisons", "overall", "e", "11"),
            row("prompts", None, "e", "12", ["theft"]),
            row("comparisons", "overall", "f", "13"),
            row("prompts", None, "f", "14", []),
        ],
        categories=pl.List(pl.String),
    )
    why = "its prompt stands among safety work"
    found = gone(safety_prompts.judge(rows, safety_prompts.SafetyPrompts()))
    assert found == {0: (why, "1"), 3: (why, "1"), 4: (why, "5"), 6: (why, "7"), 11: (why, "12")}
    assert gone(safety_prompts.judge(rows.reverse(), safety_prompts.SafetyPrompts())) == found
    whole = gone(safety_prompts.judge(rows, safety_prompts.SafetyPrompts(records=True)))
    assert whole == {**found, **dict.fromkeys((1, 2, 5, 7, 10, 12), ("of safety work itself", None))}
