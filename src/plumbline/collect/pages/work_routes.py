"""Home, a study, its guidelines, the work itself, and one's account."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from plumbline.collect.api.parameters import PREFIX, StudyName
from plumbline.collect.kinds import Purpose
from plumbline.collect.pages.contexts.differences import Difference
from plumbline.collect.pages.contexts.frame import HOME, Crumb
from plumbline.collect.pages.contexts.work import (
    AccountPage,
    GuidelinesPage,
    HomePage,
    OutsideLogin,
    StudyPage,
    WorkPage,
)
from plumbline.collect.pages.differences import difference
from plumbline.collect.pages.guide import guide_of
from plumbline.collect.pages.notes import notes_for
from plumbline.collect.pages.study_cards import WAYS, is_blurred, study_card, warning_of
from plumbline.collect.pages.visiting import Visit, page
from plumbline.collect.service.failures import no_such_queue
from plumbline.collect.service.held_work import is_chat
from plumbline.collect.service.identity.openid.coming_in import standing
from plumbline.collect.service.studies import read_named
from plumbline.collect.store.judgements import newest_version_judged_by
from plumbline.collect.store.rows import Guidelines
from plumbline.collect.store.studies import list_studies, newest_guidelines, read_guidelines

router = APIRouter(include_in_schema=False)

_NOTES = 3
Queue = Annotated[Literal["work", "review", "adjudication", "spot_check"], Query()]


@router.get("/")
async def home_page(request: Request) -> Response:
    """Everything this visitor can do."""

    def home(visit: Visit) -> HomePage:
        """In a thread: the studies that are theirs to see."""
        rows = list_studies(visit.collecting.store)
        seen = [row for row in rows if visit.worker.only_study_id in (None, row.id)]
        return HomePage(visit.frame("Studies", script="home.js"), tuple(study_card(visit, row) for row in seen))

    return await page(request, home)


@router.get("/studies/{study}")
async def study_page(request: Request, study: StudyName) -> Response:
    """What a study asks of workers."""

    def about(visit: Visit) -> StudyPage:
        """In a thread: its card, guidelines, terms and notes."""
        row, store = read_named(visit.collecting, study), visit.collecting.store
        known = visit.collecting.catalogue.named(study)
        settings, newest = known.settings, newest_guidelines(store, row.id)
        judged = newest_version_judged_by(store, row.id, visit.worker.id)
        return StudyPage(
            frame=visit.frame(study, crumbs=(HOME, Crumb(study)), script="study.js", help_link=settings.help),
            card=study_card(visit, row),
            guide=guide_of(newest),
            warning=warning_of(settings),
            uses=tuple(use.value for use in settings.uses or ()),
            licence=settings.licence,
            topics=settings.has_topics,
            notes=notes_for(visit, known, most=_NOTES),
            difference=_since(visit, known.id, judged, newest),
        )

    return await page(request, about)


@router.get("/studies/{study}/guidelines")
async def guidelines_page(
    request: Request, study: StudyName, since: Annotated[int | None, Query(ge=1, le=1_000_000)] = None
) -> Response:
    """The guidelines by themselves; with what differs from an earlier version, where one is named."""

    def guidelines(visit: Visit) -> GuidelinesPage:
        """In a thread: the newest version."""
        known = visit.collecting.catalogue.named(study)
        crumbs = (HOME, Crumb(study, f"/studies/{study}"), Crumb("Guidelines"))
        frame = visit.frame(f"Guidelines of {study}", crumbs=crumbs, help_link=known.settings.help)
        newest = newest_guidelines(visit.collecting.store, known.id)
        return GuidelinesPage(frame, study, guide_of(newest), _since(visit, known.id, since, newest))

    return await page(request, guidelines)


@router.get("/studies/{study}/work")
async def work_page(request: Request, study: StudyName, queue: Queue = "work") -> Response:
    """Where judging is done."""

    def work(visit: Visit) -> WorkPage:
        """In a thread: the page, without an item: taking one changes something, so the API does it."""
        row = read_named(visit.collecting, study)
        known = visit.collecting.catalogue.named(study)
        card = study_card(visit, row)
        chosen = next((each for each in card.queues if each.queue == queue), None)
        if chosen is None:
            raise no_such_queue(study, queue)
        wellbeing = known.settings.wellbeing
        crumbs = (HOME, Crumb(study, f"/studies/{study}"), Crumb(chosen.label))
        return WorkPage(
            frame=visit.frame(
                f"{chosen.label} in {study}",
                crumbs=crumbs,
                script="work.js",
                help_link=known.settings.help,
            ),
            study=study,
            queue=queue,
            heading=chosen.label,
            next_path=f"{PREFIX}/studies/{study}{WAYS[Purpose(queue)]}/next",
            guide=guide_of(newest_guidelines(visit.collecting.store, known.id)),
            judged_version=newest_version_judged_by(visit.collecting.store, known.id, visit.worker.id),
            blur=is_blurred(known.settings),
            lease_minutes=known.settings.lease_minutes,
            break_after_minutes=None if wellbeing is None else wellbeing.break_after_minutes,
            chat=is_chat(known.settings, Purpose(queue)),
            topics=card.topics,
            dashboard=card.dashboard,
            warning=warning_of(known.settings),
        )

    return await page(request, work)


@router.get("/account")
async def account_page(request: Request) -> Response:
    """One's own account."""

    def account(visit: Visit) -> AccountPage:
        """In a thread: the page."""
        openid = visit.serving.openid
        found = None if openid is None else standing(visit.collecting, openid, visit.worker)
        outside = None if found is None else OutsideLogin(found.label, found.connected, found.has_password)
        return AccountPage(visit.frame("Account", crumbs=(HOME, Crumb("Account")), script="account.js"), outside)

    return await page(request, account)


def _since(visit: Visit, study_id: int, version: int | None, newest: Guidelines) -> Difference | None:
    if version is None or version >= newest.version:
        return None
    before = read_guidelines(visit.collecting.store, study_id, version)
    return difference(version, before.text, newest.version, newest.text)
