"""Objects that are reached by their number (CVE-2024-4263: a role was checked, the object was not)."""

import pytest

from plumbline.collect.store.rows import Role
from tests.collect.attacks.whole import PAGE, all_routes, as_json, path_of, two_studies

JSON = [("Content-Type", "application/json")]
PAIR = {"act": "judge-pair", "helpfulness": 1}


@pytest.fixture
def stocked(api):
    """`api` with two studies; a worker who judged one item of `other`, has another in hand with a draft, and was invited."""
    api.of_s, api.of_other = two_studies(api)
    api.victim = api.somebody(only_study_id=api.ids[api.of_other].only_study_id)
    done = api.next("other", api.victim)
    api.judgement = api.submitted(done, api.victim, **PAIR)["judgements"][0]
    held = api.next("other", api.victim)
    api.done, api.held = done["assignment"], held["assignment"]
    body = {"version": 0, "payload": {"note": "SECRET"}}
    api.got("PUT", f"/assignments/{api.held}/draft", api.victim, json=body)
    made = api.got("POST", "/invitations", api.of_other, json={"role": "worker"}, status=201)
    api.invitation = made["id"]
    api.item = api.got("GET", "/studies/other/items", api.owner)["items"][0]["id"]
    return api


def intruders(api):
    """Sessions of everybody who is not the victim, nor a manager of their study."""
    only_s = api.ids[api.of_s].only_study_id
    return {
        "a worker of another study": api.somebody(only_study_id=only_s),
        "a worker of the same study": api.somebody(only_study_id=api.ids[api.of_other].only_study_id),
        "a worker of all": api.somebody(),
        "a reviewer of another study": api.somebody(Role.REVIEWER, only_study_id=only_s),
        "a manager of another study": api.of_s,
    }


def bodies(api):
    return {
        "say": {"fence": 1, "turn": 1, "text": "hello"},
        "submit": {"fence": 1, "guidelines_version": 1, "submission": PAIR},
        "correct": {"guidelines_version": 1, "submission": PAIR},
        "save_draft": {"version": 1, "payload": {}},
        "release": {"fence": 1},
        "extend": {"fence": 1},
        "set_blocked": {"blocked": True},
        "issue_token": {},
        "set_state": {"state": "closed"},
        "add_guidelines": {"text": "mine", "after_version": 1},
        "set_preferences": {"opted_out": []},
        "add_mood": {"declined": True},
        "guidelines_preview": {"text": "x"},
    }


def test_cve_2024_4263_nothing_of_another_is_reached_by_its_number(stocked):
    """Every route that names an object × everybody else: 403 or 404, and nothing of it in the answer."""
    api, walked = stocked, 0
    pseudonym = api.ids[api.victim].pseudonym
    for title, token in intruders(api).items():
        session = api.session_of(token)
        for route in all_routes():
            for assignment in (api.held, api.done) if "{assignment}" in route.path else (api.held,):
                if not names_an_object(route, title):
                    continue
                path = path_of(
                    route, assignment=assignment, judgement=api.judgement, item=api.item, invitation=api.invitation,
                    study="other", pseudonym=pseudonym,
                )  # fmt: skip
                (method,) = route.methods
                answer = api.ask(
                    method, path, session, headers=[*JSON, ("Idempotency-Key", api.key())], accept=PAGE,
                    content=as_json(bodies(api).get(route.name, {})),
                )  # fmt: skip
                assert answer.status_code in (403, 404), (title, method, path, answer.status_code, answer.text[:300])
                assert "SECRET" not in answer.text
                walked += 1
    assert walked > 150
    held = api.got("GET", f"/assignments/{api.held}/draft", api.victim)
    assert held == {"version": 1, "payload": {"note": "SECRET"}}


def names_an_object(route, title):
    """Whether a route is about something that is not theirs; who is of the study, or of all, may look at the study itself."""
    if "{assignment}" in route.path or "{judgement}" in route.path:
        return True
    if "{invitation" in route.path or "{pseudonym}" in route.path or "{item}" in route.path:
        return True
    return "{study}" in route.path and "another study" in title and route.name != "arrival_page"


def test_a_study_of_ones_own_opens_no_object_of_another(stocked):
    """The study in the path is one's own, the number another's."""
    api = stocked
    session, pseudonym = api.session_of(api.of_s), api.ids[api.victim].pseudonym
    for route in all_routes():
        if "{study}" in route.path and any(f"{{{name}}}" in route.path for name in ("item", "pseudonym", "judgement")):
            (method,) = route.methods
            path = path_of(route, study="s", item=api.item, judgement=api.judgement, pseudonym=pseudonym)
            query = "?table=days" if route.path.endswith(".csv") else ""
            answer = api.ask(method, path + query, session, accept=PAGE)
            assert answer.status_code == 404, (path, answer.status_code, answer.text[:300])


def test_nobody_there_and_somebody_of_another_study_are_told_alike(stocked):
    api = stocked
    for tail in ("", "/sheet"):
        told = [
            api.problem("GET", f"/studies/s/workers/{name}{tail}", api.of_s, status=404, code="PL-COL-010")["detail"]
            for name in (api.ids[api.victim].pseudonym, "nobodyhere")
        ]
        assert told[0] == told[1]


def test_the_key_of_another_gives_no_receipt_of_theirs(stocked):
    """An idempotency key is its worker's: the same key, route and body from somebody else is another request."""
    api = stocked
    work = api.next("other", api.victim)
    body = {"fence": work["fence"], "guidelines_version": 1, "submission": PAIR}
    path = f"/assignments/{work['assignment']}/submit"
    api.got("POST", path, api.victim, json=body, key="the-same-key")
    for token in intruders(api).values():
        api.problem("POST", path, token, json=body, key="the-same-key", status=404, code="PL-COL-010")


def test_an_export_holds_one_study(stocked):
    api = stocked
    worker = api.somebody()
    api.submitted(api.next("s", worker), worker, **PAIR)
    path = "/studies/s/export?to=judgements&licence=CC0-1.0&uses=preference"
    answer = api("GET", path, api.of_s)
    assert answer.status_code == 200
    assert api.ids[api.victim].pseudonym.encode() not in answer.content
    api.problem("GET", path.replace("/s/", "/other/"), api.of_s, status=404, code="PL-COL-010")
