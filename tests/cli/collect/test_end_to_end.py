"""A study of each kind, from an empty folder over a real server to its data, by a scripted client and the program itself."""

import json
import os
import signal
import socket
import time

import pytest

import plumbline
from tests.cli.collect_client import Client, Server, is_running
from tests.prepared import run_prepared

STUDIES = {
    "pairs": "pairs",
    "preference-chat": "preference-chat",
    "preference-chat-harmlessness": "preference-chat-harmlessness",
    "red-team-chat": "red-team-chat",
    "safety-labels": "safety-labels",
    "two-axis-ranking": "two-axis-ranking",
}
"""Example → name of its study."""


@pytest.fixture
def serve():
    """Starts servers that end with the test."""
    started = []

    def start(*studies, **how):
        started.append(Server(*studies, **how))
        return started[-1]

    yield start
    for server in started:
        server.close()


def people_of(owner, *roles):
    """Tokens that the owner makes over the API."""
    added = [owner.got("POST", "/people", 201, json={"role": role, "token_days": 1}) for role in roles]
    return [Client(owner.server, person["token"]) for person in added]


def test_a_study_of_each_kind_from_an_empty_folder_to_its_data(plumb, serve, tmp_path):
    store = tmp_path / "all.db"
    first = run_prepared("collect", "init", tmp_path / "pairs", "--example", "pairs", "--store", store, "--json")
    assert first.returncode == 0, first.stderr
    token = json.loads(first.stdout)["owner_token"]
    for example in list(STUDIES)[1:]:
        code, out, err = plumb("collect", "init", tmp_path / example, "--example", example, "--store", store, "--json")
        assert (code, json.loads(out)["owner_token"]) == (0, None), err
    assert token not in store.read_bytes().decode("latin-1")
    server = serve(*(tmp_path / example for example in STUDIES), store=store)
    owner = Client(server, token)
    one, two, three, reviewer = people_of(owner, "worker", "worker", "worker", "reviewer")
    workers = (one, two, three)

    # Half of the pairs, then a crash between an answer and whoever waits for it.
    assert one.do_all("pairs", most=6) == 6
    work = one.next("pairs")
    sent = one.submission(work, work["step"])
    answered = one.submit(*sent)
    before = {name: owner.got("GET", f"/studies/{name}/status") for name in STUDIES.values()}
    server.kill()
    server.start()
    assert {name: owner.got("GET", f"/studies/{name}/status") for name in STUDIES.values()} == before
    assert one.submit(*sent) == answered | {"repeated": True}
    assert one.do_all("pairs") == 5
    assert two.do_all("pairs") == 12

    # The others, each to its end, with what follows from it.
    # Known answers are strewn among the labels: how many each gets is drawn.
    assert sum(worker.do_all("safety-labels", most=30) for worker in workers) >= 3 * 18
    assert owner.got("GET", "/studies/safety-labels/status")["queues"]["work"]["submitted"] == 3 * 18
    assert [worker.do_all("two-axis-ranking") for worker in (one, two)] == [8, 8]
    # Four training items come before the four prompts.
    assert one.do_all("preference-chat-harmlessness") == 8
    assert (one.do_all("preference-chat", most=2), reviewer.do_all("preference-chat", "spot-checks")) == (2, 2)
    assert one.do_all("red-team-chat", most=1) == 1
    assert [worker.do_all("red-team-chat", "review") for worker in workers] == [0, 1, 1]

    code, out, err = plumb("collect", "status", "--store", store, "--json")
    found = {study["name"]: study for study in json.loads(out)["studies"]}
    assert (code, err, len(found)) == (0, "", 6)
    work = found["pairs"]["queues"]["work"]
    assert (work["items"], work["complete"], work["submitted"]) == (12, 12, 24)
    assert found["preference-chat-harmlessness"]["queues"]["training"]["submitted"] == 4
    assert [each["failed_draws"] for each in found.values()] == [[]] * 6
    exported = export_all(plumb, tmp_path, store)
    assert exported == EXPORTED
    keep_and_erase(plumb, tmp_path, store, server)
    code, out, err = server.end()
    assert code == 0, err
    assert "Traceback" not in err
    assert token not in out + err


EXPORTED = {
    # Every pair twice, on both axes.
    ("pairs", "hh-rlhf"): {"comparisons": 2 * 24},
    ("pairs", "parquet"): {"comparisons": 2 * 24},
    ("preference-chat", "hh-rlhf"): {"comparisons": 2 * 4},
    ("preference-chat-harmlessness", "hh-rlhf"): {"comparisons": 4 * 3},
    ("red-team-chat", "red-team"): {"red_team_attempts": 1},
    ("red-team-chat", "hh-rlhf"): {"comparisons": 4},
    ("safety-labels", "beavertails"): {"safety_labels": 3 * 18},
    # Twelve pairs of ranked replies, by two workers, on both axes; and what each row says of both replies, or each of the
    # eighteen replies once, since the labels came with them.
    ("two-axis-ranking", "pku-saferlhf"): {"comparisons": 12 * 2 * 2, "safety_labels": 12 * 2 * 2},
    ("two-axis-ranking", "parquet"): {"comparisons": 12 * 2 * 2, "safety_labels": 18},
}
"""How many records each form of each study holds."""


