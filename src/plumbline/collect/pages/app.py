"""The pages beside the API: their routes; and for people, errors outside of the API are pages too."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ExceptionHandler

from plumbline.collect.pages import (
    entrance_routes,
    hit_routes,
    openid_routes,
    overseeing_routes,
    own_routes,
    work_routes,
)
from plumbline.collect.pages.managing.export_page import logged_terms_of
from plumbline.collect.pages.managing.remembered import Remembered
from plumbline.collect.pages.mturk_hosts import MTURK_HOSTS, MturkHosts
from plumbline.collect.pages.visiting import PAGE_PERMITTED, no_such_page
from plumbline.collect.service.wellbeing.mood_summary import mood_summary

ROUTERS = (
    *(entrance_routes.router, hit_routes.router, openid_routes.router),
    *(work_routes.router, own_routes.router, overseeing_routes.router),
)


def add_pages(app: FastAPI, mturk: MturkHosts = MTURK_HOSTS) -> None:
    """Adds the pages to an application that has the API.

    Args:
        mturk: where MTurk stands.
    Raises:
        RuntimeError: a page has no line in the table of permissions.
    """
    if missing := sorted({route.name for route in page_routes()} - set(PAGE_PERMITTED)):
        raise RuntimeError(f"pages without a line in the table of permissions: {', '.join(missing)}")
    app.state.mturk_hosts = mturk
    app.state.remembered_moods = Remembered(mood_summary)
    app.state.remembered_terms = Remembered(logged_terms_of)
    app.router.routes.extend(route for router in ROUTERS for route in router.routes)  # as the API's are added
    for kind in (HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _page_or(app.exception_handlers[kind]))


def page_routes() -> list[APIRoute]:
    """The routes that the table of permissions is about."""
    return [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def _page_or(problem: ExceptionHandler) -> ExceptionHandler:
    """A page for who looks at pages; what the API answers everywhere else."""

    async def handled(request: Request, error: Exception) -> Response:
        """See Starlette."""
        looks = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        if looks and not request.url.path.startswith("/api/"):
            return await no_such_page(request)
        # Starlette's type allows for handlers of web sockets and blocking ones; those of the API are neither.
        answer: Response = await problem(request, error)  # type: ignore[misc, arg-type]
        return answer

    return handled
