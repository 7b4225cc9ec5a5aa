"""Studies served by `plumbline collect serve` in a process of its own, which can be killed and started again."""

import json
import re
import shutil
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx2

from tests.prepared import run_prepared, run_program, start_prepared

STUDIES = {
    "pairs": "pairs",
    "preference-chat": "preference-chat",
    "preference-chat-harmlessness": "preference-chat-harmlessness",
    "red-team-chat": "red-team-chat",
    "safety-labels": "safety-labels",
    "two-axis-ranking": "two-axis-ranking",
}
"""Example → name of its study."""
STORE = "all.db"


@dataclass(frozen=True)
class Account:
    """Somebody who can log in."""

    name: str
    password: str
    pseudonym: str
    role: str


@dataclass(frozen=True)
class Started:
    """Studies that were started in one store.

    Attributes:
        folder: has a folder for each example, and the store.
        owner_token: of the owner, who has no password yet.
        owner_link: the path of the link by which they choose one; good once in each copy.
    """

    folder: Path
    owner_token: str
    owner_link: str


def start_studies(folder: Path) -> Started:
    """A study of each kind, in one store."""
    said = [_start_study(folder, example) for example in STUDIES]
    first = json.loads(said[0])
    return Started(folder, first["owner_token"], first["owner_link_path"])


def _start_study(folder: Path, example: str) -> str:
    words = ("collect", "init", folder / example, "--example", example, "--store", folder / STORE, "--json")
    done = run_prepared(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Site:
    """A server over studies; `url` is where it stands, also after it was killed and started again."""

    _numbers = count(1)

    def __init__(self, folder: Path, started: Started, *, port: int = 0, more: tuple[str, ...] = ()):
        self.folder, self.owner_token, self.owner_link = folder, started.owner_token, started.owner_link
        self.port, self.more, self.process, self.was_killed = port, more, None, False
        self.start()

    @classmethod
    def of_copy(cls, started: Started, folder: Path, *, port: int = 0, more: tuple[str, ...] = ()) -> "Site":
        """Over a copy of what was started; `port` where it has to be known before, `more` words for the command."""
        shutil.copytree(started.folder, folder, dirs_exist_ok=True)
        return cls(folder, started, port=port, more=more)

    def __enter__(self) -> "Site":
        return self

    def __exit__(self, *_) -> None:
        self.kill()

    # --- the process ---

    def start(self) -> None:
        """Starts the server, at the port it had before; what it says stands in `log`."""
        studies = [self.folder / example for example in STUDIES]
        words = ["collect", "serve", *studies, "--store", self.folder / STORE, "--port", self.port, *self.more]
        at = self.log.stat().st_size if self.log.exists() else 0
        self.process = start_prepared(run_program, *map(str, words), log=self.log)
        while not (found := re.search(r"its API: http://127\.0\.0\.1:(\d+)/", self._said()[at:])):
            assert self.process.is_alive(), self._said()[at:]
            time.sleep(0.05)
        self.port = int(found[1])
        while self.http("GET", "/health") is None:
            assert self.process.is_alive(), self._said()[at:]
            time.sleep(0.05)

    def kill(self) -> None:
        """As a crash: no chance to do anything."""
        self.was_killed = True
        self.process.kill()
        self.process.join(timeout=20)

    @property
    def log(self) -> Path:
        """Everything that the server said, on both streams."""
        return self.folder / "server.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    # --- the API ---

    def http(self, method: str, path: str, *, token: str | None = None, body: object = None) -> httpx2.Response | None:
        """An answer of the API, without a browser; None where nothing listens."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            return httpx2.request(method, f"{self.url}/api/v1{path}", headers=headers, json=body, timeout=30)
        except httpx2.TransportError:
            return None

    def send(self, method: str, path: str, body: object = None) -> dict:
        """As the owner; it has to go well."""
        response = self.http(method, path, token=self.owner_token, body=body)
        assert response is not None, self.log.read_text()[-2000:]
        assert response.is_success, (path, response.status_code, response.text)
        return response.json()

    def get(self, path: str) -> dict:
        """As the owner."""
        return self.send("GET", path)

    def invite(self, role: str = "worker", *, study: str | None = None, uses: int = 1) -> str:
        """The path of a link that lets people in: into one study, or into all."""
        body = {"role": role, "study": study, "pseudonym": None, "days": 7, "uses": uses}
        return self.send("POST", "/invitations", body)["link_path"]

    def add(self, role: str = "worker", *, study: str | None = None) -> Account:
        """Somebody who came by a link and chose a name and a password."""
        name, password = f"{role} {next(self._numbers)}", "four plain words here"
        code = self.invite(role, study=study).partition("#")[2]
        answer = self.http("POST", "/invitations/accepted", body={"code": code, "name": name, "password": password})
        assert answer.status_code == 201, answer.text
        return Account(name, password, answer.json()["pseudonym"], role)
