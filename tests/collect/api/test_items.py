"""Items that are sent, and who may look at them."""

import gzip

import pytest

from plumbline.collect.store.events import read_events
from plumbline.collect.store.rows import Role
from tests.collect.api.client import EXAMPLES, rows, toml


@pytest.fixture
def study(api):
    api.study(toml())
    return api


def test_sending_items_again_enters_what_is_missing(study):
    first = study.got("POST", "/studies/s/items", study.owner, content=rows(("q", "a", "b")))
    again = study.got("POST", "/studies/s/items", study.owner, content=rows(("q", "a", "b"), ("r", "a", "b")))
    assert (first["new"], again["new"], again["known"]) == (1, 1, 1)
    # A row of this format is two comparisons, of two axes: one pair.
    assert first["passed_over"]["PL-ITM-003"] == 1


def test_rows_that_cannot_be_read_are_counted_not_told(study):
    content = rows(("q", "a", "b")) + b'\n{"prompt": "secret words"\n'
    response = study("POST", "/studies/s/items", study.owner, content=content)
    assert response.status_code == 200
    assert response.json()["faults"] == {"PL-JSON-001": 1}
    assert "secret words" not in response.text


def test_packed_items_and_items_of_other_forms(study):
    packed = gzip.compress(rows(("q", "a", "b")))
    assert study.got("POST", "/studies/s/items?form=jsonl.gz", study.owner, content=packed)["new"] == 1
    study.problem("POST", "/studies/s/items", study.owner, content=b"", status=422, code="PL-SVC-008")
    response = study("POST", "/studies/s/items?form=zip", study.owner, content=b"x")
    assert (response.status_code, response.json()["code"]) == (422, "PL-WEB-006")
    response = study("POST", "/studies/s/items?form=parquet", study.owner, content=b"x" * 100)
    assert response.status_code == 422
    response = study("POST", "/studies/s/items?purpose=review", study.owner, content=rows(("q", "a", "b")))
    assert response.status_code == 422


def test_what_cannot_be_read_is_told_without_the_servers_folders(study):
    for form, content in (("jsonl", b"\x00\x01 no JSON"), ("jsonl.gz", b"no gzip"), ("parquet", b"x" * 100)):
        response = study("POST", f"/studies/s/items?form={form}", study.owner, content=content)
        assert response.status_code == 422
        assert "items." in response.json()["detail"]
        assert "/tmp" not in response.text
        assert "plumbline-items" not in response.text


def test_a_bomb_and_a_body_without_end_are_refused(study):
    bomb = gzip.compress(b"0" * (200 << 20))
    response = study("POST", "/studies/s/items?form=jsonl.gz", study.owner, content=bomb)
    assert response.status_code in (200, 422)
    assert study.got("GET", "/studies/s/items", study.owner)["items"] == []
    study.problem("POST", "/studies/s/items", study.owner, content=b" " * (33 << 20), status=413, code="PL-WEB-001")


def test_what_may_be_done_with_the_data_goes_into_the_log(study):
    study.got("POST", "/studies/s/items", study.owner, content=rows(("q", "a", "b")))
    (event,) = [event for event in read_events(study.store) if event.kind == "data_entered"]
    assert event.payload["uses"]
    assert event.payload["licence"]
    assert len(event.payload["files"][0]) == 64


def test_known_answers_are_for_managers(study):
    data = (EXAMPLES / "data/known-comparisons.jsonl").read_bytes()
    study.got("POST", "/studies/s/items?purpose=gold", study.owner, content=data)
    study.problem("GET", "/studies/s/items", study.somebody(Role.REVIEWER), status=403, code="PL-WEB-008")
    page = study.got("GET", "/studies/s/items?purpose=gold&limit=3", study.somebody(Role.MANAGER))
    assert len(page["items"]) == 3
    assert all(item["truth"] for item in page["items"])
    rest = study.got("GET", f"/studies/s/items?purpose=gold&after={page['after']}", study.owner)
    assert [len(rest["items"]), rest["after"]] == [1, None]
    assert study.got("GET", "/studies/s/items?purpose=work", study.owner)["items"] == []


def test_workers_are_not_told_what_an_item_is_for(study):
    answer = study("POST", "/studies/s/next", study.somebody())
    assert answer.json()["assignment"] is None
    data = (EXAMPLES / "data/known-comparisons.jsonl").read_bytes()
    study.study(toml(name="t", gold={"items": "x", "share": 0.99}))
    study.got("POST", "/studies/t/items?purpose=gold", study.owner, content=data)
    # There is nothing but gold, and it comes to nearly everybody.
    given = (study.next("t", study.somebody()) for _ in range(50))
    work = next(work for work in given if work["assignment"] is not None)
    assert work["queue"] == "work"
    assert "gold" not in str(work)
    assert "truth" not in str(work)
