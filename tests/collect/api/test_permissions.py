"""Every route with every role: who may not, is told so before anything else is looked at."""

import pytest
from sqlalchemy import text

from plumbline.collect.api.app import api_routes
from plumbline.collect.api.permissions import PERMITTED
from plumbline.collect.service.people import RANKS, has_role
from plumbline.collect.store.people import set_blocked
from plumbline.collect.store.rows import Role
from tests.collect.api.client import rows, toml

ROUTES = {route.name: route for route in api_routes()}


def call(api, name, token):
    route = ROUTES[name]
    path = route.path.removeprefix("/api/v1")
    for parameter in ("assignment", "judgement", "version"):
        path = path.replace(f"{{{parameter}}}", "1")
    path = path.replace("{study}", "s").replace("{pseudonym}", "nobody")
    (method,) = route.methods
    return api(method, path, token, content=b"{}", headers={"Content-Type": "application/json"})


def code(response):
    return None if response.status_code < 400 else response.json()["code"]


def test_the_table_names_every_route_and_no_other():
    assert len(ROUTES) == len(PERMITTED) == 35
    assert ROUTES.keys() == PERMITTED.keys()


def test_what_workers_and_reviewers_may_do_is_this_and_no_more():
    open_to = {role: {name for name, least in PERMITTED.items() if least is role} for role in Role}
    own = {"step", "say", "submit", "read_draft", "save_draft", "release", "extend", "list_judgements", "correct"}
    own |= {"read_judgement"}
    looked_at = {"me", "list_studies", "read_study", "read_newest_guidelines", "read_guidelines"}
    assert open_to[Role.WORKER] == own | looked_at | {"next_item", "next_review"}
    assert open_to[Role.REVIEWER] == {"next_adjudication", "next_spot_check"}
    assert open_to[Role.OWNER] == {"create_study", "set_state", "add_guidelines"}


def test_each_route_is_open_to_its_role_and_those_above_and_to_no_other(api):
    tokens = {role: api.somebody(role) for role in Role}
    walked = 0
    for name, least in PERMITTED.items():
        for role, token in tokens.items():
            found = code(call(api, name, token))
            refused = found == "PL-WEB-008"
            assert found != "PL-WEB-007"
            assert refused == (least is not None and RANKS[role] < RANKS[least]), (name, role, found)
            walked += 1
    assert walked == 35 * 4


@pytest.mark.parametrize("token", [None, "no-such-token-of-anybody", "x", "'; DROP TABLE tokens; --", "a" * 5000])
def test_nothing_but_health_is_open_without_a_valid_token(api, token):
    for name in PERMITTED:
        response = call(api, name, token)
        if name == "health":
            assert response.status_code == 200
        else:
            assert (response.status_code, code(response)) == (401, "PL-WEB-007"), name
            assert response.headers["www-authenticate"] == "Bearer"


def test_two_tokens_are_none(api):
    headers = [("Authorization", f"Bearer {api.owner}"), ("Authorization", f"Bearer {api.owner}")]
    response = api.runner.run(api.http.get("/me", headers=headers))
    assert response.status_code == 401


def test_a_token_that_is_over_revoked_or_of_an_erased_person_is_none(api):
    over, revoked, erased = (api.somebody() for _ in range(3))
    api.got("DELETE", f"/people/{api.ids[revoked].pseudonym}/tokens", api.owner)
    api.store.write(
        lambda connection: connection.execute(
            text("UPDATE people SET erased_at = 1 WHERE id = :id"), {"id": api.ids[erased].id}
        )
    )
    for token in (revoked, erased):
        api.problem("GET", "/me", token, status=401, code="PL-WEB-007")
    api.got("GET", "/me", over)
    api.wait(days=30)
    api.problem("GET", "/me", over, status=401, code="PL-WEB-007")


def test_a_blocked_person_is_told_so_everywhere(api):
    for role in Role:
        token = api.somebody(role)
        set_blocked(api.store, api.ids[token].id, True, now=api.now)
        for name in PERMITTED:
            response = call(api, name, token)
            if name in ("health", "me"):
                assert response.status_code == 200
            else:
                assert (response.status_code, code(response)) == (403, "PL-COL-031"), (name, role)
        assert api.got("GET", "/me", token)["blocked"] is True


def test_roles_are_in_order():
    assert sorted(RANKS, key=RANKS.get) == [Role.WORKER, Role.REVIEWER, Role.MANAGER, Role.OWNER]
    assert set(RANKS) == set(Role)


def test_nobody_reaches_anothers_assignment_whatever_their_role(api):
    api.study(toml())
    api.got("POST", "/studies/s/items", api.owner, content=rows(("q", "a", "b")))
    worker = api.somebody()
    work = api.next("s", worker)
    path = f"/assignments/{work['assignment']}"
    submission = {"fence": 1, "guidelines_version": 1, "submission": {"act": "judge-pair", "helpfulness": 1}}
    for token in (api.somebody(), api.somebody(Role.MANAGER), api.owner):
        for method, tail, body in (
            ("POST", "step", None),
            ("POST", "turn", {"fence": 1, "turn": 1, "text": "hello"}),
            ("POST", "submit", submission),
            ("GET", "draft", None),
            ("PUT", "draft", {"version": 0, "payload": {}}),
            ("POST", "release", {"fence": 1}),
            ("POST", "extend", {"fence": 1}),
            ("GET", "judgements", None),
        ):
            more = {} if body is None else {"json": body}
            more |= {"key": api.key()} if tail == "submit" else {}
            api.problem(method, f"{path}/{tail}", token, status=404, code="PL-COL-010", **more)
    done = api.submitted(work, worker, act="judge-pair", helpfulness=1)
    api.problem("GET", f"/judgements/{done['judgements'][0]}", api.owner, status=404, code="PL-COL-010")
    body = {"guidelines_version": 1, "submission": {"act": "judge-pair", "helpfulness": 2}}
    api.problem(
        "POST", f"/judgements/{done['judgements'][0]}/correct", api.owner, json=body, key=api.key(),
        status=404, code="PL-COL-010",
    )  # fmt: skip


# --- who may do something about whom ---


def test_managers_reach_those_below_them_and_owners_everybody(api):
    manager = api.somebody(Role.MANAGER)
    for role in Role:
        allowed = role in (Role.WORKER, Role.REVIEWER)
        more = {"json": {"role": role.value}}
        if allowed:
            made = api.got("POST", "/people", manager, status=201, **more)
            assert api.got("GET", "/me", made["token"])["role"] == role
        else:
            api.problem("POST", "/people", manager, status=403, code="PL-SVC-006", **more)
        name = api.got("POST", "/people", api.owner, status=201, **more)["pseudonym"]
        for method, tail, body, status in (
            ("POST", "tokens", {}, 201),
            ("PUT", "blocked", {"blocked": True}, 200),
            ("DELETE", "tokens", None, 200),
        ):
            path, sent = f"/people/{name}/{tail}", {} if body is None else {"json": body}
            if allowed:
                api.got(method, path, manager, status=status, **sent)
            else:
                api.problem(method, path, manager, status=403, code="PL-SVC-006", **sent)
            api.got(method, path, api.owner, status=status, **sent)


def test_has_role_says_at_least(api):
    person = api.ids[api.somebody(Role.REVIEWER)]
    assert [has_role(person, role) for role in RANKS] == [True, True, False, False]
