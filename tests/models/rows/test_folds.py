"""Folds: groups stay together, deals differ, and how often they are dealt."""

from __future__ import annotations

import numpy as np
import pytest

from plumbline.models.rows.folds import FOLDS, REPEATS, deal_folds
from plumbline.records import NoDataError

GROUP_IDS = np.array([f"prompt {row % 30}" for row in range(60)])


def test_repeats_deal_other_folds_and_seeds_do_not_share_them() -> None:
    deal, other = deal_folds(GROUP_IDS, 0, heads=1), deal_folds(GROUP_IDS, 1, heads=1)
    assert len(deal.folds) == deal.repeats * FOLDS
    assert len({fold.tobytes() for fold in [*deal.folds, *other.folds]}) == 2 * len(deal.folds)
    for fold in deal.folds:
        outside = np.setdiff1d(np.arange(60), fold)
        assert np.array_equal(deal.others(fold), outside)
        assert not set(GROUP_IDS[fold]) & set(GROUP_IDS[outside])


@pytest.mark.parametrize(
    ("rows", "heads", "repeats"), [(6000, 1, REPEATS), (6001, 1, 1), (400, 15, REPEATS), (401, 15, 1)]
)
def test_repeats_are_for_what_is_small(rows: int, heads: int, repeats: int) -> None:
    deal = deal_folds(np.array([f"{row}" for row in range(rows)]), 0, heads=heads)
    assert (deal.repeats, len(deal.folds)) == (repeats, repeats * FOLDS)
    assert deal.holds_out_all


def test_of_many_rows_one_fold_is_held_out() -> None:
    deal = deal_folds(np.array([f"{row}" for row in range(20_001)]), 0, heads=1)
    assert (deal.repeats, len(deal.folds), deal.holds_out_all) == (1, 1, False)
    assert 1_900 < len(deal.positions) < 2_100


def test_a_tenth_that_does_not_suffice_is_not_held_out_alone() -> None:
    few_prompts = deal_folds(np.array([f"prompt {row % 7}" for row in range(20_001)]), 0, heads=1)
    assert (len(few_prompts.folds), len(few_prompts.positions)) == (FOLDS, 20_001)
    one_large = deal_folds(np.array(["prompt 0"] * 19_992 + [f"prompt {row}" for row in range(1, 10)]), 0, heads=1)
    assert one_large.holds_out_all
    seen: list[int] = []
    refused = deal_folds(
        np.array([f"{row}" for row in range(20_001)]),
        0,
        heads=1,
        suffices=lambda held: bool(seen.append(len(held))),
        every_row=True,
    )
    assert 1_900 < seen[0] < 2_100
    assert refused.holds_out_all
    assert refused.further == ()


def test_too_few_prompts_are_refused() -> None:
    with pytest.raises(NoDataError, match="PL-TRN-013"):
        deal_folds(np.array(["a", "b", "c", "d"] * 9), 0, heads=1)
