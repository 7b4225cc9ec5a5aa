"""Logging in by OpenID Connect, over the API, against a provider of our own over HTTP; and each attack on it."""

from urllib.parse import parse_qs, urlsplit

import pytest

from plumbline.collect.store.checking import check_store
from plumbline.collect.store.events import read_events
from plumbline.collect.store.keeping.erasing import erase_person
from plumbline.collect.store.migrating import open_store
from plumbline.collect.store.people import find_person, set_blocked
from plumbline.collect.store.rows import Role, StudyState
from plumbline.collect.store.studies import find_study, set_study_state
from tests.collect.api.browser import PASSWORD, Browser, invited, joined
from tests.collect.api.client import HOME, Api, toml
from tests.collect.api.openid.tabs import CALLBACK, Tab, come, rows, whoever
from tests.collect.openid_provider import (
    PEOPLE,
    SECRET,
)

# --- the way of it ---


def test_join_log_out_and_log_in_again(api, provider):
    tab = come(api)
    me = tab.got("GET", "/me")
    assert (me["name"], me["role"], me["blocked"]) == (None, "worker", False)
    tab.got("DELETE", "/sessions/current")
    tab.problem("GET", "/me", status=401, code="PL-WEB-007")
    again = Tab(api)
    address = again.go(goes_on_to="/studies/s?x=1")
    flags = {part.strip() for part in again.now_set[0].split(";")[1:]}
    assert flags == {"Max-Age=600", "Path=/", "HttpOnly", "SameSite=Strict"}
    done = again.finish(again.back(address))
    assert done.json() == {"goes_on_to": "/studies/s?x=1"}
    assert again.kept is None, "the cookie of what was begun is taken back"
    assert "SameSite=Lax" in next(each for each in again.now_set if each.startswith("plumbline="))
    assert whoever(again) == me["pseudonym"]
    assert provider.asked["/.well-known/openid-configuration"] == provider.asked["/keys"] == 1
    assert check_store(api.store) == []


def test_what_goes_to_the_issuer_tells_nothing_of_what_the_browser_keeps(api):
    tab = Tab(api)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(tab.go(goes_on_to="/account")).query).items()}
    assert asked["scope"] == "openid"
    assert asked["redirect_uri"] == CALLBACK
    assert {"state", "nonce", "code_challenge"} <= asked.keys()
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    other = parse_qs(urlsplit(Tab(api).go()).query)
    assert all(asked[name] != other[name][0] for name in ("state", "nonce", "code_challenge"))
    assert tab.kept[1] not in repr(rows(api, "login_attempts"))


def test_who_they_are_there_is_told_to_nobody(api):
    tab = come(api)
    tab.log_in("grace")
    owner, told = api.owner, []
    for path in ("/people", "/invitations", "/me"):
        told.append(api("GET", path, owner).text)
    told.append(tab("GET", "/me").text)
    told += [repr(read_events(api.store)), repr(rows(api, "login_attempts")), repr(rows(api, "tokens"))]
    assert any("outside_connected" in each for each in told)
    for secret in (*PEOPLE.values(), "example.org", tab.csrf, SECRET):
        assert not [each for each in told if secret in each], secret
    assert PEOPLE["ada"] in repr(rows(api, "outside_identities"))


def test_of_the_password_that_they_do_not_have(api):
    tab, said = come(api), {"old": "x" * 12, "new": "y" * 12}
    tab.problem("PUT", "/me/password", json=said, status=404, code="PL-IDN-006")
    tab.problem("DELETE", "/me/openid", status=409, code="PL-OID-027")
    tab.problem("POST", "/me/openid", json={"password": PASSWORD}, status=404, code="PL-IDN-006")
    code = api.got("POST", "/invitations", api.owner, json={"pseudonym": whoever(tab)}, status=201)["code"]
    named = Browser(api)
    assert named.join(code, "Ada")["pseudonym"]
    assert named.got("GET", "/me")["name"] == "Ada"
    assert Tab(api).log_in().json()["code"] == "PL-OID-026", "a link takes the place of what was there"


