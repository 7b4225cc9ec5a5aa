"""What stands around and above every page of a study's manager."""

from __future__ import annotations

from plumbline.collect.api.parameters import PREFIX
from plumbline.collect.dashboard.figures import StudyFigures
from plumbline.collect.kinds import Purpose
from plumbline.collect.pages.contexts.dashboard import ManagedStudy, Waiting
from plumbline.collect.pages.contexts.frame import Crumb, Frame
from plumbline.collect.pages.study_cards import study_card
from plumbline.collect.pages.visiting import Visit
from plumbline.collect.service.studies import queues_of, read_named

HOME = Crumb("Studies", "/")
_QUEUES = {
    Purpose.ADJUDICATION: "Rule on disputed labels",
    Purpose.SPOT_CHECK: "Check how conversations are written",
    Purpose.REVIEW: "Review attempts",
}


def managed(visit: Visit, study: str, here: str) -> ManagedStudy:
    """The study as it stands now.

    Raises:
        NotFoundError: PL-COL-010.
    """
    card = study_card(visit, read_named(visit.collecting, study))
    return ManagedStudy(study, card.kind, card.state, address_of(study), here)


def framed(visit: Visit, study: str, title: str, *way: Crumb, script: str | None = None) -> Frame:
    """The frame of a page of a study; `way` leads from the dashboard to it."""
    crumbs = (HOME, Crumb(study, address_of(study)), *way)
    return visit.frame(f"{title}, {study}", crumbs=crumbs, script=None if script is None else f"manage/{script}")


def address_of(study: str) -> str:
    """Of the study's pages."""
    return f"/studies/{study}"


def api_of(study: str) -> str:
    """The API's path of the study."""
    return f"{PREFIX}/studies/{study}"


def waiting_in(visit: Visit, study: str, figures: StudyFigures, *purposes: Purpose) -> tuple[Waiting, ...]:
    """Queues of reviewers with items that want more.

    Args:
        purposes: those to look at; all where none is named.
    """
    has = queues_of(visit.collecting.catalogue.named(study).settings)
    found = {queue.purpose: queue for queue in figures.progress.queues}
    made = []
    for purpose, label in _QUEUES.items():
        queue = found.get(purpose.value)
        if purpose not in has or queue is None or (purposes and purpose not in purposes):
            continue
        if queue.items > queue.complete:
            address = f"{address_of(study)}/work?queue={purpose.value}"
            made.append(Waiting(label, queue.items - queue.complete, address))
    return tuple(made)
