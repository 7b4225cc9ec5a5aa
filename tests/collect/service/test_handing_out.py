"""The first owner's token and link, and the link that a server prints until an owner can log in."""

from datetime import timedelta

import pytest

from plumbline.collect.service.collecting import utc_now
from plumbline.collect.service.handing_out import hand_out_first_owner, hand_out_token, link_of_owner
from plumbline.collect.service.public_address import checked_public_url
from plumbline.collect.store.identity.accounts import NewAccount
from plumbline.collect.store.identity.invitations import accept_invitation, find_invitation
from plumbline.collect.store.keeping.erasing import erase_person
from plumbline.collect.store.people import find_person, set_blocked
from plumbline.collect.store.rows import Role
from plumbline.records import UsageError
from tests.collect.api.browser import Browser


def code_of(link):
    path, _, code = link.partition("#")
    assert path == "/join"
    return code


def come(store, link, name="Ada"):
    account, now = NewAccount(name, name.casefold(), "hash"), utc_now()
    return accept_invitation(store, code_of(link), lambda _: account, now=now, session_ends=now + timedelta(hours=1))


def test_the_first_owner_has_a_link_that_is_good_once_for_a_week(store):
    now = utc_now()
    owner = hand_out_first_owner(store, now=now)
    invitation = find_invitation(store, code_of(owner.link_path), now=now)
    assert (invitation.role, invitation.uses_left, invitation.study_id) == (Role.OWNER, 1, None)
    assert invitation.expires_at - now == timedelta(days=7)
    assert find_invitation(store, code_of(owner.link_path), now=now + timedelta(days=7)) is None
    person, _ = come(store, owner.link_path)
    assert person.pseudonym == owner.pseudonym
    assert hand_out_first_owner(store, now=now) is None


def test_a_server_prints_a_link_until_an_owner_can_log_in(store):
    now = utc_now()
    assert link_of_owner(store, now=now) is None  # nobody is there
    first = hand_out_first_owner(store, now=now)
    hand_out_token(store, role=Role.OWNER, now=now + timedelta(seconds=1))
    links = [first.link_path, link_of_owner(store, now=now), link_of_owner(store, now=now)]
    assert len(set(links)) == 3
    person, _ = come(store, links[1])
    assert person.pseudonym == first.pseudonym
    assert link_of_owner(store, now=now) is None
    # Once one was used, those that lie around in terminals are good no more.
    assert [find_invitation(store, code_of(link), now=now) for link in links] == [None] * 3


def test_it_is_for_an_owner_who_may_come_in(store):
    now = utc_now()
    first = hand_out_first_owner(store, now=now)
    other = hand_out_token(store, role=Role.OWNER, now=now + timedelta(seconds=1))
    come(store, first.link_path)
    set_blocked(store, find_person(store, first.pseudonym).id, True, now=now)
    person, _ = come(store, link_of_owner(store, now=now), "Grace")
    assert person.pseudonym == other.pseudonym
    erase_person(store, first.pseudonym, now=now)
    assert link_of_owner(store, now=now) is None


def test_the_link_works_in_a_browser(api):
    browser = Browser(api)
    link = link_of_owner(api.store, now=api.now)
    assert browser.join(code_of(link), "Ada")["role"] == "owner"
    assert browser.got("GET", "/me")["pseudonym"] == api.ids[api.owner].pseudonym


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("https://judge.example.org", "https://judge.example.org"),
        ("https://Judge.Example.org/", "https://judge.example.org"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://[2001:db8::1]:444", "https://[2001:db8::1]:444"),
    ],
)
def test_a_public_address(said, taken):
    assert checked_public_url(said) == taken


@pytest.mark.parametrize(
    "said",
    ["judge.example.org", "ftp://x", "https://", "https://x/path", "https://x?a=1", "https://x#a", "https://u:p@x",
     "https://x:0", "https://x:99999", "https://x:y", "", "https://[::1"],
)  # fmt: skip
def test_what_is_no_public_address(said):
    with pytest.raises(UsageError, match="PL-STA-015"):
        checked_public_url(said)
