"""Conflicts: who contradicts whom, and who goes for it."""

import polars as pl

from plumbline.curate.rules.conflicts import Conflicts, judge
from tests.curate.made_up import frame, gone

OTHERWISE = "the same item is judged otherwise elsewhere"
BOTH_WAYS = "others judge the same item both ways"
EVEN, OUTVOTED = "as many judge it otherwise", "most judge it otherwise"


def rows_of(*told, family="comparisons/helpfulness"):
    return frame(
        [
            {"id": f"r{n}", "family": family, "item_id": item, "verdict": verdict, "in_order": True}
            | dict.fromkeys(("conclusion", "worker", "categories", "parents"))
            | {"lesser_side": 1, "greater_side": 2}
            for n, (item, verdict) in enumerate(told)
        ],
        **dict.fromkeys(("conclusion", "worker"), pl.String),
        **dict.fromkeys(("categories", "parents"), pl.List(pl.String)),
    )


ROWS = rows_of(
    *(("two", "lesser"), ("two", "greater"), ("two", "tie"), ("two", None)),
    *[("four", verdict) for verdict in ("lesser", "lesser", "greater", "lesser")],
    *[("even", verdict) for verdict in ("greater", "lesser", "lesser", "greater")],
    *[("agreed", "greater"), ("agreed", "greater"), ("agreed", "tie"), ("once", "lesser")],
    *[("silent", None), ("silent", None), ("tied", "tie"), ("tied", "tie")],
)


def test_all_judgements_of_an_item_judged_both_ways_go():
    found = gone(judge(ROWS, Conflicts()))
    assert found == {
        0: (OTHERWISE, "r1"),
        1: (OTHERWISE, "r0"),
        2: (BOTH_WAYS, "r0"),
        **dict.fromkeys((4, 5, 7), (OTHERWISE, "r6")),
        6: (OTHERWISE, "r4"),
        8: (OTHERWISE, "r9"),
        11: (OTHERWISE, "r9"),
        9: (OTHERWISE, "r8"),
        10: (OTHERWISE, "r8"),
    }, "a tie contradicts neither, and goes with them; what nobody judged stays"
    assert gone(judge(ROWS.reverse(), Conflicts())) == found
    assert judge(ROWS.clear(), Conflicts()).height == 0


def test_the_minority_goes_and_all_where_there_is_none():
    found = gone(judge(ROWS, Conflicts(action="majority")))
    assert found == {
        0: (EVEN, "r1"),
        1: (EVEN, "r0"),
        6: (OUTVOTED, "r4"),
        **dict.fromkeys((8, 11), (EVEN, "r9")),
        **dict.fromkeys((9, 10), (EVEN, "r8")),
    }
    assert gone(judge(ROWS.reverse(), Conflicts(action="majority"))) == found


def test_only_judgements_of_one_family_contradict_each_other():
    one = rows_of(("qa", "safe"), family="safety_labels/beavertails-14")
    other = rows_of(("qa", "unsafe"), family="safety_labels/pku-19").with_columns(position=one["position"] + 1)
    assert gone(judge(one.vstack(other), Conflicts())) == {}
