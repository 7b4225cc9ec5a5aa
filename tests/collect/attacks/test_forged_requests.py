"""Requests that another site makes a browser send: with its cookie, without what only our pages know."""

from itertools import product

import pytest
from sqlalchemy import MetaData, func, select

from plumbline.collect.api.permissions import PERMITTED
from plumbline.web.sessions import csrf_token
from tests.collect.attacks.whole import PAGE, all_routes, as_json, path_of, two_studies

CHANGING = [route for route in all_routes() if route.methods != {"GET"}]
OPEN = {name for name, least in PERMITTED.items() if least is None}
FORMS = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]


@pytest.fixture
def attacked(api):
    two_studies(api)
    worker = api.somebody()
    api.next("s", worker)
    api.session = api.session_of(api.owner)
    return api


def rows_of(store):
    """How many rows each table has, and the newest of what is changed in its place."""
    metadata = MetaData()
    metadata.reflect(store.engine)
    with store.engine.connect() as connection:
        counted = {
            name: connection.scalar(select(func.count()).select_from(table)) for name, table in metadata.tables.items()
        }
        for name in ("people", "studies", "tokens", "invitations", "accounts"):
            if name in metadata.tables:
                counted[f"{name}'s"] = sorted(map(str, connection.execute(select(metadata.tables[name])).all()))
    return counted


def test_every_route_that_is_no_get_wants_the_token_of_the_page(attacked):
    """All routes × what another site, or a page of another session, could send; nothing is stored by any of it."""
    api, before = attacked, rows_of(attacked.store)
    another = csrf_token(api.session_of(api.somebody()))
    before = rows_of(api.store)
    given = {
        "none": [],
        "empty": [("X-CSRF-Token", "")],
        "another session's": [("X-CSRF-Token", another)],
        "the session itself": [("X-CSRF-Token", api.session)],
        "twice": [("X-CSRF-Token", csrf_token(api.session))] * 2,
        "a cookie's": [("Cookie", f"csrf={csrf_token(api.session)}")],
        "cut short": [("X-CSRF-Token", csrf_token(api.session)[:-1])],
        "right, from another site": [("X-CSRF-Token", csrf_token(api.session)), ("Sec-Fetch-Site", "cross-site")],
        "right, from a neighbour": [("X-CSRF-Token", csrf_token(api.session)), ("Sec-Fetch-Site", "same-site")],
    }
    walked = 0
    for route, (title, headers) in product(CHANGING, given.items()):
        if route.name in OPEN:
            continue
        (method,) = route.methods
        sent = [("Content-Type", "application/json"), *headers, ("Idempotency-Key", "k" * 12)]
        if title == "a cookie's":
            answer = api.raw(
                method,
                path_of(route),
                [("Cookie", f"plumbline={api.session}; csrf={another}"), *sent[:1]],
                content=b"{}",
            )
        else:
            answer = api.ask(method, path_of(route), api.session, headers=sent, csrf=False, content=b"{}")
        assert answer.status_code == 403, (route.name, title, answer.status_code, answer.text[:200])
        assert "PL-WEB-015" in answer.text or "PL-WEB-019" in answer.text, (route.name, title)
        walked += 1
    assert walked == len(given) * (len(CHANGING) - len({route.name for route in CHANGING} & OPEN)) > 9 * 25
    assert rows_of(api.store) == before


@pytest.mark.parametrize("kind", FORMS)
def test_no_form_of_another_site_lets_anybody_in(attacked, kind):
    """Routes without a session: what they take no form can send, nor a script of another site without being asked."""
    api, before = attacked, rows_of(attacked.store)
    body = as_json({"name": "owner", "password": "x", "code": "c" * 43})
    for route in CHANGING:
        if route.name in OPEN:
            headers = [("Content-Type", kind)] if kind else []
            answer = api.ask("POST", path_of(route), headers=headers, content=body)
            assert (answer.status_code, answer.json()["code"]) == (415, "PL-WEB-005"), route.name
            for site in ("cross-site", "same-site", "none"):
                headers = [("Content-Type", "application/json"), ("Sec-Fetch-Site", site)]
                answer = api.ask("POST", path_of(route), headers=headers, content=body)
                assert (answer.status_code, answer.json()["code"]) == (403, "PL-WEB-019"), (route.name, site)
    assert rows_of(api.store) == before


def test_nothing_is_changed_by_looking(attacked):
    """A link or a picture of another site is a GET with the cookie: no GET changes anything, whatever its address says."""
    api = attacked
    before, walked = rows_of(api.store), 0
    for route in all_routes():
        if route.methods == {"GET"} and route.name != "export_study":
            for query in ("", "?_method=DELETE&state=closed&blocked=true&confirm=1"):
                headers = [("X-HTTP-Method-Override", "DELETE"), ("Sec-Fetch-Site", "cross-site")] if query else []
                api.ask("GET", path_of(route) + query, api.session, accept=PAGE, headers=headers)
                walked += 1
    assert walked > 80
    assert rows_of(api.store) == before


def test_no_other_site_reads_an_answer(attacked):
    """No answer says that another origin may read it, to a preflight neither."""
    api = attacked
    for route in all_routes():
        (method,) = route.methods
        headers = [
            ("Origin", "https://evil.example"),
            ("Access-Control-Request-Method", method),
            ("Access-Control-Request-Headers", "x-csrf-token"),
        ]
        for answer in (
            api.ask("OPTIONS", path_of(route), api.session, headers=headers),
            api.ask("GET", path_of(route), api.session, headers=headers[:1]),
        ):
            assert not [name for name in answer.headers if name.startswith("access-control-")], route.name
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert api.ask("OPTIONS", path_of(route), headers=headers).status_code == 405
