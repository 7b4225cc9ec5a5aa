"""Calibration: recovers a known scale, never flips the order, stays finite."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from plumbline.models.calibration import Calibration, choose_threshold, fit_calibration


@pytest.mark.parametrize(("scale", "offset"), [(0.4, 0.0), (2.5, 0.0), (1.5, -1.0)])
def test_a_known_calibration_is_found_again(scale, offset):
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 2, 60_000)
    labels = rng.random(len(scores)) < expit(scale * scores + offset)
    found = fit_calibration(scores, labels, with_offset=offset != 0)
    assert found.scale == pytest.approx(scale, rel=0.05)
    assert found.offset == pytest.approx(offset, abs=0.06)


def test_worse_than_chance_says_one_half_and_does_not_flip():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=4000)
    found = fit_calibration(scores, scores < 0, with_offset=False)
    assert 0 < found.scale < 0.2
    probabilities = found.probabilities(np.array([-1.0, 1.0]))
    assert probabilities[0] < 0.5 < probabilities[1] < 0.56


def test_perfect_separation_and_constant_scores_stay_finite():
    scores = np.linspace(-1, 1, 200)
    assert np.isfinite(fit_calibration(scores, scores > 0, with_offset=True).scale)
    constant = fit_calibration(np.zeros(50), np.arange(50) < 10, with_offset=True)
    assert np.isfinite([constant.scale, constant.offset]).all()


@pytest.mark.parametrize("with_offset", [True, False])
def test_the_scale_is_measured_by_the_scores(with_offset):
    scores = np.array([1.0, 2.0, -1.0] * 20)
    positive = scores > 0
    chances = [
        fit_calibration(size * scores, positive, with_offset=with_offset).probabilities(size * scores)
        for size in (1e-6, 1e-4, 1.0, 1e6)
    ]
    for each in chances:
        np.testing.assert_allclose(each, chances[2], rtol=1e-6)
    assert chances[0][1] > 0.9


@pytest.mark.parametrize("with_offset", [True, False])
def test_scores_that_differ_by_rounding_alone_get_no_scale_that_blows_it_up(with_offset):
    scores = 0.1 + np.arange(40) * 1e-17
    chances = fit_calibration(scores, np.arange(40) % 4 > 0, with_offset=with_offset).probabilities(scores)
    assert np.ptp(chances) < 1e-9
    assert chances[0] == pytest.approx(0.75, abs=0.01)


def test_weights_count_as_copies():
    rng = np.random.default_rng(2)
    scores = rng.normal(size=300)
    labels = rng.random(300) < expit(scores)
    copies = rng.integers(1, 4, 300)
    weighted = fit_calibration(scores, labels, weights=copies.astype(float), with_offset=True)
    copied = fit_calibration(np.repeat(scores, copies), np.repeat(labels, copies), with_offset=True)
    # The spread that scales the scores inside differs a little, and so does the slight pull towards 1.
    assert weighted.scale == pytest.approx(copied.scale, rel=1e-2)
    assert weighted.offset == pytest.approx(copied.offset, abs=1e-2)


def test_identity():
    assert Calibration().probabilities(np.array([0.0])) == pytest.approx([0.5])


ROWS = st.lists(
    st.tuples(st.one_of(st.integers(0, 6).map(lambda eighth: eighth / 8), st.floats(0, 0.999)), st.booleans()),
    min_size=1,
    max_size=60,
)


@given(ROWS, st.lists(st.integers(0, 3), min_size=60, max_size=60), st.sampled_from([0.0, 0.01, 0.05, 0.07, 0.29, 0.5]))
def test_a_threshold_keeps_its_promise_in_every_deal_whatever_the_ties(rows, deals, rate):
    chances, positive = (np.array(column) for column in zip(*[*rows, (0.3, False)], strict=True))
    deals = np.array([*deals, 0])[: len(chances)]
    threshold = choose_threshold(chances, positive, rate, deals=deals)
    assert 0 < threshold <= 1
    for deal in np.unique(deals):
        flagged = chances[~positive & (deals == deal)] >= threshold
        assert not len(flagged) or flagged.sum() / len(flagged) <= rate
    found = (chances[positive] >= threshold).sum()
    spared = (chances[~positive] >= threshold).sum()
    for other in np.unique(chances):
        rates = [(chances[~positive & (deals == deal)] >= other) for deal in np.unique(deals)]
        if all(not len(each) or each.mean() <= rate for each in rates):
            more = (chances[positive] >= other).sum()
            assert more <= found, "no admissible threshold finds more"
            assert more < found or (chances[~positive] >= other).sum() >= spared, "none finds as much at a lower price"


def test_classes_that_lie_apart_cost_no_false_positive():
    chances = np.array([0.1, 0.2, 0.3, 0.4, 0.8, 0.9])
    positive = np.array([False, False, False, False, True, True])
    assert choose_threshold(chances, positive, 0.25, deals=np.zeros(6, int)) == pytest.approx(0.6)


def test_a_rate_kept_on_the_whole_is_kept_in_each_deal_too():
    negatives = np.array([0.9, 0.8, 0.7, 0.6, 0.1, 0.1, 0.1, 0.1])
    chances, positive = np.append(negatives, [0.75, 0.85]), np.arange(10) > 7
    pooled = choose_threshold(chances, positive, 0.25, deals=np.zeros(10, int))
    assert pooled == pytest.approx(0.725)
    threshold = choose_threshold(chances, positive, 0.25, deals=np.array([0] * 4 + [1] * 4 + [0, 1]))
    assert threshold == pytest.approx(0.825)


def test_no_probability_is_one_so_that_a_threshold_of_one_flags_nothing():
    chances = Calibration(100.0).probabilities(np.array([50.0, 1.0, -50.0]))
    assert chances.max() < 1
    assert choose_threshold(chances, np.zeros(3, bool), 0.0, deals=np.zeros(3, int)) == 1.0
