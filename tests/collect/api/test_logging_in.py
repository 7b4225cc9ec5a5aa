"""Logging in, over the API, on both databases; what somebody tries who has no password, and what ends a session."""

from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from plumbline.collect.api.app import ApiOptions
from plumbline.collect.service.identity.passwords import Passwords
from plumbline.collect.store.events import read_events
from plumbline.collect.store.keeping.erasing import erase_person
from plumbline.collect.store.people import find_by_token, issue_token, set_blocked
from plumbline.collect.store.rows import Role, TokenUse
from plumbline.web.rate_limits import Rate
from plumbline.web.sessions import Site, csrf_token
from tests.collect.api.browser import PASSWORD, Browser, flags, invited, joined
from tests.collect.api.client import HOME, UNLIMITED

NAME = "Ada Lovelace"


@pytest.fixture
def api(api_on_both):
    """The API, on each database."""
    return api_on_both


def wrong(browser, name=NAME, password="not this one"):
    return browser("POST", "/sessions", json={"name": name, "password": password})


# --- the way of it ---


def test_from_an_invitation_to_a_session_and_out_again(api):
    first = joined(api, NAME)
    me = first.got("GET", "/me")
    assert (me["name"], me["role"], me["only_study"], me["blocked"]) == (NAME, "worker", None, False)
    assert first.got("DELETE", "/sessions/current") == {"ended": True}
    assert first.cookie is None
    assert "max-age=0" in flags(first.set_cookie)
    first.problem("GET", "/me", status=401, code="PL-WEB-007")
    # As it was written or otherwise: full width, other case, spaces around.
    for name in (NAME, "  ada LOVELACE ", "Ａda Lovelace"):
        again = Browser(api)
        told = again.log_in(name)
        assert told["pseudonym"] == me["pseudonym"]
        assert told["csrf_token"] == csrf_token(again.cookie[1])
        assert again.got("GET", "/me")["pseudonym"] == me["pseudonym"]


def test_a_session_ends_by_itself(api):
    browser = joined(api, NAME)
    assert {"max-age=43200", "httponly", "samesite=lax", "path=/"} == flags(browser.set_cookie)
    api.wait(hours=12, seconds=-1)
    browser.got("GET", "/me")
    api.wait(seconds=1)
    browser.problem("GET", "/me", status=401, code="PL-WEB-007")


def test_nothing_of_it_is_told_by_the_log(api):
    browser = joined(api, NAME)
    wrong(browser)
    told = repr(read_events(api.store))
    for secret in (NAME, NAME.casefold(), PASSWORD, "not this one", browser.cookie[1]):
        assert secret not in told
    rows = api.store.read(lambda connection: connection.exec_driver_sql("SELECT * FROM tokens").all())
    assert browser.cookie[1] not in repr(rows)
    rows = api.store.read(lambda connection: connection.exec_driver_sql("SELECT * FROM login_attempts").all())
    assert rows
    assert "ada" not in repr(rows)


def test_what_is_wrong_is_not_told(api):
    joined(api, NAME)
    found = []
    for name, password in ((NAME, "not this one"), ("nobody", PASSWORD), ("nobody", "not this one")):
        document = Browser(api).problem(
            "POST", "/sessions", json={"name": name, "password": password}, status=403, code="PL-IDN-001"
        )
        found.append({key: value for key, value in document.items() if key != "request_id"})
    assert found[0] == found[1] == found[2]


# --- forged by another site ---


def test_no_other_site_logs_somebody_in(api):
    """Login CSRF: a form of another site sends what JSON readers take, or the browser says where it began."""
    joined(api, NAME)
    code = invited(api)
    for path, body in (
        ("/sessions", {"name": NAME, "password": PASSWORD}),
        ("/invitations/accepted", {"code": code, "name": "Eve", "password": PASSWORD}),
        ("/invitations/read", {"code": code}),
    ):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
            browser = Browser(api)
            browser.problem("POST", path, json=body, headers={"Content-Type": kind}, status=415, code="PL-WEB-005")
            assert browser.cookie is None
        for site in ("cross-site", "same-site", "none"):
            browser = Browser(api)
            browser.problem("POST", path, json=body, site=site, status=403, code="PL-WEB-019")
            assert browser.cookie is None
    # A client that is no browser says nothing of sites.
    Browser(api).log_in(NAME, site=None)


