"""A session that is over opens no page either; cookies and the API's part are in api/test_logging_in.py, throttling in api/test_guessing.py."""

import pytest

from plumbline.collect.service.erasing import erase_worker
from plumbline.collect.store.people import set_blocked
from tests.collect.api.browser import Browser, flags, joined
from tests.collect.attacks.whole import HOME, PAGE, two_studies

PAGES = ("/", "/account", "/studies/s", "/studies/s/work", "/studies/s/mine", "/studies/s/guidelines")
ENDS = ["log out", "revoke", "block", "erase", "another password", "twelve hours"]


@pytest.mark.parametrize("end", ENDS)
def test_pages_are_closed_at_once(api, end):
    two_studies(api)
    browser = joined(api, "Ada")
    session, pseudonym = browser.cookie[1], browser.got("GET", "/me")["pseudonym"]
    for path in PAGES:
        assert api.ask("GET", path, session, accept=PAGE).status_code == 200, path
    if end == "log out":
        browser.got("DELETE", "/sessions/current")
    elif end == "revoke":
        api.got("DELETE", f"/people/{pseudonym}/tokens", api.owner)
    elif end == "block":
        api.got("PUT", f"/people/{pseudonym}/blocked", api.owner, json={"blocked": True})
    elif end == "erase":
        erase_worker(api.store, pseudonym, now=api.now)
    elif end == "another password":
        other = Browser(api)
        other.log_in("Ada")
        other.got("PUT", "/me/password", json={"old": "four words of mine", "new": "five other words of mine"})
    else:
        api.wait(hours=12, seconds=1)
    for path in PAGES:
        answer = api.ask("GET", path, session, accept=PAGE)
        if end == "block":
            assert answer.status_code == 403, path
            assert "PL-COL-031" in answer.text
        else:
            assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}"), path
        assert pseudonym not in answer.text or end == "block"
    status = api.ask("POST", "/api/v1/studies/s/next", session).status_code
    assert status == (403 if end == "block" else 401)


def test_the_cookie_is_for_the_server_alone(api):
    browser = joined(api, "Ada")
    assert flags(browser.set_cookie) == {"max-age=43200", "path=/", "httponly", "samesite=lax"}
    assert HOME.startswith("http://127.0.0.1")
    page = api.ask("GET", "/account", browser.cookie[1], accept=PAGE).text
    assert browser.cookie[1] not in page
    assert browser.csrf in page


def test_a_session_stands_in_no_address(api):
    two_studies(api)
    session = api.session_of(api.owner)
    for name in ("session", "token", "plumbline", "access_token", "sid"):
        assert api.ask("GET", f"/api/v1/me?{name}={session}").status_code == 401
        assert api.ask("GET", f"/people?{name}={session}", accept=PAGE).status_code == 303
    for name in ("X-Session", "X-Api-Key", "Proxy-Authorization"):
        assert api.ask("GET", "/api/v1/me", headers=[(name, f"Bearer {session}")]).status_code == 401
    for scheme in ("Basic", "Token", "Bearer", "bearer"):
        assert api.ask("GET", "/api/v1/me", headers=[("Authorization", f"{scheme} {session}")]).status_code == 401


def test_a_blocked_owner_does_nothing_more(api):
    two_studies(api)
    set_blocked(api.store, api.ids[api.owner].id, True, now=api.now)
    session = api.session_of(api.owner)
    for path in ("/people", "/studies/s/dashboard", "/studies/s/figures.csv?table=workers", "/studies/s/export"):
        answer = api.ask("GET", path, session, accept=PAGE)
        assert answer.status_code == 403, path
        assert "PL-COL-031" in answer.text
