"""Servers of the demo: processes of their own that listen on loopback, started as a user starts them, and ended with the demo."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from plumbline.records import PlumblineError

_GRACE_SECONDS = 20.0
_ADDRESS = re.compile(r"(https?://[^\s/]+)")


class DemoError(PlumblineError):
    """A server of the demo does not do what it should."""

    exit_code = 1


class RunningServer:
    """A server that listens, and what it prints.

    Attributes:
        address: its URL, without a slash at its end.
    """

    def __init__(self, process: subprocess.Popen[str], output: IO[str], ready: str) -> None:
        """Wait until it listens.

        Raises:
            EOFError: it ended before.
        """
        self._process = process
        self._lines: list[str] = []
        self._news = threading.Condition()
        # Whatever it prints is read as long as it runs: a full pipe would hold it up.
        threading.Thread(target=self._read, args=(output,), daemon=True).start()
        line = self.line(ready)
        found = _ADDRESS.search(line or "")
        if found is None:
            raise EOFError
        self.address = found[0]

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def line(self, beginning: str, seconds: float | None = None) -> str | None:
        """The line that begins so, once it is there; None where it does not come within the time, or at all."""
        with self._news:
            self._news.wait_for(lambda: self._found(beginning) is not None or self._lines[-1:] == [""], seconds)
            return self._found(beginning)

    def _found(self, beginning: str) -> str | None:
        return next((line.rstrip("\n") for line in self._lines if line.startswith(beginning)), None)

    def _read(self, output: IO[str]) -> None:
        with output:
            while True:
                line = output.readline()
                with self._news:
                    self._lines.append(line)
                    self._news.notify_all()
                if not line:
                    return


@contextmanager
def running_server(words: Sequence[str], log: Path, *, ready: str) -> Iterator[RunningServer]:
    """A server for as long as the block lasts.

    Args:
        words: of the command line, after ``plumbline``.
        log: what it says on stderr is added here.
        ready: what the line that names its address begins with.
    Raises:
        DemoError: PL-DEM-001, it ended before it listened.
    """
    with log.open("a", encoding="utf-8") as errors:
        process = subprocess.Popen(  # noqa: S603 - this program, with words of the demo's own
            [sys.executable, "-m", "plumbline", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        yield _listening(process, words, log, ready)
    finally:
        process.terminate()
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listening(process: subprocess.Popen[str], words: Sequence[str], log: Path, ready: str) -> RunningServer:
    if process.stdout is None:
        raise AssertionError("its output is a pipe")
    try:
        return RunningServer(process, process.stdout, ready)
    except EOFError:
        raise DemoError(
            "PL-DEM-001",
            f"plumbline {' '.join(words[:2])}",
            "a server of the demo ended before it listened",
            found=f"exit code {process.wait()}",
            advice=f"look at {log}",
        ) from None
