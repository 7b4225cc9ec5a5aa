"""Exact duplicates: which of them stays."""

import polars as pl

from plumbline.curate.rules import exact_duplicates
from tests.curate.made_up import frame, gone


def test_of_exact_duplicates_the_first_outside_train_stays():
    rows = frame(
        [
            {"id": "a", "split": "train"},
            {"id": "a", "split": "test"},
            {"id": "a", "split": "held"},
            {"id": "b", "split": "train"},
            {"id": "b", "split": "train"},
            {"id": "c", "split": None},
            {"id": "c", "split": "train"},
            {"id": "d", "split": "train"},
        ]
    ).with_columns(apart=pl.lit(None, pl.String))
    settings = exact_duplicates.ExactDuplicates()
    found = gone(exact_duplicates.judge(rows, settings))
    assert found == {
        position: ("the same record again", id_) for position, id_ in zip((0, 2, 4, 6), "aabc", strict=True)
    }
    assert gone(exact_duplicates.judge(rows.reverse(), settings)) == found
