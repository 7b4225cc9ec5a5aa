"""The loopback hub of the downloads' tests, taking uploads too: a commit replaces and deletes files in memory."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from tests.formats.hub_server import COMMIT, HubServer, _Handler

Refusal = tuple[str, int, bytes]


class UploadServer(HubServer):
    """A hub that can be written to.

    Attributes:
        created: what was asked when the repository was made.
        commits: messages.
        most_commits: as many are taken; whoever sends more may not.
        refusals: of the pushes to come, one each: a part of the path, and the status and body that it is answered with.
    """

    def __init__(
        self, repository: str, files: dict[str, bytes], most_commits: int, refusals: Iterable[Refusal] = ()
    ) -> None:
        super().__init__(repository, files, "someone/gated")
        self.RequestHandlerClass = _UploadHandler
        self.created: list[dict[str, object]] = []
        self.commits: list[str] = []
        self.most_commits = most_commits
        self.refusals = list(refusals)
        self.refusal: Refusal | None = None


@contextmanager
def taking_uploads(
    repository: str, files: dict[str, bytes], *, most_commits: int, refusals: Iterable[Refusal] = ()
) -> Iterator[UploadServer]:
    """A hub that answers until the block ends."""
    server = UploadServer(repository, files, most_commits, refusals)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _UploadHandler(_Handler):
    server: UploadServer

    def do_POST(self) -> None:
        self.server.paths.append(self.path)
        body = self._body()
        path = unquote(urlsplit(self.path).path)
        if path == "/api/repos/create" and self.server.refusals:
            self.server.refusal = self.server.refusals.pop(0)
        if self.server.refusal is not None and self.server.refusal[0] in path:
            return self._send(*self.server.refusal[1:], {})
        if path == "/api/repos/create":
            self.server.created.append(json.loads(body))
            return self._json({"url": f"{self.server.address}/datasets/{self.server.repository}"})
        if path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if "/preupload/" in path:
            asked = json.loads(body)["files"]
            return self._json(
                {"files": [{"path": each["path"], "uploadMode": "regular", "shouldIgnore": False} for each in asked]}
            )
        if "/commit/" in path:
            return self._commit(body)
        return self._send(404, b"", {"X-Error-Code": "EntryNotFound"})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _commit(self, body: bytes) -> None:
        if len(self.server.commits) >= self.server.most_commits:
            return self._send(403, b"", {"X-Error-Message": "not you"})
        for line in body.splitlines():
            told = json.loads(line)
            value = told["value"]
            if told["key"] == "header":
                self.server.commits.append(value["summary"])
            elif told["key"] == "file":
                self.server.files[value["path"]] = base64.b64decode(value["content"])
            elif told["key"] == "deletedFile":
                del self.server.files[value["path"]]
        return self._json(
            {
                "commitUrl": f"{self.server.address}/datasets/{self.server.repository}/commit/{COMMIT}",
                "commitOid": COMMIT,
            }
        )
