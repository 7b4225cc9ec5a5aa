"""What somebody came in by is taken from them between the look at it and the session: nothing begins by it any more."""

import pytest

from plumbline.collect.service.failures import ServiceError
from plumbline.collect.service.identity.openid import coming_in
from plumbline.collect.service.identity.openid.flow import Purpose, new_flow
from plumbline.collect.service.identity.openid.settings import OpenIdSettings
from plumbline.collect.service.identity.passwords import Passwords
from plumbline.collect.store.identity.accounts import account_of, set_password
from plumbline.collect.store.identity.outside_identities import (
    OutsideIdentity,
    disconnect_all_in,
    find_outside,
    put_outside_in,
)
from plumbline.collect.store.people import find_person
from tests.collect.api.browser import PASSWORD, Browser, joined
from tests.collect.api.client import CHEAP

NAME, OTHERS = "Ada Lovelace", "words that somebody else took"


@pytest.fixture
def api(api_on_both):
    """The API, on each database."""
    return api_on_both


@pytest.fixture
def overtaken(api, monkeypatch):
    """Ada, whose password is another right after one was found to be right."""
    ada = joined(api, NAME)
    person = find_person(api.store, ada.got("GET", "/me")["pseudonym"])
    look = Passwords._verify

    def overtake(passwords, stored, password):
        found = look(passwords, stored, password)
        api.wait(seconds=1)
        hashed = CHEAP.hash(OTHERS)
        assert set_password(api.store, account_of(api.store, person.id), hashed, now=api.now) is not None
        monkeypatch.setattr(Passwords, "_verify", look)
        return found

    monkeypatch.setattr(Passwords, "_verify", overtake)
    return ada


def test_nobody_is_logged_in_by_a_password_that_was_changed_meanwhile(api, overtaken):
    said = {"name": NAME, "password": PASSWORD}
    Browser(api).problem("POST", "/sessions", json=said, status=403, code="PL-IDN-001")
    assert Browser(api).log_in(NAME, OTHERS)


def test_a_password_is_not_changed_by_one_that_was_changed_meanwhile(api, overtaken):
    said = {"old": PASSWORD, "new": "third words of mine"}
    overtaken.problem("PUT", "/me/password", json=said, status=403, code="PL-IDN-005")
    assert Browser(api).log_in(NAME, OTHERS)


def test_nobody_comes_in_by_an_identity_that_was_taken_away_meanwhile(api, monkeypatch):
    person = api.ids[api.somebody()]
    identity = OutsideIdentity("https://house.example.org", "zzsubject")
    settings = OpenIdSettings(issuer=identity.issuer, client_id="us", label="House")
    api.store.write(lambda connection: put_outside_in(connection, person.id, identity, api.now))

    def come():
        return coming_in.come_in(api.collecting, settings, new_flow(Purpose.LOG_IN), identity, None)

    def overtake(store, asked):
        found = find_outside(store, asked)
        store.write(lambda connection: disconnect_all_in(connection, person.id, api.now))
        return found

    assert come().person.id == person.id
    monkeypatch.setattr(coming_in, "find_outside", overtake)
    with pytest.raises(ServiceError, match="PL-OID-026"):
        come()