def export_all(plumb, tmp_path, store):
    """What `plumbline.load` finds in the exports: records by kind."""
    found = {}
    for example, form in EXPORTED:
        out = tmp_path / "exported" / f"{example}-{form}"
        code, printed, err = plumb(
            "collect", "export", tmp_path / example, out, "--to", form, "--store", store, "--json"
        )
        assert code == 0, err
        assert json.loads(printed)["quarantined"] == {}
        tables = plumbline.load(out).tables
        counts = {kind.value: len(table) for kind, table in tables.items() if len(table)}
        assert counts
        found[example, form] = counts
    return found


def keep_and_erase(plumb, tmp_path, store, server):
    """A backup, a worker erased while the server goes on, and the backup put elsewhere."""
    backup = tmp_path / "backups" / "all.db"
    assert plumb("collect", "backup", tmp_path / "pairs", backup, "--store", store)[0] == 0
    new = json.loads(plumb("collect", "token", tmp_path / "red-team-chat", "--store", store, "--json")[1])
    author = Client(server, new["token"])
    assert author.do_all("red-team-chat", most=1) == 1
    erase = ("collect", "erase", tmp_path / "red-team-chat", new["pseudonym"], "--store", store, "--json")
    code, out, err = plumb(*erase, "--look-in", tmp_path / "exported")
    assert (code, "PL-STA-020" in err) == (2, True)  # nobody to ask
    code, out, err = plumb(*erase, "--look-in", tmp_path / "exported", "--yes")
    erased = json.loads(out)
    assert (code, erased["already"], erased["exports"], erased["rows"]["turns"]) == (0, False, [], 4), err
    assert author.send("GET", "/me").status_code == 401
    code, out, err = plumb(
        "collect", "restore", backup, tmp_path / "elsewhere", "--store", tmp_path / "new.db", "--json"
    )
    assert (code, json.loads(out)["was_verified"]) == (0, True), err
    assert plumb("collect", "restore", backup, tmp_path / "x", "--store", tmp_path / "new.db")[0] == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_under_way_end_before_the_server_does(plumb, serve, tmp_path, number):
    plumb("collect", "init", tmp_path / "pairs", "--example", "pairs")
    token = json.loads(plumb("collect", "token", tmp_path / "pairs", "--role", "owner", "--json")[1])["token"]
    server = serve(tmp_path / "pairs", as_people_do=number == signal.SIGTERM)
    port = int(server.url.split(":")[2].split("/")[0])
    body = json.dumps({"role": "worker", "token_days": 1}).encode()
    head = (
        f"POST /api/v1/people HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=20) as half:
        half.sendall(head.encode() + body[:5])
        Client(server, token).got("GET", "/me")  # so that the half is being served
        server.send_signal(number)
        time.sleep(0.3)
        half.sendall(body[5:])
        assert half.recv(1000).startswith(b"HTTP/1.1 201")
    code, _, err = server.ended()
    assert code == 0, err


@pytest.mark.thorough  # benchmarks/test_hammer kills servers on Postgres under simulated workers, and counts what is lost
def test_several_processes_on_postgres_and_one_of_them_dies(empty_postgres, serve, tmp_path):
    env = {"PLUMBLINE_STORE": empty_postgres}
    first = run_prepared("collect", "init", tmp_path / "pairs", "--example", "pairs", "--json", env=env)
    assert first.returncode == 0, first.stderr
    server = serve(tmp_path / "pairs", words=["--processes", "2"], env=env, as_people_do=True)
    owner = Client(server, json.loads(first.stdout)["owner_token"])
    one, two = people_of(owner, "worker", "worker")
    assert one.do_all("pairs", most=3) == 3
    os.kill(server.children()[0], signal.SIGKILL)
    assert one.do_all("pairs") + two.do_all("pairs") == 9 + 12
    # Nobody would end the processes of a supervisor that was killed, and they would hold the port.
    assert wait_until(lambda: len(server.children()) == 2)
    Client(server, one.token).got("GET", "/me")
    ids = server.children()
    server.kill()
    assert wait_until(lambda: not any(map(is_running, ids)))


def wait_until(holds, most_seconds=20):
    """Whether it came to hold."""
    deadline = time.monotonic() + most_seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
