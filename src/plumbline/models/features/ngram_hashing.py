"""Hashed word and character n-grams of texts, counted in vectorised numpy.

Covers: cutting texts into tokens and n-grams, hashing each n-gram to one of ``2**bucket_bits`` buckets, and counting
them into a CSR matrix. Does not cover: weighting the counts or combining several texts (``text_features``).

How it works: the lowercased texts of a chunk are laid end to end as code points; each code point is mixed to 64 bits;
the hash of a stretch is the polynomial ``sum(mixed[j] * BASE**j)`` modulo 2**64, from one running sum over the chunk:
the difference of two places, divided by ``BASE**start`` (odd, so it has an inverse). n-grams that would cross a text's
end are masked; a multiplication spreads the hash, and its top bits are the bucket. One sort of ``row << bits | bucket``
per chunk then counts them. A bucket depends on the text and the ``NgramSpace`` alone: not on
chunks, threads, machine or byte order. (``str.lower`` follows the Unicode version of the interpreter.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from plumbline.models.features.row_blocks import stack_rows
from plumbline.records.errors import UsageError

Hashes = NDArray[np.uint64]
Keys = NDArray[np.uint32]

_BASE = np.uint64(0x9E3779B97F4A7C15)
_BASE_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))
_SPREAD = np.uint64(0xD6E8FEB86659FD93)
_WORD_STEP = np.uint64(0xC2B2AE3D27D4EB4F)
_NAMESPACE_STEP = 0xD1342543DE82EF95
_MASK = (1 << 64) - 1
_CHUNK_ROWS = 1024
_CHUNK_CHARACTERS = 1 << 16
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
    if None in strings:
        missing = next(row for row, text in enumerate(strings) if text is None)
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
    parts = [
        csr_array((found.counts, found.buckets, found.starts), shape=(len(found.starts) - 1, space.width))
        for _, found in distinct_ngrams(texts, space)
    ]
    return stack_rows(parts, space.width)


@dataclass(frozen=True, slots=True)
class Ngrams:
    """The n-grams of a few texts, each once a text.

    Attributes:
        buckets: shape (n,), int32; of each text in ascending order.
        counts: shape (n,), float32; how often the text has it.
        starts: shape (texts + 1,); where each text's begin, and the end.
    """

    buckets: NDArray[np.int32]
    counts: NDArray[np.float32]
    starts: NDArray[np.intp]


def distinct_ngrams(texts: Sequence[str] | Any, space: NgramSpace) -> Iterator[tuple[int, Ngrams]]:
    """The n-grams of texts, chunk by chunk: the position of the chunk's first text, and what its texts have.

    Args:
        texts: B texts, as strings or a pyarrow string array.
        space: which n-grams, and the buckets.

    Raises:
        UsageError: a text is null.
    """
    strings = as_strings(texts)
    lengths = np.fromiter(map(len, strings), np.int64, len(strings))
    for start, stop in _chunks(lengths, space.bucket_bits):
        yield start, _chunk_ngrams(strings[start:stop], lengths[start:stop], space)


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
_ASCII_MIXED = splitmix64(np.arange(128, dtype=np.uint64))
_LOWER = np.array([ord(chr(code).lower()) for code in range(128)], np.uint8)
_SIGMA = 0x3A3
_TABLE_END = 0x20000
_NOT_BY_TABLE = 0xFFFF_FFFF


@cache
def _lower_table() -> NDArray[np.uint32]:
    """Lower case of each code point below U+20000, of which nearly every text consists; a mark where no table can tell it."""
    lowered = [chr(code).lower() for code in range(_TABLE_END)]
    table = np.array([ord(each) if len(each) == 1 else _NOT_BY_TABLE for each in lowered], np.uint32)
    table[_SIGMA] = _NOT_BY_TABLE  # ς at the end of a word, σ elsewhere
    return table


def _chunks(lengths: NDArray[np.int64], bucket_bits: int) -> Iterator[tuple[int, int]]:
    """Row ranges of at most 1,024 texts and 65,536 characters (or one longer text); row and bucket fit 32 bits."""
    most_rows = min(_CHUNK_ROWS, 1 << (32 - bucket_bits))
    ends = np.cumsum(lengths)
    start = 0
    while start < len(lengths):
        before = ends[start] - lengths[start]
        reach = int(np.searchsorted(ends, before + _CHUNK_CHARACTERS, side="right"))
        stop = min(max(reach, start + 1), start + most_rows)
        yield start, stop
        start = stop


def _chunk_ngrams(texts: Sequence[str], lengths: NDArray[np.int64], space: NgramSpace) -> Ngrams:
    """``distinct_ngrams`` for one chunk of texts."""
    code_points, lengths = _lowered_code_points(texts, lengths)
    row_keys = np.repeat(np.arange(len(texts), dtype=np.uint32) << np.uint32(space.bucket_bits), lengths)
    keys: list[Keys] = []
    if len(code_points):
        running = _running_hashes(code_points)
        inverses = _powers(_BASE_INVERSE, len(code_points))
        if space.character_orders:
            keys += _character_keys(running, inverses, row_keys, space)
        if space.word_orders:
            keys += _word_keys(code_points, running, inverses, row_keys, space)
    return _counted(np.concatenate([np.empty(0, np.uint32), *keys]), len(texts), space)


def _lowered_code_points(
    texts: Sequence[str], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.uint8] | NDArray[np.uint32], NDArray[np.int64]]:
    """Code points of the lowercased texts end to end, and how many each has; lowering can change how many."""
    joined = "".join(texts)
    if joined.isascii():
        return _LOWER[np.frombuffer(joined.encode("ascii"), np.uint8)], lengths
    code_points = _code_points(joined)
    if code_points.max() < _TABLE_END:
        by_table = _lower_table().take(code_points)
        if by_table.max() != _NOT_BY_TABLE:
            return by_table, lengths
    lowered = [text.lower() for text in texts]
    return _code_points("".join(lowered)), np.fromiter(map(len, lowered), np.int64, len(lowered))


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32, copy=False)


def _running_hashes(code_points: NDArray[np.uint8] | NDArray[np.uint32]) -> Hashes:
    """Sum of ``mixed[j] * BASE**j`` over the first 0, 1, … all code points, modulo 2**64."""
    mixed = _ASCII_MIXED.take(code_points, mode="clip")
    if code_points.dtype != np.uint8:
        others = np.flatnonzero(code_points >= len(_ASCII_MIXED))
        mixed[others] = splitmix64(code_points[others].astype(np.uint64))
    mixed *= _powers(_BASE, len(mixed))
    running = np.zeros(len(mixed) + 1, np.uint64)
    np.cumsum(mixed, out=running[1:])
    return running


def _counted(keys: Keys, row_count: int, space: NgramSpace) -> Ngrams:
    """Counts of ``row << bucket_bits | bucket`` keys in any order; sorts the keys in place."""
    keys.sort()
    is_first = np.empty(len(keys), bool)
    is_first[:1] = True
    np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
    firsts = np.flatnonzero(is_first)
    counts = np.diff(firsts, append=len(keys)).astype(np.float32)
    distinct = keys[firsts]
    buckets = (distinct & np.uint32(space.width - 1)).astype(np.int32)
    starts = np.searchsorted(distinct >> np.uint32(space.bucket_bits), np.arange(row_count + 1))
    return Ngrams(buckets, counts, starts)


def _keys(hashes: Hashes, row_keys: Keys, tag: int, space: NgramSpace) -> Keys:
    """Buckets of the hashes of one kind of n-gram (``tag`` tells the kinds apart), packed with the rows."""
    spread = hashes ^ _seed(space.namespace, tag)
    spread *= _SPREAD
    spread >>= np.uint64(64 - space.bucket_bits)
    return spread.astype(np.uint32) | row_keys


@cache
def _seed(namespace: int, tag: int) -> Hashes:
    return splitmix64(np.array([(namespace * _NAMESPACE_STEP + tag) & _MASK], np.uint64))


def _character_keys(running: Hashes, inverses: Hashes, row_keys: Keys, space: NgramSpace) -> list[Keys]:
    """Keys of all character n-grams; an n-gram is kept where its first and last character share a row."""
    keys = []
    for order in space.character_orders:
        first_rows = row_keys[: max(len(row_keys) - order + 1, 0)]
        hashes = running[order:] - running[: len(first_rows)]
        hashes *= inverses[: len(first_rows)]
        found = _keys(hashes, first_rows, 100 + order, space)
        keys.append(found[first_rows == row_keys[order - 1 :]])
    return keys


def _word_keys(
    code_points: NDArray[np.uint8] | NDArray[np.uint32],
    running: Hashes,
    inverses: Hashes,
    row_keys: Keys,
    space: NgramSpace,
) -> list[Keys]:
    """Keys of all word n-grams; an n-gram is kept where its first and last token share a row."""
    starts, ends = _tokens(code_points, row_keys)
    hashes = splitmix64((running[ends] - running[starts]) * inverses[starts])
    token_rows = row_keys[starts]
    keys = []
    grams = hashes
    for order in range(1, min(max(space.word_orders), len(hashes)) + 1):
        if order > 1:
            grams = grams[:-1] * _WORD_STEP + hashes[order - 1 :]
        if order in space.word_orders:
            first_rows = token_rows[: len(grams)]
            keys.append(_keys(grams, first_rows, order, space)[first_rows == token_rows[order - 1 :]])
    return keys


def _tokens(
    code_points: NDArray[np.uint8] | NDArray[np.uint32], row_keys: Keys
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Start and end of each token, in order: runs of word characters, and single marks; blanks are no tokens."""
    classes = _CLASSES.take(code_points, mode="clip")
    is_word = classes == _WORD
    breaks = np.ones(len(classes), bool)
    breaks[1:] = ~(is_word[1:] & is_word[:-1] & (row_keys[1:] == row_keys[:-1]))
    edges = np.flatnonzero(breaks)
    tokens = np.flatnonzero(classes.take(edges) != _BLANK)
    return edges.take(tokens), np.append(edges[1:], len(classes)).take(tokens)


def _powers(base: np.uint64, count: int) -> Hashes:
    """``base**j`` modulo 2**64 for j in 0 … count − 1."""
    return _cached_powers(base)[:count] if count <= _CHUNK_CHARACTERS else _computed_powers(base, count)


@cache
def _cached_powers(base: np.uint64) -> Hashes:
    """The powers for chunks of the usual size."""
    return _computed_powers(base, _CHUNK_CHARACTERS)


def _computed_powers(base: np.uint64, count: int) -> Hashes:
    powers = np.full(count, base, np.uint64)
    powers[0] = 1
    return np.multiply.accumulate(powers)
