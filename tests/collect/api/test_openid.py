"""Logging in by OpenID Connect, over the API, against a provider of our own over HTTP; and each attack on it."""

import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx2
import msgspec
import pytest

from plumbline.collect.api.app import ApiOptions
from plumbline.collect.service.identity.openid.fetching import Fetching
from plumbline.collect.service.identity.openid.flow import flow_of
from plumbline.collect.service.identity.openid.settings import OpenIdConfig, OpenIdSettings
from plumbline.collect.store.checking import check_store
from plumbline.collect.store.events import read_events
from plumbline.collect.store.identity.attempts import begin_attempt, key_of_address
from plumbline.collect.store.keeping.erasing import erase_person
from plumbline.collect.store.migrating import open_store
from plumbline.collect.store.people import find_person, set_blocked
from plumbline.collect.store.rows import Role, StudyState
from plumbline.collect.store.studies import find_study, set_study_state
from plumbline.web.sessions import Site, csrf_token
from tests.collect.api.browser import PASSWORD, Browser, invited, joined
from tests.collect.api.client import HOME, UNLIMITED, Api, toml
from tests.collect.openid_provider import (
    CLIENT,
    PEOPLE,
    SECRET,
    OpenIdProvider,
    public_jwk,
    public_pem,
    rsa_key,
)

PUBLIC = "http://127.0.0.1"
CALLBACK = f"{PUBLIC}/openid/callback"


@pytest.fixture(scope="module")
def only_provider():
    made = OpenIdProvider(CALLBACK)
    yield made
    made.close()


@pytest.fixture
def provider(only_provider):
    """The provider, with nothing wrong about it."""
    only_provider.faults = type(only_provider.faults)()
    only_provider.asked.clear()
    only_provider.sent = 0
    return only_provider


@pytest.fixture
def make_api(make_address, provider):
    """The API over an empty SQLite store, of a server that lets people in by the provider."""
    made = []

    def make(secret=SECRET, fetching=None, **settings):
        store = open_store(make_address("sqlite"))
        told = {"issuer": provider.issuer, "client_id": CLIENT, "label": "Example"} | settings
        config = OpenIdConfig(OpenIdSettings(**told), secret, PUBLIC)
        options = ApiOptions(per_token=UNLIMITED, per_address=UNLIMITED, site=Site("127.0.0.1", PUBLIC), openid=config)
        api = Api(store, options=options)
        api.issuer = api.app.state.serving.openid.provider
        if fetching is not None:
            api.runner.run(api.issuer.close())
            api.issuer._fetching = fetching
        provider.clock = lambda: api.now.timestamp()
        made.append(api)
        return api

    yield make
    for api in made:
        api.runner.run(api.issuer.close())
        api.close()
        api.store.close()


@pytest.fixture
def api(make_api):
    return make_api()


class Tab(Browser):
    """A browser that keeps two cookies: of its session, and of what it began."""

    kept = None

    def __call__(self, method, path, *, headers=None, **more):
        self.now_set = []
        both = [] if self.kept is None else ["=".join(self.kept)]
        both += [] if self.cookie is None else ["=".join(self.cookie)]
        return super().__call__(method, path, headers={"Cookie": "; ".join(both)} | (headers or {}), **more)

    def _keep(self, response):
        for given in response.headers.get_list("set-cookie"):
            self.now_set.append(given)
            name, _, value = given.split(";")[0].partition("=")
            if name.endswith("openid"):
                self.kept = (name, value) if value else None
            else:
                self.cookie = (name, value) if value else None
                self.csrf = csrf_token(value) if value else ""

    def go(self, **body):
        """The address of the provider, for who logs in or joins."""
        return self.got("POST", "/openid/requests", json=body, status=201)["address"]

    def connect(self, password=PASSWORD, **more):
        return self("POST", "/me/openid", json={"password": password}, **more)

    def back(self, address, who="ada", **changes):
        """What the provider sends the browser back with, as the page reads it."""
        answer = httpx2.get(f"{address}&as={who}", follow_redirects=False)
        assert answer.status_code == 302
        where, _, query = answer.headers["location"].partition("?")
        assert where == CALLBACK
        said = {name: values[0] for name, values in parse_qs(query).items()} | changes
        return {name: value for name, value in said.items() if value is not None}

    def finish(self, said):
        return self("POST", "/openid/answers", json=said)

    def log_in(self, who="ada", **changes):
        return self.finish(self.back(self.go(), who, **changes))

    def refused(self, response, status, code):
        document = response.json()
        assert (response.status_code, document["code"]) == (status, code), document
        assert self.cookie is None
        return document


