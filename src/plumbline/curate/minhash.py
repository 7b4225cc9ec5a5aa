"""Sets of shingles → MinHash signatures → keys of bands: rows that share a key are candidates for near-duplicates.

    shingles.shingle_table        (map)                          position, shingles
    band_table                    (map)                          band_key, order_key, position
    clusters.candidate_pairs      (by band_key)                  a, b
    clusters.distinct_pairs       (by a)                         a, b
    verification.sent_shingles    (by the part of a)             to, position, shingles
    verification.verified_pairs   (by the parts of b and to)     a, b, similarity
    clusters.cluster_table        (whole)                        position, cluster

Every step gives the same for any order and division of its rows. A signature never leaves `band_table`: what meets is
verified on the shingles themselves, so an estimate decides nothing. A row without shingles has no band.
"""

from __future__ import annotations

import array
from dataclasses import dataclass

import numpy as np
import polars as pl
import polars_hash
import pyarrow as pa
from numpy.typing import NDArray

from plumbline.curate.shingles import shingle_sets
from plumbline.curate.words import FOLD, Hashes, Places, mixed

PERMUTATIONS = 80
"""Enough for the bands that are used, and what meets is verified: more would only cost time."""
SIGNATURE_SEED = 42
"""With another seed, signatures and bands cannot be compared with those stored."""

BAND_SCHEMA = pa.schema(
    [
        pa.field("band_key", pa.uint64(), nullable=False),
        pa.field("order_key", pa.uint64(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
    ]
)
"""One row a band of a text. Rows of one band_key meet; order_key, made of what they say, sets them in an order in which
those that agree in the next band as well stand together."""

_ROWS_AT_ONCE = 256  # rensa hands a signature out as Python integers: few at a time stay in the processor's cache.
_GRID = 1_000


@dataclass(frozen=True)
class Banding:
    """How a signature is cut: two rows meet where all `rows` values of one of the `bands` agree."""

    bands: int
    rows: int

    def meeting_share(self, similarity: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Share of pairs of that Jaccard similarity that meet; Leskovec et al. 2020, §3.4.2."""
        agrees = np.asarray(similarity, np.float64) ** self.rows
        return np.asarray(1 - (1 - agrees) ** self.bands, np.float64)


def choose_banding(threshold: float, *, permutations: int = PERMUTATIONS, missed_weight: float = 0.99) -> Banding:
    """The banding with the least weighted area of what meets below the threshold and what is missed above it.

    Args:
        threshold: Jaccard similarity from which two texts are near-duplicates, in (0, 1).
        permutations: values of a signature; bands times rows may be fewer.
        missed_weight: weight of what is missed, the rest is that of what meets in vain. High, since a pair that meets
            in vain costs a verification and a pair that is missed is lost.
    Raises:
        ValueError: threshold or weight outside its range.
    Source: as `datasketch.MinHashLSH` (Zhu et al. 2016), whose weights are 0.5 each.
    """
    if not 0 < threshold < 1 or not 0 <= missed_weight <= 1:
        raise ValueError(f"expected 0 < threshold < 1 and a weight from 0 to 1, found {threshold}, {missed_weight}")
    grid = (np.arange(_GRID) + 0.5) / _GRID
    above = grid >= threshold
    weights = np.where(above, missed_weight, 1 - missed_weight)
    choices = [
        Banding(bands, rows) for rows in range(1, permutations + 1) for bands in range(1, permutations // rows + 1)
    ]
    areas = [float(weights @ np.abs(above - choice.meeting_share(grid))) for choice in choices]
    return choices[int(np.argmin(areas))]


def signatures(offsets: Places, hashes: Hashes, *, permutations: int = PERMUTATIONS) -> NDArray[np.uint32]:
    """MinHash signatures of sets of shingles.

    Args:
        offsets: shape (n + 1,), where each set begins in `hashes`.
        hashes: the shingles of all sets.
        permutations: values of a signature.
    Returns:
        shape (n, permutations); the share of equal values in two rows estimates their Jaccard similarity. The row of
        an empty set says nothing: all of them are alike.
    Source: Broder 1997; by rensa's R-MinHash, after Dahlgaard et al. 2017 (Fast Similarity Sketching).
    """
    from rensa import RMinHash

    found = np.empty((len(offsets) - 1, permutations), np.uint32)
    spread = mixed(hashes)
    starts = offsets.astype(np.uint64)
    for first in range(0, len(found), _ROWS_AT_ONCE):
        bounds = starts[first : first + _ROWS_AT_ONCE + 1]
        some = spread[int(bounds[0]) : int(bounds[-1])]
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(some, bounds - bounds[0], permutations, SIGNATURE_SEED)
        written = b"".join([array.array("I", row) for row in matrix.to_rows()])
        found[first : first + len(bounds) - 1] = np.frombuffer(written, np.uint32).reshape(-1, permutations)
    return found


def band_table(shingles: pa.Table, banding: Banding, families: pl.Series | None = None) -> pa.Table:
    """The bands of each text that has shingles; a map.

    Args:
        shingles: n rows of `SHINGLE_SCHEMA`.
        banding: how signatures are cut.
        families: n strings; only texts of one family meet. None: all do.
    Returns:
        at most n times `banding.bands` rows of `BAND_SCHEMA`, band after band.
    """
    offsets, hashes = shingle_sets(shingles)
    filled = np.diff(offsets) > 0
    own = np.zeros(len(filled), np.uint64) if families is None else _hashed(families)
    # Empty sets take no part in `hashes`, so leaving out their offsets leaves the others as they are.
    signature = signatures(np.append(offsets[:-1][filled], offsets[-1:]), hashes)
    keys = _band_values(signature, banding)
    whole = _folded(keys.T) & np.uint64(0xFFFFFFFF)
    band_keys = [mixed(mixed(keys[band] + np.uint64(band + 1)) + own[filled]) for band in range(banding.bands)]
    following = np.roll(keys, -1, axis=0) >> np.uint64(32) << np.uint64(32) | whole
    positions = np.tile(shingles["position"].to_numpy()[filled], banding.bands)
    columns = [np.concatenate([np.zeros(0, np.uint64), *band_keys]), following.ravel(), positions]
    return pa.Table.from_arrays([pa.array(column) for column in columns], schema=BAND_SCHEMA)


def _hashed(families: pl.Series) -> Hashes:
    hashed = pl.DataFrame([families.fill_null("").alias("family")])
    found: Hashes = hashed.select(polars_hash.col("family").nchash.xxh3_64())[:, 0].to_numpy()
    return found


def _band_values(signature: NDArray[np.uint32], banding: Banding) -> Hashes:
    """One number for each band of each row, shape (bands, n)."""
    values = np.ascontiguousarray(signature.T).astype(np.uint64)
    return np.stack([_folded(values[b * banding.rows : (b + 1) * banding.rows].T) for b in range(banding.bands)])


def _folded(values: Hashes) -> Hashes:
    """One number for each row of numbers."""
    total = np.zeros(len(values), np.uint64)
    for column in values.T:
        total = (total + column) * FOLD
    return mixed(total)
