"""Log in, join by an invitation, arrive from a platform; and the files that pages load."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from plumbline.collect.api.parameters import STATIC_PREFIX, StudyName
from plumbline.collect.pages.contexts.entrance import ArrivalPage, JoinPage, LoginPage
from plumbline.collect.pages.headers import STATIC_HEADERS
from plumbline.collect.pages.static_files import static_files
from plumbline.collect.pages.visiting import Visit, page
from plumbline.web.failures import no_such_route
from plumbline.web.own_paths import own_path

router = APIRouter(include_in_schema=False)

GoesOnTo = Annotated[str | None, Query(alias="next", max_length=1000)]
PROLIFIC_SAYS = ("PROLIFIC_PID", "STUDY_ID", "SESSION_ID")
"""The parameters of the address by which Prolific sends a participant here."""


@router.get("/login")
async def login_page(request: Request, goes_on_to: GoesOnTo = None) -> Response:
    """Name and password."""

    def login(visit: Visit) -> LoginPage:
        """In a thread: the page."""
        return LoginPage(visit.frame("Log in", script="login.js"), own_path(goes_on_to), visit.outside_label)

    return await page(request, login)


@router.get("/join")
async def join_page(request: Request) -> Response:
    """An invitation is taken up; who is logged in is told who they are first."""

    def join(visit: Visit) -> JoinPage:
        """In a thread: the page."""
        only = None if visit.person is None else visit.person.only_study_id
        study = None if only is None else visit.collecting.catalogue.of_id(only).settings.name
        return JoinPage(visit.frame("Join", script="join.js"), visit.outside_label, study)

    return await page(request, join)


@router.get("/arrive/prolific/{study}")
async def arrival_page(request: Request, study: StudyName) -> Response:
    """A participant comes from Prolific. What the address says stays in it: the module reads it there."""

    def arrival(visit: Visit) -> ArrivalPage:
        """In a thread: the page."""
        complete = all(request.query_params.get(name) for name in PROLIFIC_SAYS)
        return ArrivalPage(visit.frame("Welcome", script="arrive.js"), "Prolific", study, complete)

    return await page(request, arrival)


@router.get(STATIC_PREFIX + "{digest}/{name:path}")
async def static_file(request: Request, digest: str, name: str) -> Response:  # noqa: ARG001 - Starlette's signature
    """A stylesheet, a module, a picture. An address of another version leads nowhere: a page never mixes two."""
    files = static_files()
    found = files.by_name.get(name) if digest == files.digest else None
    if found is None:
        raise no_such_route()
    return Response(found.content, media_type=found.media_type, headers=dict(STATIC_HEADERS))
