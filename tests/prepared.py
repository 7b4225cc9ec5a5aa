"""Programs in processes of their own that need not import anything any more: forks of one that has imported it all.

A server that starts from nothing spends some two seconds of processor time on imports. That the commands start from nothing
is shown by `tests/cli`, which runs them as people do.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["tests.prepared_imports"])


def start_prepared(function, *arguments, log=os.devnull, env=None):
    """Runs a function of a module in a process of its own; the `multiprocessing.Process` of it.

    Args:
        log: a file, to whose end both streams are written; else a pair, one for each.
        env: variables that it gets besides those of the tests.
    """
    streams = log if isinstance(log, tuple) else (log, log)
    process = _FORKING.Process(
        target=_run, args=(function, arguments, tuple(map(str, streams)), dict(os.environ) | (env or {}), Path.cwd())
    )
    process.start()
    return process


def run_prepared(*words, env=None, timeout=60):
    """`plumbline` to its end; a `subprocess.CompletedProcess` with what it said.

    Args:
        env: variables that it gets besides those of the tests.
    """
    with tempfile.TemporaryDirectory(prefix="prepared-") as folder:
        streams = Path(folder, "out"), Path(folder, "err")
        process = start_prepared(run_program, *map(str, words), log=streams, env=env)
        process.join(timeout)
        if process.is_alive():
            process.kill()
            raise subprocess.TimeoutExpired(words, timeout)
        out, err = (stream.read_text() for stream in streams)
    return subprocess.CompletedProcess(words, process.exitcode, out, err)


def run_program(*words):
    """The program with these words, warnings being errors; ends the process."""
    from plumbline.cli.main import run

    warnings.simplefilter("error")
    sys.argv = ["plumbline", *words]
    run()


def _run(function, arguments, streams, env, place):
    os.chdir(place)
    os.environ.clear()
    os.environ.update(env)
    for number, path in enumerate(streams, start=1):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(opened, number)
        os.close(opened)
    function(*arguments)
