import tracemalloc

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import betabinom

from plumbline.measure import Bootstrap, format_ceiling, noise_ceiling

BOOTSTRAP = Bootstrap(seed=0, resamples=300)


def test_bounds_by_hand() -> None:
    # Pairs of votes: 30 items agree, 10 do not. a = 3/4; E z² = 1/2.
    found = noise_ceiling([[2, 0]] * 20 + [[0, 2]] * 10 + [[1, 1]] * 10 + [[1, 0]] * 5, bootstrap=BOOTSTRAP)
    assert found.agreement.value == pytest.approx(0.75)
    assert found.lower.value == pytest.approx(0.75)
    assert found.upper.value == pytest.approx((1 + np.sqrt(0.5)) / 2)
    assert found.lower.low == found.agreement.low
    assert (found.lower.n, found.items_judged_once) == (40, 5)
    assert found.estimate.value is None
    assert "items with three judgements" in found.estimate.why_undefined
    told = found.to_json()
    assert told["upper"] == found.upper.to_json()
    assert (told["label_votes"], told["items_judged_once"], told["ties_set_aside"]) == (1, 5, 0)


def test_a_ceiling_of_one_prompt_is_not_told_as_certain() -> None:
    votes = [[2, 1], [3, 0], [1, 2]]
    apart, together = (noise_ceiling(votes, bootstrap=BOOTSTRAP, group_ids=ids) for ids in (None, ["a"] * 3))
    assert format_ceiling(apart.lower, apart.upper).endswith("(n=3 judged twice)")
    told = format_ceiling(together.lower, together.upper)
    assert told == "0.556–0.667 (n=3 judged twice, no interval: one cluster only, an interval needs two)"


def test_three_classes_have_bounds_only() -> None:
    # Equally hard items with p = (0.6, 0.2, 0.2): a = 0.44, and the upper bound is 0.6 itself.
    votes = np.repeat([[2, 0, 0], [1, 1, 0], [0, 1, 1]], [44, 36, 20], axis=0)
    found = noise_ceiling(votes, bootstrap=BOOTSTRAP)
    assert found.lower.value == pytest.approx(0.44)
    assert found.upper.value == pytest.approx(0.6)
    assert found.estimate.why_undefined == "the model knows two classes only"


def test_agreement_below_chance_leaves_chance() -> None:
    found = noise_ceiling([[1, 1]] * 9 + [[2, 0]], bootstrap=BOOTSTRAP)
    assert (found.lower.value, found.upper.value) == (0.5, 0.5)


def test_against_a_majority() -> None:
    # All items equally hard at 0.9: one judgement 0.9, the majority of three 0.9³ + 3 · 0.9² · 0.1 = 0.972.
    votes = np.repeat([[2, 0], [1, 1]], [82, 18], axis=0)
    assert noise_ceiling(votes, bootstrap=BOOTSTRAP).upper.value == pytest.approx(0.9)
    three = noise_ceiling(votes, bootstrap=BOOTSTRAP, label_votes=3)
    assert three.upper.value == pytest.approx(0.972)
    assert three.lower.value == pytest.approx(0.82)


@pytest.mark.parametrize("symmetric", [False, True])
def test_the_estimate_is_that_of_the_beta_of_greatest_likelihood(symmetric: bool) -> None:
    rng = np.random.default_rng(3)
    votes = rng.integers(2, 6, 400)
    first = rng.binomial(votes, rng.beta(2.0, 2.0 if symmetric else 0.7, 400))
    found = noise_ceiling(np.stack([first, votes - first], axis=1), bootstrap=BOOTSTRAP, exchangeable_classes=symmetric)

    def loss(logs: np.ndarray) -> float:
        alpha, beta = np.exp(logs[[0, 0]] if symmetric else logs)
        return -float(betabinom.logpmf(first, votes, alpha, beta).sum())

    best = np.exp(minimize(loss, [0.0] if symmetric else [0.0, 0.0], method="BFGS").x)
    drawn = np.random.default_rng(0).beta(best[0], best[-1], 400_000)
    assert found.estimate.value == pytest.approx(np.maximum(drawn, 1 - drawn).mean(), abs=2e-3)
    majority = noise_ceiling(
        np.stack([first, votes - first], axis=1),
        bootstrap=BOOTSTRAP,
        exchangeable_classes=symmetric,
        label_votes=3,
    )
    top = np.maximum(drawn, 1 - drawn)
    assert majority.estimate.value == pytest.approx((top**3 + 3 * top**2 * (1 - top)).mean(), abs=2e-3)


