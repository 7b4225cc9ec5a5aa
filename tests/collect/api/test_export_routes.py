"""The route of exports: an archive over HTTP, problems before the first byte, ended with the client."""

import asyncio
import threading

from plumbline.collect.api import export_routes
from plumbline.collect.export import exporting
from plumbline.collect.store.rows import Role
from tests.collect.api.client import rows, toml
from tests.collect.export import collected
from tests.collect.export.test_batches import in_batches_of
from tests.collect.export.test_folder import exports


def test_an_archive(api_on_both):
    api = api_on_both
    study, _ = collected.pairs(api)
    manager = api.somebody(Role.MANAGER)
    path = f"/studies/{study}/export?to=hh-rlhf&test_share=0.4&uses=preference&uses=analysis&licence=CC-BY-4.0"
    response = api("GET", path, manager)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/zip")
    assert response.headers["content-disposition"] == 'attachment; filename="pairs-hh-rlhf.zip"'
    found = collected.unzipped(response.content, study, "hh-rlhf")
    del found["manifest.json"]
    folder = collected.archive(api, study, "hh-rlhf", test_share=0.4)
    del folder["manifest.json"]
    # Both tell the terms, and these state some.
    assert b"; for analysis, preference\n" in found.pop("README.md")
    del folder["README.md"]
    assert found == folder
    assert len(exports(api)) == 2


def test_our_own_tables_where_nothing_is_said(api):
    study, _ = collected.pairs(api, workers=1)
    response = api("GET", f"/studies/{study}/export", api.owner)
    found = collected.unzipped(response.content, study, "parquet")
    assert list(found) == ["comparisons/train.parquet", "README.md", "manifest.json"]


def test_refusals_are_problem_documents(api):
    api.study(toml())
    api.problem("GET", "/studies/s/export?to=parquet", api.owner, status=422, code="PL-EXP-002")
    api.problem("GET", "/studies/s/export?to=beavertails", api.owner, status=422, code="PL-EXP-001")
    api.problem("GET", "/studies/nobody/export?to=parquet", api.owner, status=404, code="PL-COL-010")
    api.problem("GET", "/studies/s/export?to=parquet&licence=x%20y", api.owner, status=422, code="PL-USE-003")
    data = rows(("q", "one", "a\n\nHuman: b"))
    api.got("POST", "/studies/s/items", api.owner, content=data)
    worker = api.somebody()
    api.submitted(api.next("s", worker), worker, act="judge-pair", helpfulness=1)
    api.problem("GET", "/studies/s/export?to=hh-rlhf", api.owner, status=422, code="PL-EXP-003")
    for query in ("to=csv", "test_share=1", "test_share=nan", "uses=selling", "licence=" + "x" * 101):
        document = api.problem("GET", f"/studies/s/export?{query}", api.owner, status=422, code="PL-WEB-006")
        assert document["fields"]
    assert exports(api) == []


def test_reviewers_get_none(api):
    study, _ = collected.pairs(api, workers=1)
    for role in (Role.WORKER, Role.REVIEWER):
        api.problem("GET", f"/studies/{study}/export", api.somebody(role), status=403, code="PL-WEB-008")


def asgi_call(api, path, token, sends):
    """One request at the app; `sends` is called with each message and may await."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"to=hh-rlhf",
        "root_path": "",
        "headers": [(b"authorization", f"Bearer {token}".encode()), (b"host", b"x")],
        "client": ("127.0.0.1", 1),
        "server": ("x", 80),
        "state": {},
    }

    async def call():
        gone = asyncio.Event()
        asked = False

        async def receive():
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            await sends(message, gone)

        await api.app(scope, receive, send)

    api.runner.run(asyncio.wait_for(call(), 20))


def test_a_client_that_goes_away_ends_it(api, monkeypatch):
    study, _ = collected.pairs(api)
    in_batches_of(monkeypatch, 1)
    batches, ended = [], threading.Event()
    whole, close = exporting.RecordMaker.records, export_routes._Pieces.close
    monkeypatch.setattr(
        exporting.RecordMaker, "records", lambda maker, batch, tally: batches.append(1) or whole(maker, batch, tally)
    )

    def closed(pieces):
        close(pieces)
        ended.set()

    monkeypatch.setattr(export_routes._Pieces, "close", closed)
    sent = []

    async def sends(message, gone):
        sent.append(message)
        if len(sent) == 2:
            gone.set()

    asgi_call(api, f"/api/v1/studies/{study}/export", api.owner, sends)
    assert ended.wait(10)
    # 24 assignments, two files: it would have been 48.
    assert len(batches) < 20
    assert exports(api) == []
    assert api.store.engine.pool.checkedout() == 0


def test_a_failure_midway_breaks_the_connection_off(api, monkeypatch):
    study, _ = collected.pairs(api)
    in_batches_of(monkeypatch, 2)
    made = []
    whole = exporting.RecordMaker.records

    def fails(maker, batch, tally):
        made.append(1)
        if len(made) == 3:
            raise RuntimeError("a text that nobody should see in a log")
        return whole(maker, batch, tally)

    monkeypatch.setattr(exporting.RecordMaker, "records", fails)
    sent, broken = [], False

    async def sends(message, gone):
        sent.append(message)

    try:
        asgi_call(api, f"/api/v1/studies/{study}/export", api.owner, sends)
    except ConnectionAbortedError:
        broken = True
    assert broken
    assert sent[0]["status"] == 200
    assert sent[-1].get("more_body") is True
    assert exports(api) == []


def test_the_event_loop_goes_on_while_a_batch_is_made(api, monkeypatch):
    """Another request is answered while an export waits in its thread."""
    study, _ = collected.pairs(api)
    held, go = threading.Event(), threading.Event()
    whole = exporting.RecordMaker.records

    def slow(maker, batch, tally):
        held.set()
        assert go.wait(20)
        return whole(maker, batch, tally)

    monkeypatch.setattr(exporting.RecordMaker, "records", slow)

    async def both():
        export = asyncio.create_task(api._send("GET", f"/studies/{study}/export", api.owner, {}))
        while not held.is_set():
            await asyncio.sleep(0.01)
        other = await api._send("GET", f"/studies/{study}/status", api.owner, {})
        go.set()
        return other, await export

    other, export = api.runner.run(both())
    assert (other.status_code, export.status_code) == (200, 200)


def test_the_document_says_that_it_is_a_zip(api):
    found = api.got("GET", "http://server.example/openapi.json")
    operation = found["paths"]["/api/v1/studies/{study}/export"]["get"]
    assert list(operation["responses"]["200"]["content"]) == ["application/zip"]
    assert operation["x-least-role"] == "manager"
