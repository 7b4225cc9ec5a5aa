"""A study served in a process of its own that can be killed, with a clock that can be set forward; and who works in it."""

import atexit
import gzip
import json
import shutil
import socket
import tempfile
import time
import tomllib
import urllib.request
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq
import uvicorn

from plumbline.collect.example_studies import write_example
from plumbline.collect.pages.mturk_hosts import MTURK_HOSTS, MturkHosts
from plumbline.collect.server.app import make_server_app
from plumbline.collect.service.opening import open_collecting
from plumbline.collect.service.samplers import SourceRules
from plumbline.collect.store.migrating import open_store
from plumbline.collect.store.people import add_person, find_by_token, issue_session
from plumbline.collect.store.rows import Role, TokenUse
from tests.prepared import run_prepared, start_prepared

AHEAD = "seconds-ahead"
"""A file in the study folder: by how many seconds the server's clock is ahead."""


def plumbline(*arguments):
    """What the command prints; it has to go well."""
    done = run_prepared(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def started_once(example, changes):
    """The folder of such a study, started; made once, and to be copied."""
    place = tempfile.TemporaryDirectory(prefix="started-")
    atexit.register(place.cleanup)
    folder = Path(place.name) / example
    write_example(folder, example)
    file = folder / "study.toml"
    text = file.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    plumbline("collect", "init", folder)
    return folder


class Served:
    """An example study, served. `changes` are replacements in its file; `mturk` is an origin that stands for MTurk's."""

    def __init__(self, folder, example, changes=(), *, mturk=None):
        self.arguments = [] if mturk is None else [mturk]
        self.folder = Path(folder) / example
        shutil.copytree(started_once(example, tuple(changes)), self.folder)
        self.name = tomllib.loads((self.folder / "study.toml").read_text())["name"]
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None
        self.start()

    @property
    def work(self):
        """The address of the work page."""
        return f"{self.url}/studies/{self.name}/work"

    def start(self):
        """Starts it, at the same port each time."""
        self.process = start_prepared(serve, self.folder, self.port, *self.arguments, log=self.folder / "server.log")
        for _ in range(1200):
            try:
                urllib.request.urlopen(f"{self.url}/api/v1/health").read()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("the server does not answer")

    def kill(self):
        """As a power cut does it."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None

    def set_ahead(self, seconds):
        """Sets the server's clock so many seconds ahead; what it stores then is in the future of other programs."""
        aside = self.folder / f"{AHEAD}.aside"
        aside.write_text(str(seconds))
        aside.replace(self.folder / AHEAD)

    def session(self, role=Role.WORKER, *, like=None):
        """The cookie of somebody new; or another one of the person whose cookie this is."""
        store, now = open_store(str(self.folder / "collect.db")), datetime.now(UTC)
        if like is None:
            person = add_person(store, role, now=now)
        else:
            person = find_by_token(store, like["value"], now=now, use=TokenUse.SESSION)
        ends = now + timedelta(days=30)
        token = issue_session(store, person.id, now=now, expires_at=ends)
        store.close()
        return {"name": "plumbline", "value": token, "url": self.url}

    def exported(self, form="judgements"):
        """The rows of an export: judgements as they are stored, or the comparisons of the form parquet."""
        out = self.folder.with_name(f"out-{form}-{time.monotonic_ns()}")
        plumbline("collect", "export", self.folder, out, "--to", form, "--licence", "CC0-1.0", "--uses", "preference")
        if form == "judgements":
            with gzip.open(out / "judgements" / "judgements.jsonl.gz", "rt") as lines:
                return [json.loads(line) for line in lines]
        return [row for file in sorted(out.rglob("*.parquet")) for row in pq.read_table(file).to_pylist()]


def free_port():
    """A port that nothing listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def serve(folder, port, *stand_ins):
    """Serves a folder at a port until it is killed."""
    ahead = folder / AHEAD

    def clock():
        """The time, as far ahead as the file says."""
        seconds = float(ahead.read_text()) if ahead.exists() else 0
        return datetime.now(UTC) + timedelta(seconds=seconds)

    name = tomllib.loads((folder / "study.toml").read_text())["name"]
    rules = SourceRules(folder, folders={name: folder})
    collecting = open_collecting(open_store(str(folder / "collect.db")), rules, clock=clock)
    app = make_server_app(collecting, rules, mturk=MturkHosts(stand_ins, stand_ins) if stand_ins else MTURK_HOSTS)
    uvicorn.run(app, port=port, log_level="warning", access_log=False, server_header=False)
