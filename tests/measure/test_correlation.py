import numpy as np
import pytest
from scipy.stats import spearmanr

from plumbline.measure import Bootstrap, rank_correlation

BOOTSTRAP = Bootstrap(seed=0, resamples=500)


def test_equals_scipy_with_ties_and_at_any_scale() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 6, 300).astype(float)
    second = 1e9 + first + rng.normal(0, 2, 300)
    figure = rank_correlation(first, second, bootstrap=BOOTSTRAP)
    assert figure.value == pytest.approx(spearmanr(first, second).statistic, abs=1e-12)
    assert figure.low is not None
    assert figure.high is not None
    assert figure.low < figure.value < figure.high
    assert figure.n == 300


def test_sign_follows_the_order() -> None:
    first, second = np.arange(20.0), np.random.default_rng(1).normal(np.arange(20.0), 3)
    assert (rank_correlation(first, second, bootstrap=BOOTSTRAP).low or 0) > 0
    assert (rank_correlation(first, -second, bootstrap=BOOTSTRAP).high or 0) < 0


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    truth = 6 / np.pi * np.arcsin(0.5 / 2)  # of a bivariate normal with correlation 0.5
    covered = 0
    for seed in range(200):
        first = rng.normal(size=80)
        second = 0.5 * first + np.sqrt(0.75) * rng.normal(size=80)
        figure = rank_correlation(first, second, bootstrap=Bootstrap(seed=seed, resamples=200))
        assert figure.low is not None
        assert figure.high is not None
        covered += figure.low <= truth <= figure.high
    assert 180 <= covered <= 199


def test_rows_of_one_group_are_drawn_together() -> None:
    first = np.repeat(np.random.default_rng(3).normal(size=10), 20)
    second = first + np.repeat(np.random.default_rng(4).normal(size=10), 20)
    alone = rank_correlation(first, second, bootstrap=BOOTSTRAP)
    grouped = rank_correlation(first, second, bootstrap=BOOTSTRAP, group_ids=list(np.repeat(np.arange(10), 20)))
    assert grouped.value == alone.value
    assert (grouped.high or 0) - (grouped.low or 0) > 2 * ((alone.high or 0) - (alone.low or 0))


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [([], [], "fewer than 3"), ([1, 2], [2, 1], "fewer than 3"), ([1, 1, 1], [1, 2, 3], "the same in every row")],
)
def test_says_why_it_is_undefined(first: list[float], second: list[float], why: str) -> None:
    figure = rank_correlation(first, second, bootstrap=BOOTSTRAP)
    assert figure.value is None
    assert why in (figure.why_undefined or "")