def come(api, who="ada", role="worker", **more):
    """Somebody who joined by an invitation and their organisation's account, in their browser."""
    tab = Tab(api)
    answer = tab.finish(tab.back(tab.go(invitation=invited(api, role, **more)), who))
    assert answer.status_code == 201, answer.text
    return tab


def whoever(tab):
    return tab.got("GET", "/me")["pseudonym"]


def rows(api, table):
    return api.store.read(lambda connection: connection.exec_driver_sql(f"SELECT * FROM {table}").all())


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


# --- attacks: tokens ---


HOUR = 3600
TOKENS = {
    "alg none": {"header": {"alg": "none"}, "key": "none"},
    "alg none, spelled otherwise": {"header": {"alg": "None"}, "key": "none"},
    "HS256 with the public key": {"header": {"alg": "HS256"}, "key": public_pem(rsa_key())},
    "HS256 with the client's secret": {"header": {"alg": "HS256"}, "key": SECRET.encode()},
    "another's key": {"key": rsa_key("other")},
    "another's key, brought along": {
        "key": rsa_key("other"),
        "header": {"jwk": public_jwk(rsa_key("other"), "first"), "jku": "http://evil.example/keys"},
    },
    "an unknown key": {"header": {"kid": "unknown"}},
    "a header that has to be understood": {"header": {"crit": ["exp"], "exp": 1}},
    "another audience": {"claims": {"aud": "another client"}},
    "no audience": {"claims": {"aud": None}},
    "among others, asked by another": {"claims": {"aud": [CLIENT, "x"], "azp": "x"}},
    "among others, nobody says who asked": {"claims": {"aud": [CLIENT, "x"]}},
    "asked by another": {"claims": {"azp": "x"}},
    "another issuer": {"claims": {"iss": "https://evil.example"}},
    "the issuer with a slash": {"claims": {"iss": "/"}},
    "over": {"claims": {"exp": -HOUR}},
    "over a moment ago": {"claims": {"exp": -61}},
    "never over": {"claims": {"exp": None}},
    "over as a word": {"claims": {"exp": "9999999999"}},
    "of the future": {"claims": {"iat": HOUR}},
    "not yet": {"claims": {"nbf": HOUR}},
    "made at no moment": {"claims": {"iat": None}},
    "without a nonce": {"claims": {"nonce": None}},
    "another nonce": {"claims": {"nonce": "x" * 43}},
    "a nonce that is no word": {"claims": {"nonce": [1]}},
    "about nobody": {"claims": {"sub": None}},
    "about an empty name": {"claims": {"sub": ""}},
    "about a number": {"claims": {"sub": 7}},
    "about too long a name": {"claims": {"sub": "x" * 256}},
}


@pytest.mark.parametrize("title", TOKENS)
def test_a_token_that_is_not_right_in_everything_lets_nobody_in(make_api, provider, title):
    api, faults = make_api(new_people="worker", study="s"), TOKENS[title]
    api.study(toml(name="s"))
    told = dict(faults.get("claims", {}))
    for name in ("exp", "iat", "nbf"):
        if isinstance(told.get(name), int):
            told[name] += int(api.now.timestamp())
    if told.get("iss") == "/":
        told["iss"] = provider.issuer + "/"
    provider.faults = replace(provider.faults, **{**faults, "claims": told})
    tab = Tab(api)
    document = tab.refused(tab.log_in(), 403, "PL-OID-024")
    assert not [value for value in (*PEOPLE.values(), SECRET, "evil") if value in str(document)]
    provider.faults = type(provider.faults)()
    assert tab.log_in().status_code == 201, "nothing of it stays"


def test_keys_that_the_issuer_changes(api, provider):
    """A new key is looked for once; a key that nobody has does not make us ask again and again; weak keys are none."""
    tab = come(api)
    provider.faults.key, provider.faults.header = rsa_key("second"), {"kid": "second"}
    Tab(api).log_in()
    assert provider.asked["/keys"] == 1, "the first were fetched a moment ago"
    api.issuer.seconds = lambda: api.issuer._keys.kept.at + 61
    keys = [
        public_jwk(rsa_key("second"), "second"),
        public_jwk(rsa_key("weak", 1024), "weak"),
        {"kty": "oct", "k": "AA"},
    ]
    provider.faults.jwks = {"keys": [{"kty": "new"}, 7, *keys]}
    again = Tab(api)
    assert again.log_in().status_code == 201
    assert whoever(again) == whoever(tab)
    assert provider.asked["/keys"] == 2
    provider.faults.key, provider.faults.header = rsa_key("weak", 1024), {"kid": "weak"}
    weak = Tab(api)
    weak.refused(weak.log_in(), 403, "PL-OID-024")


# --- attacks: the way there and back ---


