"""Scores sorted once, and the confusion counts at every threshold under any row weights.

What AUROC, average precision, recall at a false-positive rate and the curves share. Predicting 1 means
score >= threshold; rows with equal scores are always on the same side of a threshold.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from plumbline.measure.arrays import FloatArray, Ids, IntArray, binary_labels, check_same_length, numbers
from plumbline.measure.bootstrap import Clusters


@dataclass(frozen=True, eq=False)
class SortedScores:
    """Rows by falling score.

    Attributes:
        labels: shape (n,); 0 or 1.
        thresholds: shape (t,); the distinct scores, falling.
        ends: shape (t,); the last row that each threshold admits. None where all scores differ (t = n).
        clusters: which of the sorted rows are drawn together.
    """

    labels: FloatArray
    thresholds: FloatArray
    ends: IntArray | None
    clusters: Clusters

    @classmethod
    def of(cls, scores: ArrayLike, labels: ArrayLike, group_ids: Ids | None) -> "SortedScores":
        """Check and sort.

        Args:
            scores: shape (n,); higher = more surely label 1.
            labels: shape (n,); 0 or 1.
            group_ids: shape (n,) or None.
        Raises:
            ValueError: lengths differ, a score is not finite, or a label is neither 0 nor 1.
        """
        values = numbers("scores", scores)
        outcomes = binary_labels("labels", labels)
        check_same_length(scores=values, labels=outcomes)
        clusters = Clusters.of(group_ids, len(values))
        order = np.argsort(-values, kind="stable")
        ordered = values[order]
        if len(ordered) == 0:
            return cls(outcomes, ordered, None, clusters)
        ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
        return cls(
            labels=outcomes[order],
            thresholds=ordered[ends],
            ends=None if len(ends) == len(ordered) else ends,
            clusters=clusters if clusters.codes is None else clusters.take(order),
        )

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.labels)

    @property
    def one_class_only(self) -> str | None:
        """Why nothing can be ranked, or None where both labels occur."""
        positives = int(self.labels.sum())
        if self.n and positives in (0, self.n):
            return f"one class only: every label is {int(positives > 0)}"
        return None

    def confusion(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Count what each threshold admits.

        Args:
            weights: shape (draws, n); of the sorted rows.
        Returns:
            Weight of label 1 and of label 0 with a score at or above each threshold, both (draws, t).
        """
        true_positives = np.cumsum(weights * self.labels, axis=1)
        admitted = np.cumsum(weights, axis=1)
        if self.ends is not None:
            true_positives, admitted = true_positives[:, self.ends], admitted[:, self.ends]
        admitted -= true_positives
        return true_positives, admitted
