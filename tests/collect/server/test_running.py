"""Server processes: what becomes of a server whose store cannot be opened, and of connections without an end."""

import asyncio
import os
import sys
import warnings
from pathlib import Path

import pytest

from plumbline.collect.server import running
from plumbline.collect.server.proxies import OWN_MACHINE
from plumbline.collect.server.running import Served, run_server
from plumbline.collect.service.samplers import SourceRules
from plumbline.web import connections
from plumbline.web.listening import bind
from tests.prepared import start_prepared
from tests.web.calling import talk


def serve_nothing(processes):
    """Ends the process as the server ends."""
    warnings.simplefilter("error")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin = os.fdopen(0)  # which the supervisor hands on; a fork of the tests has none
    served = Served(Path("none.db"), SourceRules(Path()))
    bound = bind("127.0.0.1", 0)
    sys.exit(run_server(served, bound, processes=processes, ready=lambda: print("ready", flush=True)))


@pytest.mark.parametrize("processes", [1, 2])
def test_a_server_that_cannot_start_ends_and_says_why(processes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out, err = tmp_path / "out", tmp_path / "err"
    server = start_prepared(serve_nothing, processes, log=(out, err))
    server.join(60)
    server.kill()
    said = err.read_text()
    assert (server.exitcode, out.read_text()) == (1, "ready\n"), said
    assert "PL-COL-002" in said
    assert "Traceback" not in said


PIECE = b"x" * (1 << 17)


class Streaming:
    """In the place of what is served: an answer that leaves piece by piece while it is made, as exports do."""

    proxies = OWN_MACHINE

    def __call__(self):
        async def stream(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
            for _ in range(8):
                await asyncio.sleep(0.05)
                await send({"type": "http.response.body", "body": PIECE, "more_body": True})
            await send({"type": "http.response.body", "body": b"last"})

        return stream


def test_a_head_without_end_is_closed_and_an_answer_that_is_slowly_made_is_not(monkeypatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.05)
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.3)
    monkeypatch.setattr(running, "log_config", lambda *_, **__: None)  # it would be that of the tests, too

    def said(request):
        async def conversation(reader, writer):
            writer.write(request)
            return await reader.read()

        return talk(running._config(Streaming(), 1, log_requests=False), conversation)

    assert said(b"GET / HTTP/1.1\r\nhost: ").startswith(b"HTTP/1.1 408 ")
    whole = said(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert whole.count(b"x") == 8 * len(PIECE)
    assert whole.endswith(b"4\r\nlast\r\n0\r\n\r\n")
