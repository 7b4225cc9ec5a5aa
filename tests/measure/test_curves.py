import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve as sklearn_precision_recall_curve
from sklearn.metrics import roc_curve as sklearn_roc_curve

from plumbline.measure import Bootstrap, auroc, precision_recall_curve, roc_curve


def _simulated(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, n)
    return np.round(labels + rng.normal(size=n), 2), labels


def test_all_points_agree_with_scikit_learn() -> None:
    scores, labels = _simulated(300)
    curve = precision_recall_curve(scores, labels, max_points=1000)
    precision, recall, thresholds = sklearn_precision_recall_curve(labels, scores)
    assert curve.thresholds[::-1] == pytest.approx(thresholds)
    assert curve.precision[::-1] == pytest.approx(precision[:-1])
    assert curve.recall[::-1] == pytest.approx(recall[:-1])
    roc = roc_curve(scores, labels, max_points=1000)
    rates, recalls, thresholds = sklearn_roc_curve(labels, scores, drop_intermediate=False)
    assert roc.thresholds == pytest.approx(thresholds[1:])
    assert roc.false_positive_rate == pytest.approx(rates[1:])
    assert roc.recall == pytest.approx(recalls[1:])


@pytest.mark.parametrize("max_points", [2, 50])
def test_thinned_curves_keep_their_ends_and_their_shape(max_points: int) -> None:
    scores, labels = _simulated(5000)
    whole, thin = roc_curve(scores, labels, max_points=10_000), roc_curve(scores, labels, max_points=max_points)
    assert 2 <= len(thin.thresholds) <= max_points
    assert (thin.thresholds[0], thin.thresholds[-1]) == (scores.max(), scores.min())
    assert (thin.false_positive_rate[-1], thin.recall[-1]) == (1.0, 1.0)
    assert set(thin.thresholds) <= set(whole.thresholds)
    assert (np.diff(thin.false_positive_rate) >= 0).all()
    assert (np.diff(thin.recall) >= 0).all()
    if max_points == 50:
        area = np.trapezoid(np.append(0, thin.recall), np.append(0, thin.false_positive_rate))
        assert area == pytest.approx(auroc(scores, labels, bootstrap=Bootstrap(0, 100)).value, abs=2e-3)
    precision_recall = precision_recall_curve(scores, labels, max_points=max_points)
    assert len(precision_recall.thresholds) <= max_points
    assert precision_recall.recall[-1] == 1.0
    assert precision_recall.precision[-1] == pytest.approx(labels.mean())


def test_no_points_where_nothing_can_be_ranked() -> None:
    for curve in (precision_recall_curve([], []), roc_curve([], [])):
        assert (len(curve.thresholds), curve.n, curve.why_undefined) == (0, 0, "no rows")
    for curve in (precision_recall_curve([1.0], [1]), roc_curve([1.0], [1])):
        assert (len(curve.recall), curve.n) == (0, 1)
        assert curve.why_undefined == "one class only: every label is 1"
    with pytest.raises(ValueError, match="max_points: expected >= 2, found 1"):
        roc_curve([1.0], [1], max_points=1)
