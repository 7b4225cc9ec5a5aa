from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from plumbline.measure import (
    Bootstrap,
    Figure,
    brier_score,
    calibration_bins,
    expected_calibration_error,
    reliability_bins,
)

SEEDED = Bootstrap(seed=5, resamples=300)


def _simulated(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    predicted = rng.beta(2.0, 1.5, n)
    return predicted, (rng.random(n) < predicted**1.3).astype(int)


def test_ece_by_hand() -> None:
    """Two bins of twenty: |0.5 − 0.15| and |1 − 0.85|, each weighing one half."""
    for binning in ("equal_width", "equal_mass"):
        figure = expected_calibration_error(
            [0.1, 0.2, 0.8, 0.9] * 10, [0, 1, 1, 1] * 10, bootstrap=SEEDED, bins=2, binning=binning
        )
        assert figure.value == pytest.approx(0.25)


@pytest.mark.parametrize(("binning", "strategy"), [("equal_width", "uniform"), ("equal_mass", "quantile")])
def test_reliability_agrees_with_scikit_learn(binning: str, strategy: str) -> None:
    predicted, labels = _simulated(3000, 1)
    bins = reliability_bins(predicted, labels, bins=10, binning=binning)  # type: ignore[arg-type]
    observed, mean = calibration_curve(labels, predicted, n_bins=10, strategy=strategy)
    assert len(bins) == 10
    assert [one.mean_probability for one in bins] == pytest.approx(mean.tolist(), abs=2e-3)
    assert [one.observed.value for one in bins] == pytest.approx(observed.tolist(), abs=5e-3)
    assert sum(one.observed.n for one in bins) == 3000
    weighed = sum(one.observed.n / 3000 * abs(one.observed.value - one.mean_probability) for one in bins)
    ece = expected_calibration_error(predicted, labels, bootstrap=SEEDED, bins=10, binning=binning)  # type: ignore[arg-type]
    assert ece.value == pytest.approx(weighed, abs=1e-12)


def test_bins_are_in_order_and_do_not_overlap() -> None:
    bins = reliability_bins(*_simulated(500, 2), bins=7)
    for lower, upper in pairwise(bins):
        assert lower.highest_probability < upper.lowest_probability
        assert lower.lowest_probability <= lower.mean_probability <= lower.highest_probability


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]), st.booleans()), min_size=1, max_size=30), st.data()
)
@settings(max_examples=60)
def test_the_order_of_rows_does_not_matter_and_equal_predictions_share_a_bin(
    rows: list[tuple[float, bool]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(rows))
    for binning in ("equal_width", "equal_mass"):
        first, second = (
            reliability_bins([row[0] for row in order], [row[1] for row in order], bins=4, binning=binning)
            for order in (rows, shuffled)
        )
        assert [one.observed for one in first] == [one.observed for one in second]
        ends = [end for one in first for end in {one.lowest_probability, one.highest_probability}]
        assert len(ends) == len(set(ends))


def test_brier_agrees_with_scikit_learn() -> None:
    predicted, labels = _simulated(700, 3)
    figure = brier_score(predicted, labels, bootstrap=SEEDED)
    assert figure.value == pytest.approx(brier_score_loss(labels, predicted), abs=1e-12)
    assert figure.low < figure.value < figure.high


def test_the_interval_of_ece_holds_the_value_and_the_truth() -> None:
    """Off by 0.1 everywhere; the plain percentile interval would lie above a small value."""
    hits = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        predicted = rng.uniform(0.1, 0.8, 400)
        labels = (rng.random(400) < predicted + 0.1).astype(int)
        figure = expected_calibration_error(predicted, labels, bootstrap=Bootstrap(seed=seed, resamples=200), bins=10)
        assert figure.low <= figure.value <= figure.high
        hits += figure.low <= 0.1 <= figure.high
    assert hits >= 92


def test_the_interval_of_ece_reaches_zero_for_a_calibrated_model() -> None:
    reached = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        predicted = rng.uniform(0.3, 0.7, 500)
        labels = rng.random(500) < predicted
        figure = expected_calibration_error(predicted, labels, bootstrap=Bootstrap(seed=seed, resamples=200))
        reached += figure.low == 0.0
    assert reached >= 80  # the plain percentile interval: never


def test_a_calibrated_model_shows_the_bias_that_the_docstring_states() -> None:
    rng = np.random.default_rng(4)
    values = []
    for _ in range(60):
        predicted = rng.uniform(0.4, 0.6, 1000)
        labels = rng.random(1000) < predicted
        values.append(expected_calibration_error(predicted, labels, bootstrap=Bootstrap(0, 100), bins=10).value)
    assert np.mean(values) == pytest.approx(0.4 * np.sqrt(10 / 1000), rel=0.15)


def test_undefined_and_invalid() -> None:
    assert expected_calibration_error([], [], bootstrap=SEEDED) == Figure.undefined(0, "no rows")
    assert brier_score([], [], bootstrap=SEEDED) == Figure.undefined(0, "no rows")
    assert reliability_bins([], []) == ()
    with pytest.raises(ValueError, match="bins: expected >= 1, found 0"):
        expected_calibration_error([0.2], [1], bootstrap=SEEDED, bins=0)
    with pytest.raises(ValueError, match=r"predicted: expected probabilities in \[0, 1\], found 1.2 at row 0"):
        brier_score([1.2], [1], bootstrap=SEEDED)
    with pytest.raises(ValueError, match="found predicted 1, labels 2"):
        reliability_bins([0.2], [1, 0])
    with pytest.raises(ValueError, match="bins: expected >= 1, found 0"):
        reliability_bins([0.2], [1], bins=0)
    with pytest.raises(ValueError, match="expected equal_mass or equal_width, found 'quantile'"):
        reliability_bins([0.2], [1], binning="quantile")  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [2, 10, 29])
