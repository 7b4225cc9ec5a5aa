"""The terms of an export in words: which hold, where they come from, and where they are stricter than somebody said.

The strictest of all parts holds, so that a study may say of itself more than its exports permit. Nobody should find that
out from a manifest: it is said where a study is started and served, where it is exported, and on the page for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from plumbline.collect.export.forms import Form, forms_of, kinds_told
from plumbline.collect.export.terms import KnownTerms, export_terms, known_terms, logged_terms, purposes_told
from plumbline.collect.service.entering import terms_of_study
from plumbline.collect.store.database import Store
from plumbline.collect.store.study_log import LoggedEvent
from plumbline.collect.study_settings import StudyFile
from plumbline.lineage import ALL_USES, StatedTerms, Terms, Use, strictest_terms
from plumbline.records import Kind

_AND = " AND "


def terms_lines(known: KnownTerms, study: StudyFile, stated: StatedTerms, kinds: Iterable[Kind]) -> tuple[str, ...]:
    """The terms of an export that holds these kinds of record, and what a person should know about them.

    Returns:
        Clauses without a capital and a stop; the first says which terms hold.
    """
    terms = export_terms(known, study, stated, kinds)
    return (_holding(known, study, stated, terms), *terms_notes(known, study, stated, terms))


def terms_notes(known: KnownTerms, study: StudyFile, stated: StatedTerms, terms: Terms) -> tuple[str, ...]:
    """What a person who exports should know about the terms; empty where all is as it was said."""
    notes = []
    names = ", ".join(known.unknown[:5])
    if known.unknown and not terms.uses:
        notes.append(
            f"no use is permitted: of {names} nothing is known; state --uses and --licence, or uses and licence in the "
            "study file"
        )
    elif known.unknown:
        notes.append(f"of {names} nothing is known but what was stated here or in the study file")
    notes += _stricter_than(known, terms_of_study(study), terms)
    overruled = stated.overruled(terms)
    return (*notes, overruled) if overruled else tuple(notes)


def terms_of_study_told(store: Store, study_id: int, study: StudyFile, *, as_of: datetime) -> tuple[str, ...]:
    """What is to be said of a study's terms, before anybody exports it: `terms_by_form` as clauses."""
    return terms_by_form(logged_terms(store, study_id, as_of=as_of), study)


def terms_by_form(events: Sequence[LoggedEvent], study: StudyFile) -> tuple[str, ...]:
    """The lines of every form that the study has, those that forms share once; ``as FORM, FORM:`` where they differ.

    Args:
        events: of `terms.logged_terms`.
    """
    nothing = StatedTerms()
    by_lines: dict[tuple[str, ...], list[Form]] = {}
    for form in forms_of(study.kind, study.taxonomy):
        if form is Form.EVENTS:  # it holds no texts, of whose terms anybody could speak
            continue
        known = known_terms(events, purposes_told(form))
        by_lines.setdefault(terms_lines(known, study, nothing, kinds_told(form, study)), []).append(form)
    if len(by_lines) == 1:
        return next(iter(by_lines))
    return tuple(f"as {', '.join(forms)}: {'; '.join(lines)}" for lines, forms in by_lines.items())


def _holding(known: KnownTerms, study: StudyFile, stated: StatedTerms, terms: Terms) -> str:
    """``licence CC-BY-NC-4.0, of retrieval:corpus.jsonl; for analysis, preference``."""
    told = terms_of_study(study)
    said: Mapping[str, str | None] = {"the study file": told.licence, "--licence": stated.licence}
    names = [name for name, part in known.told if _shares(part.licence, terms.licence)]
    names += [name for name, licence in said.items() if licence is not None and _shares(licence, terms.licence)]
    whose = f", of {_joined(names)}" if names else ""
    return f"licence {terms.licence}{whose}; for {_listed(terms.uses) or 'no use'}"


def _stricter_than(known: KnownTerms, said: StatedTerms, terms: Terms) -> list[str]:
    """Where what the study file says, and workers were told, is not what holds."""
    notes = []
    if said.licence is not None and said.licence != terms.licence:
        alone = Terms(ALL_USES, said.licence)
        names = [name for name, part in known.told if strictest_terms([alone, part]).licence != said.licence]
        if names:
            notes.append(
                f"the study file says {said.licence}, and so its workers are told: the strictest holds, and that comes "
                f"from {_joined(names)}"
            )
    refused = (said.uses or frozenset()) - terms.uses
    by = [name for name, part in known.told if refused - part.uses]
    if refused and by:
        notes.append(f"the study file permits {_listed(refused)}, and {_joined(by)} does not")
    elif refused and not known.unknown:
        notes.append(f"the study file permits {_listed(refused)}, and attempts at an attack are for analysis alone")
    return notes


def _shares(licence: str, other: str) -> bool:
    return not set(licence.split(_AND)).isdisjoint(other.split(_AND))


def _joined(names: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(names))


def _listed(uses: Iterable[Use]) -> str:
    return ", ".join(sorted(use.value for use in uses))
