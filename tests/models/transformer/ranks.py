"""Processes that train together as a launcher starts them, but as forks of one that has imported it all.

Each that starts from nothing spends some five seconds of processor time on imports, and so does the launcher. What a
launcher makes of a configuration file is shown by `tests/cli/train/test_several_devices.py`.
"""

import os
import runpy
import signal
import socket
import sys
import tempfile
import time
import traceback
from pathlib import Path
from types import SimpleNamespace

from tests.prepared import start_prepared


def run_ranks(program, *words, env=None, timeout=240):
    """A script in two processes, to their end: exit codes by rank, and what both said on either stream."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    asked = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    asked |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory(prefix="ranks-") as folder:
        streams, codes = (Path(folder, "out"), Path(folder, "err")), Path(folder, "codes")
        asked |= env or {}
        words = (str(program), *map(str, words))
        process = start_prepared(_fork_ranks, codes, timeout, tuple(asked), *words, log=streams, env=asked)
        process.join(timeout + 30)
        assert not process.is_alive()
        out, err = (stream.read_text() for stream in streams)
        return SimpleNamespace(codes=[int(each) for each in codes.read_text().split()], stdout=out, stderr=err)


def _fork_ranks(codes, timeout, asked, program, *words):
    """In the process that has imported it all: two forks, and how they ended."""
    for name in set(os.environ) - set(asked):
        if name.startswith(("ACCELERATE", "FSDP", "RANK", "WORLD")):
            del os.environ[name]
    import accelerate  # noqa: F401
    import torch

    import plumbline.cli.main
    import plumbline.models.transformer.training.trainer  # noqa: F401

    torch.set_num_threads(1)
    ranks = [os.fork() or _be(rank, program, words) for rank in (0, 1)]
    ended, deadline = {}, time.monotonic() + timeout
    while len(ended) < len(ranks):
        for process in set(ranks) - ended.keys():
            found, status = os.waitpid(process, os.WNOHANG)
            if found:
                ended[process] = os.waitstatus_to_exitcode(status)
                # As a launcher does: where one fails, the others wait for it in vain.
                if ended[process]:
                    deadline = min(deadline, time.monotonic() + 20)
        if time.monotonic() > deadline:
            for process in set(ranks) - ended.keys():
                os.kill(process, signal.SIGKILL)
        time.sleep(0.05)
    codes.write_text(" ".join(str(ended[process]) for process in ranks))


def _be(rank, program, words):
    """One of them, to its end."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
    sys.argv = [program, *words]
    code = 0
    try:
        runpy.run_path(program, run_name="__main__")
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
