"""Programs in processes of their own that need not import anything any more: forks of one that has imported it all.

A server that starts from nothing spends some two seconds of processor time on imports. That the commands start from nothing
is shown by `tests/cli`, which runs them as people do.

Passwords are hashed at next to no cost in them: as they are, one takes a fifth of a second of processor time, which every
account and every login of a test would pay. That the program asks for the full costs is shown by `test_logging_in`.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import warnings
from contextlib import chdir
from multiprocessing import forkserver
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["tests.prepared_imports"])


def start_prepared(function, *arguments, log=os.devnull, env=None):
    """Runs a function of a module in a process of its own; the `multiprocessing.Process` of it.

    Args:
        log: a file, to whose end both streams are written; else a pair, one for each.
        env: variables that it gets besides those of the tests.
    """
    with chdir(ROOT):  # else it would not find what it is to import, and say nothing of it
        forkserver.ensure_running()
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


def _hash_cheaply():
    """Time, memory and lanes that `PasswordHasher()` takes where it is told none."""
    from argon2 import PasswordHasher

    made = PasswordHasher.__init__
    made.__defaults__ = (1, 8, 1, *made.__defaults__[3:])


def _run(function, arguments, streams, env, place):
    assert "tests.prepared_imports" in sys.modules, "nothing was imported before"
    _hash_cheaply()
    os.chdir(place)
    os.environ.clear()
    os.environ.update(env)
    for number, path in enumerate(streams, start=1):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(opened, number)
        os.close(opened)
    function(*arguments)
