"""The gates of a release: pure functions from what was seen to passed or failed, with what to do about it.

None of them quotes a text: they name counts, kinds of finding, ids of records and names of files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from pydantic import JsonValue

from plumbline.lineage import Terms, Use, strictest_terms
from plumbline.release.notes import CurationNotes, StepNotes, total
from plumbline.release.observed import Leakage, PersonalData, WorkerNames
from plumbline.release.terms import is_known

NEAR_NOT_LOOKED_FOR = "near duplicates were not looked for"
SHARED_ELSEWHERE = "splits other than train share"
_TRAIN = "train"
_MOST_NAMED = 5


class Status(StrEnum):
    """What became of a gate."""

    PASSED = "passed"
    FAILED = "failed"
    ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate and how it went.

    Attributes:
        name: as ``--accept`` takes it.
        code: listed in ``docs/errors.md``.
        said: what was found, one clause.
        advice: how to mend it; empty where it passed.
        counts: by what was counted.
        examples: ids of records or names of files, the first few.
        reason: why it was accepted though it failed.
    """

    name: str
    code: str
    status: Status
    said: str
    advice: str = ""
    counts: Mapping[str, int] | None = None
    examples: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def stops(self) -> bool:
        """Whether nothing may be released."""
        return self.status is Status.FAILED

    def to_json(self) -> dict[str, JsonValue]:
        """As manifests and ``--json`` have it."""
        return {
            "gate": self.name,
            "code": self.code,
            "status": self.status.value,
            "said": self.said,
            "advice": self.advice,
            "counts": dict(self.counts or {}),
            "examples": list(self.examples),
            "reason": self.reason,
        }


PERSONAL_DATA, LEAKAGE, WORKERS = "personal-data", "leakage", "workers"
USES, LICENCE, COUNTS, DIGESTS = "uses", "licence", "counts", "digests"
GATES = (PERSONAL_DATA, LEAKAGE, WORKERS, USES, LICENCE, COUNTS, DIGESTS)
ACCEPTABLE = (PERSONAL_DATA, LEAKAGE, WORKERS)
"""Those that a person may know better than a pattern does. The others can be mended, and are."""


def accepted(gates: Sequence[Gate], reasons: Mapping[str, str]) -> list[Gate]:
    """The gates, those that failed and that somebody accepted with a reason marked so."""
    return [
        replace(gate, status=Status.ACCEPTED, reason=reasons[gate.name])
        if gate.stops and gate.name in reasons and gate.name in ACCEPTABLE
        else gate
        for gate in gates
    ]


def personal_data_gate(found: PersonalData) -> Gate:
    """No personal data found by pattern in any text."""
    code = "PL-REL-010"
    if not found.counts:
        return Gate(PERSONAL_DATA, code, Status.PASSED, f"no personal data found by pattern in {found.texts:,} texts")
    kinds = ", ".join(f"{count:,} × {kind}" for kind, count in sorted(found.counts.items()))
    return Gate(
        PERSONAL_DATA,
        code,
        Status.FAILED,
        f"personal data found by pattern: {kinds}, in {found.records:,} records",
        "curate with a recipe that masks or removes it (rule personal-data); where these are no people's, "
        '--accept personal-data="REASON"',
        dict(found.counts),
        found.ids,
    )


def leakage_gate(found: Leakage, notes: CurationNotes | None) -> Gate:
    """Nothing of train stands in another split; near duplicates are told where the curation looked for them.

    What splits share of which none is train is told and stops nothing: nothing is trained on the one and measured on the other,
    and no rule takes it away.
    """
    looked = notes is not None and notes.looked_for_near_leakage
    near = "the curation took away what nearly does" if looked else NEAR_NOT_LOOKED_FOR
    code = "PL-REL-011"
    of_train = _shared(found, with_train=True)
    others = _shared(found, with_train=False)
    beside = f"; {SHARED_ELSEWHERE}: {', '.join(others[:_MOST_NAMED])}" if others else ""
    pairs = {f"{first} and {second}": count for (first, second), count in found.prompts.items()}
    if not of_train:
        whose = "of train " if others else ""
        two = "another" if others else "two"
        said = f"no first human message and no record {whose}stands in {two} of {found.splits} splits; {near}{beside}"
        return Gate(LEAKAGE, code, Status.PASSED, said, counts=pairs)
    return Gate(
        LEAKAGE,
        code,
        Status.FAILED,
        f"train shares with other splits what they are told apart by: {', '.join(of_train[:_MOST_NAMED])}{beside}",
        "curate with a recipe that removes leaking rows of train (hh-clean); plumbline data check names them; or --accept "
        'leakage="REASON"',
        pairs,
    )


def _shared(found: Leakage, *, with_train: bool) -> list[str]:
    """What pairs of splits share, a clause each: those of which train is one, or the others."""
    return [
        f"{count:,} {what} in {first} and {second}"
        for what, pairs in (("prompts", found.prompts), ("records", found.records))
        for (first, second), count in pairs.items()
        if (_TRAIN in (first, second)) is with_train
    ]


def workers_gate(found: WorkerNames) -> Gate:
    """Workers stand under pseudonyms: what collect draws, numbers, digests. Never quotes one that is not."""
    code = "PL-REL-012"
    if not found.refused:
        return Gate(WORKERS, code, Status.PASSED, f"{found.pseudonyms:,} workers, all under pseudonyms")
    shapes = ", ".join(f"{count:,} × {shape}" for shape, count in sorted(found.refused.items()))
    places = ", ".join(f"{count:,} in {place}" for place, count in sorted(found.places.items()))
    return Gate(
        WORKERS,
        code,
        Status.FAILED,
        f"workers are named by what may lead to them: {shapes}; names by where they first stand: {places}",
        "the names are not repeated here: look them up in that column, in the records named by their id; replace them in the "
        "source by pseudonyms (a number or ten drawn letters each) and convert it again; where they are pseudonyms, --accept "
        'workers="REASON"',
        dict(found.refused),
        found.ids,
    )


