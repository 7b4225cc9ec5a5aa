"""Label errors: rows whose given label a model that never saw them finds unlikely, the least likely first.

Takes probabilities out of fold (by a model that was not trained on the row) and the labels as given. Gives a ranking
for people to look through, and estimates of how many labels of each class are wrong. A row on the list is a suspicion:
the model may be wrong, and no label is changed here. Several categories that may all apply are several calls.

Covers any number of classes; for two, the probability of class 1 is enough. A pair of replies is a row of two classes:
class 1 where the first side was judged better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from plumbline.measure.arrays import FloatArray, Ids, IntArray, check_same_length, indices
from plumbline.measure.bootstrap import Bootstrap, Clusters
from plumbline.measure.figure import Figure
from plumbline.measure.pooling import pooled_rate

Ranking: TypeAlias = Literal["self-confidence", "normalised-margin", "class-adjusted"]

NOT_SCORED = -1
"""In place of a class: the row has no out-of-fold probabilities; or none of its probabilities reaches its threshold."""


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """The rows ranked, the most suspicious first.

    Attributes:
        order: shape (scored,); positions of the rows that have probabilities; equal scores in order of position.
        scores: shape (n,); how well the label goes with the probabilities: lower = more suspicious; NaN where a row has
            none.
        suggested: shape (n,); the class of the highest probability, the lowest such class where several are;
            `NOT_SCORED` without probabilities.
        unscored: rows without probabilities; they are on no list.
    """

    order: IntArray
    scores: FloatArray
    suggested: IntArray
    unscored: int


@dataclass(frozen=True, eq=False)
class ConfidentJoint:
    """Given labels against what the model is confident of.

    Attributes:
        counts: shape (k, k); rows of given label i that the model is confident to be of class j.
        thresholds: shape (k,); mean probability of class j among the rows labelled j: above it the model is as confident
            as it is of rows of that class on average; NaN for a class that no scored row was given.
        confident: shape (n,); the class each row is confidently of, `NOT_SCORED` where of none.
        joint: shape (k, k); estimated share of scored rows with given label i and true label j; sums to 1. All NaN
            where no row is scored. A given class without one confident row is taken as it was given.
        noise_rates: for each class i, the estimated share of its given labels that are wrong, n = confident rows of that
            given label; undefined where there is none.
    """

    counts: IntArray
    thresholds: FloatArray
    confident: IntArray
    joint: FloatArray
    noise_rates: tuple[Figure, ...]

    @property
    def suspected(self) -> IntArray:
        """How many rows of each given class are wrong by `counts`, before any estimate: shape (k,)."""
        return np.asarray(self.counts.sum(axis=1) - np.diag(self.counts))


def rank_label_errors(
    probabilities: ArrayLike, labels: ArrayLike, *, ranking: Ranking = "self-confidence"
) -> LabelErrors:
    """Order rows by how badly the label goes with the probabilities.

    For two classes `self-confidence`, `normalised-margin` and |label − probability| give one and the same order.

    Args:
        probabilities: shape (n, k), rows sum to 1; or (n,), of class 1 of two. NaN throughout a row: not scored.
        labels: shape (n,); 0 … k − 1.
        ranking: `self-confidence`: the probability of the given label. `normalised-margin`: that less the highest
            probability of another class. `class-adjusted`: both taken after subtracting from each probability its
            class's threshold (see `ConfidentJoint`), so that a class that gets low probabilities throughout is not all
            of the list; a class that no row was given takes the mean threshold. Not for pairs: which side stands first
            would matter.
    Returns:
        The ranking; empty for n = 0.
    Raises:
        ValueError: not probabilities, labels outside their range, lengths differ, or an unknown ranking.
    Source: Northcutt, Jiang & Chuang 2021, Confident Learning, JAIR 70, §3.2 and §5 (self-confidence, normalised margin);
        Kuan & Mueller 2022 (arXiv 2207.03061; adjustment by class thresholds). Deviation: the list holds every scored
        row, not only those off the diagonal of the confident joint; the adjusted margin is not rescaled.
    """
    if ranking not in ("self-confidence", "normalised-margin", "class-adjusted"):
        raise ValueError(f"ranking: expected self-confidence, normalised-margin or class-adjusted, found {ranking!r}.")
    table, given = _read(probabilities, labels)
    scored = ~np.isnan(table[:, 0])
    suggested = np.full(len(table), NOT_SCORED, dtype=np.int64)
    suggested[scored] = table[scored].argmax(axis=1)
    compared = table - _filled(_thresholds(table, given)) if ranking == "class-adjusted" else table
    own = compared[np.arange(len(table)), given]
    if ranking == "self-confidence":
        scores = own
    else:
        others = np.where(np.arange(table.shape[1]) == given[:, None], -np.inf, compared)
        scores = own - others.max(axis=1, initial=-np.inf)
    rows = np.flatnonzero(scored)
    return LabelErrors(rows[np.argsort(scores[rows], kind="stable")], scores, suggested, int((~scored).sum()))


def confident_joint(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    bootstrap: Bootstrap,
    group_ids: Ids | None = None,
    exchangeable_classes: bool = False,
) -> ConfidentJoint:
    """Count given labels against confident classes, and estimate how many labels of each class are wrong.

    The estimate is as good as the model: where it is unsure throughout, thresholds are low and much is called noise.

    Args:
        probabilities: as for `rank_label_errors`.
        labels: shape (n,); 0 … k − 1.
        bootstrap: of the intervals of the noise rates; thresholds are held as they are.
        group_ids: shape (n,); rows of one id are drawn together. None: rows are independent.
        exchangeable_classes: whether swapping the classes changes nothing, as for the two sides of a pair: all classes
            then share one threshold, the mean over all scored rows. Needed where the better side always stands first.
    Returns:
        Counts, thresholds and estimates.
    Raises:
        ValueError: not probabilities, labels outside their range, or lengths differ.
    Source: Northcutt, Jiang & Chuang 2021, eq. (1)–(3): a row counts for the class of highest probability among those
        that reach their threshold; rows of the joint are scaled to the number of given labels. Deviation: the one threshold of
        exchangeable classes.
    """
    table, given = _read(probabilities, labels)
    clusters = Clusters.of(group_ids, len(table))
    classes = table.shape[1]
    thresholds = _thresholds(table, given, shared=exchangeable_classes)
    reached = table >= thresholds  # False for NaN on either side
    confident = np.where(reached.any(axis=1), np.where(reached, table, -1.0).argmax(axis=1), NOT_SCORED)
    rows = np.flatnonzero(confident != NOT_SCORED)
    cells = np.bincount(given[rows] * classes + confident[rows], minlength=classes * classes)
    counts = cells.reshape(classes, classes).astype(np.int64)
    rates = []
    for label in range(classes):
        own = rows[given[rows] == label]
        if len(own) == 0:
            rates.append(Figure.undefined(0, "no row of this label is confidently of any class"))
            continue
        wrong = (confident[own] != label).astype(np.float64)
        rates.append(pooled_rate(wrong, bootstrap, clusters.take(own).codes))
    given_scored = np.bincount(given[~np.isnan(table[:, 0])], minlength=classes)
    return ConfidentJoint(counts, thresholds, confident, _joint(counts, given_scored), tuple(rates))


def _joint(counts: IntArray, given: IntArray) -> FloatArray:
    """Scale each row of the counts to its number of given labels, and all to 1."""
    confident = np.where(counts.sum(axis=1, keepdims=True) > 0, counts, np.eye(len(counts)))
    scaled = confident / confident.sum(axis=1, keepdims=True) * given[:, None]
    total = scaled.sum()
    return np.asarray(scaled / total) if total else np.full(counts.shape, np.nan)


def _filled(thresholds: FloatArray) -> FloatArray:
    """Thresholds with the mean of the others where a class has none."""
    known = thresholds[~np.isnan(thresholds)]
    return np.where(np.isnan(thresholds), known.mean() if len(known) else 0.0, thresholds)


def _thresholds(table: FloatArray, given: IntArray, *, shared: bool = False) -> FloatArray:
    """Mean probability of each class among the scored rows labelled so: (k,), NaN where there are none."""
    own = table[np.arange(len(table)), given]
    scored = np.flatnonzero(~np.isnan(own))
    if shared:
        return np.full(table.shape[1], own[scored].mean() if len(scored) else np.nan)
    sums = np.bincount(given[scored], own[scored], minlength=table.shape[1])
    sizes = np.bincount(given[scored], minlength=table.shape[1])
    return np.where(sizes > 0, sums / np.maximum(sizes, 1), np.nan)


def _read(probabilities: ArrayLike, labels: ArrayLike) -> tuple[FloatArray, IntArray]:
    """Check the arguments: probabilities (n, k) with k >= 2, NaN throughout a row or nowhere in it; labels (n,)."""
    array = np.asarray(probabilities)
    if array.dtype.kind not in "biuf" and array.size:
        raise ValueError(f"probabilities: expected numbers, found values of type {array.dtype}.")
    table = array.astype(np.float64)
    if table.ndim == 1:
        table = np.stack([1.0 - table, table], axis=1)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError(f"probabilities: expected shape (n,) or (n, classes), found shape {array.shape}.")
    missing = np.isnan(table)
    partly = missing.any(axis=1) & ~missing.all(axis=1)
    outside = np.any((table < 0.0) | (table > 1.0), axis=1)
    sums = np.where(np.expand_dims(outside, 1), 0.0, table).sum(axis=1)  # infinite ones have none
    outside |= np.abs(sums - 1.0) > 1e-6
    wrong = np.flatnonzero(partly | outside)
    if wrong.size:
        raise ValueError(
            "probabilities: expected rows in [0, 1] that sum to 1, or NaN throughout, "
            f"found another at row {wrong[0]} ({wrong.size} in all)."
        )
    given = indices("labels", np.asarray(labels, dtype=np.int64 if _is_boolean(labels) else None), table.shape[1])
    check_same_length(probabilities=table, labels=given)
    return table, given


def _is_boolean(labels: ArrayLike) -> bool:
    return np.asarray(labels).dtype.kind == "b"
