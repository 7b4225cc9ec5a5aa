"""The numbers of a curation's summary, held against each other and against the list of what was removed.

Held: removed records by step, kind, split and reason; reasons against counts; kinds of personal data against reasons; the
census against what was read; the leakage matrix against what the rule removed. Not held, for a release has nothing to count them
from: how many items were read, and how many prompts two splits shared beyond none or some.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from plumbline.curate.accounting import total
from plumbline.curate.recipe_steps import MASKING
from plumbline.curate.rules.leakage import IN_ONE_GROUP
from plumbline.release.notes import CurationNotes, LeakageNotes, StepNotes

Removed = Counter[tuple[int, str, str, str, str]]
"""Step, rule, kind, split and reason → records of the ledger."""


def summary_faults(notes: CurationNotes, removed: Removed) -> Iterator[str]:
    """What of a summary does not follow from the rest of it or from the ledger, a clause each."""
    taken = sum(total(step.removed) for step in notes.steps)
    if notes.records is not None and notes.records.removed not in (None, taken):
        yield f"records.removed is {notes.records.removed:,} and the rules removed {taken:,}"
    if notes.records is not None and notes.records.read != notes.came_in:
        yield "records.read is not what the first rule saw, kind by kind and split by split"
    for number, step in enumerate(notes.steps, 1):
        listed: Counter[str] = Counter()
        for (of_step, _, _, _, reason), count in removed.items():
            listed[reason] += count if of_step == number else 0
        yield from _step_faults(f"step {number}, {step.rule}", step, listed)
    yield from _census_faults(notes)
    if notes.leakage is not None:
        yield from _leakage_faults(notes.leakage, removed)


def _step_faults(place: str, step: StepNotes, listed: Counter[str]) -> Iterator[str]:
    """Reasons count each row that a rule removed or changed, and those of removed rows are in the ledger."""
    changed = total(step.changed)
    if sum(step.reasons.values()) != total(step.removed) + changed:
        yield f"{place}: its reasons do not sum to the records that it removed and changed"
    fewer = [reason for reason, count in listed.items() if step.reasons.get(reason, 0) < count]
    if fewer or (not changed and +listed != +Counter(step.reasons)):
        yield f"{place}: its reasons are not those that the list of removed records gives"
    if step.rule == MASKING and step.kinds is not None:
        kinds: Counter[str] = Counter()
        for reason, count in step.reasons.items():  # every kind of a record stands in its reason
            kinds.update(dict.fromkeys(reason.split(", "), count))
        if kinds != Counter(step.kinds):
            yield f"{place}: its kinds of personal data are not those of its reasons"


def _census_faults(notes: CurationNotes) -> Iterator[str]:
    read = {kind: sum(of_splits.values()) for kind, of_splits in notes.came_in.items()}
    counted: Counter[str] = Counter()
    for each in notes.census:
        counted[each.family.partition("/")[0]] += each.records
        if not 0 <= each.judged_both_ways <= each.items <= each.records_distinct <= each.records:
            yield f"census, {each.family[:40]}: more items than records, or more judged both ways than there are"
    if notes.census and +counted != +Counter(read):
        yield "census: its records are not those that were read"


def _leakage_faults(leakage: LeakageNotes, removed: Removed) -> Iterator[str]:
    size = len(leakage.splits)
    matrices = [leakage.exact, *([] if leakage.near is None else [leakage.near])]
    for cells in matrices:
        if [len(row) for row in cells] != [size] * size or any(
            (cells[one][other] is None) is not (one == other) or cells[one][other] != cells[other][one]
            for one in range(size)
            for other in range(size)
        ):
            yield "leakage: no matrix of splits by splits"
            return
    alike = {split for (_, rule, _, split, reason) in removed if (rule, reason) == ("leakage", IN_ONE_GROUP)}
    for place, split in enumerate(leakage.splits):
        if split in alike and not any(count for cells in matrices for count in cells[place]):
            yield f"leakage: it tells none for {split[:40]}, and records were removed from there for that"
