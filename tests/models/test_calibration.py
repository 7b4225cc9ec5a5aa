"""Calibration: recovers a known scale, never flips the order, stays finite."""

import numpy as np
import pytest
from scipy.special import expit

from plumbline.models.calibration import Calibration, fit_calibration


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
