"""What a manifest tells of the release before, held against the tables of this one as far as they can tell.

The release before is not at hand: how many rows each place had, which were removed, and what they were like, is taken at its word
within the sums. What is told of this release is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from plumbline.lineage import Terms, Use
from plumbline.records import UsageError
from plumbline.release.changes import HOW, Changes, next_version, parsed_version
from plumbline.release.row_pairs import LABELS

Rows = Mapping[tuple[str, str], int]
"""Folder and split → rows that stand there."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_FOLDER, _SPLIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"), re.compile(r"[A-Za-z0-9_]{1,99}")
_WAY = re.compile(r"[a-z ]{1,40}( → [a-z ]{1,40})?")
_LICENCE = re.compile(r"the licence was .+ and is (.+?)( \(it was stated .+\))?")
_USES = {"no longer permitted: ": False, "newly permitted: ": True}


def changes_faults(changes: Changes, version: str, terms: Terms, rows: Rows) -> Iterator[str]:
    """What of the changes that are told cannot be, a clause each; nothing told is repeated.

    Args:
        version, terms: of the release that tells it.
        rows: of its tables.
    """
    if parsed_version(changes.version) is None or not _DIGEST.fullmatch(changes.digest):
        yield "the release before has no such version or digest"
    else:
        try:
            next_version(version, changes)
        except UsageError:
            yield "from these changes no such version follows"
    if _below_zero(changes):
        yield "a number of rows is below zero"
    if changes.rows_after != sum(rows.values()):
        yield "its sums do not give the number of records in the tables"
    yield from _place_faults(changes, rows)
    yield from _label_faults(changes)
    if any(not _follows(clause, terms) for clause in changes.terms):
        yield "a change of terms does not lead to those of this release"


def _below_zero(changes: Changes) -> bool:
    of_rows = [count for of in changes.rows.values() for how in of.values() for count in how.values()]
    of_labels = [count for ways in changes.labels.values() for count in ways.values()]
    told = (changes.unchanged, changes.texts, changes.merged, changes.other_columns)
    return min([*of_rows, *of_labels, *told]) < 0


def _place_faults(changes: Changes, rows: Rows) -> Iterator[str]:
    """What was added, changed or moved stands where it is told; what was removed may have stood anywhere."""
    for folder, of_splits in changes.rows.items():
        for split, counts in of_splits.items():
            if not (_FOLDER.fullmatch(folder) and _SPLIT.fullmatch(split) and counts.keys() <= set(HOW)):
                yield "a folder, a split or a way of change that there is not"
            elif sum(count for how, count in counts.items() if how != "removed") > rows.get((folder, split), 0):
                yield f"more rows are told of {folder}, {split} than stand there"


def _label_faults(changes: Changes) -> Iterator[str]:
    changed = changes.total("changed")
    of_labels = [sum(ways.values()) for ways in changes.labels.values()]
    if max([changes.texts, changes.other_columns, *of_labels]) > changed:
        yield "more rows with other labels, texts or columns are told than changed rows"
    if changes.merged > changes.total("removed"):
        yield "more rows that became one are told than removed rows"
    ways = [way for told in changes.labels.values() for way in told]
    if not changes.labels.keys() <= set(LABELS) or not all(map(_WAY.fullmatch, ways)):
        yield "a label, or a way of its change, that there is not"


def _follows(clause: str, terms: Terms) -> bool:
    """Whether a change of terms ends in the terms of this release."""
    if licence := _LICENCE.fullmatch(clause):
        return licence[1] == terms.licence
    for opening, is_permitted in _USES.items():
        if clause.startswith(opening):
            uses = set(clause.removeprefix(opening).split(", "))
            return uses <= {use.value for use in Use} and all(
                (use in terms.uses) is is_permitted for use in map(Use, uses)
            )
    return False
