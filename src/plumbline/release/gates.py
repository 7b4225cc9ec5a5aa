"""The gates of a release: pure functions from what was seen to passed or failed, with what to do about it.

None of them quotes a text: they name counts, kinds of finding, ids of records and names of files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from pydantic import JsonValue

from plumbline.curate.split_names import is_training_split
from plumbline.lineage import Terms, Use, strictest_terms
from plumbline.release.notes import CurationNotes
from plumbline.release.observed import Leakage, PersonalData, WorkerNames
from plumbline.release.own_words import OwnFindings
from plumbline.release.plurals import counted
from plumbline.release.terms import is_known, licences_apart, licences_of, licences_stated, origin_told

NO_WORKERS = "no names of workers stand in it"
NEAR_NOT_LOOKED_FOR = "near duplicates were not looked for"
SHARED_ELSEWHERE = "splits of which no model is trained on one and measured on the other share"
MOST_NAMED = 5


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
        may_be_accepted: whether a person may know better here: what can be mended cannot be accepted.
    """

    name: str
    code: str
    status: Status
    said: str
    advice: str = ""
    counts: Mapping[str, int] | None = None
    examples: tuple[str, ...] = ()
    reason: str | None = None
    may_be_accepted: bool = False

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
ACCEPTABLE = (PERSONAL_DATA, LEAKAGE, WORKERS, LICENCE)
"""Those that a person may know better: than a pattern does, or whose the data are. The others can be mended, and are."""


def accepted(gates: Sequence[Gate], reasons: Mapping[str, str]) -> list[Gate]:
    """The gates, those that failed and that somebody accepted with a reason marked so."""
    return [
        replace(gate, status=Status.ACCEPTED, reason=reasons[gate.name])
        if gate.stops and gate.may_be_accepted and gate.name in reasons
        else gate
        for gate in gates
    ]


def personal_data_gate(found: PersonalData, own: OwnFindings | None = None) -> Gate:
    """No personal data found by pattern in any text: of the rows, and of what is said of them.

    Args:
        own: what was found in the words of the release beside its rows.
    """
    code = "PL-REL-010"
    own = own or OwnFindings()
    if not found.counts and not own.counts:
        return Gate(
            PERSONAL_DATA, code, Status.PASSED, f"no personal data found by pattern in {counted(found.texts, 'text')}"
        )
    said = []
    if found.counts:
        said.append(f"{_counted(found.counts)}, in {counted(found.records, 'record')}")
    if own.counts:
        said.append(f"{_counted(own.counts)}, in what is said of the data: {', '.join(own.places[:MOST_NAMED])}")
    return Gate(
        PERSONAL_DATA,
        code,
        Status.FAILED,
        f"personal data found by pattern: {'; '.join(said)}",
        "curate with a recipe that masks or removes it (rule personal-data), and say it in other words where it is said of the "
        'data; where these are no people\'s, --accept personal-data="REASON"',
        dict(Counter(found.counts) + Counter(own.counts)),
        found.ids,
        may_be_accepted=True,
    )


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} × {what}" for what, count in sorted(counts.items()))


def leakage_gate(found: Leakage, notes: CurationNotes | None) -> Gate:
    """Nothing that models are trained on stands in a split that they are measured on; near duplicates are told of.

    Of two splits one must be for training and the other not, see `is_training_split`. What other splits share is told and stops
    nothing: nothing is trained on the one and measured on the other, and no rule takes it away.
    """
    looked = notes is not None and notes.looked_for_near_leakage
    near = "the curation took away what nearly does" if looked else NEAR_NOT_LOOKED_FOR
    code = "PL-REL-011"
    leaking, others = _shared(found, leaking=True), _shared(found, leaking=False)
    beside = f"; {SHARED_ELSEWHERE}: {', '.join(others[:MOST_NAMED])}" if others else ""
    pairs = {f"{first} and {second}": count for (first, second), count in found.prompts.items()}
    if not leaking:
        whose = "of a split for training " if others else ""
        two = "one for anything else" if others else "two"
        said = f"no first human message and no record {whose}stands in {two} of {found.splits} splits; {near}{beside}"
        return Gate(LEAKAGE, code, Status.PASSED, said, counts=pairs)
    return Gate(
        LEAKAGE,
        code,
        Status.FAILED,
        f"what is trained on stands in other splits too: {', '.join(leaking[:MOST_NAMED])}{beside}",
        "curate with a recipe that removes leaking rows of train (clean); plumbline data check names them; or --accept "
        'leakage="REASON"',
        pairs,
        may_be_accepted=True,
    )


