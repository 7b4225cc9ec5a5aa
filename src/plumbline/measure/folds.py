"""Folds for cross-validation that keep a group on one side: rows of one prompt share their fold."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray


def assign_folds(group_ids: Sequence[str] | NDArray[np.str_], fold_count: int, *, seed: int) -> NDArray[np.int64]:
    """Give each row its fold; groups are dealt out in an order hashed from their id and the seed.

    Args:
        group_ids: shape (n,); rows of one group get one fold. NumPy strings: a NUL at the end does not count.
        fold_count: at least 2, at most the number of groups.
        seed: another seed, another order.
    Returns:
        Shape (n,), values 0 … fold_count − 1. No two folds differ by more than one group.
    Raises:
        ValueError: fold_count is out of range.
    Source: cross-validation by group, as scikit-learn's `GroupKFold`. Deviation: folds have equal numbers of groups,
        not of rows, and an id's place depends on nothing but the ids and the seed.
    """
    groups, inverse = np.unique(np.asarray(group_ids, dtype=np.str_), return_inverse=True)
    if not 2 <= fold_count <= len(groups):
        raise ValueError(f"fold_count: expected 2 … the number of groups = {len(groups)}, found {fold_count}.")
    order = np.argsort([blake2b(f"{seed}:{group}".encode(), digest_size=8).digest() for group in groups])
    fold_of_group = np.empty(len(groups), np.int64)
    fold_of_group[order] = np.arange(len(groups)) % fold_count
    folds: NDArray[np.int64] = fold_of_group[inverse]
    return folds
