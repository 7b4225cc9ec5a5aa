"""Servers of the demo: processes of their own that listen on loopback, started as a user starts them, and ended with the demo."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from plumbline.records import PlumblineError

_GRACE_SECONDS = 20.0
_ADDRESS = re.compile(r"https?://\S+?(?=/api/v1|\s|$)")
_LAST = 2000


class DemoError(PlumblineError):
    """A server of the demo does not do what it should."""

    exit_code = 1


class RunningServer:
    """A server that listens.

    Attributes:
        address: its URL, without a slash at its end.
        said: what it printed until it listened.
    """

    def __init__(self, process: subprocess.Popen[str], address: str, said: str) -> None:
        self.address, self.said = address, said
        self._process = process

    def wait(self) -> int:
        """Until it ends; its exit code."""
        return self._process.wait()


@contextmanager
def running_server(
    words: Sequence[str], log: Path, *, ready: str, more: Mapping[str, str] | None = None
) -> Iterator[RunningServer]:
    """A server for as long as the block lasts.

    Args:
        words: of the command line, after ``plumbline``.
        log: what it says on stderr is added here.
        ready: what the line that names its address begins with.
        more: environment variables beside those of this process.
    Raises:
        DemoError: PL-DEM-001, it ended before it listened.
    """
    with log.open("a", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "plumbline", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **(more or {})},
        )
    try:
        yield RunningServer(process, *_listening(process, words, log, ready))
    finally:
        process.terminate()
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _listening(process: subprocess.Popen[str], words: Sequence[str], log: Path, ready: str) -> tuple[str, str]:
    said = ""
    for line in process.stdout or ():
        said += line
        found = _ADDRESS.search(line) if line.startswith(ready) else None
        if found:
            return found[0], said
    raise DemoError(
        "PL-DEM-001",
        f"plumbline {' '.join(words[:2])}",
        "a server of the demo ended before it listened",
        found=f"exit code {process.wait()}",
        advice=f"look at {log}",
    )
