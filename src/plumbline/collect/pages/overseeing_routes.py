"""Manager's pages: dashboard, workers, disagreements, guidelines, export, people; and their tables as CSV files.

Whoever may not see a page is refused before its figures are made or waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from msgspec import Meta

from plumbline.collect.api.dashboard_routes import AfterDisagreement, AfterWorker
from plumbline.collect.api.parameters import Pseudonym, StudyName, serving_of
from plumbline.collect.api.schemas.base import Body
from plumbline.collect.dashboard.disagreements import DisagreementOrder, DisagreementQuestion
from plumbline.collect.dashboard.snapshot import Dashboards, Snapshot
from plumbline.collect.dashboard.workers import WorkerOrder
from plumbline.collect.pages.contexts.guidelines_editor import GuidelinesPreview
from plumbline.collect.pages.contexts.panels import Section
from plumbline.collect.pages.guide import guide_html
from plumbline.collect.pages.managing.dashboard_page import dashboard_page as dashboard
from plumbline.collect.pages.managing.dashboard_page import sections_of
from plumbline.collect.pages.managing.disagreement_pages import disagreement_page as one_disagreement
from plumbline.collect.pages.managing.disagreement_pages import disagreements_page as list_of_disagreements
from plumbline.collect.pages.managing.export_page import export_page as exporting
from plumbline.collect.pages.managing.guidelines_page import guidelines_editor_page as editor
from plumbline.collect.pages.managing.judged_pages import chat_page as one_chat
from plumbline.collect.pages.managing.judged_pages import judged_page as list_of_judged
from plumbline.collect.pages.managing.people_page import people_page as everybody
from plumbline.collect.pages.managing.webhooks_page import webhooks_page as webhooks
from plumbline.collect.pages.managing.worker_pages import sheet_sections, workers_table
from plumbline.collect.pages.managing.worker_pages import worker_page as sheet
from plumbline.collect.pages.managing.worker_pages import workers_page as list_of_workers
from plumbline.collect.pages.panels.study import SECTION_NAMES, panel_named
from plumbline.collect.pages.pictures.tables import Table, csv_of
from plumbline.collect.pages.rendering import PageContext
from plumbline.collect.pages.visiting import Visit, looked_at, page
from plumbline.collect.service.catalogue import KnownStudy
from plumbline.collect.store.failures import not_found
from plumbline.collect.study_file import MOST_GUIDELINES_BYTES
from plumbline.records import PlumblineError
from plumbline.web.failures import wrong_content_type
from plumbline.web.json_bodies import decode_json
from plumbline.web.sessions import require_csrf, require_own_site

router = APIRouter(include_in_schema=False)

ItemNumber = Annotated[int, Path(ge=1, le=2**62)]
Before = Annotated[int | None, Query(ge=1, le=2**62)]
WorkerName = Annotated[str, Query(pattern=r"^([a-z0-9-]{1,40})?$")]
Begin = Annotated[int, Query(ge=0, le=10_000_000)]
Version = Annotated[int | None, Query(ge=1, le=1_000_000)]
TableName = Annotated[str, Query(pattern=r"^[a-z0-9-]{1,100}$")]
_SECTION = "|".join(SECTION_NAMES)
SectionNames = Annotated[str | None, Query(max_length=500, pattern=rf"^(({_SECTION})(,({_SECTION}))*)?$")]
WORKERS_TABLE = "workers"


@router.get("/studies/{study}/dashboard")
async def dashboard_page(
    request: Request,
    study: StudyName,
    open: SectionNames = None,
) -> Response:
    """How the study stands."""
    opened = None if open is None else frozenset(open.split(","))
    return await _figures_page(request, study, lambda visit, snapshot: dashboard(visit, study, snapshot, opened))


@router.get("/studies/{study}/figures.csv")
async def figures_table(request: Request, study: StudyName, table: TableName) -> Response:
    """The table of a picture of the dashboard; or the list of workers."""

    def told(visit: Visit, snapshot: Snapshot) -> Table:
        """In a thread: the table."""
        if table == WORKERS_TABLE:
            return workers_table(snapshot)
        return _table_in(sections_of(visit, study, snapshot), table)

    return await _table(request, study, f"{study}-{table}", told)


@router.get("/studies/{study}/workers")
async def workers_page(
    request: Request,
    study: StudyName,
    sort: WorkerOrder = "pseudonym",
    descending: bool = False,
    after: AfterWorker = "",
) -> Response:
    """Everybody who works on the study."""
    return await _figures_page(
        request, study, lambda visit, snapshot: list_of_workers(visit, study, snapshot, sort, descending, after)
    )


@router.get("/studies/{study}/workers/{pseudonym}")
async def worker_page(request: Request, study: StudyName, pseudonym: Pseudonym) -> Response:
    """All of one of them."""
    return await _figures_page(request, study, lambda visit, snapshot: sheet(visit, study, snapshot, pseudonym))


@router.get("/studies/{study}/workers/{pseudonym}/figures.csv")
async def worker_figures_table(request: Request, study: StudyName, pseudonym: Pseudonym, table: TableName) -> Response:
    """The table of a picture of a worker's sheet."""
    return await _table(
        request,
        study,
        f"{study}-worker-{table}",
        lambda _, snapshot: _table_in(sheet_sections(snapshot, pseudonym), table),
    )


