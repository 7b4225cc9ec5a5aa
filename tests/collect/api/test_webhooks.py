"""Webhooks over the API: made, listed without their secrets, tried, removed; what is refused."""

import json
from datetime import timedelta

from plumbline.collect.store.deliveries import claim_due, mark_delivered, mark_failed
from plumbline.collect.store.rows import Role
from plumbline.collect.store.studies import find_study
from plumbline.collect.store.webhook_rows import NoAnswer
from tests.collect.api.client import toml

URL = "https://receiver.example/told"


def made(api, **changes):
    return api.got("POST", "/webhooks", api.owner, json={"url": URL, "events": ["study.paused"], **changes}, status=201)


def claimed(api):
    return claim_due(api.store, now=api.now, until=api.now + timedelta(minutes=1))


def test_a_webhook_from_its_making_to_its_end(api):
    api.study(toml(name="pairs"))
    hook = made(api, study="pairs", events=["study.paused", "item.finished"])
    assert hook["secret"].startswith("whsec_")
    listed = api.got("GET", "/webhooks", api.owner)
    assert hook["secret"] not in json.dumps(listed)
    (line,) = listed["webhooks"]
    assert (line["study"], line["events"], line["waiting"]) == ("pairs", ["study.paused", "item.finished"], 0)
    assert line["created_by"] == api.ids[api.owner].pseudonym
    api.got("POST", f"/webhooks/{hook['id']}/test", api.owner, status=202)
    mark_failed(api.store, claimed(api), NoAnswer.TOO_SLOW, now=api.now, next_at=None)
    api.got("PUT", "/studies/pairs/state", api.owner, json={"state": "paused"})
    mark_delivered(api.store, claimed(api).id, 204, now=api.now)
    told = api.got("GET", f"/webhooks/{hook['id']}/deliveries", api.owner)["deliveries"]
    assert [(each["event"], each["state"], each["status"], each["trouble"]) for each in told] == [
        ("study.paused", "delivered", 204, None),
        ("ping", "given_up", None, "too_slow"),
    ]
    first = api.got("GET", f"/webhooks/{hook['id']}/deliveries?limit=1", api.owner)
    rest = api.got("GET", f"/webhooks/{hook['id']}/deliveries?before={first['before']}", api.owner)
    assert first["deliveries"] + rest["deliveries"] == told
    api.got("POST", f"/webhooks/{hook['id']}/deliveries/{told[0]['id']}/again", api.owner, status=202)
    assert claimed(api).message["id"] == told[0]["message"]
    assert api.got("DELETE", f"/webhooks/{hook['id']}", api.owner) == {"removed": True}
    assert api.got("DELETE", f"/webhooks/{hook['id']}", api.owner) == {"removed": False}
    for method, path in (("POST", "/test"), ("GET", "/deliveries"), ("POST", f"/deliveries/{told[0]['id']}/again")):
        api.problem(method, f"/webhooks/{hook['id']}{path}", api.owner, status=404, code="PL-COL-010")


def test_what_is_refused(api):
    refused = (
        ({"url": "https://169.254.169.254/"}, "PL-WHK-001"),
        ({"url": "http://receiver.example/"}, "PL-WHK-001"),
        ({"events": ["study.paused", "study.paused"]}, "PL-WHK-002"),
        ({"events": ["ping"]}, "PL-WHK-002"),
    )
    for changes, code in refused:
        body = {"url": URL, "events": ["study.paused"], **changes}
        told = api.problem("POST", "/webhooks", api.owner, json=body, status=422, code=code)
        assert [each["field"] for each in told.get("fields", ())] == ["url"] * (code == "PL-WHK-001")
    body = {"url": URL, "events": ["study.paused"], "study": "none"}
    api.problem("POST", "/webhooks", api.owner, json=body, status=404, code="PL-COL-010")
    assert api.got("GET", "/webhooks", api.owner)["webhooks"] == []


def test_managers_see_what_became_of_messages_about_their_studies_and_no_paths_of_addresses(api):
    """Of every study where they are of the whole store, of theirs where they are of one; they change nothing."""
    api.study(toml(name="pairs"))
    api.study(toml(name="other"))
    for study in ("pairs", "other", None):
        hook = made(api, study=study, url=f"{URL}?key=zz")
        api.got("POST", f"/webhooks/{hook['id']}/test", api.owner, status=202)
    of_all, of_one = (
        api.somebody(Role.MANAGER),
        api.somebody(Role.MANAGER, only_study_id=find_study(api.store, "other").id),
    )
    for who, numbers in ((of_all, [1, 2, 3]), (of_one, [2])):
        listed = api.got("GET", "/webhooks", who)["webhooks"]
        assert [each["id"] for each in listed] == numbers
        assert {each["url"] for each in listed} == {"https://receiver.example"}
        (delivery,) = api.got("GET", "/webhooks/2/deliveries", who)["deliveries"]
        assert delivery["event"] == "ping"
        for method, path in (("DELETE", ""), ("POST", "/test"), ("POST", f"/deliveries/{delivery['id']}/again")):
            api.problem(method, f"/webhooks/2{path}", who, status=403, code="PL-WEB-008")
    for number in (1, 3):
        api.problem("GET", f"/webhooks/{number}/deliveries", of_one, status=404, code="PL-COL-010")


def test_a_delivery_of_another_webhook_is_not_found(api):
    one, two = made(api), made(api)
    api.got("POST", f"/webhooks/{one['id']}/test", api.owner, status=202)
    (delivery,) = api.got("GET", f"/webhooks/{one['id']}/deliveries", api.owner)["deliveries"]
    path = f"/webhooks/{two['id']}/deliveries/{delivery['id']}/again"
    api.problem("POST", path, api.owner, status=404, code="PL-COL-010")