def test_connect_by_ones_password_and_disconnect(api):
    browser, tab = joined(api, "Ada"), Tab(api)
    tab.cookie, tab.csrf = browser.cookie, browser.csrf
    assert tab.connect("not this one").json()["code"] == "PL-IDN-005"
    assert tab.kept is None
    said = tab.back(tab.connect().json()["address"])
    assert tab.finish(said).json() == {"goes_on_to": "/account"}
    assert tab.cookie == browser.cookie, "the session goes on"
    elsewhere = Tab(api)
    elsewhere.log_in()
    assert whoever(elsewhere) == whoever(tab)
    # Another account of theirs takes the place of the first.
    tab.finish(tab.back(tab.connect().json()["address"], "grace"))
    assert Tab(api).log_in("ada").json()["code"] == "PL-OID-026"
    assert Tab(api).log_in("grace").status_code == 201


def connected(api, browser, who):
    """The account of somebody in a browser is that person's at the provider from now on; in a tab of theirs."""
    tab = Tab(api)
    tab.cookie, tab.csrf = browser.cookie, browser.csrf
    assert tab.finish(tab.back(tab.connect().json()["address"], who)).status_code == 201
    return tab


def test_who_took_an_account_over_does_not_keep_it(api):
    """An identity that somebody else connected ends with a password if that is wanted, and with a link in any case."""
    victim = joined(api, "Ada")
    who = whoever(victim)

    def link():
        return api.got("POST", "/invitations", api.owner, json={"pseudonym": who}, status=201)["code"]

    connected(api, victim, "grace")
    assert victim.got("PUT", "/me/password", json={"old": PASSWORD, "new": "other words of mine"}) == {
        "sessions_ended": 0,
        "outside_connected": True,
    }
    assert Tab(api).log_in("grace").status_code == 201, "it stays, and that is said"
    said = {"old": "other words of mine", "new": PASSWORD, "disconnect": True}
    assert victim.got("PUT", "/me/password", json=said)["outside_connected"] is False
    assert Tab(api).log_in("grace").json()["code"] == "PL-OID-026"
    assert victim.got("DELETE", "/me/openid") == {"disconnected": False}
    connected(api, victim, "grace")
    victim.join(link(), password="third words of mine")
    assert Tab(api).log_in("grace").json()["code"] == "PL-OID-026"
    tab = Tab(api)
    assert tab.finish(tab.back(tab.go(invitation=link()), "ada")).status_code == 201
    assert whoever(tab) == who
    Browser(api).problem(
        "POST", "/sessions", json={"name": "Ada", "password": "third words of mine"}, status=403, code="PL-IDN-001"
    )
    logged = [(each.kind, each.payload) for each in read_events(api.store)]
    assert [kind for kind, _ in logged].count("outside_disconnected") == 2
    assert [payload.get("password_ended") for kind, payload in logged if kind == "invitation_accepted"][-2:] == [
        True
    ] * 2
    assert check_store(api.store) == []


def test_nobody_takes_an_account_that_is_somebodys(api):
    come(api, "ada")
    browser, tab = joined(api, "Grace"), Tab(api)
    tab.cookie, tab.csrf = browser.cookie, browser.csrf
    assert tab.finish(tab.back(tab.connect().json()["address"], "ada")).json()["code"] == "PL-COL-037"
    code, other = invited(api), Tab(api)
    other.refused(other.finish(other.back(other.go(invitation=code), "ada")), 409, "PL-COL-037")
    assert Browser(api).join(code, "the link is good still")


def test_a_connection_ends_in_the_session_that_began_it(api):
    """Somebody else's session, a session with the page's token missing, none: no account is connected to them."""
    browser, tab = joined(api, "Ada"), Tab(api)
    other = joined(api, "Grace")
    for cookie, csrf, code in (
        (other.cookie, other.csrf, "PL-OID-021"),
        (browser.cookie, "", "PL-WEB-015"),
        (None, "", "PL-WEB-007"),
    ):
        tab.cookie, tab.csrf = browser.cookie, browser.csrf
        said = tab.back(tab.connect().json()["address"])
        tab.cookie, tab.csrf = cookie, csrf
        assert tab.finish(said).json()["code"] == code
    set_blocked(api.store, find_person(api.store, whoever(browser)).id, True, now=api.now)
    tab.cookie, tab.csrf = browser.cookie, browser.csrf
    assert tab.finish(said).json()["code"] == "PL-COL-031"
    assert rows(api, "outside_identities") == []


# --- who may come ---


