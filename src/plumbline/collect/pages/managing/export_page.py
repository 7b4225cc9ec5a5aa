"""What leaves a study."""

from __future__ import annotations

from collections.abc import Mapping

from plumbline.collect.dashboard.figures import Basis
from plumbline.collect.dashboard.snapshot import Snapshot
from plumbline.collect.export import Form
from plumbline.collect.export.forms import forms_of
from plumbline.collect.export.left_out import HOLDS
from plumbline.collect.export.terms import logged_terms
from plumbline.collect.export.terms_told import terms_by_form
from plumbline.collect.kinds import Purpose
from plumbline.collect.pages.contexts.export import ExportForm, ExportPage
from plumbline.collect.pages.contexts.frame import Crumb
from plumbline.collect.pages.managing.frames import api_of, framed, managed
from plumbline.collect.pages.managing.remembered import Remembered
from plumbline.collect.pages.visiting import Visit
from plumbline.collect.pages.wording import counted
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.studies import queues_of
from plumbline.collect.store.finished_work import (
    ErasedConversations,
    count_awaiting_ruling,
    count_erased_conversations,
)
from plumbline.collect.store.study_log import LoggedEvent
from plumbline.collect.study_settings import StudyFile, StudyKind
from plumbline.lineage import Use

_SAYS: Mapping[Form, str] = {
    Form.HH_RLHF: "Chosen and rejected conversations, a folder for each axis, as trainers of preference models read them.",
    Form.RED_TEAM: "Attempts with their transcripts, ratings and tags, in the layout of the public red-team data.",
    Form.BEAVERTAILS: "Questions and answers with their harm labels, in the layout of BeaverTails.",
    Form.PKU_SAFERLHF: "Pairs with the more helpful and the safer reply, in the layout of PKU-SafeRLHF.",
    Form.PARQUET: "Everything that Plumbline itself trains on and looks at: typed columns, ids, workers by pseudonym.",
    Form.JUDGEMENTS: "Each judgement as it is stored, also those of training and gold items: for analysing how people judge.",
    Form.EVENTS: "What happened and when, without texts: for auditing.",
}


def export_page(visit: Visit, study: str, snapshot: Snapshot) -> ExportPage:
    """The forms that the study has, and what they leave out now."""
    settings = visit.collecting.catalogue.named(study).settings
    forms = forms_of(settings.kind, settings.taxonomy)
    return ExportPage(
        frame=framed(visit, study, "Export", Crumb("Export"), script="export.js"),
        managed=managed(visit, study, "export"),
        forms=tuple(ExportForm(form.value, _SAYS[form]) for form in forms),
        uses=tuple(use.value for use in Use),
        licence=settings.licence,
        stated_uses=tuple(use.value for use in settings.uses or ()),
        terms=_terms(visit, study, settings),
        holds=HOLDS,
        left_out=left_out(
            snapshot.figures.basis, settings.kind, _erased(visit, study, snapshot), _awaiting_ruling(visit, study)
        ),
        address=f"{api_of(study)}/export",
    )


def logged_terms_of(collecting: Collecting, study: str) -> tuple[LoggedEvent, ...]:
    """What the log says of the terms of a study's parts; reading a long log takes a while, see `remembered`."""
    known = collecting.catalogue.named(study)
    return logged_terms(collecting.store, known.id, as_of=collecting.clock())


def _terms(visit: Visit, study: str, settings: StudyFile) -> tuple[str, ...]:
    remembered: Remembered[tuple[LoggedEvent, ...]] = visit.request.app.state.remembered_terms
    lines = terms_by_form(remembered.of(visit.collecting, study), settings)
    return tuple(f"{line[0].upper()}{line[1:]}." for line in lines)


def _awaiting_ruling(visit: Visit, study: str) -> int | None:
    """Labels that nobody has ruled on yet; None where the study has no rulings."""
    known = visit.collecting.catalogue.named(study)
    if Purpose.ADJUDICATION not in queues_of(known.settings):
        return None
    return count_awaiting_ruling(visit.collecting.store, known.id, as_of=visit.collecting.clock())


def _erased(visit: Visit, study: str, snapshot: Snapshot) -> ErasedConversations:
    """As of the moment of the other figures."""
    number = visit.collecting.catalogue.named(study).id
    return count_erased_conversations(visit.collecting.store, number, as_of=snapshot.figures.basis.as_of)


def left_out(
    basis: Basis, kind: StudyKind, erased: ErasedConversations, awaiting_ruling: int | None
) -> tuple[str, ...]:
    """What an export does not have, in sentences.

    Args:
        basis: of the dashboard's figures, in which the choices of people who were erased still count.
        kind: of the study.
        awaiting_ruling: labels that nobody has ruled on yet; None where the study has no rulings.
    """
    standing = basis.judgements - erased.judgements
    stand = "1 stands" if standing == 1 else f"{standing:,} stand"
    gone = (_of_erased(erased),) if erased.conversations else ()
    awaiting = () if awaiting_ruling is None else (_awaiting(awaiting_ruling),)
    against = (_AGAINST_RULING,) if kind is StudyKind.TWO_AXIS_RANKING else ()
    return (
        f"Of {counted(basis.stored, 'stored judgement')}, {stand}: of finished work, each as it was last corrected.",
        f"{counted(basis.uncounted, 'is', 'are')} of work that was not handed in.",
        *gone,
        f"{counted(basis.late, 'submission')} came late, when the item was somebody else’s: kept in the store, and never exported.",
        *awaiting,
        *against,
        "Training, gold and attention items measure workers: they are in the form “judgements” alone, marked as such.",
        "Names, passwords and ids of platforms are in no form; people stand there by pseudonym.",
    )


def _of_erased(erased: ErasedConversations) -> str:
    judged = counted(erased.judgements, "is", "are")
    conversations = counted(
        erased.conversations, "conversation of somebody who was erased", "conversations of people who were erased"
    )
    return (
        f"{judged} of {conversations}: the words are gone, and what was chosen is in the form “judgements” alone, where it "
        "does not count."
    )


_AGAINST_RULING = (
    "Where two replies were ranked on harmlessness against a reviewer’s ruling, that order is in the form “judgements” "
    "alone; the README and the manifest of an export count such pairs."
)


def _awaiting(number: int) -> str:
    if number == 0:
        return "No label waits for a ruling."
    waits = "label still waits for a ruling: no export has it yet"
    wait = "labels still wait for a ruling: no export has it yet"
    return f"{counted(number, waits, wait)}."
