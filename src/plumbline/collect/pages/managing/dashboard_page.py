"""The dashboard: how a study stands."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from plumbline.collect.dashboard.snapshot import Snapshot
from plumbline.collect.pages.contexts.dashboard import Change, DashboardPage, Waiting
from plumbline.collect.pages.contexts.frame import Crumb
from plumbline.collect.pages.contexts.panels import Section
from plumbline.collect.pages.managing.frames import address_of, age_of, api_of, framed, managed, waiting_in
from plumbline.collect.pages.managing.remembered import Remembered
from plumbline.collect.pages.panels.study import basis_notes, folded, study_sections
from plumbline.collect.pages.visiting import Visit
from plumbline.collect.pages.wording import counted
from plumbline.collect.service.wellbeing.mood_summary import MoodDay
from plumbline.collect.service.wellbeing.moods import mood_every
from plumbline.collect.store.webhooks import list_webhooks

REFRESH_SECONDS = 5

_IN_HAND = "What people have in hand they can still finish and send."
_CHANGES = {
    "open": (
        Change("paused", "Pause", "Pause the study?", f"Nobody gets another item until it is opened again. {_IN_HAND}"),
        Change("closed", "Close", "Close the study?", f"Nobody gets another item. {_IN_HAND} It can be opened again."),
    ),
    "paused": (
        Change("open", "Resume", "Open the study again?", "People get items again at once."),
        Change("closed", "Close", "Close the study?", f"Nobody gets another item. {_IN_HAND} It can be opened again."),
    ),
    "closed": (Change("open", "Open again", "Open the study again?", "People get items again at once."),),
}


def dashboard_page(
    visit: Visit, study: str, snapshot: Snapshot, opened: Collection[str] | None = None
) -> DashboardPage:
    """The page, of the newest figures.

    Args:
        opened: names of the sections that are open; None for those that are at first.
    """
    figures, at_top = snapshot.figures, managed(visit, study, "dashboard")
    return DashboardPage(
        frame=framed(visit, study, "Dashboard", Crumb("Dashboard"), script="dashboard.js"),
        managed=at_top,
        changes=_CHANGES[at_top.state],
        as_of=figures.basis.as_of,
        age=age_of(visit, snapshot),
        judgements=figures.basis.judgements,
        people=figures.basis.people,
        notes=basis_notes(figures.basis),
        waiting=waiting_in(visit, study),
        reading=_reading(visit, study, snapshot),
        sections=folded(sections_of(visit, study, snapshot), opened),
        refresh_seconds=REFRESH_SECONDS,
        api=api_of(study),
    )


def sections_of(visit: Visit, study: str, snapshot: Snapshot) -> tuple[Section, ...]:
    """All figures of the page."""
    moods = None
    if mood_every(visit.collecting.catalogue.named(study).settings) is not None:
        remembered: Remembered[Sequence[MoodDay]] = visit.request.app.state.remembered_moods
        moods = remembered.of(visit.collecting, study)
    return study_sections(snapshot.figures, moods)


def _reading(visit: Visit, study: str, snapshot: Snapshot) -> tuple[Waiting, ...]:
    apart = snapshot.disagreements.items
    study_id = visit.collecting.catalogue.named(study).id
    given_up = sum(each.given_up for each in list_webhooks(visit.collecting.store, only_study_id=study_id))
    basis = snapshot.figures.basis
    # A chat stands in the list once, whatever was judged of it.
    also = f"with {counted(basis.judgements, 'judgement')}" if basis.judgements != basis.finished else ""
    lists = (
        Waiting("Items that people judged differently", apart, f"{address_of(study)}/disagreements"),
        Waiting("Everything that was judged, newest first", basis.finished, f"{address_of(study)}/judged", also),
        Waiting("Messages to other systems that were given up", given_up, "/webhooks"),
    )
    return tuple(each for each in lists if each.count)
