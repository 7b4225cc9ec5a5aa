import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.metrics import roc_curve as sklearn_roc_curve

from plumbline.measure import (
    Bootstrap,
    Figure,
    auprc,
    auprc_difference,
    auroc,
    average_precision,
    recall_at_fpr,
    threshold_at_fpr,
)
from plumbline.measure.sorted_scores import SortedScores
from tests.work import calls_made

SEEDED = Bootstrap(seed=5, resamples=100)
ROWS = st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 1)), min_size=2, max_size=40).filter(
    lambda rows: len({label for _, label in rows}) == 2
)


def _split(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([row[0] for row in rows], dtype=float), np.array([row[1] for row in rows])


@given(ROWS)
@settings(max_examples=60)
def test_areas_agree_with_scikit_learn(rows: list[tuple[int, int]]) -> None:
    scores, labels = _split(rows)
    assert auroc(scores, labels, bootstrap=SEEDED).value == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    expected = average_precision_score(labels, scores)
    assert auprc(scores, labels, bootstrap=SEEDED).value == pytest.approx(expected, abs=1e-12)


@given(ROWS)
@settings(max_examples=60)
def test_auroc_polarity_and_monotone_maps(rows: list[tuple[int, int]]) -> None:
    scores, labels = _split(rows)
    area = auroc(scores, labels, bootstrap=SEEDED)
    assert auroc(scores, 1 - labels, bootstrap=SEEDED).value == pytest.approx(1 - area.value)
    assert auroc(-scores, labels, bootstrap=SEEDED).value == pytest.approx(1 - area.value)
    assert auroc(-scores, 1 - labels, bootstrap=SEEDED).value == pytest.approx(area.value)
    assert auroc(np.exp(scores) * 7, labels, bootstrap=SEEDED) == area
    assert auprc(np.exp(scores) * 7, labels, bootstrap=SEEDED) == auprc(scores, labels, bootstrap=SEEDED)


@given(ROWS, st.sampled_from([0.01, 0.05, 0.1, 0.29, 0.5, 0.9]))
@settings(max_examples=60)
def test_recall_at_fpr_is_the_best_of_all_thresholds_and_its_threshold_reaches_it(
    rows: list[tuple[int, int]], rate: float
) -> None:
    scores, labels = _split(rows)
    best = max(
        ((scores >= cut)[labels == 1].mean(), cut)
        for cut in (*scores, np.inf)
        if (scores >= cut)[labels == 0].mean() <= rate
    )
    recall = recall_at_fpr(scores, labels, rate, bootstrap=SEEDED)
    threshold = threshold_at_fpr(scores, labels, rate, bootstrap=SEEDED)
    assert recall.value == pytest.approx(best[0])
    if best[0] == 0:
        assert threshold.value is None
        assert f"false-positive rate of {rate:g} or less" in (threshold.why_undefined or "")
    else:
        assert threshold.value == best[1]


def test_recall_at_fpr_agrees_with_the_curve_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 2000)
    scores = np.round(labels + rng.normal(size=2000), 2)
    rates, recalls, _ = sklearn_roc_curve(labels, scores, drop_intermediate=False)
    for rate in (0.01, 0.05, 0.3):
        expected = recalls[rates <= rate].max()
        assert recall_at_fpr(scores, labels, rate, bootstrap=SEEDED).value == pytest.approx(expected, abs=1e-12)


def test_a_rate_that_is_a_fraction_of_the_negatives_is_met_exactly() -> None:
    """0.29 · 100 is 28.999… in floating point; 29 of 100 false positives are allowed all the same."""
    scores = np.concatenate([np.arange(100.0), [70.5]])  # 29 negatives (71 … 99) score above the positive
    labels = np.concatenate([np.zeros(100), [1.0]])
    assert recall_at_fpr(scores, labels, 0.29, bootstrap=SEEDED).value == 1.0
    assert recall_at_fpr(scores, labels, 0.28, bootstrap=SEEDED).value == 0.0


def test_ties_are_never_split() -> None:
    scores, labels = [1.0, 1.0, 0.0, 0.0], [1, 0, 1, 0]
    assert recall_at_fpr(scores, labels, 0.4, bootstrap=SEEDED).value == 0.0
    assert recall_at_fpr(scores, labels, 0.5, bootstrap=SEEDED).value == 0.5
    assert threshold_at_fpr(scores, labels, 0.5, bootstrap=SEEDED).value == 1.0