def uses_gate(terms: Terms, parents: Sequence[Terms]) -> Gate:
    """Some use is permitted, and none that a parent does not permit."""
    code = "PL-REL-013"
    told = ", ".join(sorted(terms.uses))
    if not terms.uses:
        return Gate(
            USES,
            code,
            Status.FAILED,
            "no use is permitted, so nobody may do anything with it",
            "state them with --uses, here or where the data came in; beside a known licence only there, for that data may "
            "permit none",
        )
    looser = sorted(terms.uses - frozenset.intersection(frozenset(Use), *(each.uses for each in parents)))
    if looser:
        said = f"{', '.join(looser)} would be permitted, and a parent does not permit it"
        return Gate(
            USES, code, Status.FAILED, said, f"--uses {','.join(sorted(terms.uses - set(looser))) or 'analysis'}"
        )
    return Gate(USES, code, Status.PASSED, f"for {told}; no parent permits less")


def licence_gate(terms: Terms, parents: Sequence[Terms], stated: str | None = None) -> Gate:
    """The licence is known, and no looser than any parent's: the strictest holds.

    Args:
        stated: the licence that a person states for data that tell none.
    """
    code = "PL-REL-014"
    if not is_known(terms.licence):
        said = f"the licence is {terms.licence}"
        advice = (
            "--licence NAME, as SPDX names it: it stands in for what is unknown, and what is known binds as before; do that "
            "where you know it or the data are yours to license, else ask whose they are"
        )
        return Gate(LICENCE, code, Status.FAILED, said, advice)
    together = strictest_terms([terms, *parents]).licence
    if together != terms.licence:
        said = f"the licence would be {terms.licence}, and with those of its parents it is {together}"
        return Gate(LICENCE, code, Status.FAILED, said, f"--licence '{together}', or leave --licence out")
    told = "" if stated is None else f"; {stated} was stated at the release, for data that told none"
    return Gate(LICENCE, code, Status.PASSED, f"{terms.licence}; no parent's is stricter{told}")


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
    wrong = [f"{count:,} rows cannot be read ({name})" for name, count in sorted(counted.unreadable.items())]
    wrong += [
        f"{name} holds {counted.found[name]:,} rows and its manifest says {rows:,}"
        for name, rows in sorted(counted.listed.items())
        if name in counted.found and counted.found[name] != rows
    ]
    rows = sum(sum(of_splits.values()) for of_splits in counted.rows.values())
    if not rows:
        wrong.append("there is no row")
    if notes is not None:
        wrong += [*waterfall_faults(notes), *_against_files(notes, counted)]
    if wrong:
        more = f" and {len(wrong) - _MOST_NAMED:,} more" if wrong[_MOST_NAMED:] else ""
        said = "; ".join(wrong[:_MOST_NAMED]) + more
        return Gate(
            COUNTS, code, Status.FAILED, said, "curate or convert the source again, and release what that writes"
        )
    said = (
        f"{rows:,} rows"
        if notes is None
        else f"{total(notes.came_in):,} records came in, {rows:,} are released, every other is accounted for"
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
        wrong.append(f"the rules removed {taken:,} rows and removed.parquet lists {counted.removed:,}")
    return wrong


def waterfall_faults(notes: CurationNotes) -> list[str]:
    """Where the numbers of a curation's steps do not follow from each other, kind by kind, a clause each."""
    wrong = []
    for step, after in pairwise(notes.steps):
        wrong += _unequal(f"rule {step.rule}", _left(step), _by_kind(after.before))
    if notes.steps:
        last = notes.steps[-1]
        wrong += _unequal(f"rule {last.rule}, the last", _left(last), _by_kind(notes.written))
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
        f"{what}, leaves {left.get(kind, 0):,} {kind} and {then.get(kind, 0):,} go on"
        for kind in sorted(left.keys() | then.keys())
        if left.get(kind, 0) != then.get(kind, 0)
    ]


def digests_gate(changed: Sequence[str], missing: Sequence[str], foreign: Sequence[str], is_listed: bool) -> Gate:
    """The input is what its manifest lists, and nothing else lies there.

    Args:
        changed, missing, foreign: files whose digest is another, that are gone, that no manifest names.
        is_listed: whether there is a manifest at all.
    """
    code = "PL-REL-016"
    if not is_listed:
        said = "there is no manifest, so nothing says whether the files are as they were written"
        return Gate(
            DIGESTS,
            code,
            Status.FAILED,
            said,
            "make the folder with plumbline curate, or with data convert --to parquet",
        )
    wrong = [
        f"{len(names):,} {what}"
        for what, names in (("changed", changed), ("missing", missing), ("in no manifest", foreign))
        if names
    ]
    if not wrong:
        return Gate(DIGESTS, code, Status.PASSED, "every file is as it was written, and none beside them")
    return Gate(
        DIGESTS,
        code,
        Status.FAILED,
        f"the folder is not what was written: files {', '.join(wrong)}",
        "curate or convert again, and move away what else was put into the folder",
        {"changed": len(changed), "missing": len(missing), "in no manifest": len(foreign)},
        tuple([*changed, *missing, *foreign][:_MOST_NAMED]),
    )
