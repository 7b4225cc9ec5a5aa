"""Who looks at a page, whether it is for them, and what goes wrong: in words instead of a problem document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from plumbline.collect.api.parameters import serving_of
from plumbline.collect.api.problem_statuses import problem_for
from plumbline.collect.api.serving import Serving, blocked
from plumbline.collect.pages.contexts.frame import Crumb, Frame, Visitor
from plumbline.collect.pages.contexts.problem import ProblemPage
from plumbline.collect.pages.headers import PAGE_HEADERS
from plumbline.collect.pages.rendering import PageContext, render
from plumbline.collect.pages.static_files import static_files
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.people import has_role
from plumbline.collect.store.rows import Person, Role
from plumbline.records import PlumblineError
from plumbline.web.failures import no_such_route, not_permitted
from plumbline.web.problems import Problem
from plumbline.web.request_ids import request_id_of

ValueT = TypeVar("ValueT")

PAGE_PERMITTED: Mapping[str, Role | None] = {
    "login_page": None,
    "join_page": None,
    "arrival_page": None,
    "hit_page": None,
    "hit_begin_page": None,
    "openid_page": None,
    "static_file": None,
    "home_page": Role.WORKER,
    "account_page": Role.WORKER,
    "study_page": Role.WORKER,
    "guidelines_page": Role.WORKER,
    "work_page": Role.WORKER,
    "own_judgements_page": Role.WORKER,
    "own_judgement_page": Role.WORKER,
    "dashboard_page": Role.MANAGER,
    "workers_page": Role.MANAGER,
    "worker_page": Role.MANAGER,
    "disagreements_page": Role.MANAGER,
    "disagreement_page": Role.MANAGER,
    "judged_page": Role.MANAGER,
    "chat_page": Role.MANAGER,
    "guidelines_editor_page": Role.MANAGER,
    "export_page": Role.MANAGER,
    "people_page": Role.MANAGER,
    "webhooks_page": Role.MANAGER,
    "guidelines_preview": Role.MANAGER,
    "figures_table": Role.MANAGER,
    "worker_figures_table": Role.MANAGER,
}
"""By the route's name; None is open to everyone. What a page then asks of the API is permitted there once more."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A page that is looked at by somebody who may; lives in a thread that may block on the store.

    Attributes:
        serving: what the routes share.
        request: as it came.
        person: None on pages that are open to everyone.
        csrf_token: of the visitor's session; empty without one.
        account_name: of the visitor's account; None where they came without one.
    """

    serving: Serving
    request: Request
    person: Person | None
    csrf_token: str
    account_name: str | None

    @property
    def collecting(self) -> Collecting:
        """Store, samplers, clock."""
        return self.serving.collecting

    @property
    def worker(self) -> Person:
        """Who is logged in; the page's line in `PAGE_PERMITTED` says that somebody is.

        Raises:
            LookupError: the page is open to everyone.
        """
        if self.person is None:
            raise LookupError("a page that is open to everyone asked who looks at it")
        return self.person

    @property
    def outside_label(self) -> str | None:
        """What buttons call the log-in of another house; None where there is none."""
        return None if self.serving.openid is None else self.serving.openid.label

    def frame(
        self,
        title: str,
        *,
        crumbs: tuple[Crumb, ...] = (),
        script: str | None = None,
        help_link: str | None = None,
    ) -> Frame:
        """What stands around the page."""
        visitor = None
        if self.person is not None:
            manages = has_role(self.person, Role.MANAGER) and self.person.only_study_id is None
            visitor = Visitor(self.person.pseudonym, self.account_name, self.person.role.value, manages)
        prefix = static_files().prefix
        return Frame(title, prefix, self.csrf_token, visitor, crumbs, help_link, script)


async def page(request: Request, build: Callable[[Visit], PageContext]) -> Response:
    """The page that `build` makes, in a thread; the way to the log-in page where nobody is logged in."""
    return await looked_at(request, lambda visit: html(render(build(visit))))


async def looked_at(request: Request, look: Callable[[Visit], ValueT]) -> ValueT | Response:
    """What `look` gives, in a thread, to who may look; a page that says why not to others, or where it fails."""
    serving = serving_of(request)
    collecting = serving.collecting
    least = PAGE_PERMITTED[request.scope["route"].name]
    calls = collecting.long_calls if least is Role.MANAGER else collecting.calls

    def made() -> ValueT | Response:
        """In a thread: who looks, and what they see."""
        visit = _nobody(serving, request)
        try:
            visit = _visit(serving, request)
            if least is not None and visit.person is None:
                return to_login(request)
            if least is not None:
                require_permitted(visit, least)
            return look(visit)
        except PlumblineError as error:
            return problem_page(visit, problem_for(error))

    return await calls.run(made)


async def no_such_page(request: Request) -> Response:
    """What stands where no page is."""
    serving = serving_of(request)

    def made() -> Response:
        """In a thread: who looks may be logged in."""
        try:
            return problem_page(_visit(serving, request), problem_for(no_such_route()))
        except PlumblineError as error:
            return problem_page(_nobody(serving, request), problem_for(error))

    return await serving.collecting.calls.run(made)


def require_permitted(visit: Visit, least: Role) -> None:
    """Refuses who is blocked, of a lower role, or of another study.

    Raises:
        NotAllowedError: PL-COL-031. WebError: PL-WEB-008. NotFoundError: PL-COL-010.
    """
    if visit.worker.blocked_at is not None:
        raise blocked(visit.worker)
    if not has_role(visit.worker, least):
        raise not_permitted(least.value)
    visit.serving.require_study(visit.request, visit.worker)


def html(content: str, status: int = 200, *, headers: Mapping[str, str] = PAGE_HEADERS) -> Response:
    """A page as it is sent."""
    return HTMLResponse(content, status, headers=dict(headers))


def to_login(request: Request) -> Response:
    """The way to the log-in page, and back afterwards."""
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?next={quote(asked, safe='/')}", HTTPStatus.SEE_OTHER)


def problem_page(visit: Visit, problem: Problem) -> Response:
    """What went wrong, as a page."""
    context = ProblemPage(
        frame=visit.frame(HTTPStatus(problem.status).phrase),
        status=problem.status,
        heading=_HEADINGS.get(problem.code) or _HEADINGS.get(problem.status, "This did not work"),
        detail=_DETAILS.get(problem.code, problem.detail),
        advice=_ADVICE.get(problem.code, problem.advice),
        code=problem.code,
        request_id=request_id_of(visit.request.scope),
    )
    answer = html(render(context), problem.status)
    for name, value in problem.headers:
        if name != b"www-authenticate":
            answer.headers[name.decode()] = value.decode()
    return answer


_HEADINGS: Mapping[int | str, str] = {
    "PL-COL-031": "You are blocked",
    401: "You are not logged in",
    403: "This is not for you to see",
    404: "There is no such page",
    429: "One moment, please",
    503: "The server is busy",
}
_DETAILS: Mapping[str, str] = {
    "PL-COL-010": "What this address names is not here, or not for you.",
    "PL-COL-031": "Whoever runs the study has stopped your work here. What you did before stays and counts.",
    "PL-WEB-012": "Nothing stands at this address: it may be mistyped, or a link may be old.",
}
_ADVICE: Mapping[str, str] = {
    "PL-COL-010": "look for it among the studies; whoever sent you the link can tell you more",
    "PL-WEB-012": "look at the address once more, or begin at the studies",
}
"""By code: where the error's own words are for who runs the server, or writes a program for it."""


def _visit(serving: Serving, request: Request) -> Visit:
    found = serving.visitor(request)
    if found is None:
        return _nobody(serving, request)
    return Visit(serving, request, found.person, found.csrf_token, found.account_name)


def _nobody(serving: Serving, request: Request) -> Visit:
    return Visit(serving, request, None, "", None)
