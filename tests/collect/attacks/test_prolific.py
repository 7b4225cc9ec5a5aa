"""What the address of a Prolific link can be bent to; what a right one does is in api/test_arrivals.py."""

from urllib.parse import quote

import pytest

from plumbline.collect.store.rows import Role
from plumbline.web.sessions import csrf_token
from tests.collect.api.client import rows, toml
from tests.collect.attacks.whole import PAGE, as_json

PROLIFIC = {"study": "theirs", "completion_code": "C0DE", "items": 1}
HOSTILE = [
    "",
    "a" * 65,
    "a" * 30_000,
    "<img src=x onerror=alert(1)>",
    "a\0b",
    "a b",
    "a'--",
    "../x",
    "=1+1",
    "é",
    "a\n",
    "{{%PROLIFIC_PID%}}",
    "١٢",
]


@pytest.fixture
def open_to_prolific(api):
    for name, theirs in (("s", "theirs"), ("t", "thoseofanother")):
        api.study(toml(name=name, prolific=PROLIFIC | {"study": theirs}))
        api.got("POST", f"/studies/{name}/items", api.owner, content=rows(("q", "a", "b"), ("r", "a", "b")))
    api.study(toml(name="closedtothem"))
    return api


def arrive(api, **changed):
    body = {
        "provider": "prolific",
        "study": "s",
        "participant": "one",
        "visit": "v",
        "study_of_provider": "theirs",
    } | changed
    return api.ask("POST", "/api/v1/arrivals", headers=[("Content-Type", "application/json")], content=as_json(body))


def session_of(answer):
    assert answer.status_code == 201, answer.text
    return answer.headers["set-cookie"].partition(";")[0].partition("=")[2]


def people(api):
    return len(api.got("GET", "/people", api.owner)["people"])


@pytest.mark.parametrize("hostile", HOSTILE)
def test_values_that_prolific_does_not_make_are_refused_and_not_shown(open_to_prolific, hostile):
    api, before = open_to_prolific, people(open_to_prolific)
    for field in ("participant", "visit", "study_of_provider"):
        answer = arrive(api, **{field: hostile})
        assert answer.status_code in (409, 413, 422), (field, answer.text)
        assert "set-cookie" not in answer.headers
        assert len(hostile) < 4 or hostile not in answer.text
    said = quote(hostile[:2000])
    page = api.ask("GET", f"/arrive/prolific/s?PROLIFIC_PID={said}&STUDY_ID={said}&SESSION_ID={said}", accept=PAGE)
    assert page.status_code == 200
    assert len(hostile) < 4 or hostile not in page.text  # the address keeps it; the page has none of it
    assert people(api) == before


def test_two_participants_in_one_address_are_one_or_none(open_to_prolific):
    """`PROLIFIC_PID` twice: the page takes no part in it, and the body takes one text."""
    api = open_to_prolific
    for participant in (["one", "two"], {"$ne": ""}, None, 1, True):
        assert arrive(api, participant=participant).status_code == 422
    path = "/arrive/prolific/s?PROLIFIC_PID=victim&PROLIFIC_PID=me&STUDY_ID=theirs&SESSION_ID=v"
    assert "victim" not in api.ask("GET", path, accept=PAGE).text


def test_an_arrival_opens_no_other_study(open_to_prolific):
    api = open_to_prolific
    session = session_of(arrive(api))
    for study, theirs in (("t", "theirs"), ("closedtothem", "theirs"), ("nosuch", "theirs"), ("s", "thoseofanother")):
        assert arrive(api, study=study, study_of_provider=theirs).status_code in (403, 404), study
    for path in ("/api/v1/studies/t/standing", "/api/v1/studies/t", "/studies/t", "/studies/t/work"):
        assert api.ask("GET", path, session, accept=PAGE).status_code == 404, path
    assert api.ask("POST", "/api/v1/studies/t/next", session).status_code == 404
    for path in (
        "/people",
        "/studies/s/dashboard",
        "/api/v1/people",
        "/api/v1/studies/s/items",
        "/api/v1/studies/s/export",
    ):
        assert api.ask("GET", path, session, accept=PAGE).status_code == 403, path


def test_no_role_is_claimed_by_arriving(open_to_prolific):
    api = open_to_prolific
    for more in ({"role": "owner"}, {"only_study": None}, {"pseudonym": "x"}, {"blocked": False}):
        assert arrive(api, **more).status_code == 422
    me = api.ask("GET", "/api/v1/me", session_of(arrive(api))).json()
    assert (me["role"], me["only_study"]) == (Role.WORKER.value, "s")


def test_the_session_of_a_manager_does_not_become_a_participants(open_to_prolific):
    """A manager who opens the link with their cookie is somebody new there; their own session ends in that browser."""
    api = open_to_prolific
    session = api.session_of(api.owner)
    headers = [("Content-Type", "application/json"), ("Cookie", f"plumbline={session}")]
    body = {"provider": "prolific", "study": "s", "participant": "one", "visit": "v", "study_of_provider": "theirs"}
    answer = api.ask("POST", "/api/v1/arrivals", headers=headers, content=as_json(body))
    fresh = session_of(answer)
    assert api.ask("GET", "/api/v1/me", fresh).json()["role"] == "worker"
    assert answer.json()["csrf_token"] == csrf_token(fresh) != csrf_token(session)


def test_the_code_is_not_told_before_the_work_is_done(open_to_prolific):
    api = open_to_prolific
    session = session_of(arrive(api))
    for path in (
        "/api/v1/studies/s/standing",
        "/api/v1/studies/s",
        "/studies/s",
        "/studies/s/work",
        "/",
        "/account",
        "/studies/s/mine",
    ):
        assert "C0DE" not in api.ask("GET", path, session, accept=PAGE).text, path