def test_what_changes_something_needs_the_pages_token(api):
    browser, other = joined(api, NAME), joined(api, "Grace")
    body = {"json": {"old": PASSWORD, "new": "another one of mine"}}
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": other.csrf}, {"X-CSRF-Token": browser.cookie[1]}):
        browser.problem("PUT", "/me/password", **body, headers=headers, csrf=False, status=403, code="PL-WEB-015")
        browser.problem("DELETE", "/sessions/current", headers=headers, csrf=False, status=403, code="PL-WEB-015")
    for site in ("cross-site", "same-site"):
        browser.problem("PUT", "/me/password", **body, site=site, status=403, code="PL-WEB-019")
        browser.problem("GET", "/me", site=site, status=403, code="PL-WEB-019")
    browser.got("GET", "/me", site="none")
    browser.got("PUT", "/me/password", **body)


# --- sessions and tokens are not each other ---


def test_a_session_is_drawn_anew_at_each_login(api):
    """Session fixation: what a browser brings along is never taken over, and ends."""
    browser = joined(api, NAME)
    seen = [browser.cookie[1]]
    for _ in range(3):
        browser.log_in(NAME)
        seen.append(browser.cookie[1])
    assert len(set(seen)) == 4
    found = [find_by_token(api.store, token, now=api.now, use=TokenUse.SESSION) is not None for token in seen]
    assert found == [False, False, False, True]
    planted = Browser(api)
    planted.cookie = ("plumbline", "planted-by-somebody-else-before-the-login")
    planted.log_in(NAME)
    assert planted.cookie[1] != "planted-by-somebody-else-before-the-login"


def test_a_session_is_no_token_and_a_token_no_session(api):
    browser, token = joined(api, NAME), api.somebody()
    api.problem("GET", "/me", browser.cookie[1], status=401, code="PL-WEB-007")
    cookie = Browser(api)
    cookie.cookie = ("plumbline", token)
    cookie.problem("GET", "/me", status=401, code="PL-WEB-007")
    api.got("GET", "/me", token)


def test_both_at_once_are_refused(api):
    browser, token = joined(api, NAME), api.somebody()
    for given in (f"Bearer {token}", "Bearer x", "Basic eDp5", ""):
        more = {"headers": {"Authorization": given}, "status": 400, "code": "PL-WEB-018"}
        browser.problem("GET", "/me", **more)
        browser.problem("POST", "/sessions", json={"name": NAME, "password": PASSWORD}, **more)


def test_two_cookies_are_none(api):
    browser = joined(api, NAME)
    browser.cookie = ("plumbline", f"{browser.cookie[1]}; plumbline={browser.cookie[1]}")
    browser.problem("GET", "/me", status=401, code="PL-WEB-007")


# --- names of hosts, and connections that others can read ---


def test_a_name_of_somebody_elses_is_not_answered(api):
    """DNS rebinding: the browser takes the attacker's name for ours, and brings that name in `Host`."""
    browser = joined(api, NAME)
    for host in ("rebound.example", "rebound.example:8080", "127.0.0.1.rebound.example", ""):
        browser.problem("GET", "/me", headers={"Host": host}, status=403, code="PL-WEB-017")
        fresh = Browser(api)
        fresh.problem(
            "POST", "/sessions", json={"name": NAME, "password": PASSWORD}, headers={"Host": host},
            status=403, code="PL-WEB-017",
        )  # fmt: skip
    for host in ("localhost", "localhost:9000", "[::1]:8080"):
        browser.got("GET", "/me", headers={"Host": host})
    # With a token in a header nobody's browser is led astray.
    api.got("GET", "http://rebound.example/api/v1/me", api.owner)


def _served(make_api, **more):
    return make_api(options=ApiOptions(per_token=UNLIMITED, per_address=UNLIMITED, **more))


