import numpy as np
import pytest

from plumbline.measure import (
    DawidSkeneSettings,
    WorkerBradleyTerrySettings,
    fit_dawid_skene,
    fit_worker_bradley_terry,
)

ITEMS, WORKERS = 20, 6


def simulated(seed: int, n: int = 1500):
    """Simulated judgements of CrowdBT: first, second, worker, points; then the scores and abilities behind them."""
    rng = np.random.default_rng(seed)
    scores, abilities = rng.normal(0, 1.5, ITEMS), np.linspace(0.55, 0.97, WORKERS)
    first = rng.integers(0, ITEMS, n)
    second = (first + rng.integers(1, ITEMS, n)) % ITEMS
    workers = rng.integers(0, WORKERS, n)
    chance = 1 / (1 + np.exp(scores[second] - scores[first]))
    chance = abilities[workers] * chance + (1 - abilities[workers]) * (1 - chance)
    return first, second, workers, (rng.random(n) < chance).astype(float), scores, abilities


def fit(first, second, workers, points, **settings):
    return fit_worker_bradley_terry(
        first,
        second,
        workers,
        points,
        item_count=ITEMS,
        worker_count=WORKERS,
        settings=WorkerBradleyTerrySettings(**settings),
    )


def test_planted_scores_and_abilities_are_recovered() -> None:
    covered, worst = [], []
    for seed in range(4):
        *judgements, scores, abilities = simulated(seed)
        found = fit(*judgements)
        assert found.converged
        assert found.model == "bradley-terry"
        assert np.corrcoef(found.scores, scores)[0, 1] > 0.9
        assert found.scores.mean() == pytest.approx(0.0, abs=1e-6)
        first, second, _, points = judgements
        np.testing.assert_allclose(found.first_better, 1 / (1 + np.exp(found.scores[second] - found.scores[first])))
        assert found.first_better[points == 1].mean() > found.first_better[points == 0].mean() + 0.1
        covered += [each.low <= truth <= each.high for each, truth in zip(found.abilities, abilities, strict=True)]
        worst.append(max(abs(each.value - truth) for each, truth in zip(found.abilities, abilities, strict=True)))
    assert np.mean(covered) >= 0.85  # 24 intervals of 95 %
    assert np.median(worst) < 0.15


def test_it_is_the_maximum_and_errors_are_those_of_the_curvature() -> None:
    """Three items in a circle and two workers: gradient and information by differences of the objective."""
    rows = ([0, 1, 2, 0, 1, 2, 0, 1], [1, 2, 0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1, 0, 1], [1, 1, 0, 1, 0, 0.5, 1, 1])
    found = fit_worker_bradley_terry(*rows, item_count=3, worker_count=2)
    first, second, workers, points = map(np.array, rows)

    def objective(at: np.ndarray) -> float:
        chance = 1 / (1 + np.exp(at[second] - at[first]))
        ability = 1 / (1 + np.exp(-at[3:]))
        chance = ability[workers] * chance + (1 - ability[workers]) * (1 - chance)
        likelihood = (points * np.log(chance) + (1 - points) * np.log(1 - chance)).sum()
        return likelihood - (at[:3] ** 2).sum() / 8 + (4 * np.log(ability) + np.log(1 - ability)).sum()

    odds = [np.log(each.value / (1 - each.value)) for each in found.abilities]
    top, steps = np.array([*found.scores, *odds]), 1e-3 * np.eye(5)
    assert found.objective_nats == pytest.approx(objective(top), abs=1e-9)
    slopes = [(objective(top + step) - objective(top - step)) / 2e-3 for step in steps]
    np.testing.assert_allclose(slopes, 0, atol=1e-4)
    bend = [
        [(objective(top + a + b) - objective(top + a) - objective(top + b) + objective(top)) / 1e-6 for a in steps]
        for b in steps
    ]
    errors = np.sqrt(np.diag(np.linalg.inv(-np.array(bend))))[3:]
    for each, centre, error in zip(found.abilities, odds, errors, strict=True):
        reach = np.log(each.high / (1 - each.high)) - centre
        assert reach == pytest.approx(1.959964 * error, rel=0.02)
    assert found.ties == 1
    assert found.cycles == 1


