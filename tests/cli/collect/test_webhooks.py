"""Webhooks of a real server: a crash between what is told and the telling, and several processes that tell the rest."""

import json
import sqlite3
from contextlib import closing

from tests.cli.collect_client import Client, Server, is_running
from tests.collect.server.receiving import receiver
from tests.prepared import run_prepared


def claims_lapse(store):
    """As after the time of a claim, which a process that died still holds."""
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE deliveries SET claimed_until = 1 WHERE claimed_until IS NOT NULL")


def undelivered(store):
    with closing(sqlite3.connect(store)) as connection:
        return connection.execute("SELECT COUNT(*) FROM deliveries WHERE delivered_at IS NULL").fetchone()[0]


def test_what_was_told_before_a_crash_arrives_after_it_and_once(tmp_path):
    folder, store = tmp_path / "pairs", tmp_path / "all.db"
    made = run_prepared("collect", "init", folder, "--example", "pairs", "--store", store, "--json")
    server = Server(folder, store=store, words=("--permit-private",))
    try:
        with receiver() as receiving:
            owner = Client(server, json.loads(made.stdout)["owner_token"])
            body = {"url": f"{receiving.url}/waits", "events": ["study.paused", "study.resumed"]}
            owner.got("POST", "/webhooks", 201, json=body)
            owner.got("PUT", "/studies/pairs/state", json={"state": "paused"})
            (first,) = receiving.wait_for(1, "/waits")
            # Killed while the first is being sent, and straight after the answer that the second tells.
            owner.got("PUT", "/studies/pairs/state", json={"state": "open"})
            server.kill()
            claims_lapse(store)
            assert undelivered(store) == 2
            receiving.release.set()
            receiving.got.clear()
            server.close()
            words = ("--permit-private", "--processes", "2")
            server = Server(folder, store=store, words=words, as_people_do=True)
            after = receiving.wait_for(2, "/waits")
            assert first in after
            assert sorted(each["type"] for each in after) == ["study.paused", "study.resumed"]
            ids = server.children()
            code, _, err = server.end()
            assert (code, "Traceback" in err, undelivered(store)) == (0, False, 0), err
            assert (len(ids), any(map(is_running, ids))) == (2, False)
    finally:
        server.close()
