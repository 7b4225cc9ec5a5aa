import numpy as np
import pytest

from plumbline.measure.bootstrap import Bootstrap
from plumbline.measure.pooling import MOST_NUMBERS_DRAWN, Pooled, pooled_rate
from plumbline.measure.rates import rate_figure, wilson_figure

BOOTSTRAP = Bootstrap(seed=3)


def test_clusters_that_look_the_same_are_one_row_and_a_number():
    columns = np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0], [1.0, 1.0], [0.0, 1.0]])
    pooled = Pooled.of(columns)
    assert pooled.totals.tolist() == [[0.0, 1.0], [1.0, 1.0]]
    assert pooled.sizes.tolist() == [2, 3]
    clustered = Pooled.of(columns, np.array([7, 7, 9, 9, 9]))
    assert clustered.totals.tolist() == [[1.0, 2.0], [2.0, 3.0]]
    assert (clustered.clusters, clustered.n) == (2, 5)


def test_the_order_of_rows_changes_nothing():
    rng = np.random.default_rng(1)
    values, codes = rng.integers(0, 2, 300).astype(float), rng.integers(0, 60, 300)
    shuffled = rng.permutation(300)
    assert pooled_rate(values, BOOTSTRAP, codes) == pooled_rate(values[shuffled], BOOTSTRAP, codes[shuffled])


def test_a_rate_has_the_value_and_about_the_interval_of_drawing_clusters():
    rng = np.random.default_rng(2)
    values, codes = rng.integers(0, 2, 2000).astype(float), rng.integers(0, 400, 2000)
    ours = pooled_rate(values, Bootstrap(seed=1, resamples=4000), codes)
    theirs = rate_figure(values, bootstrap=Bootstrap(seed=1, resamples=4000), group_ids=codes)
    assert ours.value == theirs.value == values.mean()
    assert ours.low == pytest.approx(theirs.low, abs=0.002)
    assert ours.high == pytest.approx(theirs.high, abs=0.002)


def test_all_right_has_wilsons_interval_over_clusters():
    figure = pooled_rate(np.ones(6), BOOTSTRAP, np.array([1, 1, 2, 2, 3, 3]))
    wilson = wilson_figure(3, 3)
    assert (figure.value, figure.low, figure.high, figure.n) == (1.0, wilson.low, wilson.high, 6)


def test_nothing_is_undefined_and_one_cluster_has_no_interval():
    assert pooled_rate(np.zeros(0), BOOTSTRAP).value is None
    one = pooled_rate(np.array([1.0, 0.0]), BOOTSTRAP, np.array([5, 5]))
    assert (one.value, one.low) == (0.5, None)


def test_many_kinds_have_fewer_resamples_and_never_under_a_hundred():
    few, many = Pooled.of(np.arange(10.0)[:, None]), Pooled.of(np.arange(7_000.0)[:, None])
    assert few.bounded(BOOTSTRAP).resamples == 1000
    assert many.bounded(BOOTSTRAP).resamples == MOST_NUMBERS_DRAWN // 7_000 == 149
    assert Pooled.of(np.arange(100_000.0)[:, None]).bounded(BOOTSTRAP).resamples == 100
    assert few.draws(BOOTSTRAP).shape == (1000, 10)
    assert (few.draws(BOOTSTRAP).sum(axis=1) == 10).all()
