"""Arriving from Prolific and MTurk over the API; and who somebody is there, which never leaves the store."""

import gzip
import io
import itertools
import json
import logging
import zipfile
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from plumbline.collect.export import Form
from plumbline.collect.store.keeping.backup import back_up
from plumbline.collect.store.keeping.erasing import erase_person
from plumbline.collect.store.people import find_person, issue_token
from plumbline.collect.store.rows import Role
from plumbline.collect.store.tables import arrivals
from plumbline.collect.store.wellbeing import read_moods
from tests.collect.api.client import HOME, START, rows, toml
from tests.collect.export import collected

LATER = START + timedelta(hours=1)
PROLIFIC = {"study": "theirs", "completion_code": "C0DE", "items": 1}
WHO = {
    "provider": "prolific", "study": "s", "participant": "zzparticipant", "visit": "zzvisit", "study_of_provider": "theirs",
}  # fmt: skip
MTURK = {"items": 1, "sandbox": True}
OURS = {"Sec-Fetch-Site": "same-origin"}


def arrive(api, headers=OURS, **changed):
    """The answer to an arrival, as from a browser without any cookie."""
    api.http.cookies.clear()
    return api("POST", f"{HOME}/arrivals", json=WHO | changed, headers=headers)


def as_browser(api, response):
    """Headers of the page that the arrival leads to."""
    name, _, value = response.headers["set-cookie"].partition(";")[0].partition("=")
    api.http.cookies.clear()
    return {"Cookie": f"{name}={value}", "X-CSRF-Token": response.json()["csrf_token"], **OURS}


def test_an_arrival_is_a_session_of_a_worker_of_that_study(api_on_both):
    api = api_on_both
    api.study(toml(prolific=PROLIFIC))
    api.study(toml(name="t", prolific=PROLIFIC))
    response = arrive(api)
    assert response.status_code == 201, response.text
    assert sorted(response.json()) == ["csrf_token", "pseudonym", "role"]
    assert response.json()["role"] == "worker"
    browser = as_browser(api, response)
    me = api.got("GET", f"{HOME}/me", headers=browser)
    assert (me["pseudonym"], me["only_study"], me["name"]) == (response.json()["pseudonym"], "s", None)
    assert [study["name"] for study in api.got("GET", f"{HOME}/studies", headers=browser)["studies"]] == ["s"]
    api.problem("GET", f"{HOME}/studies/t/standing", headers=browser, status=404, code="PL-COL-010")
    again = arrive(api, visit="another")
    assert again.json()["pseudonym"] == me["pseudonym"]
    assert again.headers["set-cookie"] != response.headers["set-cookie"]
    assert arrive(api, study="t").json()["pseudonym"] != me["pseudonym"]


def test_the_code_comes_with_the_work(api):
    api.study(toml(prolific=PROLIFIC))
    api.got("POST", "/studies/s/items", api.owner, content=rows(("q", "one", "other"), ("r", "one", "other")))
    browser = as_browser(api, arrive(api))
    standing = api.got("GET", f"{HOME}/studies/s/standing", headers=browser)
    assert (standing["completion"], standing["next_items_to_completion"]) == (None, 1)
    work = api.got("POST", f"{HOME}/studies/s/next", headers=browser)
    body = {"fence": work["fence"], "guidelines_version": 1, "submission": {"act": "judge-pair", "helpfulness": 1}}
    api.got("POST", f"{HOME}/assignments/{work['assignment']}/submit", headers=browser, json=body, key=api.key())
    standing = api.got("GET", f"{HOME}/studies/s/standing", headers=browser)
    assert standing["completion"] == {"code": "C0DE", "url": "https://app.prolific.com/submissions/complete?cc=C0DE"}
    assert standing["next_items_to_completion"] is None
    for other in (api.somebody(), api.owner):
        assert api.got("GET", "/studies/s/standing", other)["completion"] is None


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"study_of_provider": "another"}, 403, "PL-ARR-001"),
        ({"study": "t"}, 404, "PL-COL-010"),
        ({"study": "nowhere"}, 404, "PL-COL-010"),
        ({"provider": "elsewhere"}, 422, "PL-WEB-006"),
        ({"participant": ""}, 422, "PL-WEB-006"),
        ({"participant": "{{%PROLIFIC_PID%}}"}, 422, "PL-WEB-006"),
        ({"participant": "a" * 65}, 422, "PL-WEB-006"),
        ({"participant": "zz\n"}, 422, "PL-WEB-006"),
        ({"visit": None}, 422, "PL-WEB-006"),
        ({"role": "owner"}, 422, "PL-WEB-006"),
    ],
)
def test_arrivals_that_are_refused(api, changed, status, code):
    api.study(toml(prolific=PROLIFIC))
    api.study(toml(name="t"))
    response = arrive(api, **changed)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert "set-cookie" not in response.headers
    assert "zz" not in response.text
    assert len(api.got("GET", "/people", api.owner)["people"]) == 1


