"""The whole application, API and pages, with everybody who could be an attacker: by a token or by a session's cookie."""

import json
import re
from dataclasses import dataclass
from datetime import timedelta

import httpx2
from fastapi.routing import APIRoute

from plumbline.collect.api.app import api_routes
from plumbline.collect.pages.app import page_routes
from plumbline.collect.server.app import make_server_app
from plumbline.collect.store.people import issue_session
from plumbline.collect.store.rows import Role
from plumbline.collect.store.studies import find_study
from plumbline.web.sessions import csrf_token
from tests.collect.api.client import Api, rows, toml

HOME = "http://127.0.0.1"
PAGE = "text/html"


@dataclass
class Whole(Api):
    """An `Api` whose application has the pages too; `ask` sends what a browser would, `raw` whatever an attacker wants."""

    def __post_init__(self):
        super().__post_init__()
        self.app = make_server_app(self.collecting, self.rules, self.options)
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app), base_url="http://server.example/api/v1"
        )
        self.browsers = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url=HOME)

    def close(self):
        self.app.state.dashboards.close()
        self.runner.run(self.browsers.aclose())
        super().close()

    def session_of(self, token):
        """A new session of whom a token is of."""
        ends = self.now + timedelta(hours=12)
        return issue_session(self.store, self.ids[token].id, now=self.now, expires_at=ends)

    def raw(self, method, path, headers=(), **more):
        """A request with these headers and no others of ours; paths begin at the server's root."""
        answer = self.runner.run(self.browsers.request(method, path, headers=list(headers), **more))
        self.browsers.cookies.clear()
        return answer

    def ask(self, method, path, session=None, *, headers=(), csrf=True, accept="application/json", **more):
        """As a page of ours asks, of a browser with this session; `accept` is `PAGE` for who looks at pages."""
        sent = [("Accept", accept), *headers]
        if session is not None:
            sent.append(("Cookie", f"plumbline={session}"))
            if csrf and method not in ("GET", "HEAD"):
                sent += [("X-CSRF-Token", csrf_token(session)), ("Sec-Fetch-Site", "same-origin")]
        return self.raw(method, path, sent, **more)


def all_routes() -> list[APIRoute]:
    """Every route of the application, the API's and the pages'."""
    return [*api_routes(), *page_routes()]


def path_of(route, **values):
    """A path that leads to a route; `values` fill in its parameters, a number or a name the others."""
    filled = {"study": "s", "pseudonym": "nobody", "digest": "0", "name": "style.css", "queue": "work"} | values
    return re.sub(
        r"{(\w+)(?::\w+)?}", lambda found: str(filled.get(found[1], 1)), route.path.replace("{name:path}", "{name}")
    )


def two_studies(api):
    """Studies `s` and `other` with two items each, and a manager of each alone: (of s, of other)."""
    for name in ("s", "other"):
        api.study(toml(name=name, comment=True))
        api.got(
            "POST", f"/studies/{name}/items", api.owner,
            content=rows((f"one of {name}", "a", "b"), (f"two of {name}", "c", "d")),
        )  # fmt: skip
    return tuple(api.somebody(Role.MANAGER, only_study_id=find_study(api.store, name).id) for name in ("s", "other"))


def as_json(value) -> bytes:
    """Bytes of a body, with whatever Python's encoder lets through."""
    return json.dumps(value).encode()
