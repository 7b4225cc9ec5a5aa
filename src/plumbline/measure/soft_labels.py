"""Labels from vote counts: the majority with its ties kept as ties, soft labels, and how far the votes disagree.

Takes one row of counts an item. Who voted is not used; `dawid_skene` and `worker_bradley_terry` use it.
"""

import numpy as np
from numpy.typing import ArrayLike

from plumbline.measure.arrays import FloatArray, IntArray, check_same_length, divide_or_nan, indices, vote_table

TIED = -1
"""The majority label of an item whose most frequent labels are equally frequent."""
NO_VOTES = -2
"""The majority label of an item that nobody judged."""


def vote_counts(item_indices: ArrayLike, labels: ArrayLike, *, item_count: int, class_count: int) -> IntArray:
    """Count the labels each item was given.

    Args:
        item_indices: shape (n,); 0 … item_count − 1, one row a judgement.
        labels: shape (n,); 0 … class_count − 1.
        item_count: items in all, judged or not; >= 0.
        class_count: labels there are; >= 1.
    Returns:
        Shape (items, classes).
    Raises:
        ValueError: lengths differ, or an index is not a whole number in its range.
    """
    items, classes = indices("item_indices", item_indices, item_count), indices("labels", labels, class_count)
    check_same_length(item_indices=items, labels=classes)
    cells = np.bincount(items * class_count + classes, minlength=item_count * class_count)
    return cells.reshape(item_count, class_count).astype(np.int64)


def majority_labels(votes: ArrayLike) -> IntArray:
    """Give each item its most frequent label; a tie stays a tie and is broken by nobody.

    Args:
        votes: shape (items, classes); counts >= 0.
    Returns:
        Shape (items,); 0 … classes − 1, `TIED` where two labels are the most frequent, `NO_VOTES` where none was given.
    Raises:
        ValueError: not a table of counts.
    """
    table = vote_table(votes)
    most = table.max(axis=1)
    labels: IntArray = table.argmax(axis=1).astype(np.int64)
    labels[(table == most[:, None]).sum(axis=1) > 1] = TIED
    labels[most == 0] = NO_VOTES
    return labels


def vote_shares(votes: ArrayLike) -> FloatArray:
    """Give each item its soft label: the share of its votes that each label got.

    Args:
        votes: shape (items, classes); counts >= 0.
    Returns:
        Shape (items, classes); each row sums to 1, or is NaN where there is no vote.
    Raises:
        ValueError: not a table of counts.
    """
    table = vote_table(votes)
    return divide_or_nan(table, table.sum(axis=1, keepdims=True))


def vote_disagreement(votes: ArrayLike) -> FloatArray:
    """Give each item 1 − Σ p², the chance that two votes drawn from its own (with replacement) differ.

    It describes the votes there are. As an estimate for the crowd it is too low by the factor (m − 1)/m for m votes;
    that one is `pair_disagreement`.

    Args:
        votes: shape (items, classes); counts >= 0.
    Returns:
        Shape (items,); 0 where all agree, at most 1 − 1/classes; NaN where there is no vote.
    Raises:
        ValueError: not a table of counts.
    """
    return np.asarray(1.0 - (vote_shares(votes) ** 2).sum(axis=1))


def pair_disagreement(votes: ArrayLike) -> FloatArray:
    """Give each item the share of its pairs of votes that differ: unbiased for two judgements of the crowd.

    Args:
        votes: shape (items, classes); counts >= 0.
    Returns:
        Shape (items,), in [0, 1]; NaN where there are fewer than two votes.
    Raises:
        ValueError: not a table of counts.
    Source: Fleiss 1971, eq. (2), taken from 1. Deviation: items may have different numbers of votes.
    """
    table = vote_table(votes)
    total = table.sum(axis=1)
    return 1.0 - divide_or_nan((table * (table - 1.0)).sum(axis=1), total * (total - 1.0))
