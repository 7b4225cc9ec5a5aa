"""What reviewers wrote for somebody whose writing they looked at, as their own pages show it."""

from __future__ import annotations

from plumbline.collect.pages.contexts.work import Note
from plumbline.collect.pages.visiting import Visit
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.service.writing_checks import writing_checks
from plumbline.collect.store.judgements import judgements_of_assignment


def notes_for(visit: Visit, study: KnownStudy, *, most: int) -> tuple[Note, ...]:
    """The newest notes for this visitor; checks without a note are not told, nor is any mark."""
    store = visit.collecting.store
    noted = [check for check in writing_checks(visit.collecting, study, visit.worker.id) if check.note][:most]
    about = f"/studies/{study.settings.name}/mine"
    made = []
    for check in noted:
        judged = judgements_of_assignment(store, check.assignment_id)
        made.append(Note(check.note or "", check.at, f"{about}/{judged[0].id}" if judged else about))
    return tuple(made)
