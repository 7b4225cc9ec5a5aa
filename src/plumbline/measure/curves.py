"""Curves to plot: precision against recall, and recall against the false-positive rate.

Points only, thinned for a picture; the areas of `ranking` are computed from all rows, never from these points.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from plumbline.measure.arrays import FloatArray, IntArray
from plumbline.measure.sorted_scores import SortedScores


@dataclass(frozen=True, eq=False)
class PrecisionRecallCurve:
    """Precision against recall: points by falling threshold, hence rising recall.

    Attributes:
        thresholds: shape (p,); predict 1 where score >= threshold; unit of the scores.
        recall: shape (p,); in [0, 1].
        precision: shape (p,); in [0, 1].
        n: rows.
        why_undefined: why there is no point; None where there are some.
    """

    thresholds: FloatArray
    recall: FloatArray
    precision: FloatArray
    n: int
    why_undefined: str | None


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Recall against false-positive rate: points by falling threshold, hence rising rates. The origin, where nothing is flagged, is not among them.

    Attributes:
        thresholds: shape (p,); predict 1 where score >= threshold; unit of the scores.
        false_positive_rate: shape (p,); in [0, 1].
        recall: shape (p,); in [0, 1].
        n: rows.
        why_undefined: why there is no point; None where there are some.
    """

    thresholds: FloatArray
    false_positive_rate: FloatArray
    recall: FloatArray
    n: int
    why_undefined: str | None


def precision_recall_curve(scores: ArrayLike, labels: ArrayLike, *, max_points: int = 200) -> PrecisionRecallCurve:
    """Precision and recall at thresholds spread along the curve.

    Args:
        scores: shape (n,); higher = more surely label 1.
        labels: shape (n,); 0 or 1.
        max_points: how many at most; >= 2. The first and the last threshold are always kept.
    Returns:
        The curve; without points for n = 0 and for one class only.
    Raises:
        ValueError: lengths differ, a score is not finite, a label is neither 0 nor 1, or max_points < 2.
    Source: Davis & Goadrich 2006, §2. Deviation: no point is added at recall 0, where precision is undefined.
    """
    counts = _count(scores, labels, max_points)
    recall = counts.true_positives / counts.true_positives[-1:]
    precision = counts.true_positives / (counts.true_positives + counts.false_positives)
    kept = _spread(recall, precision, max_points)
    return PrecisionRecallCurve(counts.thresholds[kept], recall[kept], precision[kept], counts.n, counts.why_undefined)


def roc_curve(scores: ArrayLike, labels: ArrayLike, *, max_points: int = 200) -> RocCurve:
    """False-positive rate and recall at thresholds spread along the curve.

    Args, Raises: as for `precision_recall_curve`.
    Returns:
        The curve; without points for n = 0 and for one class only.
    Source: Fawcett 2006, algorithm 1. Deviation: the origin is left to who draws, since its threshold is infinite.
    """
    counts = _count(scores, labels, max_points)
    recall = counts.true_positives / counts.true_positives[-1:]
    false_positive_rate = counts.false_positives / counts.false_positives[-1:]
    kept = _spread(false_positive_rate, recall, max_points)
    return RocCurve(counts.thresholds[kept], false_positive_rate[kept], recall[kept], counts.n, counts.why_undefined)


@dataclass(frozen=True, eq=False)
class _Counts:
    """Rows of each label at or above each threshold, shape (t,) each, t = 0 where no curve can be drawn."""

    thresholds: FloatArray
    true_positives: FloatArray
    false_positives: FloatArray
    n: int
    why_undefined: str | None


def _count(scores: ArrayLike, labels: ArrayLike, max_points: int) -> _Counts:
    if max_points < 2:
        raise ValueError(f"max_points: expected >= 2, found {max_points}.")
    rows = SortedScores.of(scores, labels, None)
    why = "no rows" if rows.n == 0 else rows.one_class_only
    if why:
        return _Counts(np.zeros(0), np.zeros(0), np.zeros(0), rows.n, why)
    true_positives, false_positives = rows.confusion(np.ones((1, rows.n)))
    return _Counts(rows.thresholds, true_positives[0], false_positives[0], rows.n, None)


def _spread(x: FloatArray, y: FloatArray, max_points: int) -> IntArray:
    """Choose points (x, y), shape (t,) each, at even steps of the way along the curve; the first and the last stay."""
    if len(x) <= max_points:
        return np.arange(len(x))
    way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    chosen = np.searchsorted(way, np.linspace(0.0, way[-1], max_points))
    chosen[-1] = len(x) - 1
    return np.unique(chosen)
