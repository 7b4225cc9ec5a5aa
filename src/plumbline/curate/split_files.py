"""Splits as files: which names they may have, so that no two of them become one file anywhere."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from plumbline.records import UsageError

WITHOUT_SPLIT = "data"
"""How the file of rows without a split is called, and these rows where records are counted."""

MOST_SPLITS = 100
"""Of each kind of record: a file of each split is open while the output is written."""

SPLIT_NAME = "1 to 100 bytes that can be printed, no slash, no dot in front"
"""What names of splits are made of: each becomes the name of a file."""


def is_split_name(name: str) -> bool:
    """Whether a file can be called so on any machine."""
    whole = 0 < len(name.encode()) <= 100 and name.isprintable()
    return whole and not name.startswith(".") and not any(sign in name for sign in "/\\")


def same_file(splits: Iterable[str | None]) -> tuple[str | None, str | None] | None:
    """Two of the splits that would be one file on some machine; None where there are none.

    Files may be told apart without regard to case, or to how accents are written; None is what has no split.
    """
    known: dict[str, str | None] = {}
    for split in sorted(splits, key=lambda split: (split is None, split or "")):
        file = unicodedata.normalize("NFC", WITHOUT_SPLIT if split is None else split).casefold()
        if file in known:
            return known[file], split
        known[file] = split
    return None


def require_split_names(splits: Iterable[str | None], place: str) -> None:
    """Refuse what no file can be called, what would be one file, and more than can be written at once.

    Args:
        splits: names, each once; None is what has no split.
        place: where they stand, for the error.
    Raises:
        UsageError: PL-CUR-002.
    """

    def refused(problem: str, expected: str, found: str) -> UsageError:
        """The error of all these, which differ in what is wrong."""
        return UsageError(
            "PL-CUR-002", place, problem, expected=expected, found=found, advice="rename the split in the source"
        )

    names = list(splits)
    for split in names:
        if split is not None and not is_split_name(split):
            found = f"{len(split.encode()):,} bytes"
            raise refused("a split's name is none that a file can have", SPLIT_NAME, found)
    if (both := same_file(names)) is not None:
        told = [f'"{split}"' if split is not None else f"rows without a split ({WITHOUT_SPLIT})" for split in both]
        raise refused(
            "two splits would be written to one file", "names that differ in more than case", " and ".join(told)
        )
    if len(names) > MOST_SPLITS:
        raise refused("there are too many splits", f"at most {MOST_SPLITS}, a file each", f"{len(names):,} or more")
