"""Servers of the demo: processes of their own that listen on loopback, started as a user starts them, and ended with the demo."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from plumbline.records import PlumblineError

_GRACE_SECONDS = 20.0
_READY_SECONDS = 300.0
_END = ""
"""The line after the last one."""
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
            TimeoutError: it took too long.
        """
        self._process = process
        self._lines: list[str] = []
        self._news = threading.Condition()
        # Whatever it prints is read as long as it runs: a full pipe would hold it up.
        threading.Thread(target=self._read, args=(output,), daemon=True).start()
        line = self.line(ready, _READY_SECONDS)
        found = _ADDRESS.search(line or "")
        if found is None:
            raise EOFError if self._lines[-1:] == [_END] else TimeoutError
        self.address = found[0]

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def line(self, beginning: str, seconds: float | None = None) -> str | None:
        """The line that begins so, once it is there; None where it does not come within the time, or at all."""
        with self._news:
            self._news.wait_for(lambda: self._found(beginning) is not None or self._lines[-1:] == [_END], seconds)
            return self._found(beginning)

    def _found(self, beginning: str) -> str | None:
        return next((line.rstrip("\n") for line in self._lines if line.startswith(beginning)), None)

    def _read(self, output: IO[str]) -> None:
        try:
            with output:
                for line in output:
                    self._add(line)
        finally:
            self._add(_END)

    def _add(self, line: str) -> None:
        with self._news:
            self._lines.append(line)
            self._news.notify_all()


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
            encoding="utf-8",
            errors="replace",
        )
    try:
        with _ended_by_sigterm():
            yield _listening(process, words, log, ready)
    finally:
        process.terminate()
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends this process by way of its `finally`s, so that no server outlives it; as far as the caller is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, _: object) -> None:
    raise SystemExit(128 + number)


def _listening(process: subprocess.Popen[str], words: Sequence[str], log: Path, ready: str) -> RunningServer:
    if process.stdout is None:
        raise AssertionError("its output is a pipe")
    try:
        return RunningServer(process, process.stdout, ready)
    except EOFError:
        found = f"exit code {process.wait(_GRACE_SECONDS)}"
    except TimeoutError:
        found = f"no address in {_READY_SECONDS:.0f} seconds"
    raise DemoError(
        "PL-DEM-001",
        f"plumbline {' '.join(words[:2])}",
        "a server of the demo ended before it listened, or took too long",
        found=found,
        advice=f"look at {log}",
    )
