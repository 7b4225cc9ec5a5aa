import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from plumbline.measure import (
    Bootstrap,
    Figure,
    decision_figures,
    f1_at_threshold,
    false_positive_rate_at_threshold,
    majority_accuracy,
    precision_at_threshold,
    recall_at_threshold,
)

SEEDED = Bootstrap(seed=5, resamples=100)
ROWS = st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 1)), min_size=1, max_size=30)


@given(ROWS, st.integers(-4, 4))
@settings(max_examples=60)
def test_agree_with_scikit_learn_where_it_is_defined(rows: list[tuple[int, int]], threshold: int) -> None:
    scores, labels = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    flagged = scores >= threshold
    f1 = f1_at_threshold(scores, labels, threshold, bootstrap=SEEDED)
    precision = precision_at_threshold(scores, labels, threshold, bootstrap=SEEDED)
    recall = recall_at_threshold(scores, labels, threshold, bootstrap=SEEDED)
    false_positive_rate = false_positive_rate_at_threshold(scores, labels, threshold, bootstrap=SEEDED)
    if labels.any():
        assert f1.value == pytest.approx(f1_score(labels, flagged, zero_division=0.0))
        assert recall.value == pytest.approx(recall_score(labels, flagged))
        assert recall.n == labels.sum()
    else:
        assert f1 == Figure.undefined(len(rows), "no row has label 1")
        assert recall == Figure.undefined(0, "no row has label 1")
    if flagged.any():
        assert precision.value == pytest.approx(precision_score(labels, flagged))
        assert precision.n == flagged.sum()
    else:
        assert precision == Figure.undefined(0, "no row is flagged")
    if labels.all():
        assert false_positive_rate == Figure.undefined(0, "no row has label 0")
    else:
        assert false_positive_rate.value == pytest.approx(flagged[labels == 0].mean())


def test_groups_are_kept_for_the_rows_a_rate_is_about() -> None:
    groups = np.array(["a", "a", "b", "b", "c", "c"])
    figure = recall_at_threshold([1, 1, 1, 0, 0, 0], [1, 0, 1, 0, 1, 0], 0.5, bootstrap=SEEDED, group_ids=groups)
    assert figure.value == pytest.approx(2 / 3)
    assert figure.n == 3
    assert figure.low is not None


def test_flagging_everything_on_beavertails_like_rates() -> None:
    """57.3 % positives flagged without looking give F1 = 2·0.573/1.573 = 0.729: F1 alone says little."""
    labels = np.repeat([1, 0], [573, 427])
    figure = f1_at_threshold(np.zeros(1000), labels, 0.0, bootstrap=SEEDED)
    assert figure.value == pytest.approx(0.7285, abs=1e-4)
    assert figure.low < figure.value < figure.high


def test_undefined_and_invalid() -> None:
    for measure in (
        f1_at_threshold,
        precision_at_threshold,
        recall_at_threshold,
        false_positive_rate_at_threshold,
    ):
        assert measure([], [], 0.5, bootstrap=SEEDED) == Figure.undefined(0, "no rows")
        with pytest.raises(ValueError, match="threshold: expected a finite number, found nan"):
            measure([1.0], [1], float("nan"), bootstrap=SEEDED)
        with pytest.raises(ValueError, match="found scores 1, labels 2"):
            measure([1.0], [1, 0], 0.5, bootstrap=SEEDED)


def test_all_four_at_once_are_the_four_with_their_own_n() -> None:
    scores, labels, groups = [0.9, 0.8, 0.7, 0.2, 0.1], [1, 0, 1, 1, 0], ["a", "a", "b", "c", "d"]
    found = decision_figures(scores, labels, 0.5, bootstrap=SEEDED, group_ids=groups)
    assert list(found) == ["false_positive_rate", "recall", "precision", "f1"]
    assert {name: figure.n for name, figure in found.items()} == {
        "false_positive_rate": 2,
        "recall": 3,
        "precision": 3,
        "f1": 5,
    }
    assert found["recall"] == recall_at_threshold(scores, labels, 0.5, bootstrap=SEEDED, group_ids=groups)
    assert found["recall"].low is not None
    assert found["false_positive_rate"].value == 0.5


def test_the_majority_is_right_as_often_as_it_is_large() -> None:
    assert majority_accuracy([0, 0, 0, 1], bootstrap=SEEDED).value == 0.75
    assert majority_accuracy([1, 1, 0], bootstrap=SEEDED).value == pytest.approx(2 / 3)
    assert majority_accuracy([0, 1], bootstrap=SEEDED).value == 0.5
    assert majority_accuracy([1, 1], bootstrap=SEEDED).value == 1.0
    assert majority_accuracy([], bootstrap=SEEDED) == Figure.undefined(0, "no rows")
    figure = majority_accuracy([0, 0, 0, 1], bootstrap=SEEDED, group_ids=["a", "a", "b", "b"])
    assert (figure.low, figure.high) == (0.5, 1.0)
