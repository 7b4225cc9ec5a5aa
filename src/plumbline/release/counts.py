"""The gate of counts: rows in = rows out + removed + quarantined + not taken, in the notes and in the files themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from plumbline.curate.accounting import total
from plumbline.release.gates import COUNTS, MOST_NAMED, Gate, Status
from plumbline.release.notes import CurationNotes, StepNotes
from plumbline.release.plurals import counted as counted_rows


@dataclass(frozen=True, slots=True)
class Counted:
    """What the files hold, for `counts_gate`.

    Attributes:
        rows: kind → split → rows read from the input's files.
        unreadable: rows that could not be read, by code.
        listed: file → rows that the input's manifest says it holds. found: file → rows that it holds.
        removed: rows listed in ``curation/removed.parquet``; None where there is no such file.
    """

    rows: Mapping[str, Mapping[str, int]]
    unreadable: Mapping[str, int]
    listed: Mapping[str, int]
    found: Mapping[str, int]
    removed: int | None = None


def counts_gate(counted: Counted, notes: CurationNotes | None) -> Gate:
    """Rows in = rows out + removed + quarantined + not taken, against the files themselves."""
    code = "PL-REL-015"
    wrong = [
        f"{counted_rows(count, 'row')} cannot be read ({name})" for name, count in sorted(counted.unreadable.items())
    ]
    wrong += [
        f"{name} holds {counted_rows(counted.found[name], 'row')} and its manifest says {rows:,}"
        for name, rows in sorted(counted.listed.items())
        if name in counted.found and counted.found[name] != rows
    ]
    rows = sum(sum(of_splits.values()) for of_splits in counted.rows.values())
    if not rows:
        wrong.append("there is no row")
    if notes is not None:
        wrong += [*waterfall_faults(notes), *_against_files(notes, counted)]
    if wrong:
        more = f" and {len(wrong) - MOST_NAMED:,} more" if wrong[MOST_NAMED:] else ""
        said = "; ".join(wrong[:MOST_NAMED]) + more
        return Gate(
            COUNTS, code, Status.FAILED, said, "curate or convert the source again, and release what that writes"
        )
    said = (
        counted_rows(rows, "row")
        if notes is None
        else f"{counted_rows(total(notes.came_in), 'record')} came in, {rows:,} are released, every other is accounted for"
    )
    return Gate(COUNTS, code, Status.PASSED, said)


def _against_files(notes: CurationNotes, counted: Counted) -> list[str]:
    written = {kind: sum(of_splits.values()) for kind, of_splits in notes.written.items()}
    found = {kind: sum(of_splits.values()) for kind, of_splits in counted.rows.items()}
    wrong = [
        f"the notes say {written.get(kind, 0):,} {kind} were written and the files hold {found.get(kind, 0):,}"
        for kind in sorted(written.keys() | found.keys())
        if written.get(kind, 0) != found.get(kind, 0)
    ]
    taken = sum(total(step.removed) for step in notes.steps)
    if counted.removed is not None and counted.removed != taken:
        wrong.append(f"the rules removed {counted_rows(taken, 'row')} and removed.parquet lists {counted.removed:,}")
    return wrong


def waterfall_faults(notes: CurationNotes) -> list[str]:
    """Where the numbers of a curation's steps do not follow from each other, kind by kind, a clause each."""
    wrong = []
    for step, after in pairwise(notes.steps):
        wrong += _unequal(f"rule {step.rule}", _left(step), _by_kind(after.before))
    if notes.steps:
        last = notes.steps[-1]
        wrong += _unequal(f"rule {last.rule}, the last,", _left(last), _by_kind(notes.written))
    came_in = _by_kind(notes.came_in)
    if notes.records is not None:
        # A line of some formats holds several records, so lines and records are not to be added.
        return [*wrong, *_unequal("reading", _by_kind(notes.records.read), came_in)]
    apart = sum(notes.rows.quarantined.values()) + sum(notes.rows.not_taken.values())
    if sum(came_in.values()) + apart != notes.rows.read:
        wrong.append(
            f"{notes.rows.read:,} rows were read; {sum(came_in.values()):,} came to the first rule and {apart:,} were "
            "quarantined or not taken"
        )
    return wrong


def _by_kind(counts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {kind: rows for kind, of_splits in counts.items() if (rows := sum(of_splits.values()))}


def _left(step: StepNotes) -> dict[str, int]:
    before, removed = _by_kind(step.before), _by_kind(step.removed)
    return {
        kind: rows for kind in before.keys() | removed.keys() if (rows := before.get(kind, 0) - removed.get(kind, 0))
    }


def _unequal(what: str, left: Mapping[str, int], then: Mapping[str, int]) -> list[str]:
    return [
        f"{what} leaves {left.get(kind, 0):,} {kind} and {then.get(kind, 0):,} go on"
        for kind in sorted(left.keys() | then.keys())
        if left.get(kind, 0) != then.get(kind, 0)
    ]
