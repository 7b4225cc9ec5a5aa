"""Splits: what has one keeps it, what hangs together stays together, and what is added moves nothing."""

import polars as pl
import pytest
from pydantic import ValidationError

from plumbline.curate.rules.splits import Splits, judge
from plumbline.records.identity import NO_PROMPT
from tests.curate.made_up import frame

HALVES = Splits(shares={"train": 0.5, "test": 0.5})


def rows_of(*told, start=0):
    return frame(
        [
            {
                "position": start + n,
                "item_id": f"i{group}{n}",
                "split": split,
                "group_id": group,
                "cluster": cluster or group,
            }
            for n, (split, group, cluster) in enumerate(told)
        ],
        split=pl.String,
    )


def given(rows, settings=HALVES):
    verdicts = judge(rows, settings)
    assert not verdicts["removed"].any()
    return dict(zip(verdicts["position"], verdicts["split"], strict=True))


def test_rows_with_a_split_keep_it_and_others_follow_whom_they_meet():
    rows = rows_of(
        ("train", "a", "cluster 1"),
        (None, "b", "cluster 1"),
        ("held", "c", "cluster 1"),
        ("train", "d", None),
        (None, "d", None),
        (None, "d", None),
    )
    assert given(rows) == {1: "held", 4: "train", 5: "train"}, "train gives way, wherever it stands"
    assert given(rows.reverse()) == given(rows)
    assert given(rows.filter(pl.col("split").is_not_null())) == {}, "a call may hold no row without one"
    assert given(rows.clear()) == {}


def test_prompts_that_hang_together_stand_on_one_side_whatever_is_added():
    alone = [(None, f"prompt {n}", None) for n in range(40)]
    together = [(None, f"like {n % 8}", f"cluster {n % 4}") for n in range(24)]
    rows = rows_of(*alone, *together)
    found = given(rows)
    assert set(found.values()) == {"train", "test"}
    by_cluster = rows.with_columns(pl.Series("now", [found[p] for p in rows["position"]]))
    assert by_cluster.group_by("cluster").agg(pl.col("now").n_unique())["now"].max() == 1
    # Clusters are called after positions, which move when rows are added before them.
    moved = rows.with_columns(pl.col("position") + 1000, pl.col("cluster").str.replace(r"cluster (\d)", "cluster 7$1"))
    more = pl.concat([moved, rows_of(*[(None, f"new {n}", None) for n in range(30)])])
    after = given(more)
    assert {position: after[position + 1000] for position in found} == found
    assert given(rows, Splits(shares=HALVES.shares, seed=1)) != found


def test_rows_in_which_no_human_speaks_are_dealt_out_by_item():
    rows = rows_of(*[(None, NO_PROMPT, None)] * 40).with_columns(
        pl.Series("item_id", [f"item {n // 2}" for n in range(40)])
    )
    found = given(rows)
    assert set(found.values()) == {"train", "test"}, "strangers are not one prompt"
    assert all(found[n] == found[n + 1] for n in range(0, 40, 2)), "two judgements of one item are"
    kept = pl.concat([rows, rows_of(("held", NO_PROMPT, None), start=99)])
    assert given(kept) == found


@pytest.mark.parametrize(
    "shares",
    [
        {},
        {"train": 0.5},
        {"train": 1.5, "test": -0.5},
        {"train": float("nan")},
        {"../x": 1.0},
        {"": 1.0},
        {".x": 1.0},
        {"é" * 51: 1.0},
    ],
)
def test_shares_must_sum_to_one_and_name_files(shares):
    with pytest.raises(ValidationError):
        Splits(shares=shares)
