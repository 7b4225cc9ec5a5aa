"""The application: routes, and the middleware around them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from plumbline import __version__
from plumbline.collect.api import (
    dashboard_routes,
    export_routes,
    identity_routes,
    item_routes,
    openid_routes,
    people_routes,
    study_routes,
    webhook_routes,
    wellbeing_routes,
    work_routes,
)
from plumbline.collect.api.item_routes import ITEMS_PATH, MOST_ITEMS_BYTES
from plumbline.collect.api.openapi import openapi_of
from plumbline.collect.api.parameters import STATIC_PREFIX
from plumbline.collect.api.permissions import PERMITTED
from plumbline.collect.api.problem_statuses import problem_for
from plumbline.collect.api.serving import Serving
from plumbline.collect.dashboard.snapshot import Dashboards
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.drawing import DRAW_SECONDS, Drawing
from plumbline.collect.service.identity.openid.coming_in import open_openid
from plumbline.collect.service.identity.openid.settings import OpenIdConfig
from plumbline.collect.service.samplers import SourceRules
from plumbline.collect.service.wellbeing.topics import read_all_topics
from plumbline.web.access_log import AccessLog
from plumbline.web.bodies import BodyLimits, BoundedBodies
from plumbline.web.failures import FieldFault, InvalidBodyError, WebError, no_such_method, no_such_route, not_json
from plumbline.web.headers import SecurityHeaders
from plumbline.web.problems import ProblemErrors
from plumbline.web.rate_limits import Rate, RateLimits
from plumbline.web.request_ids import RequestIds
from plumbline.web.sessions import Site

ROUTERS = (
    *(work_routes.router, study_routes.router, item_routes.router, people_routes.router),
    *(export_routes.router, identity_routes.router, dashboard_routes.router, wellbeing_routes.router),
    *(openid_routes.router, webhook_routes.router),
)
STUDY_BODY_BYTES = 2 << 20
"""A study's file and guidelines, where JSON writes each character in six."""
IDENTITY_BODY_BYTES = 32 << 10
"""Anybody may send these; two passwords of 1,024 characters have room."""
_RATE = Rate(per_second=50, at_once=200)


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """How the API is served.

    Attributes:
        bodies: their limits.
        per_token, per_address: how often one token may ask, and one address without one that is good.
        draw_seconds: how long one draw of replies may take.
        site: under which names browsers reach it.
        openid: the issuer that lets people in, where there is one.
    """

    bodies: BodyLimits = field(
        default_factory=lambda: BodyLimits(
            by_path=(
                (re.compile(ITEMS_PATH), MOST_ITEMS_BYTES),
                (
                    re.compile(r"/api/v1/studies(?:/[^/]+/guidelines)?|/studies/[^/]+/guidelines/preview"),
                    STUDY_BODY_BYTES,
                ),
                (
                    re.compile(r"/api/v1/(?:sessions|arrivals|invitations.*|me/password|(?:me/)?openid.*)"),
                    IDENTITY_BODY_BYTES,
                ),
            )
        )
    )
    per_token: Rate = _RATE
    per_address: Rate = _RATE
    draw_seconds: float = DRAW_SECONDS
    site: Site = field(default_factory=Site)
    openid: OpenIdConfig | None = None


def make_app(collecting: Collecting, rules: SourceRules, options: ApiOptions | None = None) -> FastAPI:
    """The API over an open store; closes it when the server ends.

    Args:
        collecting: see `service.opening`.
        rules: what study files that are sent may name; those that `collecting` was opened with.
        options: how it is served.
    """
    options = options or ApiOptions()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        """Let go of sources and threads when the server ends."""
        warming = [asyncio.ensure_future(each) for each in (dashboards.warm(), read_all_topics(collecting))]
        yield
        for each in warming:
            each.cancel()
        dashboards.close()
        if openid is not None:
            await openid.provider.close()
        await collecting.close()

    app = FastAPI(
        title="Plumbline collect",
        version=__version__,
        description="Studies, live conversations and judgements.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.dashboards = dashboards = Dashboards(collecting)
    drawing = Drawing(collecting, most_seconds=options.draw_seconds)
    openid = None if options.openid is None else open_openid(options.openid)
    app.state.serving = Serving(collecting, drawing, rules, options.site, openid)
    _require_permissions()
    # As they are: `include_router` would make each anew for every application, while the first requests wait.
    app.router.routes.extend(route for router in ROUTERS for route in router.routes)
    app.add_exception_handler(HTTPException, _refuse_route)
    app.add_exception_handler(RequestValidationError, _refuse_parameters)
    app.openapi = lambda: openapi_of(app)  # type: ignore[method-assign] # as FastAPI documents it
    _add_middleware(app, options)
    return app


def _add_middleware(app: FastAPI, options: ApiOptions) -> None:
    """Innermost first: what is added last sees a request first."""
    app.add_middleware(BoundedBodies, limits=options.bodies)
    app.add_middleware(
        RateLimits,
        per_token=options.per_token,
        per_address=options.per_address,
        uncounted=STATIC_PREFIX,
        open_paths=frozenset(route.path for route in api_routes() if PERMITTED[route.name] is None),
    )
    app.add_middleware(ProblemErrors, problem=problem_for)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(AccessLog)
    app.add_middleware(RequestIds)


def api_routes() -> list[APIRoute]:
    """The routes that the table of permissions is about."""
    return [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def _require_permissions() -> None:
    """A route that nobody thought about who may use is no route."""
    names = [route.name for route in api_routes()]
    if sorted(names) != sorted(PERMITTED):
        wrong = ", ".join(sorted(set(names) ^ set(PERMITTED))) or "a name that stands twice"
        raise RuntimeError(f"routes and table of permissions differ: {wrong}")


async def _refuse_route(request: Request, error: Exception) -> Response:
    """404 and 405, which the router finds; the body's own, where it cannot be read."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        raise no_such_method(_methods_of(request.url.path))
    raise not_json("the body cannot be read") if status == HTTPStatus.BAD_REQUEST else no_such_route()


def _methods_of(path: str) -> list[str]:
    """What a path takes; the router itself tells those of one of its routes only."""
    found = {method for route in api_routes() if route.path_regex.match(path) for method in route.methods or ()}
    return sorted(found) or ["GET"]


async def _refuse_parameters(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's signature
    """Parameters of the path and the query: which, and what they take; not what was sent."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    faults = [FieldFault(str(each["loc"][-1]), str(each["msg"])) for each in found]
    refused: WebError = InvalidBodyError(faults)
    raise refused
