"""Every route with everybody: who may not, is told so before anything else is looked at."""

from dataclasses import dataclass

import pytest
from sqlalchemy import text

from plumbline.collect.api.app import api_routes
from plumbline.collect.api.permissions import FOR_THE_WHOLE_STORE, PERMITTED
from plumbline.collect.service.people import RANKS, has_role
from plumbline.collect.store.people import issue_session, set_blocked
from plumbline.collect.store.rows import Role
from plumbline.collect.store.studies import find_study
from plumbline.web.sessions import csrf_token
from tests.collect.api.client import HOME, rows, toml

ROUTES = {route.name: route for route in api_routes()}
OPEN = {name for name, least in PERMITTED.items() if least is None}
OUTSIDE = {"request_openid", "answer_openid"}
REFUSALS = {
    "PL-WEB-007",
    "PL-WEB-008",
    "PL-WEB-015",
    "PL-WEB-017",
    "PL-WEB-018",
    "PL-WEB-019",
    "PL-COL-031",
    "PL-IDN-007",
}
"""Said of who asks, whatever they ask for."""


def call(api, name, token=None, headers=(), base="", method=None):
    route = ROUTES[name]
    path = route.path_format.removeprefix("/api/v1")
    for parameter in ("assignment", "judgement", "version", "invitation", "item", "webhook", "delivery"):
        path = path.replace(f"{{{parameter}}}", "1")
    path = path.replace("{study}", "s").replace("{pseudonym}", "nobody")
    assert "{" not in path
    (only,) = route.methods
    sent = {"Content-Type": "application/json"} | dict(headers)
    return api(method or only, base + path, token, content=b"{}", headers=sent)


def code(response):
    return None if response.status_code < 400 else response.json()["code"]


def test_the_table_names_every_route_and_no_other():
    assert ROUTES.keys() == PERMITTED.keys()
    assert len(ROUTES) == len(api_routes()) >= 53
    assert PERMITTED.keys() >= FOR_THE_WHOLE_STORE


def test_what_workers_and_reviewers_may_do_is_this_and_no_more():
    open_to = {role: {name for name, least in PERMITTED.items() if least is role} for role in Role}
    own = {"step", "say", "submit", "read_draft", "save_draft", "release", "extend", "list_judgements", "correct"}
    own |= {
        "read_judgement",
        "list_own_judgements",
        "log_out",
        "change_password",
        "connect_openid",
        "disconnect_openid",
        "read_standing",
        "set_preferences",
        "add_mood",
    }
    looked_at = {"me", "list_studies", "read_study", "read_newest_guidelines", "read_guidelines"}
    assert open_to[Role.WORKER] == own | looked_at | {"next_item", "next_review"}
    assert open_to[Role.REVIEWER] == {"next_adjudication", "next_spot_check"}
    webhooks = {"create_webhook", "remove_webhook", "try_webhook", "deliver_again"}
    assert open_to[Role.OWNER] == {"create_study"} | webhooks
    assert {"arrive", "health", "log_in", "accept_invitation", "read_invitation"} == OPEN - OUTSIDE


@dataclass
class Who:
    """Somebody on the walk.

    Attributes:
        role: None for nobody.
        elsewhere: of another study than the one that routes are asked about.
        session: by a session's cookie, with (True) or without (False) the page's token; None by a token.
    """

    role: Role | None
    elsewhere: bool = False
    here: bool = False
    blocked: bool = False
    session: bool | None = None


EVERYBODY = {
    "nobody": Who(None),
    "worker": Who(Role.WORKER),
    "worker of the study": Who(Role.WORKER, here=True),
    "worker of another study": Who(Role.WORKER, elsewhere=True),
    "reviewer": Who(Role.REVIEWER),
    "reviewer of another study": Who(Role.REVIEWER, elsewhere=True),
    "manager": Who(Role.MANAGER),
    "manager of the study": Who(Role.MANAGER, here=True),
    "manager of another study": Who(Role.MANAGER, elsewhere=True),
    "owner": Who(Role.OWNER),
    # Nothing makes one; if something did, what concerns the whole store would not be theirs.
    "owner of the study": Who(Role.OWNER, here=True),
    "blocked worker": Who(Role.WORKER, blocked=True),
    "blocked owner": Who(Role.OWNER, blocked=True),
    "worker by cookie": Who(Role.WORKER, session=True),
    "manager of another study by cookie": Who(Role.MANAGER, elsewhere=True, session=True),
    "owner by cookie": Who(Role.OWNER, session=True),
    "owner by cookie without the page's token": Who(Role.OWNER, session=False),
    "blocked owner by cookie": Who(Role.OWNER, blocked=True, session=True),
}


