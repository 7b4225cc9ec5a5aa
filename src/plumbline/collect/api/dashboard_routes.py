"""The dashboard: figures, workers and disagreements of a study, for its managers."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response

from plumbline.collect.api.documented import documented
from plumbline.collect.api.parameters import PREFIX, Limit, Pseudonym, StudyName, serving_of
from plumbline.collect.api.schemas.dashboard import (
    DisagreementsAnswer,
    FiguresAnswer,
    OpenedItemAnswer,
    WorkersAnswer,
    WorkerSheetAnswer,
)
from plumbline.collect.api.serving import json_response
from plumbline.collect.dashboard.disagreements import DisagreementOrder, DisagreementQuestion, page_of
from plumbline.collect.dashboard.opened import open_item
from plumbline.collect.dashboard.snapshot import Dashboards, Snapshot
from plumbline.collect.dashboard.workers import (
    PLACE,
    WorkerLine,
    WorkerOrder,
    lines_after,
    place_of,
    sheet_of,
    sorted_lines,
)
from plumbline.collect.store.failures import not_found

router = APIRouter(prefix=PREFIX, tags=["dashboard"])

ItemNumber = Annotated[int, Path(ge=1, le=2**62)]
AfterWorker = Annotated[str, Query(pattern=f"^({PLACE})?$", max_length=80, description="`next` of the page before")]
AfterDisagreement = Annotated[
    str, Query(pattern=r"^([0-9]{1,18}-[0-9]{1,18}-[0-9])?$", description="`next` of the page before")
]


@router.get("/studies/{study}/figures", **documented(FiguresAnswer))
async def read_figures(request: Request, study: StudyName) -> Response:
    """Progress, agreement, models, times, as of `figures.basis.as_of`.

    Figures older than three seconds are made anew. Newer ones are waited for 0.15 s at the most, as all requests for
    figures do, workers and disagreements among them: where more is to be counted, the answer is older, as `as_of` says, and
    the next one newer.
    """
    snapshot = await _newest(request, study)
    return json_response(msgspec.json.encode(FiguresAnswer(snapshot.figures, snapshot.seconds)))


@router.get("/studies/{study}/workers", **documented(WorkersAnswer))
async def list_workers(
    request: Request,
    study: StudyName,
    sort: WorkerOrder = "pseudonym",
    descending: bool = False,
    after: AfterWorker = "",
    limit: Limit = 100,
) -> Response:
    """Everybody who took work of it, sorted by a column; who has no value there comes last, then by pseudonym.

    Figures move on between two pages: whoever's value changed may be told twice or not at all, nobody else is.
    """
    snapshot = await _newest(request, study)

    def page() -> bytes:
        """In a thread: the lines after the last one of before."""
        lines = sorted_lines(snapshot.workers, sort, descending)
        left = lines_after(lines, sort, descending, after) if after else lines
        taken = left[:limit]
        goes_on = place_of(taken[-1], sort) if limit < len(left) else None
        return msgspec.json.encode(WorkersAnswer(snapshot.figures.basis.as_of, taken, goes_on))

    return json_response(await serving_of(request).collecting.long_calls.run(page))


@router.get("/studies/{study}/workers/{pseudonym}/sheet", **documented(WorkerSheetAnswer))
async def read_worker_sheet(request: Request, study: StudyName, pseudonym: Pseudonym) -> Response:
    """What somebody did in it by day, how fast, and how far they agree with the others."""
    snapshot = await _newest(request, study)

    def sheet() -> bytes:
        """In a thread: all of them."""
        found = sheet_of(snapshot.counted, _line(snapshot, pseudonym), snapshot.figures.basis.as_of)
        return msgspec.json.encode(WorkerSheetAnswer(found))

    return json_response(await serving_of(request).collecting.long_calls.run(sheet))


@router.get("/studies/{study}/disagreements", **documented(DisagreementsAnswer))
async def list_disagreements(
    request: Request,
    study: StudyName,
    question: DisagreementQuestion | None = None,
    sort: DisagreementOrder = "apart",
    after: AfterDisagreement = "",
    limit: Limit = 100,
) -> Response:
    """Items whose judgements contradict each other, with what each said; the texts come where one is opened."""
    snapshot = await _newest(request, study)
    begin = tuple(map(int, after.split("-"))) if after else None

    def page() -> bytes:
        """In a thread: the lines, and whether there are more."""
        found = page_of(
            snapshot.counted, snapshot.disagreements, question=question, order=sort, after=begin, limit=limit + 1
        )
        goes_on = found[limit - 1].after if len(found) > limit else None
        return msgspec.json.encode(DisagreementsAnswer(snapshot.figures.basis.as_of, found[:limit], goes_on))

    return json_response(await serving_of(request).collecting.long_calls.run(page))


@router.get("/studies/{study}/disagreements/{item}", **documented(OpenedItemAnswer))
async def read_disagreement(request: Request, study: StudyName, item: ItemNumber) -> Response:
    """An item with its texts, models, and every judgement of it that stands; as the store has it now."""
    serving = serving_of(request)
    collecting = serving.collecting
    return await serving.answer(
        request, lambda _: OpenedItemAnswer(open_item(collecting.store, collecting.catalogue.named(study), item))
    )


async def _newest(request: Request, study: str) -> Snapshot:
    """The newest figures, for who may see them."""
    serving = serving_of(request)
    known = await serving.done(request, lambda _: serving.collecting.catalogue.named(study))
    dashboards: Dashboards = request.app.state.dashboards
    return await dashboards.newest(known)


def _line(snapshot: Snapshot, pseudonym: str) -> WorkerLine:
    found = next((line for line in snapshot.workers if line.pseudonym == pseudonym), None)
    if found is None:
        raise not_found("worker", "of this pseudonym, with judgements in this study")
    return found
