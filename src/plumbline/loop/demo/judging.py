"""Simulated workers at the HTTP API: each takes the next item, answers what is asked, and goes on until there is none."""

from __future__ import annotations

import http.client
import json
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from random import Random
from threading import Event, Lock
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from plumbline.loop.demo.servers import DemoError
from plumbline.loop.demo.workers import SimulatedWorker
from plumbline.loop.synthetic.world import World

_TIMEOUT_SECONDS = 60.0
_ATTEMPTS = 4
_MOST_STEPS = 50
_LOOK_SECONDS = 0.2
_NO_SUCCESS = 300

Told = Callable[[int], None]
"""Told how many judgements are done."""


@dataclass(frozen=True)
class Session:
    """A worker with a token of its own."""

    worker: SimulatedWorker
    token: str


class Api:
    """The HTTP API as somebody with a token reaches it, over a connection that is kept."""

    def __init__(self, address: str, token: str) -> None:
        self._host = urlsplit(address).netloc
        self._token = token
        self._connection = http.client.HTTPConnection(self._host, timeout=_TIMEOUT_SECONDS)

    def ask(self, method: str, path: str, body: object = None, *, key: str | None = None) -> dict[str, Any]:
        """The answer to a request.

        Args:
            path: below ``/api/v1``.
            body: sent as JSON.
            key: by which the server knows the same request again.
        Raises:
            DemoError: PL-DEM-002, it was refused; PL-DEM-003, the server cannot be reached.
        """
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        sent = b"" if body is None else json.dumps(body).encode()
        status, answer = self._sent(method, f"/api/v1{path}", sent, headers)
        if status >= _NO_SUCCESS or not isinstance(answer, dict):
            code = answer.get("code") if isinstance(answer, dict) else None
            raise DemoError(
                "PL-DEM-002",
                f"{method} /api/v1{path}",
                "the server of the demo refused a request of a simulated worker",
                expected="an answer",
                found=f"status {status}, {code or 'no code'}",
                advice="docs/errors.md says what the code means; try: plumbline demo again, and tell us if it stays",
            )
        return answer

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def _sent(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        """Whatever a worker sends may be sent again: the server knows it by its key."""
        for left in reversed(range(_ATTEMPTS)):
            try:
                self._connection.request(method, path, body, headers)
                response = self._connection.getresponse()
                return response.status, json.loads(response.read() or b"{}")
            except (OSError, ValueError, http.client.HTTPException) as error:  # an answer cut short is no JSON
                self._connection.close()
                if not left:
                    raise DemoError(
                        "PL-DEM-003",
                        self._host,
                        "the server of the demo cannot be reached",
                        found=type(error).__name__,
                        advice="try again; its log stands in the demo's folder",
                    ) from None
        raise AssertionError("the last attempt returns or raises")


def new_tokens(address: str, owner_token: str, count: int) -> list[str]:
    """Tokens of new workers, which the owner makes."""
    api = Api(address, owner_token)
    made = [api.ask("POST", "/people", {"role": "worker", "token_days": 1})["token"] for _ in range(count)]
    api.close()
    return made


def judge_studies(
    address: str,
    sessions: Sequence[Session],
    studies: Sequence[str],
    world: World,
    *,
    seed: str,
    told: Told = lambda _: None,
) -> Counter[str]:
    """Let the workers judge until nobody is given anything; judgements, by study: an item that two judge counts twice.

    Args:
        studies: names, in the order in which each worker takes them.
        seed: of what the workers draw, another one in every sitting; which worker meets which item depends on who comes first.
        told: told how many are done.
    """
    done: Counter[str] = Counter()
    lock, ended = Lock(), Event()

    def count(study: str) -> None:
        """One more is done."""
        with lock:
            done[study] += 1
            told(done.total())

    def work(place: int) -> None:
        """What one worker does, until there is nothing left or another one failed."""
        session = sessions[place]
        api = Api(address, session.token)
        desk = _Desk(api, session.worker, world, Random(f"{seed}/{session.worker.name}"))
        try:
            for study in studies:
                while not ended.is_set() and desk.do_next(study):
                    count(study)
        except BaseException:
            ended.set()
            raise
        finally:
            api.close()

    with ThreadPoolExecutor(len(sessions)) as pool:
        try:
            working = {pool.submit(work, place) for place in range(len(sessions))}
            while working:
                # Looked at again and again: libraries that read files leave Ctrl-C such that a wait without an end sleeps on.
                finished, working = wait(working, timeout=_LOOK_SECONDS)
                for each in finished:
                    each.result()
        except BaseException:  # Ctrl-C among them: nobody works on for a run that ended
            ended.set()
            raise
    return done


class _Desk:
    """Where one worker works."""

    def __init__(self, api: Api, worker: SimulatedWorker, world: World, random: Random) -> None:
        self._api, self._worker, self._world, self._random = api, worker, world, random

    def do_next(self, study: str) -> bool:
        """Do the next item to its end; False where there is none."""
        work = self._api.ask("POST", f"/studies/{study}/next")
        if work["assignment"] is None:
            return False
        step = work["step"]
        for _ in range(_MOST_STEPS):
            if step["state"] == "finished":
                return True
            step = self._after(work, step)
        raise DemoError(
            "PL-DEM-002",
            f"study {study}",
            "an item of the demo did not end",
            expected=f"at most {_MOST_STEPS} steps",
            advice="tell us: the demo and the server do not fit together",
        )

    def _after(self, work: dict[str, Any], step: dict[str, Any]) -> dict[str, Any]:
        """The step after this one."""
        path = f"/assignments/{work['assignment']}"
        if step["state"] == "draw":
            drawn: dict[str, Any] = self._api.ask("POST", f"{path}/step")["step"]
            return drawn
        submission = self._worker.answer(step, self._world, self._random)
        body = {"fence": work["fence"], "guidelines_version": work["guidelines_version"], "submission": submission}
        answer = self._api.ask("POST", f"{path}/submit", body, key=uuid4().hex)
        after: dict[str, Any] = answer["step"]
        return after
