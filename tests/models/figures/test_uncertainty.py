"""What heads say together: hand-derived figures, a spread that tells errors where it should, and who is asked."""

from types import SimpleNamespace

import numpy as np
import pytest

from plumbline.measure import Bootstrap
from plumbline.models.calibration import Calibration
from plumbline.models.figures.uncertainty import (
    pair_spread,
    reply_spread,
    selective_accuracy,
    spread_of,
    uncertainty_figures,
)

BOOTSTRAP = Bootstrap(seed=0, resamples=200)


def test_the_spread_of_heads_by_hand():
    # Two heads say log-odds ln 3 and −ln 3: probabilities 3/4 and 1/4.
    scores = np.array([[np.log(3), -np.log(3)], [0.0, 0.0], [900.0, 900.0], [-900.0, 900.0]])
    np.testing.assert_allclose(spread_of(scores, Calibration()), [0.25 * np.sqrt(2), 0, 0, np.sqrt(0.5)])


def test_selective_accuracy_by_hand():
    unsure = np.array([0.1, 0.2, 0.3, 0.4])
    is_error = np.array([False, False, True, True])
    values = [
        selective_accuracy(unsure, is_error, coverage, bootstrap=BOOTSTRAP).value
        for coverage in (0.5, 0.75, 0.625, 1.0)
    ]
    np.testing.assert_allclose(values, [1.0, 2 / 3, 2 / 2.5, 0.5])


def model(task="preference", calibration=None, pair_calibration=None):
    """As much of a model as is asked."""
    calibration = calibration or Calibration()
    return SimpleNamespace(
        task=task, ensemble=SimpleNamespace(calibration=calibration, pair_calibration=pair_calibration)
    )


def test_the_spread_of_a_pair_is_that_of_its_probability_either_way_round():
    members = np.array([[[np.log(3), 0.0], [0.0, np.log(3)]], [[1.0, 2.0], [1.0, 2.0]]])
    expected = [0.25 * np.sqrt(2), 0]
    np.testing.assert_allclose(pair_spread(model(), members), expected, atol=1e-12)
    np.testing.assert_allclose(pair_spread(model("cost"), members[:, ::-1]), expected, atol=1e-12)
    flat = model("cost", Calibration(50.0), Calibration(1e-9))
    np.testing.assert_allclose(pair_spread(flat, members), [0, 0], atol=1e-8)


def test_the_spread_of_a_reply_is_read_as_the_main_head_is():
    members = np.array([[np.log(3), -np.log(3)], [5.0, 5.0]])
    np.testing.assert_allclose(reply_spread(model("moderation"), members), [0.25 * np.sqrt(2), 0], atol=1e-12)
    assert reply_spread(model(), None) is None
    assert pair_spread(model(), None) is None
    assert reply_spread(SimpleNamespace(ensemble=None), members) is None


def test_errors_are_those_of_the_model_itself():
    random = np.random.default_rng(0)
    own, labels = random.uniform(0.3, 0.7, 600), random.random(600) < 0.5
    is_error = (own >= 0.5) != labels
    spread = np.where(is_error, 0.2, 0.1) + random.uniform(0, 0.12, 600)
    groups = np.arange(600).astype(str)
    found = uncertainty_figures(own, spread, labels, bootstrap=BOOTSTRAP, group_ids=groups)
    assert found["accuracy"]["value"] == pytest.approx(1 - is_error.mean())
    assert found["by_spread"]["error_auroc"]["value"] > 0.9
    assert found["by_nearness"]["error_auroc"]["value"] == pytest.approx(0.5, abs=0.08)
    surest = [found["by_spread"][f"accuracy_at_{share}"] for share in (50, 80, 90)]
    assert surest[0]["value"] > surest[1]["value"] > surest[2]["value"] > found["accuracy"]["value"]
    assert all(each["low"] <= each["value"] <= each["high"] for each in surest)
    turned = uncertainty_figures(1 - own, spread, ~labels, bootstrap=BOOTSTRAP, group_ids=groups)
    assert turned["accuracy"] == found["accuracy"]
    assert uncertainty_figures(own, None, labels, bootstrap=BOOTSTRAP, group_ids=groups) is None
