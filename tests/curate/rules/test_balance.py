"""Balance: within kind and split, by whole values, and the same rows whatever is added or moved."""

import polars as pl
import pytest
from pydantic import ValidationError

from plumbline.curate.rules.balance import Balance, judge
from tests.curate.made_up import frame, gone


def rows_of(*groups):
    """(count, kind, split, verdict)."""
    told = [(kind, split, verdict) for count, kind, split, verdict in groups for _ in range(count)]
    return frame(
        [
            {"id": f"id {kind} {split} {verdict} {n}", "kind": kind, "split": split, "verdict": verdict}
            for n, (kind, split, verdict) in enumerate(told)
        ],
        verdict=pl.String,
        split=pl.String,
    )


ROWS = rows_of(
    (8, "safety_labels", "train", "unsafe"),
    (3, "safety_labels", "train", "safe"),
    (5, "safety_labels", "test", "unsafe"),
    (4, "safety_labels", None, "safe"),
    (1, "safety_labels", None, "unsafe"),
    (6, "comparisons", "train", None),
    (2, "comparisons", "train", "tie"),
    (7, "comparisons", "train", "lesser"),
    (3, "comparisons", "train", "greater"),
)


def counts(rows, removed):
    left = rows.filter(~pl.col("position").is_in(list(removed)))
    return left.group_by("kind", "split", "verdict").len().rows()


@pytest.mark.parametrize(("settings", "of_train", "of_none"), [({"ratio": 1.5}, 4, 1), ({"most": 2}, 2, 2)])
def test_counts_within_kind_and_split(settings, of_train, of_none):
    settings = Balance(by="verdict", **settings)
    removed = gone(judge(ROWS, settings))
    left = {key: count for *key, count in counts(ROWS, removed) for key in [tuple(key)]}
    assert left["safety_labels", "train", "unsafe"] == of_train
    assert left["safety_labels", None, "safe"] == of_none
    assert left["safety_labels", "test", "unsafe"] == (5 if settings.ratio else 2)
    assert left["comparisons", "train", None] == 6, "rows without a value concern it not"
    assert [left["comparisons", "train", verdict] for verdict in ("lesser", "greater", "tie")] == [7, 3, 2]
    assert {reason for reason, _ in removed.values()} == {"too many of verdict"}
    assert gone(judge(ROWS.sample(fraction=1, shuffle=True, seed=1), settings)) == removed


def test_who_goes_depends_on_ids_alone():
    settings = Balance(by="verdict", most=3)
    ids = ROWS.filter(pl.col("position").is_in(list(gone(judge(ROWS, settings)))))["id"]
    moved = ROWS.with_columns(pl.col("position") * 7 + 5)
    after = moved.filter(pl.col("position").is_in(list(gone(judge(moved, settings)))))["id"]
    assert after.to_list() == ids.to_list()
    other = gone(judge(ROWS, Balance(by="verdict", most=3, seed=1)))
    assert len(other) == len(ids)
    assert ROWS.filter(pl.col("position").is_in(list(other)))["id"].to_list() != ids.to_list()
    twice = pl.concat([ROWS, ROWS.with_columns(pl.col("position") + 100)])
    assert len(gone(judge(twice, settings))) == 42 - 4 * 3 - 2, "rows of one id count each"


@pytest.mark.parametrize("settings", [{}, {"ratio": 2.0, "most": 2}, {"ratio": 0.5}, {"most": 0}, {"most": 10**40}])
def test_exactly_one_limit_that_can_be_counted_to(settings):
    with pytest.raises(ValidationError):
        Balance(by="verdict", **settings)
    assert judge(ROWS, Balance(by="verdict", ratio=1e12)).height == 0
