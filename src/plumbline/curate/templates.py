"""Template farming: many red-team attempts from one mould, an opening formula and slots that are filled anew each time.

Attempts are compared with what fills slots masked: numbers, quoted passages, words with a capital. An attempt is of a
mould where it is verified to be like the mould's first attempt, so that moulds do not grow into one another through
chains. How many of one mould a worker may bring, the rule `moulds` says. Not covered: moulds that are paraphrased, slots
much longer than the formula.
"""

from __future__ import annotations

import polars as pl

MOULD_THRESHOLD = 0.4
"""Jaccard similarity of masked texts; docs/design/near-duplicates.md says what it finds and what it confuses."""

_QUOTED = r'"[^"\n]{1,400}"|“[^”\n]{1,400}”|«[^»\n]{1,400}»|‘[^’\n]{3,400}’'
_NUMBER = r"\d+(?:[.,:/-]\d+)*"
_CAPITALISED = r"\b\p{Lu}[\w'’-]+(?:\s+\p{Lu}[\w'’-]+)*"  # Not "I".


def masked_text(texts: pl.Series) -> pl.Series:
    """The texts with each quoted passage, each run of words with capitals and each number as the word "slot"; n strings.

    The first word of a text keeps its letters, since its capital says nothing.
    """
    lowered = texts.fill_null("").str.strip_chars_start()
    first = lowered.str.head(1).str.to_lowercase() + lowered.str.slice(1)
    for pattern in (_QUOTED, _CAPITALISED, _NUMBER):
        first = first.str.replace_all(pattern, " slot ")
    return first
