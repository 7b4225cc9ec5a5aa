"""An ensemble's spread by cross-validation: figures by hand, calibration, heads that had not seen their held-out rows."""

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks.models.encoder_spread import HeldOut, calibrate_heads, error_figures, held_out_scores, said_by
from plumbline.measure import Bootstrap
from plumbline.models.calibration import Calibration
from plumbline.models.rows.folds import deal_folds
from plumbline.models.transformer.frozen.head_ensemble import EnsembleSettings, fit_heads

BOOTSTRAP = Bootstrap(seed=0, resamples=200)


def made_up(count=400, columns=6, seed=0, strength=1.5):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, columns))
    chances = 1 / (1 + np.exp(-strength * (rows[:, 0] - rows[:, 1])))
    return rows, random.random(count) < chances, np.array([f"g{number // 2}" for number in range(count)])


def test_what_heads_say_by_hand():
    # Two heads say log-odds ln 3 and −ln 3: probabilities 3/4 and 1/4.
    said = said_by(np.array([[np.log(3), -np.log(3)], [0.0, 0.0]]), Calibration())
    np.testing.assert_allclose(said.probabilities, [0.5, 0.5])
    np.testing.assert_allclose(said.disagreement, [0.25 * np.sqrt(2), 0])
    # Entropy ln 2 of one half, less that of 1/4: 1/4 ln 4 + 3/4 ln(4/3).
    np.testing.assert_allclose(said.unsure_nats, [np.log(2) - 0.25 * np.log(4) - 0.75 * np.log(4 / 3), 0], atol=1e-12)


def test_sure_heads_give_numbers_and_no_nan():
    said = said_by(np.array([[900.0, 900.0], [-900.0, 900.0]]), Calibration())
    np.testing.assert_allclose(said.unsure_nats, [0, np.log(2)])
    np.testing.assert_allclose(said.disagreement, [0, np.sqrt(0.5)])


def test_a_spread_that_tells_errors_and_one_that_does_not():
    random = np.random.default_rng(0)
    noisy = random.random(1000) < 0.4
    labels = random.random(1000) < 0.5
    seen = np.where(noisy & (random.random(1000) < 0.5), ~labels, labels)
    spread = np.where(noisy, 2.0, 0.1)[:, None] * np.array([1.0, -1.0, 0.5, -0.5])
    members = np.where(seen, 2.5, -2.5)[:, None] + spread
    groups = np.arange(1000).astype(str)
    told = error_figures(said_by(members, Calibration()), labels, bootstrap=BOOTSTRAP, group_ids=groups)
    assert told["error_auroc_by_disagreement"].value > 0.75
    assert told["accuracy_at_50_by_disagreement"].value > told["accuracy"].value + 0.1
    shuffled = np.take_along_axis(spread, random.permutation(1000)[:, None], axis=0)
    blind = said_by(np.where(seen, 2.5, -2.5)[:, None] + shuffled, Calibration())
    value = error_figures(blind, labels, bootstrap=BOOTSTRAP, group_ids=groups)["error_auroc_by_disagreement"].value
    assert value == pytest.approx(0.5, abs=0.06)


def test_turning_a_pair_round_turns_its_probability_and_keeps_its_spread():
    random = np.random.default_rng(0)
    first, second = random.normal(size=(2, 5, 4))
    one, other = (said_by(difference, Calibration(2.0)) for difference in (first - second, second - first))
    np.testing.assert_allclose(one.probabilities, 1 - other.probabilities)
    np.testing.assert_allclose(one.disagreement, other.disagreement)


def test_calibration_brings_overconfident_heads_back():
    random = np.random.default_rng(0)
    log_odds = random.normal(size=4000)
    labels = random.random(4000) < 1 / (1 + np.exp(-log_odds))
    members = 5 * log_odds[:, None] + 0.5 * random.normal(size=(4000, 6))
    held = HeldOut(np.arange(4000), members)
    found = calibrate_heads(held, labels, EnsembleSettings(members=6))
    assert found.scale == pytest.approx(0.2, rel=0.15)
    chances = said_by(members, found).probabilities
    assert chances[labels].mean() > chances[~labels].mean()
    for low, high in ((0.1, 0.3), (0.4, 0.6), (0.7, 0.9)):
        inside = (chances >= low) & (chances < high)
        assert labels[inside].mean() == pytest.approx(chances[inside].mean(), abs=0.06)


def test_held_out_rows_play_no_part_in_their_heads():
    rows, _, groups = made_up(300, columns=40)
    labels = np.random.default_rng(5).random(150).repeat(2) < 0.5  # nothing to learn: by group, at random
    deal = deal_folds(groups, 0, heads=1)
    settings = EnsembleSettings(members=4, l2=0.01)
    held = held_out_scores(rows, labels, groups, deal, settings)
    assert held.member_scores.shape == (300 * deal.repeats, 4)
    right = (held.member_scores.mean(axis=1) > 0) == labels[held.positions]
    assert right.mean() == pytest.approx(0.5, abs=0.08)
    seen = fit_heads(rows, labels, groups, settings).member_scores(rows).mean(axis=1)
    assert ((seen > 0) == labels).mean() > 0.6


def test_what_makes_rows_ready_is_fitted_without_the_fold():
    rows, labels, groups = made_up(200)
    sizes = []

    def prepare(known):
        sizes.append(len(known))
        return lambda given: given / known.std()

    held_out_scores(rows, labels, groups, deal_folds(groups, 0, heads=1), EnsembleSettings(members=2), prepare=prepare)
    assert len(sizes) == 20
    assert max(sizes) < 200