def _shared(found: Leakage, *, leaking: bool) -> list[str]:
    """What pairs of splits share, a clause each: those of which one is for training and the other not, or the others."""
    return [
        f"{counted(count, what)} in {first} and {second}"
        for what, pairs in (("prompt", found.prompts), ("record", found.records))
        for (first, second), count in pairs.items()
        if (is_training_split(first) is not is_training_split(second)) is leaking
    ]


def workers_gate(found: WorkerNames) -> Gate:
    """Names of workers have the shape of pseudonyms: what collect draws, numbers, digests. Never quotes one that has not."""
    code = "PL-REL-012"
    if not found.refused:
        said = (
            f"{counted(found.pseudonyms, 'name')} of workers, all of the shape of a pseudonym"
            if found.pseudonyms
            else NO_WORKERS
        )
        return Gate(WORKERS, code, Status.PASSED, said)
    places = ", ".join(f"{count:,} in {place}" for place, count in sorted(found.places.items()))
    return Gate(
        WORKERS,
        code,
        Status.FAILED,
        f"something may lead to those who judged: {_counted(found.refused)}; by where it first stands: {places}",
        "it is not repeated here: look it up in that column, in the records named by their id; replace it in the source by "
        "pseudonyms (a number or ten drawn letters each), or leave it out, and convert it again; where these are pseudonyms, "
        '--accept workers="REASON"',
        dict(found.refused),
        found.ids,
        may_be_accepted=True,
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
        left = ",".join(sorted(terms.uses - set(looser)))
        advice = (
            f"--uses {left}"
            if left
            else "a parent permits no use: state them where its data came in, and convert it again"
        )
        return Gate(USES, code, Status.FAILED, said, advice)
    return Gate(USES, code, Status.PASSED, f"for {told}; no parent permits less")


def licence_gate(terms: Terms, parents: Sequence[Terms], stated: str | None = None) -> Gate:
    """The licence is known, no looser than any parent's (the strictest holds), and one that data so mixed can be under.

    Args:
        stated: the licence that a person states for data that tell none; that needs a reason, for nothing else vouches for it.
    """
    code = "PL-REL-014"
    if not is_known(terms.licence):
        said = f"the licence is {terms.licence}"
        advice = (
            '--licence NAME, as SPDX names it, with --accept licence="WHY YOU MAY SAY SO": it stands in for what is unknown, and '
            "what is known binds as before; do that where you know it or the data are yours to license, else ask whose they are"
        )
        return Gate(LICENCE, code, Status.FAILED, said, advice)
    together = strictest_terms([terms, *parents]).licence
    if together != terms.licence:
        said = f"the licence would be {terms.licence}, and with those of its parents it is {together}"
        return Gate(LICENCE, code, Status.FAILED, said, _to_take_over(together))
    told: list[str] = []
    ways_out: list[str] = []
    if stated is not None:
        told.append(f"{stated} was stated at the release, for data that told none, so no parent vouches for it")
        ways_out.append('--accept licence="WHY YOU MAY SAY SO", or state it where the data came in (--licence there)')
    if apart := licences_apart(terms.licence):
        told.append(
            f"{apart[0]} wants whatever is made of its data under that licence alone, and {apart[1]} forbids commerce"
        )
        ways_out.append(
            "release the parts apart, each under its own licence; where every row keeps the licence it came with, or whose the "
            'data are allowed it, --accept licence="REASON"'
        )
    if told:
        said = f"{terms.licence}; {'; '.join(told)}"
        return Gate(LICENCE, code, Status.FAILED, said, "; ".join(ways_out), may_be_accepted=True)
    sources = licences_of(parents)
    own = f"; {origin_told(terms.licence, sources)}" if licences_stated(terms.licence, sources) else ""
    return Gate(LICENCE, code, Status.PASSED, f"{terms.licence}; no parent's is stricter{own}")


def _to_take_over(licence: str) -> str:
    if is_known(licence):
        return f"--licence '{licence}', or leave --licence out"
    return 'a parent tells no licence: --licence NAME with --accept licence="WHY YOU MAY SAY SO", or ask whose the data are'


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
        tuple([*changed, *missing, *foreign][:MOST_NAMED]),
    )
