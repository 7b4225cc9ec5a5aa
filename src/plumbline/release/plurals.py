"""Counts with their nouns."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """``1 row``, ``2,000 rows``; behind a blank the first word is the noun: ``1 row removed``."""
    first, *others = noun.split(" ", 1)
    return " ".join([f"{number:,} {first}{'' if number == 1 else 's'}", *others])
