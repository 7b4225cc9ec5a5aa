"""Server processes of a study: started, killed without warning, started again; and the processor time they took."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.collecting.lean_http import Connection, LostError, Request
from benchmarks.collecting.study import MadeStudy
from benchmarks.measuring import PROGRAM

ROOT = Path(__file__).parents[2]
_START_SECONDS = 60.0
_HEALTH_SECONDS = 5.0
_GRACE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class FastClock:
    """A clock that goes `factor` times as fast from `start` (seconds since 1970) on."""

    start: float
    factor: float


def server_command(study: MadeStudy, port: int, *, processes: int = 1, clock: FastClock | None = None) -> list[str]:
    """How a server is started: as users start one, unless its clock is to go faster."""
    if clock is not None:
        module = [sys.executable, "-m", "benchmarks.collecting.fast_clock_server"]
        return [*module, str(study.folder), study.store, str(port), str(clock.start), str(clock.factor)]
    command = [PROGRAM, "collect", "serve", str(study.folder), "--store", study.store, "--port", str(port)]
    return [*command, "--processes", str(processes)] if processes > 1 else command


class Server:
    """One server on a port of its own; its processes are a session of their own, so that all of them can be ended."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.port = port
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of its first process, which is also the number of its session; 0 where it does not run."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Starts it; it answers later, see `ready`."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=ROOT
            )

    async def ready(self) -> None:
        """Waits until it answers.

        Raises:
            SystemExit: it ended instead; its own words are shown.
        """
        until = time.monotonic() + _START_SECONDS
        while not await self.answers():
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > until:
                last = self._log.read_text(encoding="utf-8", errors="replace")[-3000:]
                raise SystemExit(f"the server on port {self.port} did not start:\n{last}")
            await asyncio.sleep(0.05)

    async def answers(self) -> bool:
        """Whether it says that it and its database are well; a port may take connections long before."""
        connection = Connection(self.port)
        try:
            async with asyncio.timeout(_HEALTH_SECONDS):
                return (await connection.ask(Request("GET", "/api/v1/health", ""))).status == 200
        except (LostError, TimeoutError):
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """``kill -9``; nothing of it runs when this returns."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stop(self) -> int:
        """Asks it to end and waits; its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return -int(signal.SIGKILL)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


# --- processor time ---


def session_cpu_seconds(pid: int) -> float:
    """Of the processes of a session that run now, and of their children that ended."""
    return _cpu_seconds(lambda process: process.session == pid)


def postgres_cpu_seconds(store: str) -> float:
    """Of the throwaway Postgres server of a store, with all its processes; 0 for SQLite, which has none."""
    if "host=" not in store:
        return 0.0
    folder = Path(store.split("host=", 1)[1])
    pid = int((folder / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0])
    return _cpu_seconds(lambda process: pid in (process.pid, process.parent))


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    parent: int
    session: int
    ticks: int


def _cpu_seconds(counted: Callable[[_Process], bool]) -> float:
    found = (process for process in _processes() if counted(process))
    return sum(process.ticks for process in found) / os.sysconf("SC_CLK_TCK")


def _processes() -> list[_Process]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in brackets, may hold anything.
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        ticks = sum(int(field) for field in fields[11:15])
        found.append(_Process(int(path.parent.name), int(fields[1]), int(fields[3]), ticks))
    return found
