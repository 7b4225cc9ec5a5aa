"""The hammer in its short form, on both databases: nothing lost or doubled, and each planted fault found."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.collecting.servers import FastClock
from benchmarks.hammer.__main__ import Size, figures_of, hammer
from benchmarks.hammer.ledger import Ledger, Sent, Told, read_ledgers
from benchmarks.hammer.planting import PLANTS
from benchmarks.hammer.run import Plan
from benchmarks.hammer.worker import Habits, item_shown, preference, step_for
from plumbline.collect.kinds.strength import Scale
from tests.collect import postgres_server

ROOT = Path(__file__).resolve().parents[2]
SIZE = Size(items=30, overlap=3, workers=6)
# A minute of the study's is a second: leases of those who abandon an item run out while the others work.
FACTOR = 60
HABITS = Habits(
    cut_short=0.08, unread=0.08, twice=0.1, again=0.05, other_body=0.05, given_up=0.02, released=0.02, abandoned=0.03,
    wait_seconds=1.4, idle_seconds=0.2,
)  # fmt: skip


# In short on Postgres alone.
@pytest.mark.parametrize("database", [pytest.param("sqlite", marks=pytest.mark.thorough), "postgres"])
def test_servers_killed_and_connections_dropped_lose_and_double_nothing(database, tmp_path):
    if database == "postgres":
        try:
            postgres_server.find_program("initdb")
        except postgres_server.NoPostgres as error:
            pytest.skip(f"no Postgres here: {error}")
    plan = Plan(2, None, (30, 60), 60, FastClock(time.time(), FACTOR), HABITS, seed=4)
    hammered = hammer(database, SIZE, plan, tmp_path)
    assert hammered.ran.complete
    assert hammered.checked.faults == []
    counts = hammered.checked.counts
    assert counts["judgements in the store"] == 90
    assert counts["told accepted"] + counts["no answer, and stored"] >= 90
    assert hammered.ran.kills == 2
    assert hammered.ran.figures.counts["lost"] > 0
    assert min(hammered.ran.figures.counts[habit] for habit in ("cut_short", "unread", "twice")) > 0
    assert len(hammered.findings) in (len(PLANTS), len(PLANTS) + 1)
    assert {finding.name: finding.missing for finding in hammered.findings if finding.missing} == {}
    assert json.loads(json.dumps(figures_of(hammered, {})))["holds"]


@pytest.mark.thorough  # the test above drives the same servers
def test_the_command_hammers_servers_as_users_start_them(tmp_path):
    command = [sys.executable, "-m", "benchmarks.hammer", "--items", "12", "--workers", "4", "--servers", "2"]
    command += ["--kill-every", "4", "--bad-luck", "0", "--seconds", "60", "--json", str(tmp_path / "f.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every judgement accounted for" in done.stdout
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["faults"] == []
    assert figures["checked"]["judgements in the store"] == 36
    assert figures["about"]["workers are"] == "simulated"
    assert figures["latencies"]["submit"]["requests"] == 36
    assert figures["exit_codes"] == [0, 0]


def test_the_step_prefers_the_text_that_stands_at_a_position():
    for strength in (1, 2, 3, 4):
        assert [Scale().reading(step_for(position, strength)) for position in (0, 1)] == [(0, strength), (1, strength)]
    assert len({preference(worker, item) for worker in range(20) for item in range(20)}) == 8
    assert preference(3, 7) == preference(3, 7)


def test_texts_of_two_pairs_on_one_screen_are_noticed():
    step = {"conversation": [{"text": "a question, of pair #7"}], "replies": ["one of pair #7", "other of pair #7"]}
    assert item_shown(step) == 7
    step["replies"][1] = "other of pair #8"
    with pytest.raises(ValueError, match="pairs"):
        item_shown(step)


def test_a_ledger_is_read_back_as_it_was_written(tmp_path):
    ledger = Ledger(tmp_path / "worker-03.jsonl")
    sent = {"key": "w03-000001", "assignment": 7, "fence": 1, "item": 31, "better": 0, "strength": 2}
    ledger.write("leased", assignment=7, fence=1, item=31)
    ledger.write("sent", **sent)
    ledger.write("told", key="w03-000001", outcome="accepted", judgements=[12], repeated=False)
    # Not closed: what was written stands there, whatever becomes of the writer.
    found = read_ledgers([tmp_path / "worker-03.jsonl"])
    assert found.sent == {"w03-000001": Sent(worker=3, **sent)}
    assert found.told == {"w03-000001": [Told("accepted", (12,))]}
    assert found.outcome("w03-000001") == "accepted"
    assert found.outcome("w03-000002") is None
    ledger.close()
