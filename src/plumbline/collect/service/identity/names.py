"""The names that people log in with: what makes two the same, and what none may be."""

from __future__ import annotations

import unicodedata

from plumbline.collect.service.identity.failures import bad_name

LEAST_CHARACTERS, MOST_CHARACTERS = 2, 64


def name_key(name: str) -> str:
    """What makes two names the same: compatible forms of a character, case and spaces around do not count."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return unicodedata.normalize("NFKC", folded).strip()


def checked_name(name: str) -> str:
    """The name without spaces around it.

    Raises:
        ServiceError: PL-IDN-004, too short or long, or with characters that cannot be seen.
    """
    given = name.strip()
    if not LEAST_CHARACTERS <= len(given) <= MOST_CHARACTERS or not given.isprintable():
        raise bad_name(f"{LEAST_CHARACTERS} to {MOST_CHARACTERS} characters, all of them visible")
    if len(name_key(given)) < LEAST_CHARACTERS:
        raise bad_name(f"{LEAST_CHARACTERS} characters or more that are not blank")
    return given
