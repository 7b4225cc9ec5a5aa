from functools import partial

import numpy as np
import pytest

from plumbline.measure import Bootstrap, Figure, WeightedStatistic, bootstrap_figure, mean_figure
from plumbline.measure.arrays import FloatArray
from plumbline.measure.bootstrap import Clusters, figure_of_totals, percentile_figure
from tests.work import calls_made

SEEDED = Bootstrap(seed=11)


def _weighted_mean(values: FloatArray, weights: FloatArray) -> FloatArray:
    return (weights * values).sum(axis=1) / weights.sum(axis=1)


def _mean_of(values: FloatArray) -> WeightedStatistic:
    return partial(_weighted_mean, values)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    values = np.random.default_rng(0).normal(size=50)
    first, again = (bootstrap_figure(_mean_of(values), 50, bootstrap=SEEDED) for _ in range(2))
    other = bootstrap_figure(_mean_of(values), 50, bootstrap=Bootstrap(seed=12))
    assert first == again
    assert first != other
    assert first.value == other.value


def test_agrees_with_a_bootstrap_that_copies_rows() -> None:
    rng = np.random.default_rng(1)
    groups = rng.integers(0, 30, 200)
    values = rng.normal(size=200) + rng.normal(size=30)[groups]
    figure = bootstrap_figure(_mean_of(values), 200, bootstrap=Bootstrap(seed=2, resamples=4000), group_ids=groups)
    members = [values[groups == group] for group in np.unique(groups)]
    means = []
    for _ in range(4000):
        drawn = rng.integers(0, len(members), len(members))
        means.append(np.concatenate([members[index] for index in drawn]).mean())
    low, high = np.quantile(means, [0.025, 0.975])
    assert figure.value == pytest.approx(values.mean())
    assert figure.low == pytest.approx(low, abs=0.03)
    assert figure.high == pytest.approx(high, abs=0.03)


@pytest.mark.parametrize("kinds", [2, 500])
def test_totals_give_the_interval_of_the_general_way(kinds: int) -> None:
    """2 kinds of clusters take the shortcut that draws kinds; 500 do not."""
    rng = np.random.default_rng(3)
    values = rng.integers(0, kinds, 600).astype(float) / kinds
    many = Bootstrap(seed=4, resamples=8000)
    columns = np.stack([values, np.ones(600)], axis=1)
    short = figure_of_totals(columns, lambda totals: totals[:, 0] / totals[:, 1], Clusters(None, 600), many, "")
    general = bootstrap_figure(_mean_of(values), 600, bootstrap=many)
    assert short.value == pytest.approx(general.value, abs=1e-12)
    assert short.low == pytest.approx(general.low, abs=0.003)
    assert short.high == pytest.approx(general.high, abs=0.003)


def test_clusters_of_strings_and_of_integers_are_the_same() -> None:
    values = np.random.default_rng(5).normal(size=60)
    codes = np.repeat(np.arange(20), 3)
    by_code = mean_figure(values, bootstrap=SEEDED, group_ids=codes)
    by_name = mean_figure(values, bootstrap=SEEDED, group_ids=[f"prompt {code}" for code in codes])
    assert by_code == by_name


def test_clustering_widens_the_interval_of_rows_that_move_together() -> None:
    groups = np.repeat(np.arange(40), 10)
    values = np.random.default_rng(6).normal(size=40)[groups]
    alone = mean_figure(values, bootstrap=SEEDED)
    together = mean_figure(values, bootstrap=SEEDED, group_ids=groups)
    assert alone.value == pytest.approx(together.value)
    assert (together.high - together.low) / (alone.high - alone.low) == pytest.approx(np.sqrt(10), rel=0.15)


@pytest.mark.parametrize(("clustered", "expected"), [(True, (0.92, 0.98)), (False, (0.55, 0.88))])
def test_coverage_of_a_95_percent_interval_on_clustered_data(clustered: bool, expected: tuple[float, float]) -> None:
    """The clustered interval holds the truth about 95 times in 100; one that takes rows as independent does not."""
    rng = np.random.default_rng(7)
    groups = np.repeat(np.arange(60), 6)
    hits, runs = 0, 300
    for run in range(runs):
        chance = rng.beta(1.0, 1.0, size=60)[groups]
        right = (rng.random(360) < chance).astype(float)
        figure = mean_figure(
            right, bootstrap=Bootstrap(seed=run, resamples=400), group_ids=groups if clustered else None
        )
        hits += figure.low <= 0.5 <= figure.high
    assert expected[0] <= hits / runs <= expected[1], hits / runs


def test_no_rows_is_undefined() -> None:
    assert bootstrap_figure(_mean_of(np.zeros(0)), 0, bootstrap=SEEDED) == Figure.undefined(0, "no rows")


def test_one_cluster_keeps_the_value_and_says_why_there_is_no_interval() -> None:
    figure = mean_figure([1.0, 2.0, 6.0], bootstrap=SEEDED, group_ids=["p", "p", "p"])
    assert figure == Figure.without_interval(3.0, 3, "one cluster only, an interval needs two")
    assert mean_figure([2.0], bootstrap=SEEDED).low is None


def test_no_spread_is_no_certainty() -> None:
    figure = mean_figure([0.3] * 20, bootstrap=SEEDED)
    assert figure.value == pytest.approx(0.3)
    assert figure.low is None
    assert "every resample gives the same value" in (figure.why_undefined or "")


def test_a_statistic_undefined_on_all_rows_says_the_given_reason() -> None:
    figure = bootstrap_figure(lambda weights: np.full(len(weights), np.nan), 5, bootstrap=SEEDED, why_undefined="why")
    assert figure == Figure.undefined(5, "why")


def test_draws_left_undefined_are_left_out_while_few_and_reported_when_many() -> None:
    draws = np.linspace(0.0, 1.0, 1000)
    draws[:40] = np.nan
    assert percentile_figure(0.5, draws, 9, SEEDED).low == pytest.approx(np.quantile(draws[40:], 0.025))
    draws[:60] = np.nan
    figure = percentile_figure(0.5, draws, 9, SEEDED)
    assert figure == Figure.without_interval(0.5, 9, "the statistic is undefined in 60 of 1000 resamples")


def test_invalid_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="resamples: expected >= 100, found 10"):
        Bootstrap(seed=0, resamples=10)
    with pytest.raises(ValueError, match="seed: expected >= 0, found -1"):
        Bootstrap(seed=-1)
    with pytest.raises(ValueError, match="strictly between 0 and 1, found 1"):
        Bootstrap(seed=0, confidence=1)
    with pytest.raises(ValueError, match="group_ids: expected one a row, 2 in all, found 1"):
        mean_figure([1.0, 2.0], bootstrap=SEEDED, group_ids=["a"])


def test_a_wider_confidence_gives_a_wider_interval() -> None:
    values = np.random.default_rng(8).normal(size=80)
    narrow = mean_figure(values, bootstrap=Bootstrap(seed=1, confidence=0.8))
    wide = mean_figure(values, bootstrap=Bootstrap(seed=1, confidence=0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_mean_of_160_000_rows_is_computed_by_arrays() -> None:
    rng = np.random.default_rng(9)
    values = rng.integers(0, 2, 160_000).astype(float)
    groups = rng.integers(0, 80_000, 160_000)
    made, figure = calls_made(lambda: mean_figure(values, bootstrap=SEEDED, group_ids=groups))
    assert made < 10_000  # none of them for each row, nor for each of 80,000 groups
    assert figure.high - figure.low == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(160_000), rel=0.15)
