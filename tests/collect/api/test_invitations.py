"""Invitations over the API, on both databases: who lets whom in, and what a link is not good for."""

from datetime import timedelta

import pytest

from plumbline.collect.store.events import read_events
from plumbline.collect.store.failures import NotFoundError, StoreError
from plumbline.collect.store.identity.accounts import NewAccount, account_of
from plumbline.collect.store.identity.invitations import NewInvitation, accept_invitation, add_invitation
from plumbline.collect.store.keeping.erasing import erase_person
from plumbline.collect.store.people import find_by_token, find_person, set_blocked
from plumbline.collect.store.rows import Role, TokenUse
from plumbline.collect.store.studies import find_study
from tests.collect.api.browser import PASSWORD, Browser, invited, joined
from tests.collect.api.client import START, toml
from tests.collect.store.dropping import all_at_once

OVER = {"status": 404, "code": "PL-COL-035"}


@pytest.fixture
def api(api_on_both):
    """The API, on each database."""
    return api_on_both


def made(api, by=None, **body):
    return api.got("POST", "/invitations", by or api.owner, json=body, status=201)


def accept(browser, code, name="Somebody", password=PASSWORD):
    return browser("POST", "/invitations/accepted", json={"code": code, "name": name, "password": password})


def read(api, code, **expected):
    return Browser(api).got("POST", "/invitations/read", json={"code": code}, **expected)


# --- the way of it ---


def test_a_note_says_to_managers_whom_a_link_is_for(api):
    given = made(api, note="  for\tAna \n")
    assert given["note"] == "for Ana"
    assert "Ana" not in str(read(api, given["code"]))
    assert made(api, note=" ")["note"] is None
    assert [line["note"] for line in api.got("GET", "/invitations", api.owner)["invitations"]][-2:] == ["for Ana", None]
    api.got("POST", "/invitations", api.owner, json={"role": "worker", "note": "x" * 201}, status=422)
    made(api, note="\N{PILE OF POO}" * 200)


def test_a_link_says_what_it_is_for_and_lets_somebody_in(api):
    api.study(toml())
    given = made(api, role="reviewer", study="s", days=3)
    assert given["link_path"] == f"/join#{given['code']}"
    assert len(given["code"]) >= 32
    told = read(api, given["code"])
    assert (told["role"], told["study"], told["for_somebody"], told["has_account"]) == ("reviewer", "s", False, False)
    assert told["expires_at"] == given["expires_at"]
    browser = Browser(api)
    answer = browser.join(given["code"], "Ada")
    me = browser.got("GET", "/me")
    assert (me["pseudonym"], me["role"], me["name"], me["only_study"]) == (answer["pseudonym"], "reviewer", "Ada", "s")


def test_the_code_is_stored_and_listed_nowhere(api):
    given = made(api, role="worker", uses=2)
    joined_by = Browser(api)
    joined_by.join(given["code"], "Ada")
    listed = api("GET", "/invitations", api.owner)
    (line,) = listed.json()["invitations"]
    assert (line["id"], line["uses_left"], line["revoked"]) == (given["id"], 1, False)
    assert line["created_by"] == api.ids[api.owner].pseudonym
    rows = api.store.read(lambda connection: connection.exec_driver_sql("SELECT * FROM invitations").all())
    for told in (listed.text, repr(rows), repr(read_events(api.store))):
        assert given["code"] not in told


def test_invitations_are_listed_page_by_page(api):
    numbers = [made(api)["id"] for _ in range(5)]
    seen, after = [], 0
    while after is not None:
        page = api.got("GET", f"/invitations?limit=2&after={after}", api.owner)
        seen += [line["id"] for line in page["invitations"]]
        after = page["after"]
    assert seen == numbers


# --- what it is not good for ---


def test_it_is_used_so_many_times_and_no_more(api):
    code = invited(api, uses=2)
    assert [accept(Browser(api), code, f"Name {number}").status_code for number in range(3)] == [201, 201, 404]
    Browser(api).problem("POST", "/invitations/read", json={"code": code}, **OVER)


