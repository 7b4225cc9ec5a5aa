"""Splits by group: rows that share their first human message never stand on two sides.

A group's place depends on its id and the seed alone, so it stays where it is when rows are added.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

import numpy as np
import polars as pl
import pyarrow as pa


def assign_splits(group_ids: pa.Array | pa.ChunkedArray, shares: Mapping[str, float], *, seed: int) -> pa.Array:
    """A split's name for each row.

    Args:
        group_ids: shape (n,); rows of one group get one split.
        shares: split name → share of the groups; must sum to 1.
        seed: another seed, another split.
    Returns:
        string array of n names.
    Raises:
        ValueError: the shares do not sum to 1 or one is negative.
    """
    if abs(sum(shares.values()) - 1) > 1e-9 or min(shares.values()) < 0:
        raise ValueError(f"shares must be non-negative and sum to 1, found {dict(shares)}")
    names = list(shares)
    bounds = np.cumsum([shares[name] for name in names])[:-1]
    places = np.searchsorted(bounds, _group_places(group_ids, seed), side="right")
    return pa.array(np.array(names, dtype=object)[places], pa.string())


def _group_places(group_ids: pa.Array | pa.ChunkedArray, seed: int) -> np.ndarray:
    """A number in [0, 1) for each row, the same for all rows of a group."""
    groups = pl.Series("group", group_ids)
    distinct = groups.unique()
    places = [_place(group, seed) for group in distinct]
    return groups.replace_strict(distinct, pl.Series(places, dtype=pl.Float64), return_dtype=pl.Float64).to_numpy()


def _place(group: str, seed: int) -> float:
    digest = blake2b(f"{seed}:{group}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