@pytest.mark.parametrize("measure", ["auroc", "auprc", "recall"])
def test_weighted_statistics_equal_those_of_repeated_rows(measure: str) -> None:
    """A draw's weights must mean what copying rows means; checked against scikit-learn's sample weights."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 50)
    scores = np.round(labels + rng.normal(size=50), 1)
    rows = SortedScores.of(scores, labels, None)
    weights = rng.integers(0, 4, size=(3, 50)).astype(float)
    order = np.argsort(-scores, kind="stable")
    for one in weights:
        true_positives, false_positives = rows.confusion(one[None])
        repeated = np.repeat(order, one.astype(int))
        if measure == "auroc":
            found = np.trapezoid(
                np.append(0, true_positives[0] / true_positives[0, -1]),
                np.append(0, false_positives[0] / false_positives[0, -1]),
            )
            assert found == pytest.approx(roc_auc_score(labels[repeated], scores[repeated]), abs=1e-12)
        elif measure == "auprc":
            expected = auprc(scores[repeated], labels[repeated], bootstrap=SEEDED).value
            weighted = average_precision_score(labels[order], scores[order], sample_weight=one)
            assert expected == pytest.approx(weighted, abs=1e-12)
        else:
            kept = true_positives[0][false_positives[0] / false_positives[0, -1] <= 0.2]
            found = recall_at_fpr(scores[repeated], labels[repeated], 0.2, bootstrap=SEEDED).value
            assert found == pytest.approx(kept.max(initial=0.0) / true_positives[0, -1])


def test_interval_of_auroc_agrees_with_its_standard_error() -> None:
    """Hanley & McNeil 1982 give the standard error in closed form; the bootstrap should come near it."""
    rng = np.random.default_rng(2)
    labels = np.repeat([0, 1], 300)
    scores = rng.normal(size=600) + labels
    figure = auroc(scores, labels, bootstrap=Bootstrap(seed=1, resamples=1000))
    area = figure.value
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    error = np.sqrt((area * (1 - area) + 299 * (q1 - area**2) + 299 * (q2 - area**2)) / 300**2)
    assert (figure.high - figure.low) / (2 * 1.96 * error) == pytest.approx(1.0, abs=0.12)


def test_groups_follow_their_rows_through_the_sorting() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(30), 8)
    labels = rng.integers(0, 2, 240)
    scores = labels + 2.0 * rng.normal(size=30)[groups] + rng.normal(size=240)
    shuffle = rng.permutation(240)
    many = Bootstrap(seed=1, resamples=3000)
    figure = auroc(scores, labels, bootstrap=many, group_ids=groups)
    again = auroc(scores[shuffle], labels[shuffle], bootstrap=many, group_ids=groups[shuffle])
    astray = auroc(scores, labels, bootstrap=many, group_ids=groups[shuffle])
    assert figure.value == pytest.approx(again.value)
    assert (figure.low, figure.high) == pytest.approx((again.low, again.high), abs=0.01)
    assert abs((astray.high - astray.low) / (figure.high - figure.low) - 1.0) > 0.1


MEASURES = {
    "auroc": lambda scores, labels: auroc(scores, labels, bootstrap=SEEDED),
    "auprc": lambda scores, labels: auprc(scores, labels, bootstrap=SEEDED),
    "recall_at_fpr": lambda scores, labels: recall_at_fpr(scores, labels, 0.05, bootstrap=SEEDED),
    "threshold_at_fpr": lambda scores, labels: threshold_at_fpr(scores, labels, 0.05, bootstrap=SEEDED),
}


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_undefined_and_invalid(name: str) -> None:
    measure = MEASURES[name]
    assert measure([], []) == Figure.undefined(0, "no rows")
    assert measure([1.0, 2.0], [1, 1]) == Figure.undefined(2, "one class only: every label is 1")
    assert measure([1.0, 2.0], [0, 0]) == Figure.undefined(2, "one class only: every label is 0")
    with pytest.raises(ValueError, match="scores: expected finite numbers, found nan at row 1"):
        measure([1.0, np.nan], [0, 1])
    with pytest.raises(ValueError, match="labels: expected only 0, 1, found 2 at row 0"):
        measure([1.0], [2])
    with pytest.raises(ValueError, match="expected equal lengths, found scores 1, labels 2"):
        measure([1.0], [0, 1])


def test_a_rate_out_of_range_is_refused() -> None:
    with pytest.raises(
        ValueError, match="max_false_positive_rate: expected a number strictly between 0 and 1, found 5"
    ):
        recall_at_fpr([1.0, 2.0], [0, 1], 5, bootstrap=SEEDED)


def test_perfect_ranking_claims_no_certainty() -> None:
    figure = auroc(np.arange(40.0), np.arange(40) >= 20, bootstrap=SEEDED)
    assert figure.value == 1.0
    assert figure.low is None


def test_20_000_rows_are_ranked_by_arrays() -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, 20_000)
    scores = labels + rng.normal(size=20_000)
    made, _ = calls_made(lambda: auroc(scores, labels, bootstrap=Bootstrap(seed=0)))
    assert made < 10_000  # none of them for each row, nor for a row of each resample


@given(ROWS, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_a_difference_of_areas_is_that_of_the_two_and_turns_with_them(rows, chance) -> None:
    scores, labels = _split(rows)
    others = np.array([chance.randint(-3, 3) for _ in scores], float)
    found = auprc_difference(scores, others, labels, bootstrap=SEEDED)
    apart = average_precision(scores, labels) - average_precision(others, labels)
    assert average_precision(scores, labels) == auprc(scores, labels, bootstrap=SEEDED).value
    assert found.value == pytest.approx(apart, abs=1e-12)
    turned = auprc_difference(others, scores, labels, bootstrap=SEEDED)
    assert turned.value == pytest.approx(-found.value, abs=1e-12)


def test_a_difference_is_paired_so_it_is_surer_than_either_area() -> None:
    chance = np.random.default_rng(0)
    labels = chance.random(300) < 0.4
    scores = labels + chance.normal(size=300)
    others = scores + 0.2 * chance.normal(size=300)
    groups = np.repeat(np.arange(100), 3)
    found = auprc_difference(scores, others, labels, bootstrap=SEEDED, group_ids=groups)
    area = auprc(scores, labels, bootstrap=SEEDED, group_ids=groups)
    assert found.low < found.value < found.high
    assert found.high - found.low < (area.high - area.low) / 2


def test_a_difference_of_one_class_or_of_rankings_alike_is_told_as_such() -> None:
    assert average_precision([], []) is average_precision([1.0, 2.0], [1, 1]) is None
    assert auprc_difference([1.0, 2.0], [2.0, 1.0], [1, 1], bootstrap=SEEDED).value is None
    same = auprc_difference([1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [0, 1, 1], bootstrap=SEEDED)
    assert (same.value, same.low) == (0.0, None)
    with pytest.raises(ValueError, match="others"):
        auprc_difference([1.0, 2.0], [1.0], [0, 1], bootstrap=SEEDED)
