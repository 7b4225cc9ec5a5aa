"""Server processes: what becomes of a server whose store cannot be opened."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from pathlib import Path
from plumbline.collect.server.running import Served, run_server
from plumbline.collect.service.samplers import SourceRules
from plumbline.web.listening import bind
if __name__ == "__main__":
    served = Served(Path("none.db"), SourceRules(Path()))
    sys.exit(run_server(served, bind("127.0.0.1", 0), processes=int(sys.argv[1]), ready=lambda: print("ready", flush=True)))
"""


@pytest.mark.parametrize("processes", [1, 2])
def test_a_server_that_cannot_start_ends_and_says_why(processes, tmp_path):
    (tmp_path / "serve.py").write_text(SCRIPT)
    call = [sys.executable, "-W", "error", "serve.py", str(processes)]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "ready\n"), done.stderr
    assert "PL-COL-002" in done.stderr
    assert "Traceback" not in done.stderr