def test_simulated_judges_are_covered_where_counting_majorities_is_too_high() -> None:
    truth, covered, bounded, naive = 0.75, 0, 0, []  # E max p of the uniform distribution
    for seed in range(40):
        rng = np.random.default_rng(seed)
        first = rng.binomial(3, rng.random(300))
        votes = np.stack([first, 3 - first], axis=1)
        found = noise_ceiling(votes, bootstrap=Bootstrap(seed, resamples=200), exchangeable_classes=True)
        covered += found.estimate.low <= truth <= found.estimate.high
        bounded += found.lower.low <= truth <= found.upper.high
        naive.append(votes.max(axis=1).mean() / 3)
    assert covered >= 32  # 40 intervals of 95 %; this low by chance once in 10,000 times
    assert bounded == 40
    assert np.mean(naive) > truth + 0.07


def test_groups_are_drawn_together_and_flipping_classes_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    first = np.repeat(rng.binomial(3, rng.random(60)), 5)
    votes = np.stack([first, 3 - first], axis=1)
    alone = noise_ceiling(votes, bootstrap=BOOTSTRAP)
    together = noise_ceiling(votes, bootstrap=BOOTSTRAP, group_ids=np.repeat(np.arange(60), 5))
    for name in ("estimate", "lower", "upper"):
        one, many = getattr(alone, name), getattr(together, name)
        assert many.value == pytest.approx(one.value)
        assert many.high - many.low > 1.5 * (one.high - one.low)
    flipped = noise_ceiling(votes[:, ::-1], bootstrap=BOOTSTRAP)
    assert flipped.estimate.value == pytest.approx(alone.estimate.value, abs=1e-6)


@pytest.mark.parametrize("votes", [np.zeros((0, 2)), [[1, 0], [0, 1], [0, 0]]])
def test_without_a_second_judgement_nothing_is_known(votes: object) -> None:
    found = noise_ceiling(votes, bootstrap=BOOTSTRAP, ties_set_aside=7)
    for figure in (found.estimate, found.lower, found.upper, found.agreement):
        assert figure.value is None
    assert found.ties_set_aside == 7


def test_full_agreement_has_wilson_s_interval_and_items_that_are_all_clear() -> None:
    found = noise_ceiling([[3, 0]] * 20 + [[0, 3]] * 20, bootstrap=BOOTSTRAP)
    assert found.lower.value == 1.0
    assert found.lower.low < 0.95
    assert found.estimate.value == pytest.approx(1.0, abs=1e-3)


def test_bad_arguments_are_refused() -> None:
    for votes, settings, words in (
        ([[1]], {}, "at least two classes"),
        ([[1, 1]], {"label_votes": 2}, "label_votes: expected 1, 3, 5"),
        ([[1, 1, 0]], {"label_votes": 3}, "label_votes: expected 1 for 3 classes"),
        ([[1, 1]], {"ties_set_aside": -1}, "ties_set_aside"),
    ):
        with pytest.raises(ValueError, match=words):
            noise_ceiling(votes, bootstrap=BOOTSTRAP, **settings)


def test_one_item_of_many_judgements_takes_no_more_memory_than_the_others() -> None:
    rng = np.random.default_rng(0)
    first = rng.binomial(3, rng.random(2000))
    votes = np.concatenate([np.stack([first, 3 - first], axis=1), [[6000, 4000]]])
    tracemalloc.start()
    found = noise_ceiling(votes, bootstrap=BOOTSTRAP, group_ids=np.arange(len(votes)) // 2)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 50e6

    def loss(logs: np.ndarray) -> float:
        return -float(betabinom.logpmf(votes[:, 0], votes.sum(axis=1), *np.exp(logs)).sum())

    best = np.exp(minimize(loss, [0.0, 0.0], method="BFGS").x)
    drawn = np.random.default_rng(0).beta(*best, 400_000)
    assert found.estimate.value == pytest.approx(np.maximum(drawn, 1 - drawn).mean(), abs=2e-3)


def test_the_order_of_items_and_the_names_of_groups_change_nothing() -> None:
    rng = np.random.default_rng(1)
    sizes = rng.integers(2, 9, 300)
    first, groups, order = rng.binomial(sizes, rng.random(300)), np.arange(300) // 3, rng.permutation(300)
    votes = np.stack([first, sizes - first], axis=1)
    found = noise_ceiling(votes, bootstrap=BOOTSTRAP, group_ids=groups)
    again = noise_ceiling(votes[order], bootstrap=BOOTSTRAP, group_ids=[f"g{n}" for n in groups[order]])
    assert again.to_json() == found.to_json()


def test_majorities_of_very_many_votes_have_bounds() -> None:
    votes = np.repeat([[5, 1], [2, 4]], [40, 5], axis=0)
    found = noise_ceiling(votes, bootstrap=BOOTSTRAP, label_votes=2**31 - 1)
    assert found.upper.value == pytest.approx(1.0)
    assert "majorities of up to 999 votes" in found.estimate.why_undefined
    assert noise_ceiling(votes, bootstrap=BOOTSTRAP, label_votes=999).estimate.value > 0.9
