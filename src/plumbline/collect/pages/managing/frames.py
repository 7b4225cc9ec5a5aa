"""What stands around and above every page of a study's manager."""

from __future__ import annotations

from plumbline.collect.api.parameters import PREFIX
from plumbline.collect.dashboard.snapshot import Snapshot
from plumbline.collect.kinds import Purpose
from plumbline.collect.pages.contexts.dashboard import ManagedStudy, Waiting
from plumbline.collect.pages.contexts.frame import HOME, Crumb, Frame
from plumbline.collect.pages.study_cards import kind_of
from plumbline.collect.pages.visiting import Visit
from plumbline.collect.pages.wording import ago
from plumbline.collect.service.studies import queues_of, read_named
from plumbline.collect.store.overview import count_to_take

OLD_SECONDS = 15
"""From this age on figures are told with it: a page that is being looked at shows younger ones, but for busy servers."""
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
    state = read_named(visit.collecting, study).state
    kind = kind_of(visit.collecting.catalogue.named(study).settings)
    return ManagedStudy(study, kind, state.value, address_of(study), here)


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


def age_of(visit: Visit, snapshot: Snapshot) -> str:
    """How old figures are, in words, where they are old; newer ones are being made then. Empty otherwise."""
    seconds = (visit.collecting.clock() - snapshot.figures.basis.as_of).total_seconds()
    return ago(seconds) if seconds >= OLD_SECONDS else ""


def waiting_in(visit: Visit, study: str, *purposes: Purpose) -> tuple[Waiting, ...]:
    """Queues of reviewers with items to take now, as the store has them.

    Args:
        purposes: those of them to look at; all where none is named.
    """
    known, collecting = visit.collecting.catalogue.named(study), visit.collecting
    asked = [each for each in queues_of(known.settings) if each in (purposes or _QUEUES)]
    if not asked:
        return ()
    found = count_to_take(collecting.store, known.id, asked, worker_id=visit.worker.id, now=collecting.clock())
    return tuple(
        Waiting(label, found[purpose], f"{address_of(study)}/work?queue={purpose.value}")
        for purpose, label in _QUEUES.items()
        if found.get(purpose)
    )
