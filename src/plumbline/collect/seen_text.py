"""Whether a text has anything that a reader can see."""

from __future__ import annotations

import unicodedata

_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Fillers of Hangul and the braille blank: letters and a symbol by their category, and yet nothing to see."""
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Mn", "Zs", "Zl", "Zp"))


def has_something_to_see(text: str) -> bool:
    """Whether any character is neither a blank, a control, a format character (zero-width ones) nor a mark on nothing.

    What the categories of this Python do not know yet counts as seen: a newer emoji, say.

    Source: Unicode's general categories.
    """
    return any(unicodedata.category(each) not in _UNSEEN and each not in _BLANK_LETTERS for each in text)