def test_of_two_who_come_at_once_by_a_link_for_one_only_one_is_let_in(api):
    code = invited(api)
    bodies = [{"json": {"code": code, "name": f"Name {number}", "password": PASSWORD}} for number in range(8)]
    answers = api.together(*[("POST", "http://127.0.0.1/api/v1/invitations/accepted", None, body) for body in bodies])
    assert sorted(answer.status_code for answer in answers) == [201] + [404] * 7
    people = api.store.read(lambda connection: connection.exec_driver_sql("SELECT COUNT(*) FROM people").scalar_one())
    assert people == 2  # the owner, and one


def test_one_that_is_over_revoked_or_unknown_is_none(api):
    over, revoked = made(api, days=1), made(api)
    assert api.got("DELETE", f"/invitations/{revoked['id']}", api.owner) == {"revoked": True}
    assert api.got("DELETE", f"/invitations/{revoked['id']}", api.owner) == {"revoked": False}
    api.wait(days=1)
    for code in (over["code"], revoked["code"], "x" * 32, over["code"][:-1]):
        answer = accept(Browser(api), code)
        assert (answer.status_code, answer.json()["code"]) == (404, "PL-COL-035")
        Browser(api).problem("POST", "/invitations/read", json={"code": code}, **OVER)
    api.problem("DELETE", "/invitations/999", api.owner, status=404, code="PL-COL-010")


@pytest.mark.parametrize("how", ["blocked", "erased"])
def test_what_somebody_prepared_before_they_were_shut_out_lets_nobody_in(api, how):
    manager = api.somebody(Role.MANAGER)
    code = invited(api, by=manager, uses=5)
    read(api, code)
    if how == "blocked":
        set_blocked(api.store, api.ids[manager].id, True, now=api.now)
    else:
        erase_person(api.store, api.ids[manager].pseudonym, now=api.now)
    Browser(api).problem("POST", "/invitations/read", json={"code": code}, **OVER)
    assert accept(Browser(api), code).status_code == 404


def test_a_name_that_is_taken_uses_nothing_up(api):
    joined(api, "Ada")
    code = invited(api)
    for name in ("Ada", "ADA", " ａｄａ "):
        answer = accept(Browser(api), code, name)
        assert (answer.status_code, answer.json()["code"]) == (409, "PL-COL-034")
    assert accept(Browser(api), code, "Grace").status_code == 201


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [
        ("A", PASSWORD, "PL-IDN-004"), ("x" * 65, PASSWORD, "PL-IDN-004"), ("a\u202eb", PASSWORD, "PL-IDN-004"),
        (None, PASSWORD, "PL-IDN-004"), ("Ada", "short", "PL-IDN-003"), ("Ada Lovelace", "ADA lovelace", "PL-IDN-003"),
        ("Ada", "Password1234", "PL-IDN-003"), ("Ada", "1212121212121", "PL-IDN-003"), ("Ada\x00", PASSWORD, "PL-IDN-004"),
    ],
)  # fmt: skip
def test_names_and_passwords_that_may_not_be(api, name, password, code):
    link = invited(api)
    body = {"code": link, "password": password} | ({} if name is None else {"name": name})
    Browser(api).problem("POST", "/invitations/accepted", json=body, status=422, code=code)
    read(api, link)


# --- who lets whom in ---


def test_nobody_lets_in_somebody_above_those_below_them(api):
    """An invitation raised in role: by who makes it, and by who comes by it."""
    manager = api.somebody(Role.MANAGER)
    for role in ("manager", "owner"):
        api.problem("POST", "/invitations", manager, json={"role": role}, status=403, code="PL-SVC-006")
    for role in ("worker", "reviewer"):
        assert made(api, by=manager, role=role)["role"] == role
    for role in Role:
        browser = joined(api, f"A {role}", role.value)
        assert browser.got("GET", "/me")["role"] == role
    # What a role is, is the invitation's word: the body has no place for it.
    body = {"code": invited(api), "name": "Eve", "password": PASSWORD}
    for more in ({"role": "owner"}, {"study": None}, {"only_study": None}):
        Browser(api).problem("POST", "/invitations/accepted", json=body | more, status=422, code="PL-WEB-006")