def test_cookies_by_connection(make_api):
    public = "https://judge.example.org"
    behind = _served(make_api, site=Site("127.0.0.1", public))
    # A proxy with TLS hands plain HTTP on, under the public name.
    browser = joined(behind, NAME, home="http://judge.example.org/api/v1")
    assert browser.cookie[0] == "__Host-plumbline"
    assert {"secure", "httponly", "samesite=lax", "path=/", "max-age=43200"} == flags(browser.set_cookie)
    assert browser.got("GET", "/me")["name"] == NAME
    tossed = Browser(behind, "http://judge.example.org/api/v1")
    tossed.cookie = ("plumbline", browser.cookie[1])
    tossed.problem("GET", "/me", status=401, code="PL-WEB-007")
    over_tls = joined(_served(make_api), NAME, home="https://localhost/api/v1")
    assert over_tls.cookie[0] == "__Host-plumbline"
    elsewhere = _served(make_api, site=Site("192.0.2.7"))
    code = invited(elsewhere)
    stranger = Browser(elsewhere, "http://192.0.2.7:8080/api/v1")
    body = {"code": code, "name": NAME, "password": PASSWORD}
    told = stranger.problem("POST", "/invitations/accepted", json=body, status=403, code="PL-WEB-016")
    assert "TLS" in told["advice"]
    assert "--public-url" in told["advice"]
    stranger.problem("POST", "/sessions", json={"name": NAME, "password": PASSWORD}, status=403, code="PL-WEB-016")
    stranger.got("POST", "/invitations/read", json={"code": code})  # it was not used up


# --- what ends sessions ---


def test_another_password_ends_the_other_sessions_and_no_token(api):
    one, two = joined(api, NAME), Browser(api)
    two.log_in(NAME)
    person = find_by_token(api.store, one.cookie[1], now=api.now, use=TokenUse.SESSION)
    token = issue_token(api.store, person.id, now=api.now, expires_at=api.now + timedelta(days=1))
    body = {"old": PASSWORD, "new": "another one of mine"}
    assert one.got("PUT", "/me/password", json=body) == {"sessions_ended": 1, "outside_connected": False}
    one.got("GET", "/me")
    two.problem("GET", "/me", status=401, code="PL-WEB-007")
    api.got("GET", "/me", token)
    assert wrong(Browser(api), NAME, PASSWORD).status_code == 403
    Browser(api).log_in(NAME, "another one of mine")


def test_another_password_needs_the_old_one_and_guessing_it_is_counted(api):
    browser = joined(api, NAME)
    for status, code in [(403, "PL-IDN-005")] * 5 + [(429, "PL-IDN-002")]:
        body = {"old": "not this one", "new": "another one of mine"}
        browser.problem("PUT", "/me/password", json=body, status=status, code=code)
    api.wait(hours=2)
    for new in ("short", "ada lovelace", "1234567890", "aaaaaaaaaaaaaaa"):
        browser.problem("PUT", "/me/password", json={"old": PASSWORD, "new": new}, status=422, code="PL-IDN-003")
    token = api.somebody()
    body = {"old": PASSWORD, "new": "another one of mine"}
    api.problem("PUT", f"{HOME}/me/password", token, json=body, status=404, code="PL-IDN-006")


def test_blocked_revoked_and_erased_sessions_end_at_once(api):
    blocked, revoked, erased = (joined(api, name) for name in ("Blocked", "Revoked", "Erased"))
    names = {who: who.got("GET", "/me")["pseudonym"] for who in (blocked, revoked, erased)}
    api.got("PUT", f"/people/{names[blocked]}/blocked", api.owner, json={"blocked": True})
    blocked.problem("GET", "/studies", status=403, code="PL-COL-031")
    assert blocked.got("GET", "/me")["blocked"] is True
    assert api.got("DELETE", f"/people/{names[revoked]}/tokens", api.owner) == {"revoked": 1}
    revoked.problem("GET", "/me", status=401, code="PL-WEB-007")
    erase_person(api.store, names[erased], now=api.now)
    erased.problem("GET", "/me", status=401, code="PL-WEB-007")
    assert wrong(Browser(api), "Erased", PASSWORD).status_code == 403
    # Who is blocked may log in, and is told so; who lost their sessions may begin another.
    assert Browser(api).log_in("Blocked")["pseudonym"] == names[blocked]
    Browser(api).log_in("Revoked")