def test_a_closed_study_is_told_kindly(api):
    api.study(toml(prolific=PROLIFIC))
    api.got("PUT", "/studies/s/state", api.owner, json={"state": "closed"})
    response = arrive(api)
    assert (response.status_code, response.json()["code"]) == (409, "PL-ARR-002")
    assert "thank you" in response.text


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_no_other_site_lets_anybody_arrive(api, site):
    api.study(toml(prolific=PROLIFIC))
    response = arrive(api, headers={"Sec-Fetch-Site": site})
    assert (response.status_code, response.json()["code"]) == (403, "PL-WEB-019")
    form = api("POST", f"{HOME}/arrivals", content=json.dumps(WHO).encode(), headers={"Content-Type": "text/plain"})
    assert (form.status_code, form.json()["code"]) == (415, "PL-WEB-005")
    assert len(api.got("GET", "/people", api.owner)["people"]) == 1


def test_somebody_who_is_blocked_stays_so_however_they_come(api):
    api.study(toml(prolific=PROLIFIC))
    pseudonym = arrive(api).json()["pseudonym"]
    api.got("PUT", f"/people/{pseudonym}/blocked", api.owner, json={"blocked": True})
    response = arrive(api)
    assert response.json()["pseudonym"] == pseudonym
    browser = as_browser(api, response)
    assert api.got("GET", f"{HOME}/me", headers=browser)["blocked"]
    api.problem("POST", f"{HOME}/studies/s/next", headers=browser, status=403, code="PL-COL-031")


def test_who_was_erased_is_not_known_again(api_on_both):
    api = api_on_both
    api.study(toml(prolific=PROLIFIC, wellbeing={"mood_every": 1}))
    response = arrive(api)
    browser = as_browser(api, response)
    api.got("POST", f"{HOME}/studies/s/moods", headers=browser, json={"declined": True}, status=201)
    study_id = api.collecting.catalogue.named("s").id
    assert len(read_moods(api.store, study_id, since=START, until=LATER).people) == 1
    erase_person(api.store, response.json()["pseudonym"], now=api.now)
    assert read_moods(api.store, study_id, since=START, until=LATER).people == ()
    assert arrive(api).json()["pseudonym"] != response.json()["pseudonym"]
    api.problem("GET", f"{HOME}/me", headers=browser, status=401, code="PL-WEB-007")


def test_who_somebody_is_there_never_leaves_the_store(api_on_both, tmp_path, caplog):
    """Every form of an export, every line of the log, every event, a backup's manifest, and every answer."""
    api = api_on_both
    told = listened(api)
    caplog.set_level(logging.DEBUG)
    everybody_arrives(api)
    studies = [collected.ranking(api)[0], collected.red_team(api)[0], collected.labels(api), collected.pairs(api)[0]]
    hit = {"provider": "mturk", "study": "red-team-chat", "participant": "zz-1", "study_of_provider": None}
    browser = as_browser(api, arrive(api, **hit, visit="zz-visit-1"))
    assert {person.provider for person in api.store.rows(select(arrivals.c.provider))} == {
        "prolific",
        "mturk",
        "mturk-hit",
    }
    api.got("POST", f"{HOME}/studies/red-team-chat/moods", headers=browser, json={"declined": True}, status=201)
    assert api.got("GET", f"{HOME}/studies/red-team-chat/standing", headers=browser)["next_items_to_completion"] is None
    # A second HIT of a worker of MTurk, and one that is another's.
    again = as_browser(api, arrive(api, **hit, visit="zz-hit-again"))
    assert api.got("GET", f"{HOME}/studies/red-team-chat/standing", headers=again)["next_items_to_completion"] == 1
    assert arrive(api, **hit | {"participant": "zz-other"}, visit="zz-hit-again").json()["code"] == "PL-ARR-003"
    api("GET", "http://127.0.0.1/arrive/mturk/pairs?assignmentId=zz-hit&workerId=zz-1&hitId=zz-h")
    for changed in ({"study_of_provider": "zz-wrong"}, {"participant": "zz-" * 30}, {"study": "nowhere"}):
        assert arrive(api, **({"study": "pairs", "visit": "zz-visit"} | changed)).status_code >= 400
    api("GET", "http://127.0.0.1/arrive/prolific/pairs?PROLIFIC_PID=zz-1&SESSION_ID=zz-1")
    for study in studies:
        assert look_everywhere(api, study) > 10
    forms = {(study, form): export(api, study, form) for study in studies for form in Form}
    assert {form for (_, form), found in forms.items() if found} == set(Form)
    back_up(api.store, tmp_path / "backup.db", now=api.now)
    beside = [path for path in tmp_path.iterdir() if path.suffix != ".db"]
    assert beside
    texts = [text for found in forms.values() for text in found] + told + [path.read_bytes() for path in beside]
    logged = [record for record in caplog.records if not record.name.startswith("httpx2")]  # the test's own client
    assert any(record.name == "plumbline.web.access" for record in logged)
    texts += [f"{record.getMessage()} {record.__dict__}".encode() for record in logged]
    assert len(texts) > 200
    assert [text for text in texts if b"zz-" in text] == []
    # They are in the store, and so in what is a copy of it.
    assert b"zz-1" in (tmp_path / "backup.db").read_bytes()