def test_who_may_revoke(api):
    manager, other = api.somebody(Role.MANAGER), api.somebody(Role.MANAGER)
    of_owner = made(api, role="manager")
    api.problem("DELETE", f"/invitations/{of_owner['id']}", manager, status=403, code="PL-SVC-006")
    assert api.got("DELETE", f"/invitations/{made(api, by=manager)['id']}", other) == {"revoked": True}


def test_an_owner_is_of_no_single_study(api):
    api.study(toml())
    api.problem("POST", "/invitations", api.owner, json={"role": "owner", "study": "s"}, status=422, code="PL-IDN-008")


# --- another password for somebody who is there ---


def test_a_link_for_somebody_sets_their_password_and_ends_their_sessions(api):
    browser = joined(api, "Ada")
    pseudonym = browser.got("GET", "/me")["pseudonym"]
    other, link = made(api, pseudonym=pseudonym), made(api, pseudonym=pseudonym)
    assert (link["role"], link["pseudonym"]) == ("worker", pseudonym)
    told = read(api, link["code"])
    assert (told["for_somebody"], told["has_account"], told["ends_others"]) == (True, True, True)
    fresh = Browser(api)
    assert fresh.join(link["code"], password="another one of mine")["pseudonym"] == pseudonym
    assert fresh.got("GET", "/me")["name"] == "Ada"
    browser.problem("GET", "/me", status=401, code="PL-WEB-007")
    assert accept(Browser(api), other["code"], "Ada").status_code == 404  # links that lie around are good no more
    Browser(api).log_in("Ada", "another one of mine")


def test_who_has_no_account_gets_one_by_a_link(api):
    worker = api.somebody()
    link = made(api, pseudonym=api.ids[worker].pseudonym)["code"]
    assert (read(api, link)["has_account"], read(api, link)["ends_others"]) == (False, False)
    body = {"code": link, "password": PASSWORD}
    Browser(api).problem("POST", "/invitations/accepted", json=body, status=422, code="PL-IDN-004")
    browser = Browser(api)
    browser.join(link, "Ada")
    assert browser.got("GET", "/me")["pseudonym"] == api.ids[worker].pseudonym
    # Whoever made their token may still hold it.
    api.problem("GET", "/me", worker, status=401, code="PL-WEB-007")


def test_a_name_may_be_changed_by_a_link(api):
    browser = joined(api, "Ada")
    person = find_by_token(api.store, browser.cookie[1], now=api.now, use=TokenUse.SESSION)
    browser.join(made(api, pseudonym=person.pseudonym)["code"], "Augusta")
    assert account_of(api.store, person.id).name == "Augusta"
    joined(api, "Ada")


def test_what_a_link_for_somebody_cannot_say(api):
    pseudonym = api.ids[api.somebody()].pseudonym
    api.study(toml())
    for more in ({"role": "manager"}, {"uses": 2}, {"study": "s"}):
        api.problem(
            "POST", "/invitations", api.owner, json={"pseudonym": pseudonym} | more, status=422, code="PL-IDN-008"
        )
    manager = api.somebody(Role.MANAGER)
    for who in (api.ids[api.somebody(Role.MANAGER)], api.ids[manager], api.ids[api.owner]):
        body = {"pseudonym": who.pseudonym}
        api.problem("POST", "/invitations", manager, json=body, status=403, code="PL-SVC-006")
    api.problem("POST", "/invitations", api.owner, json={"pseudonym": "nobody"}, status=404, code="PL-COL-010")


def test_nobody_who_was_erased_gets_a_link(api):
    person = api.ids[api.somebody()]
    code = made(api, pseudonym=person.pseudonym)["code"]
    erase_person(api.store, person.pseudonym, now=api.now)
    assert accept(Browser(api), code).status_code == 404
    api.problem("POST", "/invitations", api.owner, json={"pseudonym": person.pseudonym}, status=403, code="PL-COL-031")


# --- of one study ---


def two_studies(api):
    """A manager of each of two studies, by token."""
    for name in ("s", "other"):
        api.study(toml(name=name))
    numbers = {name: find_study(api.store, name).id for name in ("s", "other")}
    return {name: api.somebody(Role.MANAGER, only_study_id=number) for name, number in numbers.items()}


