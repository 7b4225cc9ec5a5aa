"""Texts → a hash of each of their words, part by part: the one place where a text is cut into words.

A text is lower-cased, brought to Unicode's form NFKC where it is not plain ASCII, and cut into runs of letters, digits
and marks. Punctuation and white space go. A character of a script that is written without spaces (Han, Kana, Thai,
Lao, Khmer, Burmese) is a word by itself. Works on the bytes of many texts at once, with no string a word.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from plumbline.records.message import string_buffers

PART_END = "\x1e"
"""Stands between the parts of a text."""

FOLD = np.uint64(0xD1342543DE82EF95)
"""Odd; multiplies what came before when numbers are folded into one, so that their order counts."""

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]

_PUNCTUATION = ["\u2018", "\u2019", "\u201c", "\u201d", "\u2013", "\u2014", "\u2026", "\u2022", "\u00ab", "\u00bb"]
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORDS = rf"{PART_END}|[{_UNSPACED}]|[\w--[{_UNSPACED}]]+"

_BASE = 0x9E3779B97F4A7C17
"""Odd and 3 modulo 4, so that its powers differ in all but a few low bits."""
_STRETCH = 4096
_MODULUS = 1 << 64


@dataclass(frozen=True)
class Words:
    """The words of n texts in order, in segments: what a part of a text holds. Empty segments are left out.

    Attributes:
        hashes: shape (words,); 64 bits, the same for the same word on every machine.
        starts: shape (segments,); the first word of each segment.
        lengths: shape (segments,); words in each segment.
        rows: shape (segments,); the text of each segment.
        parts: shape (segments,); which part of its text it is, from 0.
    """

    hashes: Hashes
    starts: Places
    lengths: Places
    rows: Places
    parts: Places


def mixed(numbers: Hashes) -> Hashes:
    """Each number spread over 64 bits; one to one. Source: Steele, Lea, Flood 2014 (SplitMix64)."""
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: Hashes = numbers ^ (numbers >> np.uint64(31))
    return result


def text_bytes(texts: pl.Series) -> tuple[Places, NDArray[np.uint8]]:
    """(offsets of n + 1, bytes) of n texts, ready for `cut_words`; null counts as empty."""
    offsets, buffer = string_buffers(_plain(texts.fill_null("")) + "\n")
    return offsets, np.frombuffer(buffer, np.uint8)


def cut_words(offsets: Places, data: NDArray[np.uint8]) -> Words:
    """The words of each text, from some or all of the offsets of `text_bytes` and its bytes."""
    data = data[offsets[0] : offsets[-1]]
    ends_of_text = offsets[1:] - offsets[0] - 1
    edges = np.diff(np.take(_IS_WORD, data, mode="clip"), prepend=np.int8(0))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    ends_of_segment = np.sort(np.append(np.flatnonzero(data == ord(PART_END)), ends_of_text))
    rows = np.searchsorted(ends_of_text, ends_of_segment)
    first_of_row = np.searchsorted(rows, rows)
    words_before = np.searchsorted(starts, ends_of_segment)
    lengths = np.diff(words_before, prepend=0)
    filled = np.flatnonzero(lengths)
    parts = np.arange(len(rows)) - first_of_row
    hashes = _word_hashes(data, starts, ends)
    return Words(hashes, (words_before - lengths)[filled], lengths[filled], rows[filled], parts[filled])


def _plain(texts: pl.Series) -> pl.Series:
    """The texts; one that is not plain ASCII in its normal form, its words set apart by blanks."""
    others = _not_ascii(texts)
    if others.is_empty():
        return texts
    # Most of them hold nothing but typographic punctuation, which is no part of a word.
    simpler = texts.gather(others).str.replace_many(_PUNCTUATION, [" "] * len(_PUNCTUATION))
    left = _not_ascii(simpler)
    normal = simpler.gather(left).str.normalize("NFKC").str.to_lowercase().str.normalize("NFKC")
    return texts.scatter(others, simpler.scatter(left, normal.str.extract_all(_WORDS).list.join(" ")))


def _not_ascii(texts: pl.Series) -> pl.Series:
    return (texts.str.len_bytes() != texts.str.len_chars()).arg_true()


def _word_hashes(data: NDArray[np.uint8], starts: Places, ends: Places) -> Hashes:
    """A polynomial in `_BASE` over numbers drawn for the bytes, from sums over all bytes up to each end of a word.

    The powers are those of the place among all bytes; dividing by that of the word's start (odd numbers have inverses
    modulo 2^64) makes the hash that of the word alone.
    """
    if not len(starts):
        return np.zeros(0, np.uint64)
    stretches = -(-len(data) // _STRETCH)
    terms = np.zeros((stretches, _STRETCH), np.uint64)
    np.take(_BYTE_NUMBERS, data, out=terms.reshape(-1)[: len(data)], mode="clip")
    terms *= _POWERS
    terms *= _far_powers(_BASE, stretches)[:, None]
    sums = np.cumsum(terms.reshape(-1))
    before = np.where(starts > 0, sums[starts - 1], np.uint64(0))
    inverse = _far_powers(pow(_BASE, -1, _MODULUS), stretches)[starts // _STRETCH] * _INVERSES[starts % _STRETCH]
    return mixed((sums[ends - 1] - before) * inverse)


def _far_powers(base: int, count: int) -> Hashes:
    """base^(0 · stretch), base^(1 · stretch) …"""
    return _powers(pow(base, _STRETCH, _MODULUS), count)


def _powers(base: int, count: int) -> Hashes:
    factors = np.full(count, base, np.uint64)
    factors[:1] = 1
    result: Hashes = np.cumprod(factors)
    return result


_POWERS = _powers(_BASE, _STRETCH)
_INVERSES = _powers(pow(_BASE, -1, _MODULUS), _STRETCH)


def _is_word() -> NDArray[np.int8]:
    """1 for a byte of a word: ASCII letters and digits, the underscore, and all of other characters."""
    codes = [code for code in range(128) if chr(code).isalnum() or chr(code) == "_"]
    found = np.zeros(256, np.int8)
    found[[*codes, *range(128, 256)]] = 1
    return found


def _byte_numbers() -> Hashes:
    """A number for each byte, small and capital ASCII letters alike, 0 outside words."""
    lower = np.array([ord(chr(code).lower()) if code < 128 else code for code in range(256)], np.uint64)
    return mixed(lower) * _IS_WORD.astype(np.uint64)


_IS_WORD = _is_word()
_BYTE_NUMBERS = _byte_numbers()
