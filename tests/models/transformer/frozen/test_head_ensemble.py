"""Ensembles of heads: draws by group, calibration, heads that had not seen their held-out rows."""

import numpy as np
import pytest

from plumbline.models.transformer.frozen.head_ensemble import (
    EnsembleSettings,
    HeadEnsemble,
    calibrate_members,
    fit_heads,
)
from plumbline.records import NoDataError, UsageError


def made_up(count=400, columns=6, seed=0, strength=1.5):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, columns))
    chances = 1 / (1 + np.exp(-strength * (rows[:, 0] - rows[:, 1])))
    return rows, random.random(count) < chances, np.array([f"g{number // 2}" for number in range(count)])


def test_flipped_labels_flip_the_order():
    rows, labels, groups = made_up()
    settings = EnsembleSettings(members=4)
    scores = fit_heads(rows, labels, groups, settings).member_scores(rows).mean(axis=1)
    flipped = fit_heads(rows, ~labels, groups, settings).member_scores(rows).mean(axis=1)
    assert np.corrcoef(scores, labels)[0, 1] > 0.4
    np.testing.assert_allclose(flipped, -scores, atol=1e-4)


def test_heads_differ_are_repeatable_and_draw_whole_groups():
    rows, labels, groups = made_up(60)
    settings = EnsembleSettings(members=3, l2=0.5)
    heads = fit_heads(rows, labels, groups, settings)
    np.testing.assert_array_equal(heads.weights, fit_heads(rows, labels, groups, settings).weights)
    assert np.abs(heads.weights[0] - heads.weights[1]).max() > 1e-3
    # All rows in one group: every draw is all rows, so nothing is left to disagree on.
    same = fit_heads(rows, labels, np.full(60, "one"), settings)
    np.testing.assert_allclose(same.weights[0], same.weights[2])
    # More columns than rows take the other way to the same weights.
    wide = np.hstack([rows, np.zeros((60, 80))])
    np.testing.assert_allclose(fit_heads(wide, labels, groups, settings).weights[:, :6], heads.weights, atol=1e-5)


def test_more_rows_less_spread():
    spreads = []
    for count in (100, 1600):
        rows, labels, groups = made_up(count)
        heads = fit_heads(rows, labels, groups, EnsembleSettings(members=8))
        spreads.append(heads.member_scores(rows).std(axis=1).mean())
    assert spreads[1] < 0.5 * spreads[0]


def test_spread_grows_away_from_what_was_seen():
    rows, labels, groups = made_up()
    heads = fit_heads(rows, labels, groups, EnsembleSettings(members=8))
    assert heads.member_scores(5 * rows).std(axis=1).mean() > 3 * heads.member_scores(rows).std(axis=1).mean()


def test_one_class_and_one_head_are_refused():
    rows, _, groups = made_up(20)
    with pytest.raises(NoDataError, match="PL-FRZ-005"):
        fit_heads(rows, np.zeros(20, bool), groups, EnsembleSettings(members=2))
    with pytest.raises(UsageError, match="PL-FRZ-004"):
        EnsembleSettings(members=1)


def test_pairs_need_no_second_class():
    rows, _, groups = made_up(40)
    better = np.where(rows[:, :1] > 0, 1, -1) * rows
    heads = fit_heads(better, np.ones(40, bool), groups, EnsembleSettings(members=3, with_intercept=False))
    assert isinstance(heads, HeadEnsemble)
    assert (heads.intercepts == 0).all()
    assert (heads.member_scores(better).mean(axis=1) > 0).mean() > 0.9


def test_pairs_among_labels_have_no_intercept():
    rows, _, groups = made_up(200)
    alone = np.arange(200) % 2 == 0
    mixed = np.where(alone[:, None], rows, rows - np.roll(rows, 1, axis=0))
    better = np.where(alone, rows[:, 0] > 1, mixed[:, 0] > 0)
    settings = EnsembleSettings(members=3, l2=0.1)
    heads = fit_heads(mixed, better, groups, settings, intercept_column=alone.astype(float))
    everywhere = fit_heads(mixed, better, groups, settings)
    assert (heads.intercepts < everywhere.intercepts - 0.1).all(), "few labels are above 1, half of the pairs above 0"
    with pytest.raises(NoDataError, match="PL-FRZ-005"):
        fit_heads(mixed, ~alone, groups, settings, intercept_column=alone.astype(float))


def test_rows_of_weight_nothing_have_no_part_in_the_calibration():
    random = np.random.default_rng(0)
    members = random.normal(size=(400, 3)) + random.normal(size=400)[:, None]
    labels = random.random(400) < 1 / (1 + np.exp(-members.mean(axis=1)))
    weights = np.repeat([1.0, 0.0], 200)
    turned = np.where(weights > 0, labels, ~labels)
    found = calibrate_members(members, turned, weights=weights, with_offset=False)
    assert found.offset == 0
    assert found.scale == pytest.approx(
        calibrate_members(members[:200], labels[:200], with_offset=False).scale, rel=0.05
    )
    assert found.scale > 2 * calibrate_members(members, turned, with_offset=False).scale
