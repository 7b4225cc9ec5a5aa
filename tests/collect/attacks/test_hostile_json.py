"""JSON that brings readers down or says two things (CVE-2024-27454: depth without end)."""

import json

import pytest

from plumbline.collect.store.checking import check_store
from tests.collect.attacks.whole import all_routes, as_json, path_of, two_studies

TYPE = ("Content-Type", "application/json")
CHANGING = [route for route in all_routes() if route.methods - {"GET"} and route.name != "enter_items"]


def nested(depth, kind):
    """A payload so deep, written by hand: an encoder would give up."""
    first, last = {"object": (b'{"a":', b"}"), "list": (b"[", b"]"), "both": (b'[{"a":', b"}]")}[kind]
    return first * depth + b"1" + last * depth


@pytest.fixture
def at_work(api):
    two_studies(api)
    worker = api.somebody()
    api.work = api.next("s", worker)
    api.session = api.session_of(worker)
    api.owners = api.session_of(api.owner)
    return api


def save(api, payload, version=0, headers=(TYPE,)):
    content = b'{"version":%d,"payload":%s}' % (version, payload)
    return api.ask(
        "PUT", f"/api/v1/assignments/{api.work['assignment']}/draft", api.session, content=content, headers=headers
    )


@pytest.mark.parametrize("kind", ["object", "list", "both"])
@pytest.mark.parametrize("depth", [40, 1_000, 100_000])
def test_cve_2024_27454_no_route_reads_what_is_too_deep(at_work, kind, depth):
    api, content = at_work, nested(depth, kind)
    for route in CHANGING:
        (method,) = route.methods
        headers = [TYPE, ("Idempotency-Key", api.key())]
        answer = api.ask(
            method, path_of(route), api.owners, content=content[: 30_000 if depth > 1_000 else None], headers=headers
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "PL-WEB-003"), (route.name, answer.text)


@pytest.mark.parametrize("headers", [
    [TYPE, TYPE],
    [TYPE, ("Content-Type", "text/plain")],
    [("Content-Type", "text/plain"), TYPE],
    [("Content-Type", "Application/JSON ; charset=utf-8")],
    [("Content-Type", "application/json;"), TYPE],
])  # fmt: skip
def test_no_header_hides_the_depth(at_work, headers):
    """Two types: whoever measured the depth looked at none of them, and who read the body at the first."""
    answer = save(at_work, nested(200, "object"), headers=headers)
    assert answer.status_code in (400, 415), answer.text
    assert (
        at_work.ask("GET", f"/api/v1/assignments/{at_work.work['assignment']}/draft", at_work.session).json()["version"]
        == 0
    )


@pytest.mark.parametrize("body", [
    b'{"version":0,"version":1,"payload":{}}',
    b'{"version":0,"payload":{"a":1,"a":2}}',
    b'{"version":0,"payload":{"a":1,"\\u0061":2}}',
    b'{"version":0,"payload":{"x":[{"a":1,"a":1}]}}',
    b'{"payload":{},"version":0,"payload":{}}',
])  # fmt: skip
def test_a_key_stands_once(at_work, body):
    answer = at_work.ask(
        "PUT", f"/api/v1/assignments/{at_work.work['assignment']}/draft", at_work.session, content=body, headers=[TYPE]
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "PL-WEB-004")


@pytest.mark.parametrize("number", [
    b"1" + b"0" * 30, b"9" * 4_000, b"9" * 200_000, b"-" + b"9" * 40, b"1e400", b"-1e400", b"1e-400", b"0." + b"3" * 100_000,
    b"9223372036854775808", b"18446744073709551616", b"1e308", b"NaN", b"Infinity", b"-0", b"0x10", b"1_000", b"01",
])  # fmt: skip
def test_huge_numbers_are_refused_or_come_back_as_they_were(at_work, number):
    api = at_work
    answer = save(api, b'{"n":%s}' % number)
    assert answer.status_code in (200, 400, 422), answer.text[:300]
    read = api.ask("GET", f"/api/v1/assignments/{api.work['assignment']}/draft", api.session)
    assert read.status_code == 200, read.text[:300]
    if answer.status_code == 200:
        assert read.json()["payload"]["n"] == json.loads(number)
    assert check_store(api.store) == []
    for name, body in (("extend", b'{"fence":%s}'), ("release", b'{"fence":%s}')):
        path = f"/api/v1/assignments/{api.work['assignment']}/{name}"
        assert api.ask("POST", path, api.session, content=body % number, headers=[TYPE]).status_code in (400, 409, 422)


@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "\\udc00\\ud800", "\\ufeff", "\\u202e", "\\uffff"])
def test_odd_characters_break_no_store(api_on_both, text):
    api = api_on_both
    two_studies(api)
    worker = api.somebody()
    api.work, api.session = api.next("s", worker), api.session_of(worker)
    answer = save(api, b'{"n":"%s","%s":1}' % (text.encode(), text.encode()))
    assert answer.status_code in (200, 400, 422), answer.text
    read = api.ask("GET", f"/api/v1/assignments/{api.work['assignment']}/draft", api.session)
    if answer.status_code == 200:
        assert read.json()["payload"]["n"] == json.loads(f'"{text}"')
    submission = as_json(
        {"fence": 1, "guidelines_version": 1, "submission": {"act": "judge-pair", "helpfulness": 1, "comment": "TEXT"}}
    ).replace(b"TEXT", text.encode())
    path = f"/api/v1/assignments/{api.work['assignment']}/submit"
    headers = [TYPE, ("Idempotency-Key", api.key())]
    assert api.ask("POST", path, api.session, content=submission, headers=headers).status_code in (
        200,
        400,
        422,
    )
    assert check_store(api.store) == []
