import numpy as np
import pytest
from numpy.typing import NDArray

from plumbline.measure import DawidSkeneSettings, fit_dawid_skene

PLAIN = DawidSkeneSettings(prior_judgements=0.0)
# Three workers judge four items; the third differs on the last two.
ITEMS = np.repeat([0, 1, 2, 3], 3)
WORKERS = np.tile([0, 1, 2], 4)
LABELS = np.array([0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0])


def simulated(
    seed: int, accuracy: NDArray[np.float64], items: int = 800, votes: int = 3
) -> tuple[NDArray[np.int64], ...]:
    """Simulated judgements: items, workers, labels, true labels."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(items) < 0.3).astype(np.int64)
    workers = np.concatenate([rng.choice(len(accuracy), votes, replace=False) for _ in range(items)])
    rows = np.repeat(np.arange(items), votes)
    right = rng.random(len(rows)) < accuracy[workers]
    return rows, workers, np.where(right, truth[rows], 1 - truth[rows]), truth


def test_one_step_by_hand() -> None:
    one = fit_dawid_skene(
        ITEMS, WORKERS, LABELS, class_count=2, settings=DawidSkeneSettings(prior_judgements=0.0, max_iterations=1)
    )
    # From the shares of the votes: items are of class 0 by 1, 0, 2/3, 1/3. Worker 0 says 0 to items 0 and 2, which
    # is 5/3 of the class's weight of 2; worker 2 says 0 to items 0 and 3, 4/3 of 2.
    np.testing.assert_allclose(one.class_prior, [0.5, 0.5])
    np.testing.assert_allclose(one.confusion[0], [[5 / 6, 1 / 6], [1 / 6, 5 / 6]])
    np.testing.assert_allclose(one.confusion[2], [[2 / 3, 1 / 3], [1 / 3, 2 / 3]])
    # Item 2: 0, 0, 1. Class 0: 25/36 · 1/3; class 1: 1/36 · 2/3.
    np.testing.assert_allclose(one.posteriors[2, 0], 25 / 27)
    assert one.iterations == 1
    assert not one.converged


def test_the_end_by_hand() -> None:
    # Workers 0 and 1 become faultless and worker 2 a coin: the likelihood is (1/2)^4 for the items, (1/2)^4 for worker 2.
    fit = fit_dawid_skene(ITEMS, WORKERS, LABELS, class_count=2, settings=PLAIN)
    np.testing.assert_allclose(fit.posteriors[:, 0], [1, 0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(fit.confusion[2], np.full((2, 2), 0.5), atol=1e-5)
    assert fit.log_likelihood_nats == pytest.approx(8 * np.log(0.5), abs=1e-6)
    assert fit.converged


@pytest.mark.parametrize("settings", [PLAIN, DawidSkeneSettings(), DawidSkeneSettings(one_coin=True)])
def test_abilities_are_recovered_and_the_objective_never_falls(settings: DawidSkeneSettings) -> None:
    accuracy = np.linspace(0.55, 0.97, 8)
    items, workers, labels, truth = simulated(0, accuracy, items=1600)
    fit = fit_dawid_skene(items, workers, labels, class_count=2, settings=settings)
    assert np.diff(fit.objective_nats).min() > -1e-9
    assert np.abs(fit.accuracy - accuracy).max() < 0.06
    votes = np.bincount(items, labels) / 3
    assert (fit.posteriors.argmax(axis=1) == truth).mean() > ((votes > 0.5) == truth).mean() + 0.02


def test_flipped_labels_flip_the_result() -> None:
    items, workers, labels, _ = simulated(1, np.array([0.6, 0.7, 0.8, 0.9]), items=100)
    fit = fit_dawid_skene(items, workers, labels, class_count=2)
    flipped = fit_dawid_skene(items, workers, 1 - labels, class_count=2)
    np.testing.assert_allclose(flipped.posteriors, fit.posteriors[:, ::-1], atol=1e-9)
    np.testing.assert_allclose(flipped.confusion, fit.confusion[:, ::-1, ::-1], atol=1e-9)


def test_the_order_of_judgements_does_not_matter() -> None:
    items, workers, labels, _ = simulated(2, np.array([0.6, 0.7, 0.8, 0.9]), items=100)
    order = np.random.default_rng(0).permutation(len(items))
    fit = fit_dawid_skene(items, workers, labels, class_count=2)
    shuffled = fit_dawid_skene(items[order], workers[order], labels[order], class_count=2)
    np.testing.assert_allclose(shuffled.posteriors, fit.posteriors, atol=1e-9)


def test_few_judgements_leave_everything_finite_and_even_votes_even() -> None:
    # Worker 3 judged once, item 3 was judged once, item 4 never; item 2 is tied between workers who are alike.
    fit = fit_dawid_skene(
        [0, 0, 1, 1, 2, 2, 3], [0, 1, 0, 1, 0, 1, 3], [0, 0, 1, 1, 0, 1, 1], class_count=2, item_count=5, worker_count=5
    )
    assert np.isfinite(fit.posteriors).all()
    assert 0.5 < fit.posteriors[3, 1] < 1.0
    assert fit.posteriors[4].tolist() == pytest.approx(fit.class_prior.tolist())
    assert (fit.confusion[3] > 0).all()
    even = DawidSkeneSettings(one_coin=True, even_classes=True)
    tied = fit_dawid_skene([0, 0, 1, 1, 2, 2], [0, 1] * 3, [0, 0, 1, 1, 0, 1], class_count=2, settings=even)
    np.testing.assert_allclose(tied.posteriors[2], [0.5, 0.5])


def test_no_judgements_leave_the_prior() -> None:
    fit = fit_dawid_skene([], [], [], class_count=3, item_count=2, worker_count=1)
    np.testing.assert_allclose(fit.posteriors, np.full((2, 3), 1 / 3))
    np.testing.assert_allclose(fit.confusion, np.full((1, 3, 3), 1 / 3))


def test_half_judgements_of_both_labels_are_a_tie() -> None:
    halves = fit_dawid_skene(
        [0, 0, 0, 0], [0, 0, 1, 1], [0, 1, 0, 1], class_count=2, weights=[0.5] * 4, settings=DawidSkeneSettings()
    )
    np.testing.assert_allclose(halves.posteriors, [[0.5, 0.5]])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": [0, 2]}, "labels: expected 0 … 1, found 2"),
        ({"weights": [1.0, -1.0]}, "weights: expected 0 … 2.53, found -1"),
        ({"weights": [1.0, 1e308]}, "weights: expected 0 … 2.53, found 1e"),
        ({"class_count": 1}, "class_count: expected >= 2"),
        ({"settings": DawidSkeneSettings(prior_counts=((1.0,),))}, r"prior_counts: .* found shape \(1, 1\)"),
    ],
)
def test_bad_arguments_are_refused(change: dict[str, object], words: str) -> None:
    arguments = {"labels": [0, 1], "class_count": 2, **change}
    with pytest.raises(ValueError, match=words):
        fit_dawid_skene([0, 0], [0, 1], **arguments)


def test_bad_settings_are_refused() -> None:
    for wrong in ({"prior_judgements": -1.0}, {"tolerance_nats": 0.0}, {"max_iterations": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            DawidSkeneSettings(**wrong)


@pytest.mark.parametrize("one_coin", [False, True])
def test_workers_of_one_judgement_never_turn_majorities_round(one_coin: bool) -> None:
    """Two against one in every item: people agree less than by chance, and nobody is known for worse than that."""
    items, workers, labels = np.repeat(np.arange(30), 3), np.arange(90), np.tile([0, 0, 1, 1, 1, 0], 15)
    settings = DawidSkeneSettings(one_coin=one_coin, even_classes=one_coin)
    fit = fit_dawid_skene(items, workers, labels, class_count=2, settings=settings)
    majority = np.tile([0, 1], 15)
    assert (fit.posteriors[np.arange(30), majority] >= 0.5 - 1e-9).all()


def test_unsigned_indices_are_indices() -> None:
    unsigned = [np.array(column, dtype=np.uint64) for column in (ITEMS, WORKERS, LABELS)]
    fit = fit_dawid_skene(*unsigned, class_count=2)
    np.testing.assert_allclose(fit.posteriors, fit_dawid_skene(ITEMS, WORKERS, LABELS, class_count=2).posteriors)