@router.get("/studies/{study}/disagreements")
async def disagreements_page(
    request: Request,
    study: StudyName,
    question: DisagreementQuestion | None = None,
    sort: DisagreementOrder = "apart",
    after: AfterDisagreement = "",
) -> Response:
    """Items that people judged differently."""
    return await _figures_page(
        request, study, lambda visit, snapshot: list_of_disagreements(visit, study, snapshot, question, sort, after)
    )


@router.get("/studies/{study}/disagreements/{item}")
async def disagreement_page(request: Request, study: StudyName, item: ItemNumber) -> Response:
    """One of them with its texts."""
    return await page(request, lambda visit: one_disagreement(visit, study, item))


@router.get("/studies/{study}/judged")
async def judged_page(request: Request, study: StudyName, worker: WorkerName = "", before: Before = None) -> Response:
    """What was judged, newest first."""
    return await page(request, lambda visit: list_of_judged(visit, study, worker, before))


@router.get("/studies/{study}/chats/{assignment}")
async def chat_page(request: Request, study: StudyName, assignment: ItemNumber) -> Response:
    """One chat with everything that was said in it."""
    return await page(request, lambda visit: one_chat(visit, study, assignment))


@router.get("/studies/{study}/guidelines/edit")
async def guidelines_editor_page(
    request: Request, study: StudyName, older: Version = None, newer: Version = None
) -> Response:
    """Where the guidelines are written."""
    return await page(request, lambda visit: editor(visit, study, older, newer))


class PreviewText(Body):
    """Markdown that is looked at and not kept."""

    text: Annotated[str, Meta(max_length=MOST_GUIDELINES_BYTES)]


@router.post("/studies/{study}/guidelines/preview")
async def guidelines_preview(request: Request, study: StudyName) -> Response:  # noqa: ARG001 - for the permissions
    """A text as workers would see it. Nothing is stored; it is no GET because texts are longer than addresses."""
    raw = await request.body()

    def preview(visit: Visit) -> GuidelinesPreview:
        """In a thread: the page, for a request that comes from a page of ours."""
        require_own_site(request.scope, typed_is_fine=False)
        require_csrf(request.scope, visit.serving.earlier_session(request) or "")
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise wrong_content_type("application/json")
        return GuidelinesPreview(visit.frame("Preview"), guide_html(decode_json(raw, PreviewText).text))

    return await page(request, preview)


@router.get("/studies/{study}/export")
async def export_page(request: Request, study: StudyName) -> Response:
    """Where work is downloaded."""
    return await _figures_page(request, study, lambda visit, snapshot: exporting(visit, study, snapshot))


@router.get("/people")
async def people_page(request: Request, begin: Begin = 0) -> Response:
    """Everybody whom the store knows."""
    return await page(request, lambda visit: everybody(visit, begin))


@router.get("/webhooks")
async def webhooks_page(request: Request) -> Response:
    """Which addresses are told what happens."""
    return await page(request, webhooks)


async def _newest(request: Request, study: str) -> Snapshot | Response:
    """The newest figures; a page where they may not be seen, or cannot be made."""
    serving = serving_of(request)
    known = await looked_at(request, lambda _: serving.collecting.catalogue.named(study))
    if not isinstance(known, KnownStudy):
        return known
    dashboards: Dashboards = request.app.state.dashboards
    try:
        return await dashboards.newest(known)
    except PlumblineError as error:
        failed = error

    def fail(_: Visit) -> PageContext:
        """In a thread: says what is wrong."""
        raise failed

    return await page(request, fail)


async def _figures_page(request: Request, study: str, build: Callable[[Visit, Snapshot], PageContext]) -> Response:
    """A page of the newest figures."""
    found = await _newest(request, study)
    if isinstance(found, Response):
        return found
    return await page(request, lambda visit: build(visit, found))


async def _table(request: Request, study: str, name: str, tell: Callable[[Visit, Snapshot], Table]) -> Response:
    """A table of the newest figures as a file."""
    found = await _newest(request, study)
    if isinstance(found, Response):
        return found
    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return await looked_at(
        request,
        lambda visit: Response(csv_of(tell(visit, found)), media_type="text/csv; charset=utf-8", headers=headers),
    )


def _table_in(sections: tuple[Section, ...], name: str) -> Table:
    found = panel_named(sections, name)
    if found is None:
        raise not_found("table", name)
    return found.table