def test_flipped_outcomes_flip_scores_and_swapped_sides_change_nothing() -> None:
    first, second, workers, points, *_ = simulated(1, 400)
    found = fit(first, second, workers, points)
    flipped = fit(first, second, workers, 1 - points)
    swapped = fit(second, first, workers, 1 - points)
    np.testing.assert_allclose(flipped.scores, -found.scores, atol=1e-4)
    np.testing.assert_allclose(flipped.first_better, 1 - found.first_better, atol=1e-4)
    np.testing.assert_allclose(swapped.scores, found.scores, atol=1e-4)
    np.testing.assert_allclose(swapped.first_better, 1 - found.first_better, atol=1e-4)


def test_pairs_with_items_of_their_own_are_the_one_coin_model() -> None:
    rng = np.random.default_rng(0)
    abilities, pairs = np.array([0.6, 0.75, 0.9]), 400
    pair, workers = np.repeat(np.arange(pairs), 3), np.tile([0, 1, 2], pairs)
    truth = rng.random(pairs) < 0.5
    first_wins = np.where(rng.random(3 * pairs) < abilities[workers], truth[pair], ~truth[pair])
    turned = rng.random(pairs)[pair] < 0.5  # some pairs have the higher number first
    first, second = np.where(turned, 2 * pair + 1, 2 * pair), np.where(turned, 2 * pair, 2 * pair + 1)
    found = fit_worker_bradley_terry(
        first, second, workers, first_wins.astype(float), item_count=2 * pairs, worker_count=3
    )
    coin = fit_dawid_skene(
        pair,
        workers,
        np.where(first_wins, 0, 1),
        class_count=2,
        settings=DawidSkeneSettings(prior_counts=((2.0, 0.5), (0.5, 2.0)), one_coin=True, even_classes=True),
    )
    assert found.model == "one-coin"
    assert found.cycles == 0
    np.testing.assert_allclose(found.first_better, coin.posteriors[pair, 0], atol=1e-6)
    np.testing.assert_allclose([each.value for each in found.abilities], coin.accuracy, atol=1e-4)
    lead = found.scores[first] - found.scores[second]
    np.testing.assert_allclose(1 / (1 + np.exp(-lead)), found.first_better, atol=1e-6)
    assert all(each.low <= truth <= each.high for each, truth in zip(found.abilities, abilities, strict=True))


def test_without_a_closed_chain_there_is_no_interval() -> None:
    found = fit_worker_bradley_terry(
        [0, 1, 0, 1], [1, 2, 1, 2], [0, 0, 1, 1], [1, 1, 1, 0], item_count=4, worker_count=3
    )
    assert (found.model, found.cycles) == ("bradley-terry", 0)
    assert "no chain of comparisons closes" in found.abilities[0].why_undefined
    assert found.abilities[2].why_undefined == "no judgements"
    assert found.abilities[2].value is None
    assert np.isnan(found.scores[3])


def test_a_tie_is_half_for_each_side() -> None:
    tied = fit_worker_bradley_terry([0, 0], [1, 1], [0, 1], [0.5, 0.5], item_count=2, worker_count=2)
    np.testing.assert_allclose(tied.first_better, 0.5)
    assert tied.ties == 2
    for figure in tied.abilities:
        assert figure.value == pytest.approx(4.5 / 6)


def test_no_judgements() -> None:
    nothing = fit_worker_bradley_terry([], [], [], [], item_count=2, worker_count=1)
    assert np.isnan(nothing.scores).all()
    assert nothing.abilities[0].value is None


def test_replies_linked_by_the_thousand_have_abilities_without_intervals() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 20_000, 60_000)
    second = (first + rng.integers(1, 20_000, 60_000)) % 20_000
    workers, points = rng.integers(0, 5, 60_000), (rng.random(60_000) < 0.7).astype(float)
    found = fit_worker_bradley_terry(first, second, workers, points, item_count=20_000, worker_count=5)
    assert found.converged
    assert all(each.value is not None and each.low is None for each in found.abilities)
    assert "items that chains of comparisons link" in found.abilities[0].why_undefined


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="meets itself at row 0"):
        fit_worker_bradley_terry([0], [0], [0], [1], item_count=1, worker_count=1)
    with pytest.raises(ValueError, match="first_points"):
        fit_worker_bradley_terry([0], [1], [0], [0.7], item_count=2, worker_count=1)
    with pytest.raises(ValueError, match="score_deviation"):
        WorkerBradleyTerrySettings(score_deviation=1e-200)
    with pytest.raises(ValueError, match="prior_right > prior_wrong > 0"):
        WorkerBradleyTerrySettings(prior_right=1.0, prior_wrong=1.0)