def test_nobody_without_an_invitation(api):
    tab = Tab(api)
    tab.refused(tab.log_in(), 403, "PL-OID-026")
    code = invited(api)
    address = tab.go(invitation=code)
    said = tab.back(address)
    Browser(api).join(code, "somebody was faster")
    tab.refused(tab.finish(said), 404, "PL-COL-035")
    tab.problem("POST", "/openid/requests", json={"invitation": code}, status=404, code="PL-COL-035")
    assert rows(api, "outside_identities") == []


def test_new_workers_of_the_study_and_of_no_other(make_api):
    api = make_api(new_people="worker", study="s")
    api.study(toml(name="s"))
    tab = Tab(api)
    assert tab.log_in().status_code == 201
    me = tab.got("GET", "/me")
    assert (me["role"], me["only_study"]) == ("worker", "s")
    set_study_state(api.store, find_study(api.store, "s").id, StudyState.CLOSED, now=api.now)
    other = Tab(api)
    other.refused(other.log_in("grace"), 409, "PL-OID-028")
    assert Tab(api).log_in("ada").status_code == 201, "who is there comes in still"


def test_who_is_blocked_stays_out_and_who_was_erased_is_nobody(api):
    tab = come(api)
    person = find_person(api.store, whoever(tab))
    set_blocked(api.store, person.id, True, now=api.now)
    blocked = Tab(api)
    blocked.log_in()
    assert blocked.got("GET", "/me")["blocked"] is True
    blocked.problem("GET", "/studies", status=403, code="PL-COL-031")
    other = Tab(api)
    other.refused(other.finish(other.back(other.go(invitation=invited(api)), "ada")), 409, "PL-COL-037")
    erase_person(api.store, person.pseudonym, now=api.now)
    assert PEOPLE["ada"] not in repr(rows(api, "outside_identities"))
    other.refused(other.log_in(), 403, "PL-OID-026")
    assert check_store(api.store) == []


@pytest.mark.parametrize(
    ("claims", "fine"),
    [
        ({}, True),
        ({"email_verified": False}, False),
        ({"email_verified": "true"}, False),
        ({"email_verified": None}, False),
        ({"email": "ada@example.org.evil.example"}, False),
        ({"email": "ada@evil.example", "hd": "example.org"}, False),
        ({"email": None, "hd": "example.org"}, False),
        ({"groups": ["others"]}, False),
        ({"groups": "annotators"}, True),
        ({"groups": None}, False),
        ({"level": True}, False),
        ({"level": "1"}, False),
    ],
)
def test_accounts_that_are_taken(make_api, provider, claims, fine):
    api = make_api(
        new_people="worker",
        study="s",
        allowed_domains=("example.org",),
        required_claims={"groups": "annotators", "level": 1},
    )
    api.study(toml(name="s"))
    provider.faults.claims = {"groups": ["annotators", "x"], "level": 1} | claims
    tab = Tab(api)
    answer = tab.log_in()
    assert (answer.status_code, tab.cookie is not None) == ((201, True) if fine else (403, False)), answer.text
    assert fine or answer.json()["code"] == "PL-OID-025"


def test_a_public_client_and_one_with_its_secret_in_the_form(make_api, provider):
    provider.faults.document = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    come(make_api())
    provider.secret = None
    try:
        come(make_api(secret=None))
        provider.secret = "another one"
        tab = Tab(make_api())
        told = tab.refused(tab.log_in(), 502, "PL-OID-012")
        assert "invalid_client" in told["detail"]
    finally:
        provider.secret = SECRET


# --- a server without it ---


def test_a_server_without_an_issuer(api, make_address):
    store = open_store(make_address("sqlite"))
    plain = Api(store)
    tab = Tab(plain)
    for path, body in (("/openid/requests", {}), ("/openid/answers", {"state": "x"})):
        tab.refused(tab("POST", path, json=body), 404, "PL-OID-020")
    plain.problem("DELETE", "/me/openid", plain.owner, status=404, code="PL-OID-020")
    plain.close()
    store.close()


def test_a_token_in_a_header_connects_nothing(api):
    owner = api.somebody(Role.OWNER)
    answer = api("POST", HOME + "/me/openid", owner, json={"password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (401, "PL-WEB-007")


def test_over_tls_the_cookie_is_one_that_no_other_host_can_set(api):
    tab = Tab(api, home="https://127.0.0.1/api/v1")
    tab.go()
    name = tab.kept[0]
    assert name == "__Host-plumbline-openid"
    assert "; Secure" in tab.now_set[0]
