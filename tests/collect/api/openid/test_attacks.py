"""What somebody tries who is nobody's colleague, and what an issuer may not do: nobody comes in by it."""

import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from plumbline.collect.service.identity.openid.fetching import Fetching
from plumbline.collect.service.identity.openid.flow import flow_of
from plumbline.collect.store.identity.attempts import begin_attempt, key_of_address
from tests.collect.api.browser import invited, joined
from tests.collect.api.client import toml
from tests.collect.api.openid.tabs import CALLBACK, Tab, come, rows, whoever
from tests.collect.openid_provider import (
    CLIENT,
    PEOPLE,
    SECRET,
    public_jwk,
    public_pem,
    rsa_key,
)

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