def test_the_error_of_too_few_rows_is_undefined(n: int) -> None:
    """With a row a bin it would be near one half of itself, and its interval narrow."""
    rng = np.random.default_rng(n)
    predicted = rng.uniform(0.3, 0.7, n)
    figure = expected_calibration_error(predicted, rng.random(n) < predicted, bootstrap=SEEDED)
    assert figure == Figure.undefined(n, "fewer than 30 independent rows (prompts)")


def test_rows_of_a_few_prompts_are_too_few_however_many() -> None:
    predicted, labels = _simulated(290, 1)
    group_ids = [f"prompt {row % 29}" for row in range(290)]
    assert expected_calibration_error(predicted, labels, bootstrap=SEEDED, group_ids=group_ids).value is None
    group_ids[0] = "a thirtieth"
    assert expected_calibration_error(predicted, labels, bootstrap=SEEDED, group_ids=group_ids).low is not None


@pytest.mark.parametrize(("rows", "bins"), [(0, 0), (29, 0), (30, 3), (59, 5), (149, 14), (150, 15), (9999, 15)])
def test_few_rows_fill_few_bins(rows: int, bins: int) -> None:
    assert calibration_bins(rows) == bins


@pytest.mark.parametrize("n", [30, 45, 100, 335])
def test_the_interval_of_a_calibrated_model_holds_zero_as_often_as_it_says(n: int) -> None:
    rng = np.random.default_rng(n)
    held = 0
    for seed in range(100):
        predicted = 1 / (1 + np.exp(-rng.normal(0, 1.5, n)))
        labels = rng.random(n) < predicted
        figure = expected_calibration_error(predicted, labels, bootstrap=Bootstrap(seed=seed, resamples=200))
        held += figure.low == 0.0
        assert figure.low is not None
        assert figure.value is not None
        assert figure.low <= figure.value
    assert held >= (93 if n >= 100 else 90)