def everybody_arrives(api):
    """Every study is on Prolific and MTurk from now on, and workers come to the newest one from there by turns."""
    study, somebody, made, count = api.study, api.somebody, [], itertools.count()

    def on_prolific(text):
        for table, values in (("prolific", PROLIFIC), ("mturk", MTURK)):
            settings = "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
            text = f"{text}\n[{table}]\n{settings}"
        made.append(study(text))
        return made[-1]

    def arrived(role=Role.WORKER):
        if role is not Role.WORKER:
            return somebody(role)
        number = next(count)
        who = {"study": made[-1]["name"], "participant": f"zz-{number}", "visit": f"zz-visit-{number}"}
        response = arrive(api, **who, **({"provider": "mturk", "study_of_provider": None} if number % 2 else {}))
        assert response.status_code == 201, response.text
        person = find_person(api.store, response.json()["pseudonym"])
        return issue_token(api.store, person.id, now=api.now, expires_at=api.now + timedelta(days=1))

    api.study, api.somebody = on_prolific, arrived


def listened(api):
    """Every answer from now on, head and body."""
    told, sent = [], api.http.request

    async def request(*args, **more):
        response = await sent(*args, **more)
        told.append(str(response.headers).encode() + response.content)
        return response

    api.http.request = request
    return told


def look_everywhere(api, study):
    """Asks every route that only reads, as an owner; how many answered."""
    pseudonyms = [person["pseudonym"] for person in api.got("GET", "/people", api.owner)["people"]]
    of_study = (
        "",
        "/file",
        "/status",
        "/items",
        "/standing",
        "/guidelines",
        "/figures",
        "/workers",
        "/disagreements",
        "/late",
    )
    paths = ["/me", "/people", "/studies", "/invitations", "/openapi.json"]
    paths += [f"/studies/{study}{rest}" for rest in of_study]
    paths += [f"/studies/{study}/workers/{pseudonym}" for pseudonym in pseudonyms]
    return sum(api("GET", path, api.owner).status_code == 200 for path in paths)


def export(api, study, form):
    """The files of an export; none where the study has no such form."""
    response = api("GET", f"/studies/{study}/export?to={form}", api.owner)
    if response.status_code != 200:
        return []
    with zipfile.ZipFile(io.BytesIO(response.content)) as opened:
        found = [opened.read(name) for name in opened.namelist()]
    return [*found, *map(unpacked, found)]


def unpacked(data):
    """What a file says, whatever it is packed in."""
    if data[:4] == b"PAR1":
        return str(pq.read_table(io.BytesIO(data)).to_pylist()).encode()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def test_managers_of_a_study_see_who_arrived_by_pseudonym(api):
    api.study(toml(prolific=PROLIFIC))
    pseudonym = arrive(api).json()["pseudonym"]
    manager = api.somebody(Role.MANAGER, only_study_id=find_person(api.store, pseudonym).only_study_id)
    listed = api.got("GET", "/people", manager)["people"]
    assert pseudonym in [person["pseudonym"] for person in listed]
    assert "zz" not in json.dumps(listed)
