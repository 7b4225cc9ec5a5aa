"""Candidates → verified pairs: whose shingles are sent where, and how alike two sets of shingles are.

A pair is verified where its b stands. The shingles of each a are sent to every other part in which one of its partners
stands, once, however many partners those are; the part holds the others itself. So each part's shingles are read twice,
whatever the number of pairs, and what is in memory is one part, and a portion of what was sent to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from plumbline.curate.clusters import VERIFIED_SCHEMA
from plumbline.curate.portions import portions
from plumbline.curate.shingles import MOST_PARTS, SHINGLE_SCHEMA, shingle_lists
from plumbline.curate.words import Places
from plumbline.engine import part_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SENT_SCHEMA = pa.schema([pa.field("to", pa.int64(), nullable=False), *SHINGLE_SCHEMA])
"""`to`: the position of a row in the part that the shingles are sent to."""

_BYTES_AT_ONCE = 4 << 20
"""Of the shingles of both sides of pairs that are compared at once: about ten times as much is in memory then."""
_BYTES_SENT_AT_ONCE = 16 << 20
_SHINGLE_COLUMNS = 1 << 62


def sent_shingles(shingles: pa.Table, pairs: pa.Table) -> Iterator[pa.Table]:
    """The shingles of each a that another part needs, once for each such part; those that its own part needs stay there.

    Args:
        shingles: rows of `shingles.SHINGLE_SCHEMA`, every a among them.
        pairs: rows of `clusters.PAIR_SCHEMA`, ascending, whose a stand in one part.
    Returns:
        tables of `SENT_SCHEMA` of some megabytes each; at least one, which may be empty.
    Raises:
        KeyError: an a has no row.
    """
    sides = pairs["a"].to_numpy(), pairs["b"].to_numpy()
    a, to = sides[0], part_of(sides[1])
    other = np.append(True, (a[1:] != a[:-1]) | (to[1:] != to[:-1]))[: len(a)] & (part_of(a) != to)
    positions, needed_by = a[other], sides[1][other]
    sets = _Sets.of(shingles)
    places = sets.places(positions)
    for some in list(portions(sets.sizes[places], _BYTES_SENT_AT_ONCE)) or [slice(0, 0)]:
        columns = [pa.array(needed_by[some]), pa.array(positions[some]), sets.lists.take(pa.array(places[some]))]
        yield pa.Table.from_arrays(columns, schema=SENT_SCHEMA)


def verified_pairs(shingles: pa.Table, pairs: pa.Table, sent: Iterable[pa.Table], *, threshold: float) -> pa.Table:
    """The pairs of which every part of the texts has at least that Jaccard similarity.

    Args:
        shingles: rows of `shingles.SHINGLE_SCHEMA`: every b, and every a of the same part.
        pairs: rows of `clusters.PAIR_SCHEMA`, ascending, whose b stand in one part.
        sent: rows of `SENT_SCHEMA` in any order and in any portions: every other a, once.
        threshold: in (0, 1].
    Returns:
        rows of `clusters.VERIFIED_SCHEMA`, ascending. A pair without shingles is never among them.
    Raises:
        KeyError: a side has no row, or was not sent, or twice.
    """
    here = _Sets.of(shingles)
    together = part_of(pairs["a"].to_numpy()) == part_of(pairs["b"].to_numpy())
    found = [_verified(pairs.filter(pa.array(together)), here, here, threshold)]
    apart = pairs.filter(pa.array(~together))
    waiting = len(apart)
    for portion in sent:
        there = _Sets.of(portion)
        some = apart.take(pa.array(_rows_of(apart["a"].to_numpy(), there.positions)))
        waiting -= len(some)
        found.append(_verified(some, there, here, threshold))
    if waiting:
        raise KeyError(f"expected the shingles of every a to be sent once, found {waiting} pairs too few or too many")
    return pa.concat_tables(found).sort_by([("a", "ascending"), ("b", "ascending")])


def part_similarity(left: pa.LargeListArray, right: pa.LargeListArray) -> NDArray[np.float64]:
    """Jaccard similarity by part of n pairs of sets, shape (n, MOST_PARTS); NaN for a part that both leave empty."""
    sides = [_matrix(lists) for lists in (left, right)]
    first, second, shared = (_part_counts(matrix) for matrix in (*sides, sides[0].multiply(sides[1]).tocsr()))
    either = first + second - shared
    similarity: NDArray[np.float64] = np.full(either.shape, np.nan)
    np.divide(shared, either, out=similarity, where=either > 0)
    return similarity


# --- sets by position ---


@dataclass(frozen=True)
class _Sets:
    """Sets of shingles to be looked up.

    Attributes:
        positions: shape (n,), ascending.
        lists: n sets.
        sizes: shape (n,); bytes of each.
    """

    positions: Places
    lists: pa.LargeListArray
    sizes: Places

    @classmethod
    def of(cls, table: pa.Table) -> _Sets:
        """From rows of `SHINGLE_SCHEMA`, in any order."""
        positions = table["position"].to_numpy()
        if np.any(positions[1:] < positions[:-1]):
            order = np.argsort(positions, kind="stable")
            table, positions = table.take(pa.array(order)), positions[order]
        lists = shingle_lists(table)
        return cls(positions, lists, np.diff(lists.offsets.to_numpy()) * 8)

    def places(self, wanted: Places) -> Places:
        """Where the rows at these positions stand among the sets.

        Raises:
            KeyError: one is not there.
        """
        found: Places = np.searchsorted(self.positions, wanted)
        ends = len(self.positions)
        if len(wanted) and (not ends or np.any(self.positions[np.minimum(found, ends - 1)] != wanted)):
            raise KeyError("positions without shingles: were rows and pairs dealt out to the same parts?")
        return found


def _rows_of(ascending: Places, positions: Places) -> Places:
    """The rows of an ascending column that hold one of these positions."""
    starts, ends = (np.searchsorted(ascending, positions, side=side) for side in ("left", "right"))
    counts = ends - starts
    rows: Places = np.arange(counts.sum()) + np.repeat(starts - (np.cumsum(counts) - counts), counts)
    return rows


# --- comparing ---


def _verified(pairs: pa.Table, left: _Sets, right: _Sets, threshold: float) -> pa.Table:
    """Those of the pairs that are near-duplicates; so many at once that memory stays bounded."""
    places = left.places(pairs["a"].to_numpy()), right.places(pairs["b"].to_numpy())
    sizes = left.sizes[places[0]] + right.sizes[places[1]]
    found = [VERIFIED_SCHEMA.empty_table()]
    for some in portions(sizes, _BYTES_AT_ONCE):
        parts = part_similarity(left.lists.take(pa.array(places[0][some])), right.lists.take(pa.array(places[1][some])))
        similarity = np.where(np.isnan(parts).all(axis=1), 0.0, np.where(np.isnan(parts), np.inf, parts).min(axis=1))
        kept = np.flatnonzero(similarity >= threshold)
        alike = pairs.select(["a", "b"]).take(pa.array(kept + some.start))
        found.append(alike.append_column(VERIFIED_SCHEMA.field("similarity"), pa.array(similarity[kept])))
    return pa.concat_tables(found)


def _matrix(lists: pa.LargeListArray) -> csr_array:
    from scipy.sparse import csr_array

    offsets = lists.offsets.to_numpy()
    hashes = lists.flatten().to_numpy().view(np.int64)
    shape = (len(lists), _SHINGLE_COLUMNS)
    return csr_array((np.ones(len(hashes), np.int8), hashes, offsets - offsets[0]), shape=shape)


def _part_counts(matrix: csr_array) -> NDArray[np.int64]:
    """Entries by row and part, shape (n, MOST_PARTS)."""
    codes = matrix.indices & (MOST_PARTS - 1)
    codes += np.repeat(np.arange(matrix.shape[0], dtype=codes.dtype) * MOST_PARTS, np.diff(matrix.indptr))
    counts = np.bincount(codes, minlength=matrix.shape[0] * MOST_PARTS)
    return counts.reshape(-1, MOST_PARTS)
