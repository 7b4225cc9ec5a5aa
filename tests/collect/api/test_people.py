"""People and their tokens."""

from datetime import timedelta

import pytest

from plumbline.collect.store.events import read_events
from plumbline.collect.store.identity.accounts import NewAccount
from plumbline.collect.store.identity.arrivals import Participant, add_arrival
from plumbline.collect.store.identity.invitations import NewInvitation, accept_invitation, add_invitation
from plumbline.collect.store.identity.outside_identities import OutsideIdentity, add_worker_outside, connect_outside
from plumbline.collect.store.people import find_person
from plumbline.collect.store.rows import Role
from plumbline.collect.store.studies import find_study
from tests.collect.api.client import rows, toml


def test_a_token_is_shown_once_and_ends(api):
    made = api.got("POST", "/people", api.owner, json={"role": "worker", "token_days": 1}, status=201)
    assert api.got("GET", "/me", made["token"])["pseudonym"] == made["pseudonym"]
    listed = api("GET", "/people", api.owner).text
    assert made["pseudonym"] in listed
    assert made["token"] not in listed
    more = api.got("POST", f"/people/{made['pseudonym']}/tokens", api.owner, json={"token_days": 2}, status=201)
    api.wait(days=1)
    api.problem("GET", "/me", made["token"], status=401, code="PL-WEB-007")
    assert api.got("GET", "/me", more["token"])["role"] == "worker"
    assert api.got("DELETE", f"/people/{made['pseudonym']}/tokens", api.owner)["revoked"] >= 1
    api.problem("GET", "/me", more["token"], status=401, code="PL-WEB-007")


def test_people_are_listed_page_by_page(api):
    for _ in range(4):
        api.somebody()
    seen, after = [], ""
    while after is not None:
        page = api.got("GET", f"/people?limit=2&after={after}", api.owner)
        seen += [person["pseudonym"] for person in page["people"]]
        after = page["after"]
    assert sorted(seen) == sorted(person.pseudonym for person in api.ids.values())


def test_somebody_who_is_not_there(api):
    api.problem("POST", "/people/nobody/tokens", api.owner, json={}, status=404, code="PL-COL-010")
    api.problem("PUT", "/people/nobody/blocked", api.owner, json={"blocked": True}, status=404, code="PL-COL-010")
    api.problem("POST", "/people", api.owner, json={"role": "god"}, status=422, code="PL-WEB-006")


def test_a_block_is_lifted(api):
    worker = api.somebody()
    path = f"/people/{api.ids[worker].pseudonym}/blocked"
    for blocked in (True, False):
        assert api.got("PUT", path, api.somebody(Role.MANAGER), json={"blocked": blocked})["blocked"] is blocked
    api.got("GET", "/studies", worker)


def accept(api, pseudonym, name="ada"):
    """Somebody who is there sets a name and a password, by a link that an owner made."""
    person, later = find_person(api.store, pseudonym), api.now + timedelta(days=1)
    new = NewInvitation(person.role, None, person.id, api.ids[api.owner].id, later, 1)
    _, code = add_invitation(api.store, new, now=api.now)
    accept_invitation(api.store, code, lambda _: NewAccount(name, name, "-"), now=api.now, session_ends=later)


@pytest.mark.parametrize("way_in", ["account", "organisation", "arrival"])
def test_nobody_makes_a_token_for_who_comes_in_alone(api, way_in):
    """With it they would judge as them, and read what they opted out of."""
    api.study(toml())
    study_id = find_study(api.store, "s").id
    if way_in == "account":
        worker = api.ids[api.somebody()]
        accept(api, worker.pseudonym)
    elif way_in == "organisation":
        worker = add_worker_outside(api.store, study_id, OutsideIdentity("https://i.example", "x"), now=api.now)
    else:
        worker = add_arrival(api.store, study_id, Participant("prolific", "p", "v"), now=api.now)
    before = len(read_events(api.store))
    for by in (api.somebody(Role.MANAGER), api.owner):
        told = api.problem("POST", f"/people/{worker.pseudonym}/tokens", by, json={}, status=403, code="PL-SVC-013")
        assert "link" in told["advice"]
        api.got("POST", "/invitations", by, json={"pseudonym": worker.pseudonym}, status=201)
    kinds = {event.kind for event in read_events(api.store, after=before) if event.person_id == worker.id}
    assert "token_issued" not in kinds


def test_an_owner_with_an_account_makes_tokens_of_their_own(api):
    owner = api.ids[api.owner]
    connect_outside(api.store, owner.id, OutsideIdentity("https://i.example", "o"), now=api.now)
    token = api.got("POST", f"/people/{owner.pseudonym}/tokens", api.owner, json={}, status=201)["token"]
    assert api.got("GET", "/me", token)["pseudonym"] == owner.pseudonym


def test_a_token_that_a_manager_kept_ends_when_its_person_sets_a_password(api):
    made = api.got("POST", "/people", api.somebody(Role.MANAGER), json={"role": "worker"}, status=201)
    accept(api, made["pseudonym"])
    api.problem("GET", "/me", made["token"], status=401, code="PL-WEB-007")
    accept(api, api.ids[api.owner].pseudonym, "eve")
    api.got("GET", "/me", api.owner)


def test_the_log_says_who_did_it_to_whom(api):
    token = api.somebody(Role.MANAGER)
    manager, before = api.ids[token].id, read_events(api.store)[-1].seq
    name = api.got("POST", "/people", token, json={"role": "worker"}, status=201)["pseudonym"]
    api.got("POST", f"/people/{name}/tokens", token, json={}, status=201)
    for blocked in (True, False):
        api.got("PUT", f"/people/{name}/blocked", token, json={"blocked": blocked})
    api.got("DELETE", f"/people/{name}/tokens", token)
    lines = read_events(api.store, after=before)
    kinds = ["person_added", "token_issued", "token_issued", "person_blocked", "person_unblocked", "token_revoked"]
    assert [line.kind for line in lines] == kinds
    worker = find_person(api.store, name).id
    assert {(line.person_id, line.payload["by"]) for line in lines} == {(worker, manager)}


def test_a_manager_of_one_study_sees_who_took_part_and_is_told_whom_to_ask(api):
    """Of the whole store: those who took part are seen and not reached, all others are not there."""
    api.study(toml())
    api.got("POST", "/studies/s/items", api.owner, content=rows(("q", "a", "b")))
    manager = api.somebody(Role.MANAGER, only_study_id=find_study(api.store, "s").id)
    took_part, elsewhere = api.somebody(), api.somebody()
    api.next("s", took_part)
    for token, seen in ((took_part, True), (elsewhere, False)):
        name = api.ids[token].pseudonym
        told = {"status": 403, "code": "PL-SVC-014"} if seen else {"status": 404, "code": "PL-COL-010"}
        assert api("GET", f"/studies/s/workers/{name}", manager).status_code == (200 if seen else 404)
        for method, tail, body in (("PUT", "blocked", {"blocked": True}), ("DELETE", "tokens", None)):
            sent = {} if body is None else {"json": body}
            problem = api.problem(method, f"/people/{name}/{tail}", manager, **sent, **told)
            assert ("owner" in problem["advice"]) is seen
        api.problem("POST", "/invitations", manager, json={"pseudonym": name}, **told)
    invited = api.ids[api.somebody(only_study_id=api.ids[manager].only_study_id)]
    api.got("GET", f"/studies/s/workers/{invited.pseudonym}", manager)