def test_who_was_blocked_can_log_out(api):
    browser = joined(api, NAME)
    person = find_by_token(api.store, browser.cookie[1], now=api.now, use=TokenUse.SESSION)
    set_blocked(api.store, person.id, True, now=api.now)
    assert browser.got("DELETE", "/sessions/current") == {"ended": True}


def test_logging_out_with_a_token_ends_nothing(api):
    assert api.got("DELETE", "/sessions/current", api.owner) == {"ended": False}
    api.got("GET", "/me", api.owner)


# --- pages ---


def test_who_looks_at_a_page(api):
    serving = api.app.state.serving
    browser = joined(api, NAME, "manager")

    def request(**headers):
        from fastapi import Request

        given = {"host": "127.0.0.1"} | headers
        raw = [(name.encode(), value.encode()) for name, value in given.items()]
        return Request(
            {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": raw, "path_params": {}}
        )

    found = serving.visitor(request(cookie="=".join(browser.cookie)))
    assert (found.person.role, found.account_name, found.csrf_token) == (Role.MANAGER, NAME, browser.csrf)
    assert serving.person_of_page(request(cookie="=".join(browser.cookie))) == found.person
    assert serving.visitor(request()) is None
    assert serving.visitor(request(cookie=f"plumbline={api.owner}")) is None
    assert serving.visitor(request(authorization=f"Bearer {api.owner}")) is None


def test_sessions_that_ended_long_ago_go_when_the_next_begins(api):
    """And tokens stay, which are few."""
    browser = joined(api, NAME)
    person = find_by_token(api.store, browser.cookie[1], now=api.now, use=TokenUse.SESSION)
    issue_token(api.store, person.id, now=api.now, expires_at=api.now + timedelta(hours=1))

    def kept():
        query = text("SELECT use, COUNT(*) FROM tokens WHERE person_id = :id GROUP BY use")
        return dict(api.store.read(lambda connection: connection.execute(query, {"id": person.id}).all()))

    api.wait(days=7)
    Browser(api).log_in(NAME)
    assert kept() == {"api": 1, "session": 2}
    api.wait(hours=13)
    Browser(api).log_in(NAME)
    assert kept() == {"api": 1, "session": 2}


# --- rates ---


def test_a_session_has_a_rate_of_its_own(make_api):
    api = make_api(options=ApiOptions(per_token=Rate(1, 4), per_address=UNLIMITED))
    one, two = joined(api, "One"), joined(api, "Two")
    # The first is its address's: only then is it known to be good.
    assert [one("GET", "/me").status_code for _ in range(6)] == [200] * 5 + [429]
    assert two("GET", "/me").status_code == 200


def test_bodies_that_anybody_may_send_are_small(api):
    body = {"name": "x", "password": "x" * (33 << 10)}
    Browser(api).problem("POST", "/sessions", json=body, status=413, code="PL-WEB-001")
    Browser(api).problem("POST", "/sessions", json={"name": "x", "password": "x" * 1025}, status=422, code="PL-WEB-006")


def test_a_hash_under_earlier_costs_is_made_anew(api):
    browser = joined(api, NAME)
    before = _hash(api)
    api.collecting.passwords.hasher = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    assert wrong(browser).status_code == 403
    assert _hash(api) == before
    Browser(api).log_in(NAME)
    assert _hash(api).startswith("$argon2id$v=19$m=16,t=2,p=1$")
    Browser(api).log_in(NAME)
    browser.got("GET", "/me")  # the password is the same: no session ends


def _hash(api):
    query = "SELECT password_hash FROM accounts"
    return api.store.read(lambda connection: connection.exec_driver_sql(query).scalar_one())


def test_by_default_hashes_have_the_librarys_costs_in_two_threads():
    passwords = Passwords()
    assert (passwords.hasher.memory_cost, passwords.hasher.time_cost) == (65536, 3)
    assert passwords.hasher.type.name == "ID"
    assert passwords.calls._executor._max_workers == 2
    passwords.close()
