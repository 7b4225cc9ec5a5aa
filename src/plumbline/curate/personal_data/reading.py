"""Texts as the patterns read them: look-alike digits and signs made ASCII, invisible characters left out.

A look-alike is replaced by one character, so places stay the same; where invisible characters were left out, places are
told again in the text as it came. Not undone: letters of other alphabets that look like Latin ones, accents, leetspeak.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

MARK = "\ufdd0"
"""Stands in no text that was read: a noncharacter (Unicode 23.7), free for a program's own use."""

# Zero-width spaces and joiners, marks and embeddings of direction, word joiner and invisible operators, byte order mark,
# soft hyphen, Mongolian vowel separator.
_INVISIBLE = (0x00AD, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
_INVISIBLE_CLASS = "[" + "".join(f"\\x{{{code:X}}}" for code in _INVISIBLE) + "]"

_ZEROS = (0x0660, 0x06F0, 0x0966, 0x09E6, 0x0E50, *range(0x1D7CE, 0x1D800, 10))
"""Zeros of Arabic, Persian, Devanagari, Bengali, Thai and the five mathematical alphabets; nine digits follow each."""
_LOOKALIKES = {
    **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
    **{chr(zero + digit): str(digit) for zero in _ZEROS for digit in range(10)},
    **dict.fromkeys("\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63", "-"),
    "\ufe6b": "@",
    "\u2024": ".",
    MARK: "\ufffd",
}
_ODD_CLASS = _INVISIBLE_CLASS[:-1] + "".join(f"\\x{{{ord(character):X}}}" for character in _LOOKALIKES) + "]"


@dataclass(frozen=True)
class Reading:
    """Texts as they are read.

    Attributes:
        plain: shape (n,); what the patterns see.
        shortened: shape (n,); whether invisible characters were left out, so that places differ.
    """

    plain: pl.Series
    shortened: pl.Series


def is_odd(text: pl.Expr) -> pl.Expr:
    """Whether a text holds anything that is read as something else; null for null."""
    return text.str.contains(_ODD_CLASS)


def read_plainly(texts: pl.Series) -> Reading:
    """Read texts, odd or not, for searching; null stays null."""
    plain = texts.str.replace_many(list(_LOOKALIKES), list(_LOOKALIKES.values()))
    shortened = plain.str.contains(_INVISIBLE_CLASS).fill_null(False)
    return Reading(plain.str.replace_all(_INVISIBLE_CLASS, ""), shortened)


def original_places(text: str, places: np.ndarray, *, ends: bool) -> np.ndarray:
    """Where places in the shortened text lie in `text`.

    Args:
        text: the text as it came.
        places: character offsets in the text without invisible characters; starts, or ends (the character after).
        ends: whether `places` are ends.
    """
    characters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    kept = np.flatnonzero(~np.isin(characters, np.array(_INVISIBLE, dtype=np.uint32)))
    moved: np.ndarray = kept[places - 1] + 1 if ends else kept[places]
    return moved
