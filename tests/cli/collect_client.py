"""A server of `plumbline collect serve` as a process, and a scripted client that does whatever is asked of it."""

import itertools
import json
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

import httpx2

from tests.prepared import run_program, start_prepared

EXAMPLES = Path(__file__).parents[2] / "src/plumbline/collect/examples"
PROGRAM = [sys.executable, "-W", "error", "-m", "plumbline"]
_KNOWN = [json.loads(line) for line in (EXAMPLES / "data/known-comparisons.jsonl").read_text().splitlines()]
HARMFUL = {row[f"response_{1 - row['safer_response_id']}"] for row in _KNOWN}
"""The replies of the training set that a worker who passes calls more harmful."""


class Server:
    """`plumbline collect serve` on a free port.

    Args:
        as_people_do: started from nothing, which takes seconds; else in a process that has imported it all, which cannot
            start those of ``--processes``.
    """

    def __init__(self, *studies, store=None, words=(), env=None, as_people_do=False):
        self._words = ["collect", "serve", *map(str, studies), "--port", "0", *words]
        self._words += [] if store is None else ["--store", str(store)]
        self._env, self._run = env, start_from_nothing if as_people_do else run_program
        self.clients = []
        self.start()

    def start(self):
        self._place = tempfile.TemporaryDirectory(prefix="served-")
        self._streams = tuple(Path(self._place.name, name) for name in ("out", "err"))
        self.process = start_prepared(self._run, *self._words, log=self._streams, env=self._env)
        self.url = self.wait_for(r"https?://\S+/api/v1")[0]

    @property
    def said(self):
        """What stands on its output stream."""
        return self._streams[0].read_text() if self._streams[0].exists() else ""

    def wait_for(self, words):
        """The match of such words on its output stream, in a line that has ended."""
        while not (found := re.search(rf"{words}(?=.*\n)", self.said)):
            assert self.process.is_alive(), self.said + self._streams[1].read_text()
            time.sleep(0.02)
        return found

    def children(self):
        """The processes that serve, where there are several: ids."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        ids = listed.read_text().split() if listed.exists() else []
        return [int(each) for each in ids if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()]

    def kill(self):
        """As a crash: no chance to do anything."""
        self.process.kill()
        self.ended()

    def close(self):
        """Whatever became of it."""
        for client in self.clients:
            client.http.close()
        if self.process.is_alive():
            self.kill()
        self._place.cleanup()

    def send_signal(self, number):
        os.kill(self.process.pid, number)

    def ended(self):
        """(exit code, stdout, stderr) once it is at its end."""
        self.process.join(timeout=20)
        assert not self.process.is_alive()
        with self._place:
            return self.process.exitcode, *(stream.read_text() for stream in self._streams)

    def end(self, number=signal.SIGTERM):
        """(exit code, stdout, stderr) after a signal to end."""
        self.send_signal(number)
        return self.ended()


def start_from_nothing(*words):
    """In the place of this process the program, as people start it."""
    os.execv(PROGRAM[0], [*PROGRAM, *words])


def is_running(process_id):
    """Not ended, and not waiting to be noticed as ended."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Client:
    """Somebody with a token."""

    _numbers = itertools.count()

    def __init__(self, server, token):
        self.server, self.token = server, token
        server.clients.append(self)
        self.http = httpx2.Client(headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def send(self, method, path, **more):
        """Again where the connection breaks off: whatever a worker sends may be repeated."""
        for _ in range(4):
            try:
                return self.http.request(method, self.server.url + path, **more)
            except httpx2.TransportError:
                time.sleep(0.2)
        return self.http.request(method, self.server.url + path, **more)

    def got(self, method, path, status=200, **more):
        response = self.send(method, path, **more)
        assert response.status_code == status, (path, response.status_code, response.text)
        return response.json()

    def next(self, study, queue=""):
        return self.got("POST", f"/studies/{study}/{queue + '/' if queue else ''}next")

    def submission(self, work, step):
        """(path, body, key) of the answer to a step."""
        body = {"fence": work["fence"], "guidelines_version": work["guidelines_version"], "submission": answer(step)}
        return f"/assignments/{work['assignment']}/submit", body, f"key-{next(self._numbers):08}"

    def submit(self, path, body, key):
        return self.got("POST", path, json=body, headers={"Idempotency-Key": key})

    def do(self, work):
        """Does one item to its end; how many answers it took."""
        step, answers = work["step"], 0
        while step["state"] != "finished":
            if step["state"] == "draw":
                step = self.got("POST", f"/assignments/{work['assignment']}/step")["step"]
            elif step["act"] == "say":
                body = {"fence": work["fence"], "turn": step["turn"], "text": f"And what of the bees, {step['turn']}?"}
                step = self.got("POST", f"/assignments/{work['assignment']}/turn", json=body)["step"]
            else:
                done = self.submit(*self.submission(work, step))
                assert done["outcome"] == "accepted"
                step, answers = done["step"], answers + 1
        return answers

    def do_all(self, study, queue="", most=100):
        """Does items until there is none, or `most`; how many."""
        for count in range(most):
            work = self.next(study, queue)
            if work["assignment"] is None:
                return count
            self.do(work)
        return most


def answer(step):
    """What somebody who reads answers to a step."""
    act, fields = step["act"], step["fields"]
    given = {
        "consent": lambda: {"agreed": True},
        "describe": lambda: {"task_description": "to have it talk of bees"},
        "judge-pair": lambda: {axis: _scale(step, question) for axis, question in fields["questions"].items()},
        "judge-turn": lambda: {"turn": step["turn"], "step": 2, "shown": fields["shown"]},
        "close": lambda: {"rating": 3} if fields.get("rating") else {},
        "rate-self": lambda: {"rating": 1},
        "label": lambda: {"categories": [], "none_applies": True, "confidence": 2},
        "rank": lambda: {
            "helpfulness": list(range(1, len(step["replies"]) + 1)),
            "harmlessness": _safe_first([label["is_safe"] for label in fields["labels"]]),
            "confidence": 3,
        },
        "review": lambda: {"rating": 2, "tags": fields["tags"][:1]},
        "check-writing": lambda: {"mark": 3},
    }[act]
    return {"act": act, **given()}


def _scale(step, question):
    harmful = [reply in HARMFUL for reply in step["replies"]]
    if any(harmful):
        return 1 if harmful[0] == (question == "more harmful") else step["fields"]["steps"]
    return 2


def _safe_first(is_safe):
    """Ranks without ties: the safe ones in their order, then the others."""
    order = sorted(range(len(is_safe)), key=lambda place: not is_safe[place])
    return [order.index(place) + 1 for place in range(len(is_safe))]


PASSWORD = "correct-horse"
"""Of a database; shown nowhere."""


def fails(result, code, exit_code=2):
    """The command ended with this one message; returns it."""
    ended, out, err = result
    found = [line.split("  ")[0] for line in err.splitlines() if line.startswith("PL-")]
    assert (ended, out, found) == (exit_code, "", [code]), (ended, out, err)
    assert "Try: " in err
    assert PASSWORD not in err
    return err
