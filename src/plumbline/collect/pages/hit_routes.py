"""The page of a HIT, which stands in a frame of MTurk, and the one that it opens in a tab of its own.

In the frame nobody is logged in, and nothing is made: browsers keep no cookie there. Whoever accepted the HIT goes to a tab of
their own, arrives there as from Prolific, and brings the code of their visit back into the frame's form, which goes to MTurk.
"""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request, Response

from plumbline.collect.api.parameters import StudyName
from plumbline.collect.pages.contexts.entrance import ArrivalPage, HitPage, HitState
from plumbline.collect.pages.mturk_hosts import MturkHosts
from plumbline.collect.pages.rendering import render
from plumbline.collect.pages.study_cards import says_of, warning_of
from plumbline.collect.pages.visiting import Visit, html, looked_at, page
from plumbline.collect.service.studies import read_named
from plumbline.collect.store.failures import not_found
from plumbline.collect.store.rows import StudyState
from plumbline.collect.study_settings import Mturk, StudyFile

router = APIRouter(include_in_schema=False)

NOT_ACCEPTED = "ASSIGNMENT_ID_NOT_AVAILABLE"
"""What MTurk says in the place of an assignment while somebody looks at a HIT that they have not accepted."""
_SUBMIT = "/mturk/externalSubmit"


@router.get("/arrive/mturk/{study}")
async def hit_page(request: Request, study: StudyName) -> Response:
    """What MTurk shows in its frame. What the address says of a worker stays in it: the module reads it there."""
    hosts: MturkHosts = request.app.state.mturk_hosts

    def hit(visit: Visit) -> Response:
        """In a thread: the page, with headers of its own."""
        context, sandbox = _hit(visit, study, hosts)
        return html(render(context), headers=hosts.headers(sandbox=sandbox))

    return await looked_at(request, hit)


@router.get("/arrive/mturk/{study}/begin")
async def hit_begin_page(request: Request, study: StudyName) -> Response:
    """A worker of MTurk comes, in a tab of their own. Who they are stands behind the ``#``, which no server sees."""

    def arrival(visit: Visit) -> ArrivalPage:
        """In a thread: the page."""
        _settings(visit, study)
        return ArrivalPage(visit.frame("Welcome", script="arrive.js"), "MTurk", study, complete=True)

    return await page(request, arrival)


def _hit(visit: Visit, study: str, hosts: MturkHosts) -> tuple[HitPage, bool]:
    settings, mturk = _settings(visit, study)
    said = visit.request.query_params
    origin = hosts.submit_origin(said.get("turkSubmitTo"), sandbox=mturk.sandbox)
    assignment = said.get("assignmentId")
    if origin is None:
        state = HitState.ELSEWHERE
    elif assignment == NOT_ACCEPTED:
        is_closed = read_named(visit.collecting, study).state is StudyState.CLOSED
        state = HitState.CLOSED if is_closed else HitState.PREVIEW
    else:  # also where the study was closed since: whoever has a code hands it in here
        state = HitState.ACCEPTED if assignment and said.get("workerId") else HitState.INCOMPLETE
    frame = visit.frame(f"{study}, a HIT", script="hit.js", help_link=settings.help)
    context = HitPage(
        frame=replace(frame, visitor=None, csrf_token=""),  # the same for everybody, whoever frames it
        study=study,
        says=says_of(settings),
        warning=warning_of(settings) or settings.warning,
        items=mturk.items,
        minutes=mturk.minutes,
        pay=mturk.pay,
        sandbox=mturk.sandbox,
        state=state.value,
        submit_to=f"{origin}{_SUBMIT}" if origin is not None and state is HitState.ACCEPTED else None,
    )
    return context, mturk.sandbox


def _settings(visit: Visit, study: str) -> tuple[StudyFile, Mturk]:
    """Of a study that is on MTurk.

    Raises:
        NotFoundError: PL-COL-010.
    """
    settings = visit.collecting.catalogue.named(study).settings
    if settings.mturk is None:
        raise not_found("study", f"{study} of MTurk")
    return settings, settings.mturk
