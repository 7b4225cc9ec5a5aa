"""What may be done with what was collected: the strictest of everything that anyone said of what it was made from.

Where nothing is known of a part, the data that was entered or a source of replies, nothing is permitted by guessing: the
study file or whoever exports has to state it. Both statements fill in what is unknown, and loosen nothing that is known.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import JsonValue

from plumbline.collect.export.forms import Form
from plumbline.collect.kinds import Purpose
from plumbline.collect.service.entering import terms_of_study
from plumbline.collect.service.opening import SOURCES_OPENED
from plumbline.collect.store.database import Store
from plumbline.collect.store.study_log import LoggedEvent, stream_study_log
from plumbline.collect.study_settings import StudyFile
from plumbline.lineage import StatedTerms, Terms, Use, strictest_terms
from plumbline.lineage.uses import UNKNOWN_LICENCE
from plumbline.records import Kind

EVENT_KINDS = ("data_entered", SOURCES_OPENED)
"""Events that say on which terms something came in."""

ANALYSIS_ALONE = frozenset({Use.ANALYSIS})
"""What red-team attempts may be used for; the card of the public ones says so."""


@dataclass(frozen=True, slots=True)
class KnownTerms:
    """What the log says of the parts that a study is made from.

    Attributes:
        told: each part, by name, with its terms; a pair stands once.
        unknown: parts of which nothing is known.
        files: SHA-256 of the files that the items came from.
    """

    told: tuple[tuple[str, Terms], ...]
    unknown: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def parts(self) -> tuple[Terms, ...]:
        """The terms that parts have, each once."""
        return tuple(dict.fromkeys(terms for _, terms in self.told))


def logged_terms(store: Store, study_id: int, *, as_of: datetime) -> tuple[LoggedEvent, ...]:
    """What the log says up to a moment; all of it is looked through, 0.1 s for 600,000 events in SQLite."""
    log = stream_study_log(store, study_id, as_of=as_of, kinds=EVENT_KINDS)
    return tuple(event for batch in log for event in batch)


def purposes_told(form: Form) -> tuple[Purpose, ...]:
    """Whose data a form holds: that of the work, and in ``judgements`` of all that was judged."""
    return tuple(Purpose) if form is Form.JUDGEMENTS else (Purpose.WORK,)


def known_terms(events: Iterable[LoggedEvent], purposes: Container[Purpose] = (Purpose.WORK,)) -> KnownTerms:
    """What was logged when data was entered for these purposes and when sources were opened."""
    told: dict[tuple[str, Terms], None] = {}
    unknown: dict[str, None] = {}
    files: dict[str, None] = {}
    for event in events:
        if event.kind == "data_entered":
            if Purpose(event.payload["purpose"]) not in purposes or not (
                event.payload["new"] or event.payload["known"]
            ):
                continue
            files.update(dict.fromkeys(event.payload["files"]))
            sources = [{"source": "the data entered", **event.payload}]
        else:
            sources = event.payload["sources"]
        for source in sources:
            terms = _terms(source)
            if terms is None:
                unknown[source["source"]] = None
            else:
                told[source["source"], terms] = None
    if not told and not unknown:
        unknown["the items"] = None
    return KnownTerms(tuple(told), tuple(unknown), tuple(files))


def _terms(logged: Mapping[str, Any]) -> Terms | None:
    """What was logged; data that said nothing of itself was logged without uses and under an unknown licence."""
    uses, licence = logged["uses"], logged["licence"]
    if uses is None or licence is None or (not uses and licence == UNKNOWN_LICENCE):
        return None
    return Terms(frozenset(map(Use, uses)), licence)


def export_terms(known: KnownTerms, study: StudyFile, stated: StatedTerms, kinds: Iterable[Kind]) -> Terms:
    """The terms of an export that holds these kinds of record."""
    told = terms_of_study(study)
    either = StatedTerms(told.licence or stated.licence, told.uses if told.uses is not None else stated.uses)
    of_parts: list[Terms | None] = [*known.parts, *([None] if known.unknown else [])]
    terms = strictest_terms([stated.applied([_filled_in(part, either)], None) for part in of_parts])
    if Kind.RED_TEAM_ATTEMPTS in kinds:
        terms = Terms(terms.uses & ANALYSIS_ALONE, terms.licence)
    return terms


def _filled_in(part: Terms | None, either: StatedTerms) -> Terms:
    """A part's terms with what the study file or whoever exports says where it is not known; an unknown licence is that too."""
    if part is None or part.licence == UNKNOWN_LICENCE:
        return either.applied([], part)
    return either.applied([part], None)


def terms_told(known: KnownTerms, study: StudyFile, stated: StatedTerms) -> dict[str, JsonValue]:
    """Who said what, as it stands in the manifest."""
    parts: list[JsonValue] = [
        {"part": name, "uses": [use.value for use in sorted(part.uses)], "licence": part.licence}
        for name, part in known.told
    ]
    return {
        "of_parts": parts,
        "unknown_parts": list(known.unknown),
        "study_file": terms_of_study(study).to_json(),
        "stated": stated.to_json(),
    }
