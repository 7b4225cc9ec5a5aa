"""Server processes: sockets, and what becomes of a server whose store cannot be opened."""

import socket
import subprocess
import sys

import pytest

from plumbline.collect.server.running import address_of, bind
from plumbline.collect.service.failures import ServeError

SCRIPT = """
import sys
from pathlib import Path
from plumbline.collect.server.running import Served, bind, run_server
from plumbline.collect.service.samplers import SourceRules
if __name__ == "__main__":
    served = Served(Path("none.db"), SourceRules(Path()))
    sys.exit(run_server(served, bind("127.0.0.1", 0), processes=int(sys.argv[1]), ready=lambda: print("ready", flush=True)))
"""


def test_a_socket_listens_before_anything_serves():
    with bind("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        assert address_of(bound, "127.0.0.1") == f"http://127.0.0.1:{port}"
        assert address_of(bound, "::1") == f"http://[::1]:{port}"
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
        with pytest.raises(ServeError, match="PL-STA-010"):
            bind("127.0.0.1", port)
    with pytest.raises(ServeError, match="PL-STA-011"):
        bind("192.0.2.1", 0)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_server_that_cannot_start_ends_and_says_why(processes, tmp_path):
    (tmp_path / "serve.py").write_text(SCRIPT)
    call = [sys.executable, "-W", "error", "serve.py", str(processes)]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "ready\n"), done.stderr
    assert "PL-COL-002" in done.stderr
    assert "Traceback" not in done.stderr
