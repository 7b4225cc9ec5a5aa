"""Frames, caches, sniffing, scripts: what every answer says to the browser, walked over every route and kind of error."""

import pytest

from plumbline.collect.pages.static_files import static_files
from tests.collect.attacks.whole import HOME, PAGE, all_routes, path_of, two_studies

CSP_OF_PAGES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
OVER = {"nobody": None, "over": "x" * 43}
CSP_OF_OTHERS = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


@pytest.fixture
def walked(api):
    """Every route by an owner, by nobody and by a worker; missing pages, wrong methods, bodies that are refused."""
    two_studies(api)
    worker = api.somebody()
    api.submitted(api.next("s", worker), worker, act="judge-pair", helpfulness=1)
    found = []
    for who, token in {"owner": api.owner, "worker": worker, **OVER}.items():
        for route in all_routes():
            (method,) = route.methods
            for accept in (PAGE, "*/*"):
                path = path_of(route, pseudonym=api.ids[worker].pseudonym)
                # A session of its own for each: some of these routes end it.
                session = api.session_of(token) if who in ("owner", "worker") else token
                found.append((who, path, api.ask(method, path, session, accept=accept)))
        session = api.session_of(token) if who in ("owner", "worker") else token
        for method, path in (
            ("GET", "/nowhere"),
            ("GET", "/api/v1/nowhere"),
            ("DELETE", "/login"),
            ("GET", "/studies/t"),
            ("GET", "/openapi.json"),
        ):
            found.append((who, path, api.ask(method, path, session, accept=PAGE)))
        table = api.ask("GET", "/studies/s/figures.csv?table=workers", session)
        assert table.status_code == {"owner": 200, "worker": 403}.get(who, 303), table.text
        found.append((who, "figures.csv", table))
        static = f"{static_files().prefix}/style.css"
        found.append((who, static, api.ask("GET", static, session)))
    return found


def test_what_every_answer_says(walked):
    kinds = {}
    assert len(walked) > 500
    for who, path, answer in walked:
        headers = answer.headers
        kind = headers.get("content-type", "").partition(";")[0]
        kinds[kind] = kinds.get(kind, 0) + 1
        at = (who, path, answer.status_code)
        assert headers["x-content-type-options"] == "nosniff", at
        assert headers["referrer-policy"] == "no-referrer", at
        assert headers["cross-origin-opener-policy"] == "same-origin", at
        # Clickjacking: no answer stands in a frame.
        assert headers["x-frame-options"] == "DENY", at
        policy = headers["content-security-policy"]
        if kind == "text/html":
            assert policy == CSP_OF_PAGES, at
            assert headers["vary"] == "Cookie", at
        elif path.startswith("/static/") and answer.status_code == 200:
            assert policy == "default-src 'none'", at
        else:
            assert policy == CSP_OF_OTHERS, at
        # A page of somebody's is kept by nobody; what is the same for all may be.
        if path.startswith("/static/") and answer.status_code == 200:
            assert headers["cache-control"] == "public, max-age=31536000, immutable", at
            assert "set-cookie" not in headers
        else:
            assert headers["cache-control"] == "no-store", at
        for name in ("server", "x-powered-by", "etag", "last-modified", "content-location"):
            assert name not in headers, (at, name)
    assert {"text/html", "application/json", "application/problem+json", "text/css", "text/csv"} <= kinds.keys()


def test_pages_of_one_are_not_answered_to_another_under_a_path_that_looks_static(api):
    """Web cache deception: a proxy keeps what ends in .css; no page answers there."""
    two_studies(api)
    session = api.session_of(api.owner)
    for path in ("/account", "/people", "/studies/s/dashboard", "/studies/s/mine", "/api/v1/me", "/"):
        for tail in ("/x.css", "/x.js", ";x.css", "%2fx.css", "%0ax.css", "%3fx.css", "%23x.css", ".css"):
            answer = api.ask("GET", f"{HOME}{path}{tail}", session, accept=PAGE)
            assert (answer.status_code, answer.headers["cache-control"]) in ((404, "no-store"), (405, "no-store")), (
                path + tail
            )
