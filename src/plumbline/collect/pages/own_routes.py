"""One's own judgements: the list of them, and each as it was shown, to be corrected."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from plumbline.collect.api.parameters import JudgementId, StudyName
from plumbline.collect.kinds import KNOWN_ANSWERS, Purpose
from plumbline.collect.pages.contexts.frame import HOME, Crumb
from plumbline.collect.pages.contexts.own import OwnJudgementPage, OwnJudgementsPage, OwnLine
from plumbline.collect.pages.guide import guide_of
from plumbline.collect.pages.judgement_words import what_of
from plumbline.collect.pages.notes import notes_for
from plumbline.collect.pages.own_answers import own_answer, shortened, went_on
from plumbline.collect.pages.study_cards import is_blurred, warning_of
from plumbline.collect.pages.visiting import Visit, page
from plumbline.collect.service.held_work import is_chat
from plumbline.collect.service.own_judgements import OwnJudgement, own_judgement
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.judgements import judgements_of_worker
from plumbline.collect.store.rows import Judgement
from plumbline.collect.store.studies import newest_guidelines
from plumbline.collect.study_settings import StudyFile
from plumbline.records import Role

router = APIRouter(include_in_schema=False)

LINES = 20
"""Judgements on one page."""
_NOTES = 10
_EXCERPT = 140


@router.get("/studies/{study}/mine")
async def own_judgements_page(
    request: Request, study: StudyName, before: Annotated[int | None, Query(ge=1, le=2**62)] = None
) -> Response:
    """What the visitor judged in a study."""

    def own(visit: Visit) -> OwnJudgementsPage:
        """In a thread: a page of them."""
        known = visit.collecting.catalogue.named(study)
        rows = judgements_of_worker(visit.collecting.store, known.id, visit.worker.id, before=before, limit=LINES + 1)
        lines = tuple(_line(visit, known.settings, row) for row in rows[:LINES])
        notes = notes_for(visit, known, most=_NOTES) if before is None else ()
        older = f"/studies/{study}/mine?before={rows[LINES - 1].id}" if len(rows) > LINES else None
        crumbs = (HOME, Crumb(study, f"/studies/{study}"), Crumb("Your judgements"))
        title = f"Your judgements in {study}"
        frame = visit.frame(title, crumbs=crumbs, script="own.js", help_link=known.settings.help)
        blur = is_blurred(known.settings)
        return OwnJudgementsPage(frame, study, f"/studies/{study}/work", notes, lines, blur, older)

    return await page(request, own)


@router.get("/studies/{study}/mine/{judgement}")
async def own_judgement_page(request: Request, study: StudyName, judgement: JudgementId) -> Response:
    """A judgement of the visitor's as it was shown."""

    def own(visit: Visit) -> OwnJudgementPage:
        """In a thread: whose it is, and what kind; the module asks for the rest."""
        known = visit.collecting.catalogue.named(study)
        found = own_judgement(visit.collecting, visit.worker, judgement)
        if found.held.study.id != known.id:
            raise not_found("judgement", judgement)
        what = what_of(found.row)
        mine = Crumb("Your judgements", f"/studies/{study}/mine")
        return OwnJudgementPage(
            frame=visit.frame(
                f"{what} in {study}",
                crumbs=(HOME, Crumb(study, f"/studies/{study}"), mine, Crumb(what)),
                script="correct.js",
                help_link=known.settings.help,
            ),
            study=study,
            judgement=judgement,
            what=what,
            at=found.row.created_at,
            work=f"/studies/{study}/work?queue={_queue_of(found).value}",
            guide=guide_of(newest_guidelines(visit.collecting.store, known.id)),
            warning=warning_of(known.settings),
            went_on=went_on(found) if found.judged.can_be_corrected else None,
            blur=is_blurred(known.settings),
        )

    return await page(request, own)


def _queue_of(found: OwnJudgement) -> Purpose:
    purpose = found.held.item.purpose
    return Purpose.WORK if purpose in KNOWN_ANSWERS else purpose


def _line(visit: Visit, settings: StudyFile, row: Judgement) -> OwnLine:
    own = own_judgement(visit.collecting, visit.worker, row.id)
    answer = own_answer(own)
    return OwnLine(
        address=f"/studies/{settings.name}/mine/{row.id}",
        what=what_of(row),
        chat=own.held.assignment.leased_at if is_chat(settings, own.held.item.purpose) else None,
        excerpt=_excerpt(own),
        answers=answer.lines,
        written=answer.written,
        at=row.created_at,
        corrected=row.corrects is not None,
        can_be_corrected=own.judged.can_be_corrected,
        is_skipped=own.is_skipped,
    )


def _excerpt(own: OwnJudgement) -> str:
    said = [message.text for message in own.judged.ask.conversation if message.role is Role.HUMAN]
    return shortened(said[-1], _EXCERPT) if said else ""