def test_what_did_not_begin_in_this_browser(api, provider):
    """Login CSRF: an address with the attacker's own code; a code of another browser; state missing, other, of another time."""
    come(api)
    attacker, victim = Tab(api), Tab(api)
    theirs = attacker.back(attacker.go())
    victim.refused(victim.finish(theirs), 409, "PL-OID-021")
    own = victim.back(victim.go(), "grace")
    for said in (theirs, own | {"state": theirs["state"]}, own | {"state": ""}):
        victim.refused(victim.finish(said), 409, "PL-OID-021")
    victim.problem("POST", "/openid/answers", json={"code": own["code"]}, status=422, code="PL-WEB-006")
    # The other browser's cookie, too: who has both has that browser. But a code of another flow fits no verifier of ours.
    victim.refused(victim.finish(own | {"code": theirs["code"]}), 502, "PL-OID-012")
    assert attacker.finish(theirs).status_code == 201


def test_an_answer_counts_once(api, provider):
    """Also where the issuer would take the code again: what the browser kept is used up, in all processes."""
    come(api)
    provider.faults.codes_are_good_for_ever = True
    tab = Tab(api)
    said, kept = tab.back(tab.go()), tab.kept
    assert tab.finish(said).status_code == 201
    again = Tab(api)
    again.kept = kept
    asked = provider.asked["/token"]
    again.refused(again.finish(said), 409, "PL-OID-021")
    assert provider.asked["/token"] == asked


def test_a_code_counts_once_at_the_issuer(api):
    come(api)
    first, second = Tab(api), Tab(api)
    said = first.back(first.go())
    first.finish(said)
    own = second.back(second.go())
    second.refused(second.finish(own | {"code": said["code"]}), 502, "PL-OID-012")


def test_ten_minutes_are_enough(api):
    come(api)
    tab = Tab(api)
    said = tab.back(tab.go())
    api.wait(minutes=10, seconds=1)
    tab.refused(tab.finish(said), 409, "PL-OID-021")


def test_nothing_can_be_changed_in_what_the_browser_keeps(api):
    """Another page to go on to, an invitation slipped in: the store awaits what it handed out, byte for byte."""
    come(api)
    tab = Tab(api)
    said, (name, value) = tab.back(tab.go()), tab.kept
    for change in ({"goes_on_to": "//evil.example"}, {"goes_on_to": "/x"}, {"invitation": invited(api)}):
        tab.kept = (name, msgspec.structs.replace(flow_of(value), **change).to_cookie())
        tab.refused(tab.finish(said), 409, "PL-OID-021")
    for nonsense in ("e30", "x" * 40, value[:-2] + "AA"):
        tab.kept = (name, nonsense)
        tab.refused(tab.finish(said), 409, "PL-OID-021")
    tab.kept = (name, value)
    assert tab.finish(said).status_code == 201


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\tevil", "evil", ""],
)
def test_nobody_is_sent_elsewhere(api, elsewhere):
    come(api)
    tab = Tab(api)
    assert tab.finish(tab.back(tab.go(goes_on_to=elsewhere))).json() == {"goes_on_to": "/"}


def test_nobody_is_sent_back_to_another_host(api, provider):
    """The redirect URI comes of the command line, whatever the request says of its host."""
    tab = Tab(api, home="http://localhost:8080/api/v1")
    asked = parse_qs(urlsplit(tab.go()).query)
    assert asked["redirect_uri"] == [CALLBACK]
    for host in ("evil.example", "127.0.0.1.evil.example"):
        other = Tab(api, home=f"http://{host}/api/v1")
        answer = other("POST", "/openid/requests", json={})
        assert (answer.status_code, answer.json()["code"]) == (403, "PL-WEB-017")


def test_an_answer_of_another_issuer_is_none(api):
    """Mix-up (RFC 9207): `iss` is another's, or missing where the issuer says that it sends it."""
    come(api)
    for issuer in ("https://evil.example", None):
        tab = Tab(api)
        tab.refused(tab.log_in(iss=issuer), 403, "PL-OID-023")


def test_an_issuer_that_does_not_name_itself(api, provider):
    provider.faults.document = {"authorization_response_iss_parameter_supported": None}
    come(api)
    tab = Tab(api)
    tab.refused(tab.log_in(iss="https://evil.example"), 403, "PL-OID-023")
    assert tab.log_in(iss=None).status_code == 201


@pytest.mark.parametrize(
    ("error", "told"), [("access_denied", "access_denied"), ("<b>ring 555</b>", None), ("x" * 41, None)]
)
def test_an_issuer_that_refuses(api, error, told):
    """Its word is told where it is one; what stands in an address is written by whoever made the address."""
    tab = Tab(api)
    document = tab.refused(tab.log_in(code=None, error=error), 403, "PL-OID-022")
    assert (error in str(document)) == (told is not None)
    tab.refused(tab.log_in(code=None), 403, "PL-OID-022")


