"""Bands → candidates for near-duplicates; verified pairs → clusters, and what may be dropped from them.

A pair is verified where every part of the two texts (what was asked, each reply; see `shingles.join_parts`) has a
Jaccard similarity of at least the threshold, counted on the shingles themselves. A cluster is what hangs together by
verified pairs; its ends may be less alike than the threshold. What is dropped is therefore decided by
`repeated_rows`: a row goes only where a row that stays is verified to be like it.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from plumbline.curate.words import Places

DEFAULT_THRESHOLD = 0.7
NEIGHBOURS = 8
"""In a bucket of up to nine rows all pairs are candidates; in a larger one each row's are this many rows before and after
it in the bucket's order, and the bucket's first row."""

PAIR_SCHEMA = pa.schema([pa.field("a", pa.int64(), nullable=False), pa.field("b", pa.int64(), nullable=False)])
"""Positions of two texts, a < b."""
VERIFIED_SCHEMA = PAIR_SCHEMA.append(pa.field("similarity", pa.float64(), nullable=False))
"""`similarity`: the Jaccard similarity of the parts, the least of them."""
CLUSTER_SCHEMA = pa.schema(
    [pa.field("position", pa.int64(), nullable=False), pa.field("cluster", pa.int64(), nullable=False)]
)
"""`cluster`: the smallest position in it. Rows that are like no other are not listed."""
REPEATED_SCHEMA = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),
        pa.field("partner", pa.int64(), nullable=False),
        pa.field("similarity", pa.float64(), nullable=False),
    ]
)

_PAIRS_AT_ONCE = 1 << 20  # as Python's own numbers, of which each takes forty bytes


def candidate_pairs(bands: pa.Table) -> pa.Table:
    """The pairs that meet in a band, each once; to be given all rows of a band_key at once.

    Args:
        bands: rows of `minhash.BAND_SCHEMA`, exchanged by band_key.
    Returns:
        rows of `PAIR_SCHEMA`, ascending. A pair that meets in bands of two exchanges comes out of both.
    """
    rows = pl.DataFrame(bands).filter(pl.col("band_key").is_duplicated()).sort("band_key", "order_key", "position")
    keys, positions = rows["band_key"].to_numpy(), rows["position"].to_numpy()
    opens = np.append(True, keys[1:] != keys[:-1])[: len(keys)]
    first = np.maximum.accumulate(np.where(opens, np.arange(len(keys)), 0))
    far = np.flatnonzero(np.arange(len(keys)) - first > NEIGHBOURS)
    pairs = [(positions[first[far]], positions[far])]
    for step in range(1, NEIGHBOURS + 1):
        earlier = np.flatnonzero(keys[step:] == keys[:-step]) if step < len(keys) else far[:0]
        pairs.append((positions[earlier], positions[earlier + step]))
    left, right = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return distinct_pairs(pa.table({"a": np.minimum(left, right), "b": np.maximum(left, right)}, schema=PAIR_SCHEMA))


def distinct_pairs(pairs: pa.Table) -> pa.Table:
    """Each pair once, ascending; to be given all pairs of one a."""
    found = pl.DataFrame(pairs).filter(pl.col("a") < pl.col("b")).sort("a", "b")
    left, right = found["a"].to_numpy(), found["b"].to_numpy()
    new = np.append(True, (left[1:] != left[:-1]) | (right[1:] != right[:-1]))[: len(found)]
    return pa.table({"a": left[new], "b": right[new]}, schema=PAIR_SCHEMA)


def cluster_table(pairs: pa.Table) -> pa.Table:
    """The clusters that hang together by verified pairs; needs all pairs at once, which are narrow.

    Returns:
        rows of `CLUSTER_SCHEMA`, ascending by position.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    left, right, positions = _compact(pairs)
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(len(positions), len(positions)))
    _, component = connected_components(graph, directed=False)
    # Positions ascend, so the first row of a component has the smallest.
    _, first = np.unique(component, return_index=True)
    return pa.table({"position": positions, "cluster": positions[first][component]}, schema=CLUSTER_SCHEMA)


def repeated_rows(pairs: pa.Table) -> pa.Table:
    """The rows that repeat an earlier one: a row stays unless it is verified to be like an earlier row that stays.

    So no row goes for the sake of one it is unlike, which the end of a chain would in a cluster reduced to one row.

    Args:
        pairs: rows of `VERIFIED_SCHEMA`.
    Returns:
        rows of `REPEATED_SCHEMA`, ascending by position: the row that goes, and among the rows that stay the one that
        it is most like (of equals the earliest).
    """
    left, right, positions = _compact(pairs)
    stays = _staying(left, right, len(positions))
    table = pl.DataFrame({"position": right, "partner": left, "similarity": pairs["similarity"].to_numpy()})
    to_one_that_stays = table.filter(pl.Series(stays[left]))
    best = to_one_that_stays.sort("position", "similarity", "partner", descending=[False, True, False])
    best = best.unique("position", keep="first", maintain_order=True)
    columns = {name: positions[best[name].to_numpy()] for name in ("position", "partner")}
    return pa.table({**columns, "similarity": best["similarity"].to_numpy()}, schema=REPEATED_SCHEMA)


def _staying(left: Places, right: Places, count: int) -> NDArray[np.bool_]:
    """Whether each row stays, shape (count,): none does that is like an earlier one that stays.

    By ascending `right` every pair of a row comes before the pairs in which it is the earlier one, so that once through
    them is enough, however long the chains are.
    """
    order = np.argsort(right, kind="stable")
    stays = bytearray(b"\1") * count
    for start in range(0, len(order), _PAIRS_AT_ONCE):
        some = order[start : start + _PAIRS_AT_ONCE]
        for earlier, later in zip(left[some].tolist(), right[some].tolist(), strict=True):
            if stays[earlier]:
                stays[later] = 0
    return np.frombuffer(stays, np.bool_)


def _compact(pairs: pa.Table) -> tuple[Places, Places, Places]:
    """(a, b, positions): both sides as indices into the distinct positions, which ascend."""
    sides = np.concatenate([pairs["a"].to_numpy(), pairs["b"].to_numpy()])
    positions, indices = np.unique(sides, return_inverse=True)
    return indices[: len(pairs)], indices[len(pairs) :], positions
