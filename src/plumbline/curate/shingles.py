"""Texts as sets of shingles: hashes of n successive words, the sets that near-duplicates are measured on.

What a word is, `words` says; in scripts without spaces a shingle is a run of n characters. Texts may have parts, see
`join_parts`; a shingle never reaches over the end of its part. A part with fewer than n words is one shingle; one
without words gives none, and a text without shingles is like no other.

A hash has 46 bits and does not depend on the machine, the version of Polars or the batch it was computed in; two
different shingles in a pair of texts of 1,000 words meet by chance once in 10^7 pairs. Not covered: stemming, typing
errors inside short texts, translations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from plumbline.curate.portions import portions
from plumbline.curate.words import FOLD, PART_END, Hashes, Places, Words, cut_words, mixed, text_bytes

SHINGLE_WORDS = 2
"""Words in a shingle; docs/design/near-duplicates.md says what others gave."""
PART_BITS = 2
MOST_PARTS = 1 << PART_BITS
"""Parts a text may have; further ones count as the last."""

SHINGLE_SCHEMA = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),
        pa.field("shingles", pa.large_list(pa.field("item", pa.uint64(), nullable=False)), nullable=False),
    ]
)
"""One row a text: its place in the data, and its shingles without repeats, ascending; the low bits name the part."""

_ROW_BITS = 16
_ROWS_AT_ONCE = 1_000  # Their words fit into the processor's cache; at most 2^_ROW_BITS.
_BYTES_AT_ONCE = 1 << 20  # Some twenty times as much is in memory while texts are cut into words.
_BYTES_PREPARED = 16 << 20  # Of texts that are normalised at once.
_HASH_BITS = 64 - _ROW_BITS
_HASH_MASK = np.uint64((1 << _HASH_BITS) - 1)


def join_parts(parts: Sequence[pl.Series]) -> pl.Series:
    """Texts of several parts, at most `MOST_PARTS`, from columns of n strings; null is an empty part."""
    cleaned = [pl.lit(part.fill_null("").str.replace_all(PART_END, " ", literal=True)) for part in parts]
    return pl.select(pl.concat_str(cleaned, separator=PART_END))[:, 0]


def shingle_table(positions: Places, texts: pl.Series, *, words: int = SHINGLE_WORDS) -> pa.Table:
    """The shingles of each text; a map, any batch of rows gives the same.

    Args:
        positions: shape (n,); where the texts stand in the data.
        texts: n strings, `join_parts` of what is compared, or plain; null counts as empty.
        words: words in a shingle.
    Returns:
        n rows of `SHINGLE_SCHEMA`.
    Source: Broder 1997, §2 (shinglings as sets). Deviation: a part shorter than a shingle is a shingle.
    """
    sizes = texts.str.len_bytes().fill_null(0).to_numpy()
    pieces = [piece for some in portions(sizes, _BYTES_PREPARED) for piece in _pieces(texts[some], words)]
    counts = np.concatenate([np.zeros(1, np.int64), *(count for count, _ in pieces)])
    hashes = np.concatenate([np.zeros(0, np.uint64), *(found for _, found in pieces)])
    lists = pa.LargeListArray.from_arrays(
        pa.array(np.cumsum(counts)), pa.array(hashes), type=SHINGLE_SCHEMA.field("shingles").type
    )
    return pa.Table.from_arrays([pa.array(positions, pa.int64()), lists], schema=SHINGLE_SCHEMA)


def shingle_sets(table: pa.Table) -> tuple[Places, Hashes]:
    """(offsets of n + 1, hashes) of the column ``shingles``."""
    lists = shingle_lists(table)
    offsets = lists.offsets.to_numpy()
    return offsets - offsets[0], lists.flatten().to_numpy()


def shingle_lists(table: pa.Table) -> pa.LargeListArray:
    """The column ``shingles`` as one array."""
    column = table["shingles"]
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks or [pa.array([], SHINGLE_SCHEMA.field("shingles").type)])


def _pieces(texts: pl.Series, words: int) -> Iterator[tuple[Places, Hashes]]:
    """`_shingles` of so many texts at once that memory stays bounded."""
    offsets, data = text_bytes(texts)
    for some in portions(np.diff(offsets), _BYTES_AT_ONCE, _ROWS_AT_ONCE):
        yield _shingles(offsets[some.start : some.stop + 1], data, words)


def _shingles(offsets: Places, data: NDArray[np.uint8], words: int) -> tuple[Places, Hashes]:
    """(shingles in each text, all of them in order) for at most 2^16 texts."""
    found = cut_words(offsets, data)
    key = _combined(found, words) >> np.uint64(64 - _HASH_BITS + PART_BITS) << np.uint64(PART_BITS)
    # Sorting row and hash as one number sorts every row at once.
    parts = np.minimum(found.parts, MOST_PARTS - 1)
    key |= np.repeat((found.rows << _HASH_BITS | parts).astype(np.uint64), found.lengths)
    place = np.arange(len(key)) - np.repeat(found.starts, found.lengths)
    kept = np.sort(key[(place == 0) | (place <= np.repeat(found.lengths - words, found.lengths))])
    kept = kept[np.append(True, kept[1:] != kept[:-1])] if len(kept) else kept
    counts = np.bincount((kept >> np.uint64(_HASH_BITS)).astype(np.int64), minlength=len(offsets) - 1)
    return counts.astype(np.int64), kept & _HASH_MASK


def _combined(found: Words, words: int) -> Hashes:
    """A hash of each word and the words - 1 after it, as far as its segment goes; shape (words,)."""
    ends = found.starts + found.lengths
    total = found.hashes
    for step in range(1, words):
        following = np.zeros_like(total)
        following[:-step] = found.hashes[step:]
        for back in range(1, step + 1):
            following[ends[found.lengths >= back] - back] = 0
        # Times an odd number: the order of the words must count.
        total = mixed(total * FOLD + following)
    return total