def test_what_fails_is_counted_for_the_address_and_what_succeeds_is_not(api, provider):
    come(api)
    key = key_of_address("127.0.0.1")

    def counted():
        return {row[0]: row[1] for row in rows(api, "login_attempts")}.get(key)

    assert Tab(api).log_in().status_code == 201
    assert counted() == 0
    provider.faults.claims = {"nonce": "other"}
    assert Tab(api).log_in().json()["code"] == "PL-OID-024"
    assert counted() == 1
    provider.faults.status = {"/token": 503}
    assert Tab(api).log_in().json()["code"] == "PL-OID-010"
    assert counted() == 1, "the issuer's fault: nobody is guessing"
    provider.faults.status = {}
    for _ in range(29):
        begin_attempt(api.store, [key], now=api.now)
    answer = Tab(api).log_in()
    assert (answer.status_code, answer.json()["code"]) == (429, "PL-IDN-002")
    assert int(answer.headers["retry-after"]) >= 1
    provider.faults.claims = {}
    api.now += timedelta(minutes=3)
    assert Tab(api).log_in().status_code == 201


# --- attacks: by the issuer ---


DOCUMENTS = {
    "another issuer's": {"issuer": "https://evil.example"},
    "without an issuer": {"issuer": None},
    "keys in the clear": {"jwks_uri": "http://keys.example.org/"},
    "a token endpoint in the clear": {"token_endpoint": "http://tokens.example.org/"},
    "a token endpoint of the neighbours": {"token_endpoint": "https://10.0.0.7/token"},
    "a cloud's metadata": {"jwks_uri": "https://169.254.169.254/latest"},
    "by a name of this machine": {"jwks_uri": "https://localhost/keys"},
    "by a number of one part": {"jwks_uri": "https://2130706433/keys"},
    "by a number in hexadecimal": {"token_endpoint": "https://0x7f.1/token"},
    "another scheme": {"jwks_uri": "file:///etc/passwd"},
    "a password in it": {"jwks_uri": "https://a@example.org/"},
    "no address": {"token_endpoint": None},
    "a script to go to": {"authorization_endpoint": "javascript:alert(1)"},
    "no PKCE": {"code_challenge_methods_supported": ["plain"]},
    "signed by a secret": {"id_token_signing_alg_values_supported": ["HS256", "none"]},
}


@pytest.mark.parametrize("title", DOCUMENTS)
def test_what_an_issuer_may_not_say_of_itself(api, provider, title):
    provider.faults.document = DOCUMENTS[title]
    tab = Tab(api)
    tab.refused(tab("POST", "/openid/requests", json={}), 502, "PL-OID-011")
    assert not {"/keys", "/token"} & provider.asked.keys()


@pytest.mark.parametrize("how", ["big", "slow", "down", "moved"])
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys", "/token"])
def test_an_issuer_that_does_not_answer_well(make_api, provider, how, path):
    """Nobody waits for ever, nothing is read without end, no redirect is followed; and the others go on."""
    api = make_api(fetching=Fetching(provider.issuer, seconds=0.3 if how == "slow" else 20, most_bytes=200_000))
    target = f"{provider.issuer}/elsewhere"
    fault = {"down": {"status": {path: 503}}, "moved": {"moved": {path: target}}}.get(how, {how: (path,)})
    provider.faults = replace(provider.faults, **fault)
    tab = Tab(api)
    answer = tab("POST", "/openid/requests", json={})
    if answer.status_code == 201:
        answer = tab.finish(tab.back(answer.json()["address"]))
    document = tab.refused(answer, 503, "PL-OID-010")
    assert re.search(
        {"big": "too large", "slow": "in time", "down": "503", "moved": "elsewhere"}[how], document["detail"]
    )
    assert provider.asked["/elsewhere"] == 0
    assert provider.sent < {"big": 20_000_000, "slow": 100}.get(how, 1), "what lies in between is the machine's buffers"
    assert joined(api, "Ada").got("GET", "/me")


def test_while_the_issuer_is_away_nobody_waits_for_it_again_and_again(api, provider):
    provider.faults.status = {"/.well-known/openid-configuration": 503}
    for _ in range(3):
        tab = Tab(api)
        tab.refused(tab("POST", "/openid/requests", json={}), 503, "PL-OID-010")
    assert provider.asked["/.well-known/openid-configuration"] == 1
    provider.faults.status = {}
    api.issuer.seconds = lambda: api.issuer._metadata.failed.at + 6
    come(api)


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
