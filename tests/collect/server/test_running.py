"""Server processes: what becomes of a server whose store cannot be opened."""

import os
import sys
import warnings
from pathlib import Path

import pytest

from plumbline.collect.server.running import Served, run_server
from plumbline.collect.service.samplers import SourceRules
from plumbline.web.listening import bind
from tests.prepared import start_prepared


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
