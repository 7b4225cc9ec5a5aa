"""Candidates for near-duplicates → verified pairs → clusters, and what may be dropped from them.

A pair is verified where every part of the two texts (what was asked, each reply; see `shingles.join_parts`) has a
Jaccard similarity of at least the threshold, counted on the shingles themselves. A cluster is what hangs together by
verified pairs; its ends may be less alike than the threshold. What is dropped is therefore decided by
`repeated_rows`: a row goes only where a row that stays is verified to be like it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from plumbline.curate.minhash import Banding, band_table, choose_banding
from plumbline.curate.shingles import MOST_PARTS, SHINGLE_SCHEMA, shingle_sets, shingle_table
from plumbline.curate.words import Places

if TYPE_CHECKING:
    from scipy.sparse import csr_array

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

_PAIRS_AT_ONCE = 5_000
_SHINGLE_COLUMNS = 1 << 62


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


def with_shingles(pairs: pa.Table, shingles: pa.Table, side: str) -> pa.Table:
    """The pairs with the shingles of one side as a column ``shingles_a`` or ``shingles_b``.

    Args:
        pairs: with columns a and b; exchanged by `side`.
        shingles: rows of `SHINGLE_SCHEMA`, exchanged by position; every position of `side` is among them.
        side: "a" or "b".
    Raises:
        KeyError: a position has no shingles.
    """
    if len(positions := shingles["position"].to_numpy()) and np.any(positions[1:] < positions[:-1]):
        shingles = shingles.sort_by("position")
        positions = shingles["position"].to_numpy()
    wanted = pairs[side].to_numpy()
    places = np.searchsorted(positions, wanted)
    if len(wanted) and (not len(positions) or np.any(positions[np.minimum(places, len(positions) - 1)] != wanted)):
        raise KeyError(f"positions of side {side} without shingles: were both exchanged by the same key?")
    lists = shingles["shingles"].combine_chunks().take(pa.array(places))
    return pairs.append_column(pa.field(f"shingles_{side}", SHINGLE_SCHEMA.field("shingles").type), lists)


def verified_pairs(pairs: pa.Table, threshold: float) -> pa.Table:
    """The pairs of which every part has at least that Jaccard similarity; a map.

    Args:
        pairs: with columns a, b, shingles_a, shingles_b.
        threshold: in (0, 1].
    Returns:
        rows of `VERIFIED_SCHEMA`, in the order of `pairs`. A pair without shingles is never among them.
    """
    parts = part_similarity(pairs)
    similarity = np.where(np.isnan(parts).all(axis=1), 0.0, np.where(np.isnan(parts), np.inf, parts).min(axis=1))
    kept = np.flatnonzero(similarity >= threshold)
    found = pairs.select(["a", "b"]).take(pa.array(kept))
    return found.append_column(VERIFIED_SCHEMA.field("similarity"), pa.array(similarity[kept]))


def part_similarity(pairs: pa.Table) -> NDArray[np.float64]:
    """Jaccard similarity by part, shape (n, MOST_PARTS); NaN for a part that both leave empty."""
    from scipy.sparse import csr_array

    shape = (len(pairs), _SHINGLE_COLUMNS)
    sides = []
    for name in ("a", "b"):
        offsets, hashes = shingle_sets(pairs.select([f"shingles_{name}"]).rename_columns(["shingles"]))
        sides.append(csr_array((np.ones(len(hashes), np.int8), hashes.view(np.int64), offsets), shape=shape))
    left, right, shared = (_part_counts(matrix) for matrix in (*sides, sides[0].multiply(sides[1]).tocsr()))
    either = left + right - shared
    similarity: NDArray[np.float64] = np.full(either.shape, np.nan)
    np.divide(shared, either, out=similarity, where=either > 0)
    return similarity


def _part_counts(matrix: csr_array) -> NDArray[np.int64]:
    """Entries by row and part, shape (n, MOST_PARTS)."""
    codes = matrix.indices & (MOST_PARTS - 1)
    codes += np.repeat(np.arange(matrix.shape[0], dtype=codes.dtype) * MOST_PARTS, np.diff(matrix.indptr))
    counts = np.bincount(codes, minlength=matrix.shape[0] * MOST_PARTS)
    return counts.reshape(-1, MOST_PARTS)


def verify_in_batches(pairs: pa.Table, shingles: pa.Table, threshold: float) -> pa.Table:
    """`verified_pairs` where all shingles are at hand; so many pairs at once that memory stays bounded."""
    found, shingles = [VERIFIED_SCHEMA.empty_table()], shingles.combine_chunks()
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        some = with_shingles(pairs.slice(start, _PAIRS_AT_ONCE), shingles, "a")
        found.append(verified_pairs(with_shingles(some, shingles, "b"), threshold))
    return pa.concat_tables(found)


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
    stays, goes = np.ones(len(positions), bool), np.zeros(len(positions), bool)
    stays[right] = False
    while not (stays | goes).all():
        goes[right[stays[left]]] = True
        waiting = right[~goes[left]]
        decided = ~(stays | goes)
        decided[waiting] = False
        stays |= decided
    table = pl.DataFrame({"position": right, "partner": left, "similarity": pairs["similarity"].to_numpy()})
    to_one_that_stays = table.filter(pl.Series(goes[right] & stays[left]))
    best = to_one_that_stays.sort("position", "similarity", "partner", descending=[False, True, False])
    best = best.unique("position", keep="first", maintain_order=True)
    columns = {name: positions[best[name].to_numpy()] for name in ("position", "partner")}
    return pa.table({**columns, "similarity": best["similarity"].to_numpy()}, schema=REPEATED_SCHEMA)


def _compact(pairs: pa.Table) -> tuple[Places, Places, Places]:
    """(a, b, positions): both sides as indices into the distinct positions, which ascend."""
    sides = np.concatenate([pairs["a"].to_numpy(), pairs["b"].to_numpy()])
    positions, indices = np.unique(sides, return_inverse=True)
    return indices[: len(pairs)], indices[len(pairs) :], positions


def near_duplicate_pairs(
    texts: pl.Series,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    families: pl.Series | None = None,
    banding: Banding | None = None,
) -> pa.Table:
    """The verified pairs among n texts that fit into memory, all steps in one.

    Args:
        texts: as for `shingles.shingle_table`; their positions are 0 to n - 1.
        threshold: Jaccard similarity from which two texts are near-duplicates, in (0, 1).
        families: n strings; only texts of one family are compared.
        banding: how signatures are cut; by default `choose_banding(threshold)`.
    Returns:
        rows of `VERIFIED_SCHEMA`, ascending.
    """
    shingles = shingle_table(np.arange(len(texts)), texts)
    bands = band_table(shingles, banding or choose_banding(threshold), families)
    return verify_in_batches(candidate_pairs(bands), shingles, threshold)
