"""One run: servers and workers at it, servers killed meanwhile, until every item has its overlap."""

from __future__ import annotations

import asyncio
import random
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.collecting.lean_http import Connection, LostError, Request
from benchmarks.collecting.servers import (
    FastClock,
    Server,
    free_ports,
    postgres_cpu_seconds,
    server_command,
)
from benchmarks.collecting.study import STUDY, MadeStudy
from benchmarks.hammer.figures import Figures, quantile
from benchmarks.hammer.ledger import Ledger
from benchmarks.hammer.worker import Habits, Progress, Worker
from benchmarks.measuring import busy_seconds

_TICK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does.

    Attributes:
        servers: processes, each on a port of its own.
        kill_every: a server is killed after so many seconds, give or take half; None for never by time.
        kill_at: and whenever so many judgements were told to be accepted.
        seconds: the run is broken off after so long.
        clock: None runs the servers as users do.
        seed: of the workers' bad luck and the kills.
    """

    servers: int
    kill_every: float | None
    kill_at: tuple[int, ...]
    seconds: float
    clock: FastClock | None
    habits: Habits
    seed: int


@dataclass
class Ran:
    """What came of it.

    Attributes:
        complete: every item had its overlap before the time was over.
        seconds: of wall clock, from the first request to the last answer.
        busy_seconds, busy_judgements: until the first worker found nothing to do, and what was accepted by then.
        started_again: seconds from each kill until the server answered again.
        server_cpu, database_cpu, client_cpu: processor seconds; those of SQLite are the servers'.
        others_cores: processors that the rest of the machine kept busy, on average.
        client_lag_ms: how late the client's event loop was, the 99th percentile; small where it is no bottleneck.
        exit_codes: of the servers, asked to end in the end.
    """

    figures: Figures = field(default_factory=Figures)
    complete: bool = False
    seconds: float = 0.0
    busy_seconds: float = 0.0
    busy_judgements: int = 0
    kills: int = 0
    started_again: list[float] = field(default_factory=list)
    server_cpu: float = 0.0
    database_cpu: float = 0.0
    client_cpu: float = 0.0
    others_cores: float = 0.0
    lags_ms: list[float] = field(default_factory=list)
    exit_codes: list[int] = field(default_factory=list)

    @property
    def client_lag_ms(self) -> float:
        """The 99th percentile."""
        return quantile(self.lags_ms, 99)


async def run(study: MadeStudy, plan: Plan, ledgers: Path) -> Ran:
    """Starts the servers, lets the workers work, kills, and ends all of it.

    Raises:
        SystemExit: a server did not start. Whatever a worker cannot explain ends the run with it.
    """
    ports = free_ports(plan.servers)
    logs = study.folder / "server.log"
    servers = [Server(server_command(study, port, clock=plan.clock), port, logs) for port in ports]
    ran, reaped = Ran(), _children_cpu()
    try:
        for server in servers:
            server.start()
        await asyncio.gather(*(server.ready() for server in servers))
        await _measured(study, plan, servers, ledgers, ran)
    finally:
        ran.exit_codes = [await asyncio.to_thread(server.stop) for server in servers]
    ran.server_cpu = _children_cpu() - reaped
    return ran


async def _measured(study: MadeStudy, plan: Plan, servers: Sequence[Server], ledgers: Path, ran: Ran) -> None:
    ports, progress = [server.port for server in servers], Progress()
    workers = [
        Worker(who, ports, Ledger(ledgers / f"worker-{who.number:02}.jsonl"), ran.figures, plan.habits, plan.seed)
        for who in study.workers
    ]
    database, client, busy = postgres_cpu_seconds(study.store), time.process_time(), busy_seconds()
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        helpers = [
            group.create_task(_kill(servers, plan, progress, ran)),
            group.create_task(_watch_clock(ran)),
        ]
        group.create_task(_watch_study(study, ports, progress, ran, began + plan.seconds))
        tasks = [group.create_task(worker.work(progress)) for worker in workers]
        await asyncio.wait(tasks)
        for helper in helpers:
            helper.cancel()
    ran.seconds = time.perf_counter() - began
    accepted, at = progress.busy or (progress.accepted, time.perf_counter())
    ran.busy_judgements, ran.busy_seconds = accepted, at - began
    ran.client_cpu = time.process_time() - client
    ran.database_cpu = postgres_cpu_seconds(study.store) - database
    ran.others_cores = (busy_seconds() - busy) / ran.seconds  # those of ours are taken off when all are known
    # A server that is asked to end while it starts would end by the signal.
    await asyncio.gather(*(server.ready() for server in servers))


async def _kill(servers: Sequence[Server], plan: Plan, progress: Progress, ran: Ran) -> None:
    """Kills servers, each time one that answers and is not waited for, and starts it again at once."""
    drawn, marks = random.Random(f"kills {plan.seed}"), list(plan.kill_at)
    starting: set[Server] = set()
    due = _next_kill(plan, drawn)
    async with asyncio.TaskGroup() as restarts:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            is_marked = bool(marks) and progress.accepted >= marks[0]
            if not is_marked and time.perf_counter() < due:
                continue
            up = [server for server in servers if server not in starting and await server.answers()]
            if not up:
                continue
            server, at = drawn.choice(up), time.perf_counter()
            await asyncio.to_thread(server.kill)
            server.start()
            ran.kills += 1
            starting.add(server)
            restarts.create_task(_started_again(server, at, ran, starting))
            marks = marks[1:] if is_marked else marks
            due = _next_kill(plan, drawn)


async def _started_again(server: Server, killed_at: float, ran: Ran, starting: set[Server]) -> None:
    await server.ready()
    starting.discard(server)
    ran.started_again.append(time.perf_counter() - killed_at)


def _next_kill(plan: Plan, drawn: random.Random) -> float:
    if plan.kill_every is None:
        return float("inf")
    return time.perf_counter() + plan.kill_every * drawn.uniform(0.5, 1.5)


async def _watch_study(study: MadeStudy, ports: Sequence[int], progress: Progress, ran: Ran, until: float) -> None:
    """Ends the work when the study's own count says that all is done, or when the time is over."""
    request = Request("GET", f"/api/v1/studies/{STUDY}/status", study.owner)
    shown = time.perf_counter()
    while not progress.over.is_set():
        await asyncio.sleep(0.2)
        now = time.perf_counter()
        if now - shown > 10:
            shown = now
            print(f"accepted {progress.accepted:,}, killed {ran.kills}", file=sys.stderr)
        if now > until:
            progress.over.set()
        elif time.monotonic() - progress.idle_at < 1:
            # Counting looks at every item: only once somebody found nothing to do.
            count = await _count(request, ports)
            if count is not None and count["complete"] == count["items"]:
                ran.complete = True
                progress.over.set()


async def _count(request: Request, ports: Sequence[int]) -> dict[str, Any] | None:
    connection = Connection(random.choice(ports))
    try:
        answer = await connection.ask(request)
    except LostError:
        return None
    finally:
        connection.close()
    return answer.json()["queues"]["work"] if answer.status == 200 else None


async def _watch_clock(ran: Ran) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(_TICK_SECONDS)
        ran.lags_ms.append(max(0.0, time.perf_counter() - began - _TICK_SECONDS) * 1000)


def _children_cpu() -> float:
    """Of children that ended, with theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
