"""Training: every row scored out of fold, polarity, and heads only where there is enough to learn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from plumbline.models.features.text_features import Replies
from plumbline.models.linear.default_features import training_options
from plumbline.models.linear.training import train_cost, train_moderation, train_preference
from plumbline.models.rows import folds
from plumbline.models.rows.folds import REPEATS, OutOfFold
from plumbline.models.rows.training_rows import LabelRows, Places, PreferenceRows
from plumbline.models.scored_model import main_head
from plumbline.records import Axis, NoDataError

KIND, RUDE = "of course, here is a clear answer.", "no, go away and never ask that aga"


def places(count: int, groups: int = 30) -> Places:
    ids = pl.Series([f"row {row}" for row in range(count)])
    group_ids = np.array([f"prompt {row % groups}" for row in range(count)])
    return Places(ids, ids, ids, np.arange(count), group_ids)


def pairs(count: int = 60, *, groups: int = 30) -> PreferenceRows:
    is_better = np.arange(count) % 3 > 0
    first = [f"{KIND if better else RUDE} {row}" for row, better in enumerate(is_better)]
    second = [f"{RUDE if better else KIND} {row}" for row, better in enumerate(is_better)]
    before = ["Human: well?\n"] * count
    return PreferenceRows(
        Axis.HARMLESSNESS,
        Replies(first, before),
        Replies(second, before),
        is_better,
        np.ones(count),
        places(count, groups),
        {},
    )


def labels(count: int = 80) -> LabelRows:
    is_unsafe = np.arange(count) % 2 > 0
    replies = Replies([f"{RUDE if unsafe else KIND} {row}" for row, unsafe in enumerate(is_unsafe)], ["well?"] * count)
    categories = {"rudeness": is_unsafe, "rare": np.arange(count) < 3}
    return LabelRows(replies, is_unsafe, categories, np.ones(count, bool), np.full(count, "own"), places(count), {})


def check_repeats(out: OutOfFold, rows: int, repeats: int) -> None:
    assert out.repeats == repeats
    for part in np.split(out.positions, repeats):
        assert np.array_equal(np.sort(part), np.arange(rows))


def test_each_repeat_scores_every_row_once_and_ranks_it_rightly() -> None:
    rows = pairs()
    trained = train_preference(rows, training_options("preference", {}))
    out = trained.out_of_fold
    check_repeats(out, 60, REPEATS)
    assert ((out.scores > 0) == rows.first_is_better[out.positions]).all()


def test_of_many_rows_one_tenth_is_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "LARGEST_FOR_FOLDS", 50)
    monkeypatch.setattr(folds, "LEAST_GROUPS", 6)
    trained = train_preference(pairs(), training_options("preference", {}))
    assert trained.out_of_fold.repeats == 1
    assert len(trained.out_of_fold.positions) == 6


def test_where_a_tenth_of_many_rows_has_too_few_of_a_kind_every_row_is_held_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(folds, "LARGEST_FOR_FOLDS", 50)
    of_labels = labels()
    # All labels of one prompt: a tenth of the prompts has all of them or none, and a cost of no label has no zero.
    one_prompt = replace(of_labels, places=replace(of_labels.places, group_ids=np.full(80, "prompt 31")))
    with pytest.raises(NoDataError, match="one class only"):
        train_cost(pairs(), one_prompt, training_options("cost", {}))
    cost = train_cost(pairs(), of_labels, training_options("cost", {}))
    assert cost.label_scores is not None
    assert len(np.unique(cost.label_scores.positions)) == 80
    rare = of_labels.take(np.flatnonzero(~of_labels.is_unsafe | (np.arange(80) < 42)))
    moderation = train_moderation(rare, training_options("moderation", {}))
    assert len(np.unique(moderation.out_of_fold.positions)) == len(rare)
    threshold = main_head(moderation.model).threshold
    assert threshold is not None
    assert threshold < 1


def test_heads_of_moderation_share_positions_and_rare_categories_get_none() -> None:
    rows = labels()
    trained = train_moderation(rows, training_options("moderation", {}))
    check_repeats(trained.out_of_fold, 80, REPEATS)
    assert list(trained.model.heads) == ["unsafe", "rudeness"]
    assert list(trained.untrained) == ["rare"]
    assert trained.out_of_fold.scores.shape == (80 * REPEATS, 2)
    assert ((trained.out_of_fold.scores[:, 0] > 0) == rows.is_unsafe[trained.out_of_fold.positions]).all()


def test_a_cost_is_scored_out_of_fold_on_pairs_and_on_labels() -> None:
    trained = train_cost(pairs(), labels(), training_options("cost", {}))
    check_repeats(trained.out_of_fold, 60, REPEATS)
    assert trained.label_scores is not None
    check_repeats(trained.label_scores, 80, REPEATS)
    better = pairs().first_is_better[trained.out_of_fold.positions]
    assert ((trained.out_of_fold.scores < 0) == better).all(), "the better side costs less"


def test_swapping_the_sides_flips_the_scores() -> None:
    rows = pairs()
    swapped = PreferenceRows(
        rows.axis, rows.second, rows.first, ~rows.first_is_better, rows.weights, rows.places, rows.set_aside
    )
    options = training_options("preference", {})
    one, other = train_preference(rows, options), train_preference(swapped, options)
    assert other.out_of_fold.scores == pytest.approx(-one.out_of_fold.scores, abs=1e-5)


def test_too_few_prompts_are_refused() -> None:
    with pytest.raises(NoDataError, match="PL-TRN-013"):
        train_preference(pairs(groups=4), training_options("preference", {}))