def test_who_is_of_one_study_invites_into_it_and_no_other(api):
    managers = two_studies(api)
    assert made(api, by=managers["s"])["study"] == "s"
    assert made(api, by=managers["s"], study="s", role="reviewer")["study"] == "s"
    for study in ("other", "nowhere"):
        api.problem("POST", "/invitations", managers["s"], json={"study": study}, status=404, code="PL-COL-010")
    assert [line["study"] for line in api.got("GET", "/invitations", managers["s"])["invitations"]] == ["s", "s"]
    assert api.got("GET", "/invitations", managers["other"])["invitations"] == []


def test_invitations_of_another_study_are_not_there(api):
    managers = two_studies(api)
    for number in (made(api, by=managers["s"])["id"], made(api)["id"]):
        api.problem("DELETE", f"/invitations/{number}", managers["other"], status=404, code="PL-COL-010")
        assert api.got("DELETE", f"/invitations/{number}", api.owner) == {"revoked": True}


def test_people_of_another_study_are_not_there(api):
    managers = two_studies(api)
    own = api.got("POST", "/people", managers["s"], json={"role": "worker"}, status=201)
    assert api.got("GET", "/me", own["token"])["only_study"] == "s"
    of_all = api.ids[api.somebody()].pseudonym
    for who in (of_all, own["pseudonym"]):
        for method, tail, body in (
            ("POST", "tokens", {}), ("PUT", "blocked", {"blocked": True}), ("DELETE", "tokens", None),
        ):  # fmt: skip
            more = {} if body is None else {"json": body}
            api.problem(method, f"/people/{who}/{tail}", managers["other"], **more, status=404, code="PL-COL-010")
        api.problem("POST", "/invitations", managers["other"], json={"pseudonym": who}, status=404, code="PL-COL-010")
    listed = api.got("GET", "/people", managers["s"])["people"]
    assert {person["pseudonym"] for person in listed} == {own["pseudonym"], api.ids[managers["s"]].pseudonym}
    api.got("PUT", f"/people/{own['pseudonym']}/blocked", managers["s"], json={"blocked": True})


def test_studies_of_others_are_not_listed(api):
    managers = two_studies(api)
    for name, token in managers.items():
        assert [study["name"] for study in api.got("GET", "/studies", token)["studies"]] == [name]
    assert len(api.got("GET", "/studies", api.owner)["studies"]) == 2


def test_managers_pause_their_study_and_write_its_guidelines(api):
    managers = two_studies(api)
    assert api.got("PUT", "/studies/s/state", managers["s"], json={"state": "paused"})["state"] == "paused"
    assert api.got("POST", "/studies/s/guidelines", managers["s"], json={"text": "Others."}, status=201)["version"] == 2
    api.problem("PUT", "/studies/s/state", managers["other"], json={"state": "open"}, status=404, code="PL-COL-010")
    api.problem("POST", "/studies", managers["s"], json={"file": "", "guidelines": "x"}, status=403, code="PL-WEB-008")


# --- the store by itself ---


def test_the_database_refuses_one_use_too_many(store):
    new = NewInvitation(Role.WORKER, None, None, None, START + timedelta(days=1), 1)
    add_invitation(store, new, now=START)
    with pytest.raises(StoreError, match="PL-COL-007"):
        store.write(lambda connection: connection.exec_driver_sql("UPDATE invitations SET uses_left = uses_left - 2"))


def test_two_links_for_one_person_at_once_leave_one_account(api):
    person = find_person(api.store, api.ids[api.somebody()].pseudonym)
    codes = [made(api, pseudonym=person.pseudonym)["code"] for _ in range(4)]
    ends = api.now + timedelta(hours=12)

    def come(code):
        def act():
            account = NewAccount("Ada", "ada", f"hash of {code}")
            try:
                return accept_invitation(api.store, code, lambda _: account, now=api.now, session_ends=ends)[1]
            except NotFoundError:
                return None

        return act

    sessions = [session for session in all_at_once([come(code) for code in codes]) if session]
    good = [find_by_token(api.store, session, now=api.now, use=TokenUse.SESSION) for session in sessions]
    assert sum(found is not None for found in good) == 1
    assert len(sessions) == 1
