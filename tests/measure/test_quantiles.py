import numpy as np
import pytest
from scipy.stats import binom, t

from plumbline.measure.quantiles import mean_per_period, quantile_figure


def test_the_median_of_ten_lies_between_the_second_and_the_ninth():
    # P(at most 1 of 10 below the median) = 11/1024 = 0.0107; of 2: 56/1024 = 0.055 > 0.025.
    figure = quantile_figure(np.arange(10.0))
    assert (figure.value, figure.low, figure.high, figure.n) == (4.5, 1.0, 8.0, 10)


def test_it_holds_the_quantile_as_often_as_it_says():
    rng = np.random.default_rng(0)
    for share, truth in ((0.5, np.log(2)), (0.25, np.log(4 / 3))):
        figures = [quantile_figure(rng.exponential(size=60), share) for _ in range(400)]
        held = np.mean([figure.low <= truth <= figure.high for figure in figures])
        assert 0.93 <= held <= 1.0


def test_few_values_have_no_interval_and_none_no_quantile():
    assert quantile_figure([3.0, 1.0, 2.0]).value == 2.0
    assert quantile_figure([3.0, 1.0, 2.0]).low is None
    assert quantile_figure([]).value is None
    assert quantile_figure(np.arange(20.0), 0.01).low is None
    with pytest.raises(ValueError, match="share"):
        quantile_figure([1.0], 1.0)


def test_a_pace_is_the_mean_with_students_interval():
    counts = np.array([10.0, 14.0, 12.0])
    figure = mean_per_period(counts)
    low, high = t.interval(0.95, 2, loc=12, scale=2 / np.sqrt(3))
    assert (figure.value, figure.n) == (12.0, 3)
    assert (figure.low, figure.high) == pytest.approx((low, high))
    assert mean_per_period([0.0, 10.0]).low == 0.0
    assert mean_per_period([7.0]).value is None
    assert mean_per_period([7.0, 7.0]).low is None


@pytest.mark.parametrize(("n", "share"), [(7, 0.25), (40, 0.9), (1001, 0.5), (5000, 0.02)])
def test_the_ends_are_those_of_the_binomial(n, share):
    figure = quantile_figure(np.arange(float(n)), share)
    low, high = binom.ppf(0.025, n, share), binom.ppf(0.975, n, share)
    # The largest rank r with P(at most r − 1 below) <= 0.025, and the smallest s with P(at most s − 1 below) >= 0.975.
    expected = (low - 1 if low >= 1 else None, high if high <= n - 1 else None)
    assert (figure.low, figure.high) == (expected if None not in expected else (None, None))
