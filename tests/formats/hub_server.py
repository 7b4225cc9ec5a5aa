"""A small hub on loopback for the real client: one repository of data sets, in memory."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubServer(ThreadingHTTPServer):
    """Serves the files of `repository`; every other repository is unknown, and `gated` ones ask for a login.

    Attributes:
        paths: every path asked for.
    """

    daemon_threads = True

    def __init__(self, repository: str, files: Mapping[str, bytes], gated: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repository, self.files, self.gated = repository, dict(files), gated
        self.paths: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(repository: str, files: Mapping[str, bytes], *, gated: str = "someone/gated") -> Iterator[HubServer]:
    """A hub that answers until the block ends."""
    server = HubServer(repository, files, gated)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.server.paths.append(self.path)
        path = unquote(urlsplit(self.path).path)
        for prefix, answer in ((f"/api/datasets/{self._name(path)}/", self._api), ("/datasets/", self._file)):
            if path.startswith(prefix):
                return self._refused(path) or answer(path.removeprefix(prefix))
        return self._send(404, b"", {"X-Error-Code": "RepoNotFound"})

    @staticmethod
    def _name(path: str) -> str:
        parts = path.removeprefix("/api/datasets/").removeprefix("/datasets/").split("/")
        return "/".join(parts[:2])

    def _refused(self, path: str) -> bool:
        name = self._name(path)
        if name == self.server.gated:
            self._send(403, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"})
        elif name != self.server.repository:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
        return name != self.server.repository

    def _api(self, rest: str) -> None:
        what, revision, *_ = rest.split("/", 2)
        if revision not in ("main", COMMIT):
            return self._send(404, b"", {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "Invalid rev id"})
        if what == "revision":
            siblings = [{"rfilename": name} for name in self.server.files]
            return self._json({"id": self.server.repository, "sha": COMMIT, "siblings": siblings, "private": False})
        if what == "tree":
            return self._json([self._entry(name) for name in self.server.files])
        return self._send(404, b"", {"X-Error-Code": "EntryNotFound"})

    def _entry(self, name: str) -> dict[str, object]:
        content = self.server.files[name]
        return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}

    def _file(self, rest: str) -> None:
        _, _, resolve, _revision, name = rest.split("/", 4)
        content = self.server.files.get(name)
        if resolve != "resolve" or content is None:
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        tag = hashlib.sha1(content).hexdigest()
        return self._send(200, content, {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT})

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
