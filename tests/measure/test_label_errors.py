import numpy as np
import pytest

from plumbline.measure import NOT_SCORED, Bootstrap, confident_joint, rank_label_errors

BOOTSTRAP = Bootstrap(seed=0, resamples=200)
# Probability of class 1 and the label given; row 3 says 1 at 0.1, row 4 says 0 at 0.8.
CHANCES = [0.9, 0.6, 0.2, 0.1, 0.8, 0.4]
GIVEN = [1, 1, 0, 1, 0, 0]


def test_ranking_by_hand() -> None:
    found = rank_label_errors(CHANCES, GIVEN)
    np.testing.assert_allclose(found.scores, [0.9, 0.6, 0.8, 0.1, 0.2, 0.6])
    assert found.order.tolist() == [3, 4, 1, 5, 2, 0]  # rows 1 and 5 are equal: by position
    assert found.suggested.tolist() == [1, 1, 0, 0, 1, 0]


def test_of_two_classes_self_confidence_margin_and_distance_are_one_order() -> None:
    rng = np.random.default_rng(0)
    chances, given = rng.random(200), rng.integers(0, 2, 200)
    orders = [
        rank_label_errors(chances, given, ranking=name).order for name in ("self-confidence", "normalised-margin")
    ]
    orders.append(np.argsort(-np.abs(given - chances), kind="stable"))
    assert orders[0].tolist() == orders[1].tolist() == orders[2].tolist()


def test_margin_and_class_adjustment_of_three_classes_by_hand() -> None:
    table = [[0.5, 0.4, 0.1], [0.1, 0.5, 0.4], [0.2, 0.2, 0.6], [0.3, 0.3, 0.4]]
    given = [0, 1, 2, 0]
    margin = rank_label_errors(table, given, ranking="normalised-margin")
    np.testing.assert_allclose(margin.scores, [0.1, 0.1, 0.4, -0.1])
    # Thresholds are the mean own probabilities: 0.4, 0.5, 0.6. Row 3: 0.3 − 0.4 less the highest of −0.2 and −0.2.
    adjusted = rank_label_errors(table, given, ranking="class-adjusted")
    np.testing.assert_allclose(adjusted.scores, [0.1 + 0.1, 0.0 + 0.2, 0.0 + 0.2, -0.1 + 0.2], atol=1e-12)


def test_flipped_labels_turn_the_order_round() -> None:
    flipped = rank_label_errors(CHANCES, [1 - label for label in GIVEN])
    found = rank_label_errors(CHANCES, GIVEN)
    np.testing.assert_allclose(flipped.scores, 1 - found.scores)
    assert flipped.order[0] == found.order[-1]
    assert set(flipped.order[-2:].tolist()) == set(found.order[:2].tolist())


def test_the_confident_joint_by_hand() -> None:
    # Thresholds: class 1 of rows 0, 1, 3: (0.9 + 0.6 + 0.1)/3 = 0.533; class 0 of rows 2, 4, 5: (0.8 + 0.2 + 0.6)/3.
    found = confident_joint(CHANCES, GIVEN, bootstrap=BOOTSTRAP)
    np.testing.assert_allclose(found.thresholds, [1.6 / 3, 1.6 / 3])
    assert found.counts.tolist() == [[2, 1], [1, 2]]
    assert found.suspected.tolist() == [1, 1]
    np.testing.assert_allclose(found.joint, [[1 / 3, 1 / 6], [1 / 6, 1 / 3]])
    assert [rate.value for rate in found.noise_rates] == pytest.approx([1 / 3, 1 / 3])


def test_planted_flips_come_first_and_noise_is_estimated() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(4000) < 0.3
    chances = np.clip(np.where(truth, 0.9, 0.1) + rng.normal(0, 0.08, 4000), 0, 1)
    flipped = rng.random(4000) < np.where(truth, 0.2, 0.05)
    given = (truth ^ flipped).astype(int)
    found = rank_label_errors(chances, given)
    assert flipped[found.order[: flipped.sum()]].mean() > 0.99
    joint = confident_joint(chances, given, bootstrap=BOOTSTRAP)
    share_wrong = [flipped[given == label].mean() for label in (0, 1)]
    for rate, share in zip(joint.noise_rates, share_wrong, strict=True):
        assert rate.low <= share <= rate.high


def test_rows_without_probabilities_are_counted_and_never_ranked() -> None:
    chances = [*CHANCES, np.nan]
    found = rank_label_errors(chances, [*GIVEN, 1], ranking="class-adjusted")
    assert found.unscored == 1
    assert 6 not in found.order
    assert found.suggested[6] == NOT_SCORED
    joint = confident_joint(chances, [*GIVEN, 1], bootstrap=BOOTSTRAP)
    assert joint.confident[6] == NOT_SCORED
    assert joint.counts.sum() == 6


def test_pairs_whose_better_side_always_stands_first() -> None:
    chances = [0.9, 0.7, 0.2, 0.6]
    joint = confident_joint(chances, [1] * 4, bootstrap=BOOTSTRAP, exchangeable_classes=True)
    np.testing.assert_allclose(joint.thresholds, [0.6, 0.6])
    assert joint.counts.tolist() == [[0, 0], [1, 3]]
    turned = confident_joint([0.1, 0.7, 0.8, 0.6], [0, 1, 0, 1], bootstrap=BOOTSTRAP, exchangeable_classes=True)
    assert turned.suspected.sum() == joint.suspected.sum()
    assert joint.noise_rates[0].value is None
    assert rank_label_errors(chances, [1] * 4, ranking="class-adjusted").order.tolist() == [2, 3, 1, 0]


def test_no_rows() -> None:
    assert rank_label_errors([], []).order.tolist() == []
    joint = confident_joint([], [], bootstrap=BOOTSTRAP)
    assert np.isnan(joint.joint).all()
    assert all(rate.value is None for rate in joint.noise_rates)


@pytest.mark.parametrize(
    ("chances", "given", "words"),
    [
        ([0.5, 1.5], [0, 1], "found another at row 1"),
        ([0.5, np.inf], [0, 1], "found another at row 1"),
        ([[0.5, 0.4]], [0], "sum to 1"),
        ([[0.5, np.nan]], [0], "NaN throughout"),
        ([0.5], [2], "labels: expected 0 … 1, found 2"),
        ([0.5], [0, 1], "expected equal lengths"),
    ],
)
def test_bad_arguments_are_refused(chances: object, given: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rank_label_errors(chances, given)
    with pytest.raises(ValueError, match="ranking: expected"):
        rank_label_errors([0.5], [0], ranking="best")
