"""Decisions at a fixed threshold, and without one: F1, precision, recall and false-positive rate of "predict 1 where score >= threshold".

The threshold is given, not fitted: the intervals say nothing of how sure the threshold is.
"""

import numpy as np
from numpy.typing import ArrayLike

from plumbline.measure.arrays import FloatArray, Ids, binary_labels, check_same_length, divide_or_nan, numbers
from plumbline.measure.bootstrap import Bootstrap, Clusters, figure_of_totals
from plumbline.measure.figure import Figure
from plumbline.measure.rates import rate_of_rows


def f1_at_threshold(
    scores: ArrayLike, labels: ArrayLike, threshold: float, *, bootstrap: Bootstrap, group_ids: Ids | None = None
) -> Figure:
    """Harmonic mean of precision and recall at a threshold: 2·TP / (2·TP + FP + FN).

    Args:
        scores: shape (n,); higher = more surely label 1.
        labels: shape (n,); 0 or 1.
        threshold: predict 1 where score >= threshold; finite.
        bootstrap: seed, number of draws, confidence.
        group_ids: shape (n,); rows of one id are drawn together. None: rows are independent.
    Returns:
        F1 in [0, 1]; undefined for n = 0 and where no label is 1.
    Raises:
        ValueError: lengths differ, a score or the threshold is not finite, or a label is neither 0 nor 1.
    Source: van Rijsbergen 1979, ch. 7. Deviation: undefined without a label 1, where scikit-learn gives 0.
    """
    flagged, outcomes, clusters = _decisions(scores, labels, threshold, group_ids)
    columns = np.stack([flagged * outcomes, flagged, outcomes], axis=1)
    return figure_of_totals(columns, _f1, clusters, bootstrap, "no row has label 1")


def precision_at_threshold(
    scores: ArrayLike, labels: ArrayLike, threshold: float, *, bootstrap: Bootstrap, group_ids: Ids | None = None
) -> Figure:
    """Share of flagged rows that have label 1.

    Args, Raises: as for `f1_at_threshold`.
    Returns:
        The precision in [0, 1], n = flagged rows; undefined where none is flagged.
    Source: a rate over the flagged rows. Deviation: only clusters with a flagged row are drawn.
    """
    flagged, outcomes, clusters = _decisions(scores, labels, threshold, group_ids)
    return _rate_among(flagged, outcomes, clusters, bootstrap, "no row is flagged")


def recall_at_threshold(
    scores: ArrayLike, labels: ArrayLike, threshold: float, *, bootstrap: Bootstrap, group_ids: Ids | None = None
) -> Figure:
    """Share of rows with label 1 that are flagged.

    Args, Raises: as for `f1_at_threshold`.
    Returns:
        The recall in [0, 1], n = rows with label 1; undefined where there is none.
    Source: a rate over the rows with label 1. Deviation: only clusters with such a row are drawn.
    """
    flagged, outcomes, clusters = _decisions(scores, labels, threshold, group_ids)
    return _rate_among(outcomes, flagged, clusters, bootstrap, "no row has label 1")


def false_positive_rate_at_threshold(
    scores: ArrayLike, labels: ArrayLike, threshold: float, *, bootstrap: Bootstrap, group_ids: Ids | None = None
) -> Figure:
    """Share of rows with label 0 that are flagged.

    Args, Raises: as for `f1_at_threshold`.
    Returns:
        The rate in [0, 1], n = rows with label 0; undefined where there is none.
    Source: a rate over the rows with label 0. Deviation: only clusters with such a row are drawn.
    """
    flagged, outcomes, clusters = _decisions(scores, labels, threshold, group_ids)
    return _rate_among(1.0 - outcomes, flagged, clusters, bootstrap, "no row has label 0")


def decision_figures(
    scores: ArrayLike, labels: ArrayLike, threshold: float, *, bootstrap: Bootstrap, group_ids: Ids | None = None
) -> dict[str, Figure]:
    """All four at once: `false_positive_rate`, `recall`, `precision` and `f1`, each with its own n and interval.

    Args, Raises: as for `f1_at_threshold`.
    """
    figures = {
        "false_positive_rate": false_positive_rate_at_threshold,
        "recall": recall_at_threshold,
        "precision": precision_at_threshold,
        "f1": f1_at_threshold,
    }
    return {
        name: figure(scores, labels, threshold, bootstrap=bootstrap, group_ids=group_ids)
        for name, figure in figures.items()
    }


def majority_accuracy(labels: ArrayLike, *, bootstrap: Bootstrap, group_ids: Ids | None = None) -> Figure:
    """Accuracy of giving every row the label that most of these rows have; what a model's accuracy must beat.

    Args:
        labels: shape (n,); 0 or 1.
        bootstrap: seed, number of draws, confidence.
        group_ids: shape (n,); rows of one id are drawn together. None: rows are independent.
    Returns:
        A share in [0.5, 1], its interval that of `rate_figure` for this label; undefined for n = 0.
    Raises:
        ValueError: a label is neither 0 nor 1, or group_ids do not fit.
    Source: the majority-class rule. Deviation: the majority is that of the rows at hand, which flatters it where both
        classes are near one half.
    """
    outcomes = binary_labels("labels", labels)
    is_one = bool(len(outcomes)) and float(outcomes.mean()) >= 0.5
    right = outcomes if is_one else 1.0 - outcomes
    return rate_of_rows(right, Clusters.of(group_ids, len(right)), bootstrap)


def _decisions(
    scores: ArrayLike, labels: ArrayLike, threshold: float, group_ids: Ids | None
) -> tuple[FloatArray, FloatArray, Clusters]:
    """Check the arguments: which rows are flagged and which have label 1, shape (n,) each, 0.0 or 1.0; the clusters."""
    values = numbers("scores", scores)
    outcomes = binary_labels("labels", labels)
    check_same_length(scores=values, labels=outcomes)
    if not np.isfinite(threshold):
        raise ValueError(f"threshold: expected a finite number, found {threshold!r}.")
    return (values >= threshold).astype(np.float64), outcomes, Clusters.of(group_ids, len(values))


def _rate_among(
    among: FloatArray, holds: FloatArray, clusters: Clusters, bootstrap: Bootstrap, why_undefined: str
) -> Figure:
    """Share of the rows of `among` that are in `holds` too; both shape (n,), 0.0 or 1.0."""
    rows = np.flatnonzero(among)
    if len(rows) == 0:
        return Figure.undefined(0, why_undefined if len(among) else "no rows")
    return rate_of_rows(holds[rows], clusters.take(rows), bootstrap)


def _f1(totals: FloatArray) -> FloatArray:
    """F1 from totals (draws, 3) of true positives, flagged rows and rows with label 1: (draws,)."""
    true_positives, flagged, positives = totals.T
    return divide_or_nan(2.0 * true_positives, np.where(positives > 0, flagged + positives, 0.0))
