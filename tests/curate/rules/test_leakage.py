"""Leakage: rows of train whose prompt stands elsewhere go, and nobody else."""

import polars as pl
import pytest

from plumbline.curate.rules.leakage import IN_ONE_GROUP, RULE, Leakage, judge, note
from plumbline.curate.rules.rule import Meet
from plumbline.records.identity import NO_PROMPT
from tests.curate.made_up import frame, gone

EXACT, NEAR = "its prompt stands in another split", IN_ONE_GROUP


def rows_of(*told):
    """(split, group, cluster or None): cluster None is the group itself, as the stage gives it."""
    return frame(
        [
            {"id": f"r{n}", "item_id": f"i{n}", "split": split, "group_id": group, "cluster": cluster or group}
            for n, (split, group, cluster) in enumerate(told)
        ]
    )


ROWS = rows_of(
    ("train", "a", None),
    ("test", "a", None),
    ("train", "b", "cluster 3"),
    ("validation", "c", "cluster 3"),
    ("train", "d", "cluster 3"),
    ("test", "e", None),
    ("validation", "e", None),
    ("train", "f", None),
    ("train", "f", None),
    (None, "a", None),
    (None, "g", None),
    ("train", "g", None),
    ("train", "c", "cluster 3"),
)


def test_only_rows_of_train_that_meet_another_split_go():
    expected = {0: (EXACT, "r1"), 2: (NEAR, "r3"), 4: (NEAR, "r3"), 12: (EXACT, "r3")}
    assert gone(judge(ROWS, Leakage())) == expected, "not for rows without a split, nor test for validation"
    assert gone(judge(ROWS.reverse(), Leakage())) == expected
    assert gone(judge(ROWS.drop("cluster"), Leakage(threshold=1))) == {0: (EXACT, "r1"), 12: (EXACT, "r3")}
    assert isinstance(RULE.meeting(Leakage(threshold=1)), Meet)
    assert judge(ROWS.clear(), Leakage()).height == 0


def test_training_splits_are_known_by_their_names_and_give_way_to_the_others_alone():
    rows = rows_of(*[(split, "a", None) for split in ("30k_train", "330k_train", "30k_test", "train_sft", None)])
    assert gone(judge(rows, Leakage())) == dict.fromkeys((0, 1, 3), (EXACT, "r2"))
    assert gone(judge(rows.filter(pl.col("split") != "30k_test"), Leakage())) == {}, "they share no prompt with a test"


def test_rows_in_which_no_human_speaks_share_no_prompt():
    rows = rows_of(*[("train", NO_PROMPT, None), ("test", NO_PROMPT, None)] * 2)
    assert gone(judge(rows, Leakage())) == {}
    assert note(rows).height == 0
    # What leaks there is the item itself.
    same = rows.with_columns(pl.Series("item_id", ["x", "y", "z", "x"]))
    assert gone(judge(same, Leakage())) == {0: (EXACT, "r3")}


def test_the_matrix_counts_prompts_before_they_go():
    assert note(ROWS).to_dicts() == [
        {"first": "test", "second": "train", "exact": 1, "near": 0},
        {"first": "test", "second": "validation", "exact": 1, "near": 0},
        {"first": "train", "second": "validation", "exact": 1, "near": 0},
    ], "c stands in train and validation word by word: its cluster is no further one"
    near = rows_of(("train", "b", "cluster 3"), ("test", "c", "cluster 3"), ("train", "d", "cluster 3"))
    assert note(near).to_dicts() == [{"first": "test", "second": "train", "exact": 0, "near": 1}]
    assert note(near.drop("cluster")).height == 0


@pytest.mark.parametrize("splits", [{"train"}, {"train", None}, set()])
def test_it_has_nothing_to_do_with_one_split(splits):
    from plumbline.curate.rules.leakage import RULE

    assert not RULE.splits(splits)
    assert RULE.splits({"test", "train"})
