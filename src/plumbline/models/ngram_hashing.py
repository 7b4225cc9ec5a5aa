"""Hashed word and character n-grams of texts, counted in vectorised numpy.

Covers: cutting texts into tokens and n-grams, hashing each n-gram to one of ``2**bucket_bits`` buckets, and counting
them into a CSR matrix. Does not cover: weighting the counts or combining several texts (``text_features``).

How it works: the lowercased texts of a chunk are laid end to end as code points; each code point is mixed to 64 bits;
an n-gram's hash is the polynomial ``sum(mixed[j] * BASE**j)`` modulo 2**64, taken for all positions at once; n-grams
that would cross a text's end are masked; splitmix64 finishes the hash, and its top bits are the bucket. One sort of
``row << bits | bucket`` per chunk then counts them. A bucket depends on the text and the ``NgramSpace`` alone: not on
chunks, threads, machine or byte order. (``str.lower`` follows the Unicode version of the interpreter.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from plumbline.models.row_blocks import stack_rows
from plumbline.records.errors import UsageError

Hashes = NDArray[np.uint64]
Keys = NDArray[np.uint32]

_BASE = np.uint64(0x9E3779B97F4A7C15)
_WORD_STEP = np.uint64(0xC2B2AE3D27D4EB4F)
_NAMESPACE_STEP = 0xD1342543DE82EF95
_MASK = (1 << 64) - 1
_CHUNK_ROWS = 1024
_CHUNK_CHARACTERS = 1 << 18
_BLANK, _MARK, _WORD = 0, 1, 2
_CLASSES_END = 0x3040


@dataclass(frozen=True)
class NgramSpace:
    """Which n-grams are counted, and into which buckets.

    Attributes:
        word_orders: lengths of word n-grams, in tokens; a token is a run of word characters or one other mark.
        character_orders: lengths of character n-grams, in code points; they run over blanks, not over a text's end.
        bucket_bits: 8 to 22; the matrix has ``2**bucket_bits`` columns.
        namespace: spaces with different numbers hash the same n-gram independently.
    """

    word_orders: tuple[int, ...] = ()
    character_orders: tuple[int, ...] = ()
    bucket_bits: int = 18
    namespace: int = 0

    def __post_init__(self) -> None:
        """Refuse a space that counts nothing or whose keys do not fit 32 bits."""
        if not 8 <= self.bucket_bits <= 22:
            raise UsageError(
                "PL-LIN-001",
                "bucket_bits",
                "the number of buckets is out of range",
                expected="8 to 22",
                found=str(self.bucket_bits),
                advice="use 18 (262,144 buckets) unless a measurement says otherwise",
            )
        orders = self.word_orders + self.character_orders
        if not orders or min(orders) < 1 or max(orders) > 16:
            raise UsageError(
                "PL-LIN-002",
                "word_orders, character_orders",
                "there is no n-gram to count",
                expected="at least one order, each 1 to 16",
                found=f"{self.word_orders} and {self.character_orders}",
                advice="name at least one order, as in NgramSpace(word_orders=(1, 2))",
            )

    @property
    def width(self) -> int:
        """Number of columns: ``2**bucket_bits``."""
        return 1 << self.bucket_bits


def as_strings(texts: Sequence[str] | Any) -> Sequence[str]:
    """A sequence of ``str`` from one, or from a pyarrow string array or chunked array.

    Args:
        texts: B texts.

    Raises:
        UsageError: a text is null.
    """
    strings: Sequence[str] = texts.to_pylist() if hasattr(texts, "to_pylist") else texts
    missing = next((row for row, text in enumerate(strings) if text is None), None)
    if missing is not None:
        raise UsageError(
            "PL-LIN-003",
            f"row {missing}",
            "there is no text",
            expected="a string, which may be empty",
            found="null",
            advice="drop the rows without text, or replace null by an empty string",
        )
    return strings


def count_ngrams(texts: Sequence[str] | Any, space: NgramSpace) -> csr_array:
    """Counts of each text's n-grams by bucket.

    Args:
        texts: B texts, as strings or a pyarrow string array; an empty text gives an empty row.
        space: which n-grams, and the buckets.

    Returns:
        CSR, shape (B, space.width), float32 counts, int32 indices, sorted, without duplicates. Colliding n-grams add.

    Raises:
        UsageError: a text is null.

    Source: Weinberger et al. 2009 (feature hashing). Deviation: unsigned, so that a count stays a count for the root
        and the document frequencies taken of it.
    """
    lowered = [text.lower() for text in as_strings(texts)]
    lengths = np.fromiter(map(len, lowered), np.int64, len(lowered))
    parts = [
        _count_chunk(lowered[start:stop], lengths[start:stop], space)
        for start, stop in _chunks(lengths, space.bucket_bits)
    ]
    return stack_rows(parts, space.width)


def splitmix64(values: Hashes) -> Hashes:
    """The splitmix64 mixer, elementwise: a bijection of 64-bit numbers that spreads every input bit.

    Args:
        values: any shape, uint64.

    Source: Steele, Lea & Flood 2014. Deviation: none.
    """
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def _character_classes() -> NDArray[np.uint8]:
    """Class of each code point below U+3040; all above are word characters.

    Explicit ranges rather than ``str.isalnum``, so that a bucket does not depend on the Unicode version.
    """
    classes = np.full(_CLASSES_END + 1, _WORD, np.uint8)
    classes[:0xC0] = _MARK
    for character in "abcdefghijklmnopqrstuvwxyz0123456789'_ª²³µ¹º":
        classes[ord(character)] = _WORD
    classes[[0xD7, 0xF7]] = _MARK
    classes[0x2000:0x2070] = _MARK
    classes[0x3000:0x3040] = _MARK
    for start, stop in (
        (0, 0x21),
        (0x7F, 0xA1),
        (0x2000, 0x2010),
        (0x2028, 0x2030),
        (0x205F, 0x2070),
        (0x3000, 0x3001),
    ):
        classes[start:stop] = _BLANK
    return classes


_CLASSES = _character_classes()


def _chunks(lengths: NDArray[np.int64], bucket_bits: int) -> Iterator[tuple[int, int]]:
    """Row ranges of at most 1,024 texts and 262,144 characters (or one longer text); row and bucket fit 32 bits."""
    most_rows = min(_CHUNK_ROWS, 1 << (32 - bucket_bits))
    ends = np.cumsum(lengths)
    start = 0
    while start < len(lengths):
        before = ends[start] - lengths[start]
        reach = int(np.searchsorted(ends, before + _CHUNK_CHARACTERS, side="right"))
        stop = min(max(reach, start + 1), start + most_rows)
        yield start, stop
        start = stop


def _count_chunk(lowered: Sequence[str], lengths: NDArray[np.int64], space: NgramSpace) -> csr_array:
    """``count_ngrams`` for one chunk of lowercased texts."""
    code_points = np.frombuffer("".join(lowered).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32)
    rows = np.repeat(np.arange(len(lowered), dtype=np.uint32), lengths)
    keys: list[Keys] = []
    if len(code_points):
        mixed = splitmix64(code_points.astype(np.uint64))
        if space.character_orders:
            keys += _character_keys(mixed, rows, space)
        if space.word_orders:
            keys += _word_keys(code_points, mixed, rows, space)
    return _count_keys(np.concatenate([np.empty(0, np.uint32), *keys]), len(lowered), space)


def _count_keys(keys: Keys, row_count: int, space: NgramSpace) -> csr_array:
    """CSR counts of ``row << bucket_bits | bucket`` keys in any order; sorts the keys in place."""
    keys.sort()
    is_first = np.empty(len(keys), bool)
    is_first[:1] = True
    np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
    firsts = np.flatnonzero(is_first)
    counts = np.diff(firsts, append=len(keys)).astype(np.float32)
    distinct = keys[firsts]
    buckets = (distinct & np.uint32(space.width - 1)).astype(np.int32)
    starts = np.searchsorted(distinct >> np.uint32(space.bucket_bits), np.arange(row_count + 1))
    return csr_array((counts, buckets, starts), shape=(row_count, space.width))


def _keys(hashes: Hashes, rows: NDArray[np.uint32], tag: int, space: NgramSpace) -> Keys:
    """Finish the hashes of one kind of n-gram (``tag`` tells the kinds apart) and pack row and bucket."""
    seed = np.array([(space.namespace * _NAMESPACE_STEP + tag) & _MASK], np.uint64)
    finished = splitmix64(hashes ^ splitmix64(seed))
    buckets = (finished >> np.uint64(64 - space.bucket_bits)).astype(np.uint32)
    return buckets | (rows << np.uint32(space.bucket_bits))


def _character_keys(mixed: Hashes, rows: NDArray[np.uint32], space: NgramSpace) -> list[Keys]:
    """Keys of all character n-grams; an n-gram is kept where its first and last character share a row."""
    keys = []
    hashes = mixed
    power = 1
    for order in range(1, min(max(space.character_orders), len(mixed)) + 1):
        if order > 1:
            power = power * int(_BASE) & _MASK
            hashes = hashes[:-1] + mixed[order - 1 :] * np.uint64(power)
        if order in space.character_orders:
            first_rows = rows[: len(hashes)]
            is_whole = first_rows == rows[order - 1 :]
            keys.append(_keys(hashes[is_whole], first_rows[is_whole], 100 + order, space))
    return keys


def _word_keys(
    code_points: NDArray[np.uint32], mixed: Hashes, rows: NDArray[np.uint32], space: NgramSpace
) -> list[Keys]:
    """Keys of all word n-grams; an n-gram is kept where its first and last token share a row."""
    hashes, token_rows = _token_hashes(code_points, mixed, rows)
    keys = []
    grams = hashes
    for order in range(1, min(max(space.word_orders), len(hashes)) + 1):
        if order > 1:
            grams = grams[:-1] * _WORD_STEP + hashes[order - 1 :]
        if order in space.word_orders:
            first_rows = token_rows[: len(grams)]
            is_whole = first_rows == token_rows[order - 1 :]
            keys.append(_keys(grams[is_whole], first_rows[is_whole], order, space))
    return keys


def _token_hashes(
    code_points: NDArray[np.uint32], mixed: Hashes, rows: NDArray[np.uint32]
) -> tuple[Hashes, NDArray[np.uint32]]:
    """Hash and row of each token, in order: runs of word characters, and single marks; blanks are no tokens."""
    classes = _CLASSES[np.minimum(code_points, _CLASSES_END)]
    is_word = classes == _WORD
    continues = np.zeros(len(classes), bool)
    continues[1:] = is_word[1:] & is_word[:-1] & (rows[1:] == rows[:-1])
    starts = np.flatnonzero((classes != _BLANK) & ~continues)
    if not len(starts):
        return np.empty(0, np.uint64), np.empty(0, np.uint32)
    first = int(starts[0])
    offsets = np.arange(first, len(classes)) - np.repeat(starts, np.diff(starts, append=len(classes)))
    values = mixed[first:] * _powers(offsets.max() + 1)[offsets]
    values[classes[first:] == _BLANK] = 0
    return splitmix64(np.add.reduceat(values, starts - first)), rows[starts]


def _powers(count: int) -> Hashes:
    """``_BASE**j`` modulo 2**64 for j in 0 … count − 1."""
    powers = np.full(count, _BASE, np.uint64)
    powers[0] = 1
    return np.multiply.accumulate(powers)
