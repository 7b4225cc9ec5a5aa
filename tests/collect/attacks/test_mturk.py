"""What the address of a HIT can be bent to; what a right one does is in service/identity/test_hits.py."""

from urllib.parse import urlencode

import pytest

from plumbline.collect.pages.mturk_hosts import MTURK_HOSTS
from tests.collect.api.client import rows, toml
from tests.collect.attacks.test_prolific import HOSTILE, people, session_of
from tests.collect.attacks.whole import PAGE, as_json

SANDBOX, LIVE = "https://workersandbox.mturk.com", "https://www.mturk.com"
ACCEPTED = {"assignmentId": "zzassignment", "hitId": "zzhit", "workerId": "zzworker", "turkSubmitTo": LIVE}
PREVIEW = {"assignmentId": "ASSIGNMENT_ID_NOT_AVAILABLE", "hitId": "zzhit", "turkSubmitTo": LIVE}


@pytest.fixture
def on_mturk(api):
    warning = {"warning": "Rude <b>words</b>."}
    pay = {"items": 1, "sandbox": False, "minutes": 4, "pay": "We pay within two days."}
    api.study(toml(name="s", mturk=pay, wellbeing=warning))
    api.study(toml(name="tried", mturk={"items": 1, "sandbox": True}))
    api.study(toml(name="elsewhere"))
    api.got("POST", "/studies/s/items", api.owner, content=rows(("q", "a", "b"), ("r", "a", "b")))
    return api


def hit(api, study="s", session=None, **said):
    return api.ask("GET", f"/arrive/mturk/{study}?{urlencode(said)}", session, accept=PAGE)


def arrive(api, **changed):
    body = {"provider": "mturk", "study": "s", "participant": "one", "visit": "v"} | changed
    return api.ask("POST", "/api/v1/arrivals", headers=[("Content-Type", "application/json")], content=as_json(body))


def test_a_preview_tells_what_is_asked_and_makes_nobody(on_mturk):
    api, before = on_mturk, people(on_mturk)
    page = hit(api, **PREVIEW)
    for said in (
        "two replies",
        "Rude &lt;b&gt;words",
        "One HIT is 1 item, about 4 minutes",
        "within two days",
        "Accept the",
    ):
        assert said in page.text, said
    assert "<form" not in page.text
    assert "/begin" not in page.text
    accepted = hit(api, **ACCEPTED)
    assert f'action="{LIVE}/mturk/externalSubmit"' in accepted.text
    assert "/arrive/mturk/s/begin" in accepted.text
    assert "zz" not in accepted.text
    assert people(api) == before
    assert "set-cookie" not in accepted.headers


def test_the_page_of_a_hit_alone_may_be_framed_and_by_mturk_alone(on_mturk):
    api = on_mturk
    for study, sandbox in (("s", False), ("tried", True)):
        for said in (PREVIEW, ACCEPTED, {}):
            headers = hit(api, study, **said).headers
            policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
            assert policy["frame-ancestors"].split() == [*MTURK_HOSTS.live, *MTURK_HOSTS.sandbox, *MTURK_HOSTS.frames]
            assert policy["form-action"].split() == list(MTURK_HOSTS.sandbox if sandbox else MTURK_HOSTS.live)
            assert policy["default-src"] == "'none'"
            assert "x-frame-options" not in headers
            assert headers["cache-control"] == "no-store"
    assert all(
        each.startswith("https://") and each.endswith(".mturk.com") for each in policy["frame-ancestors"].split()
    )
    for path in (
        "/arrive/mturk/s/begin",
        "/arrive/mturk/elsewhere",
        "/arrive/mturk/nosuch",
        "/arrive/prolific/s",
        "/login",
    ):
        headers = api.ask("GET", path, accept=PAGE).headers
        assert headers["x-frame-options"] == "DENY", path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path


@pytest.mark.parametrize("place", [
    "https://evil.example", "https://www.mturk.com.evil.example", "https://evil.example/https://www.mturk.com",
    "http://www.mturk.com", "//www.mturk.com", "https://www.mturk.com@evil.example", "https://www.mturk.com:8443",
    "javascript:alert(1)", "https://www.mturk.com/\"><script>", "https://WWW.mturk.com\n.evil.example", SANDBOX,
    "https://www.mturk.com//", "https://requester.mturk.com",
])  # fmt: skip
def test_the_form_goes_nowhere_that_the_address_invents(on_mturk, place):
    page = hit(on_mturk, **ACCEPTED | {"turkSubmitTo": place})
    assert page.status_code == 200
    assert "<form" not in page.text
    assert "evil" not in page.text
    assert "belongs elsewhere" in page.text


@pytest.mark.parametrize(("study", "said", "action"), [
    ("s", LIVE, LIVE), ("s", f"{LIVE}/", LIVE), ("s", "https://worker.mturk.com", "https://worker.mturk.com"), ("s", "", LIVE),
    ("tried", SANDBOX, SANDBOX), ("tried", "", SANDBOX),
])  # fmt: skip
def test_where_the_form_goes(on_mturk, study, said, action):
    assert f'action="{action}/mturk/externalSubmit"' in hit(on_mturk, study, **ACCEPTED | {"turkSubmitTo": said}).text


def test_in_the_frame_nobody_is_logged_in(on_mturk):
    """Whatever a browser sends along: the page is the same for everybody, and has no token of theirs."""
    session = on_mturk.session_of(on_mturk.owner)
    assert hit(on_mturk, session=session, **ACCEPTED).text == hit(on_mturk, **ACCEPTED).text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_values_that_mturk_does_not_make_are_refused_and_not_shown(on_mturk, hostile):
    api, before = on_mturk, people(on_mturk)
    for field in ("participant", "visit"):
        answer = arrive(api, **{field: hostile})
        assert answer.status_code in (413, 422), (field, answer.text)
        assert len(hostile) < 4 or hostile not in answer.text
    page = hit(api, **dict.fromkeys(ACCEPTED, hostile[:2000]))
    assert page.status_code == 200
    assert len(hostile) < 4 or hostile not in page.text
    assert people(api) == before


def test_an_arrival_opens_no_other_study_and_shows_no_code_before_the_work(on_mturk):
    api = on_mturk
    session = session_of(arrive(api))
    for study in ("elsewhere", "nosuch"):
        assert arrive(api, study=study).status_code == 404
    assert api.ask("GET", "/api/v1/studies/tried/standing", session).status_code == 404
    assert api.ask("GET", "/api/v1/studies/s/standing", session).json()["completion"] is None
    assert arrive(api, provider="prolific", study_of_provider="x").status_code == 404
    closing = api.got("PUT", "/studies/s/state", api.owner, json={"state": "closed"})
    assert closing["state"] == "closed"
    assert "This study is over" in hit(api, **PREVIEW).text
    assert "<form" in hit(api, **ACCEPTED).text, "who has a code hands it in here"