def expected(name, who):
    """What the refusal is to be; None where it is not refused for who asks."""
    least, of_study = PERMITTED[name], "{study}" in ROUTES[name].path_format
    if name in OPEN:
        return None
    if who.role is None:
        return "PL-WEB-007"
    if who.session is False and ROUTES[name].methods != {"GET"}:
        return "PL-WEB-015"
    if who.blocked:
        return None if name in ("me", "log_out") else "PL-COL-031"
    if RANKS[who.role] < RANKS[least]:
        return "PL-WEB-008"
    if (who.here or who.elsewhere) and name in FOR_THE_WHOLE_STORE:
        return "PL-IDN-007"
    return "no study" if who.elsewhere and of_study else None


def ask(api, name, who, studies, method=None):
    """What is said to somebody who has just come: their refusal, "no study", or None."""
    token, headers = None, {}
    if who.role is not None:
        only = studies["other"] if who.elsewhere else studies["s"] if who.here else None
        token = api.somebody(who.role, only_study_id=only)
        if who.session is not None:
            headers = cookie(api, api.ids[token].id, with_csrf=who.session)
        if who.blocked:
            set_blocked(api.store, api.ids[token].id, True, now=api.now)
    response = call(api, name, None if who.session is not None else token, headers, HOME, method)
    found = code(response)
    if found == "PL-COL-010" and response.json()["detail"].startswith("study s:"):
        return "no study"
    return found if found in REFUSALS else None


def cookie(api, person_id, *, with_csrf=True):
    """The headers of a browser with a new session."""
    ends = api.now.replace(year=api.now.year + 1)
    session = issue_session(api.store, person_id, now=api.now, expires_at=ends)
    return {"Cookie": f"plumbline={session}"} | ({"X-CSRF-Token": csrf_token(session)} if with_csrf else {})


def test_each_route_with_everybody(api):
    """Routes × people, each answered as the table says and no other way; counted, so that none is left out."""
    for study in ("s", "other"):
        api.study(toml(name=study))
    studies = {name: find_study(api.store, name).id for name in ("s", "other")}
    walked = {}
    for name in PERMITTED:
        for title, who in EVERYBODY.items():
            found = ask(api, name, who, studies)
            assert found == expected(name, who), (name, title)
            walked[name, title] = found
    assert len(walked) == len(PERMITTED) * len(EVERYBODY) >= 53 * 18
    counts = {said: list(walked.values()).count(said) for said in set(walked.values())}
    assert counts.keys() == {None, "PL-WEB-007", "PL-WEB-008", "PL-WEB-015", "PL-COL-031", "PL-IDN-007", "no study"}
    assert counts["PL-WEB-007"] == len(PERMITTED) - len(OPEN)
    assert counts["PL-COL-031"] == 3 * (len(PERMITTED) - len(OPEN) - 2)
    writing = [name for name in PERMITTED if name not in OPEN and ROUTES[name].methods != {"GET"}]
    assert counts["PL-WEB-015"] == len(writing)


def test_a_study_of_others_looks_as_if_it_were_not_there(api):
    api.study(toml())
    api.study(toml(name="other"))
    manager = api.somebody(Role.MANAGER, only_study_id=find_study(api.store, "other").id)
    there = api.problem("GET", "/studies/s/status", manager, status=404, code="PL-COL-010")
    not_there = api.problem("GET", "/studies/t/status", manager, status=404, code="PL-COL-010")
    assert there["detail"].replace("study s", "study t") == not_there["detail"]
    assert {key: there[key] for key in ("advice", "title", "type")} == {
        key: not_there[key] for key in ("advice", "title", "type")
    }


@pytest.mark.parametrize("token", [None, "no-such-token-of-anybody", "x", "'; DROP TABLE tokens; --", "a" * 5000])
def test_little_is_open_without_a_valid_token(api, token):
    for name in PERMITTED:
        response = call(api, name, token, base=HOME)
        if name in OPEN:
            expected = 200 if name == "health" else 404 if name in OUTSIDE else 422
            assert response.status_code == expected, name
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


def test_a_blocked_person_can_see_that_they_are(api):
    token = api.somebody()
    set_blocked(api.store, api.ids[token].id, True, now=api.now)
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
