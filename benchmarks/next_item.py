"""How long a worker waits for the next item, and for a judgement to be stored.

    python -m benchmarks.next_item [--database sqlite postgres] [--items 100000] [--workers 64] [--think 1.0]
                                   [--processes 1 4] [--seconds 60] [--warm-up 10] [--saturated 20] [--json FILE]

A study of pairs, overlap 3, served as users serve it (``plumbline collect serve``), Postgres with its default
durability. Simulated workers over kept connections: each asks for an item, thinks (exponential, a second on average),
submits, asks for the next. Then the same workers without thinking, printed apart. Twice: on a fresh study, and on one at
its end, where 95 % of the items are done, each worker has had thousands, and half of them hundreds of those still open.

The floors: a route that does not exist (HTTP and middleware), ``/me`` (a token looked up in a thread), one INSERT in a
transaction of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.collecting.lean_http import Answer, Connection, Request
from benchmarks.collecting.servers import Server, free_ports, postgres_cpu_seconds, server_command, session_cpu_seconds
from benchmarks.collecting.store_copies import copied
from benchmarks.collecting.study import DATABASES, STUDY, MadeStudy, SimulatedWorker, empty_place, make_study
from benchmarks.collecting.worked_off import work_off
from benchmarks.hammer.figures import QUANTILES, latencies, quantile
from benchmarks.measuring import busy_seconds, machine, print_machine, print_table, print_targets
from plumbline.collect.service.collecting import utc_now
from plumbline.collect.store.events import log_event

PACKAGES = ("plumbline-rlhf", "fastapi", "uvicorn", "sqlalchemy", "psycopg")
TARGET_MS = 50.0
OVERLAP = 3
DONE_SHARE = 0.95
FRESH, AT_ITS_END = "fresh", "at its end"
STAGES = (FRESH, AT_ITS_END)
_TICK_SECONDS = 0.05
_HELD_BACK_SECONDS = 0.1
_INSERTS = 300


@dataclass(frozen=True, slots=True)
class Load:
    """What the workers do: seconds of thought, on average; none without. Only what comes after `warm_up` counts."""

    think: float
    seconds: float
    warm_up: float


@dataclass
class Seen:
    """What the workers saw, in milliseconds by route, and what it took.

    Attributes:
        counted_from, last_answer: by the clock of `time.perf_counter`.
        cores: processors kept busy meanwhile, by whom.
        held_back: answers 429, which are waited out and not timed.
    """

    milliseconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    counted_from: float = 0.0
    last_answer: float = 0.0
    lags_ms: list[float] = field(default_factory=list)
    cores: dict[str, float] = field(default_factory=dict)
    held_back: int = 0

    @property
    def seconds(self) -> float:
        """Of what counts."""
        return self.last_answer - self.counted_from


@dataclass(frozen=True, slots=True)
class Scenario:
    """One line of the tables."""

    database: str
    stage: str
    processes: int

    @property
    def name(self) -> str:
        """As the tables show it."""
        return f"{self.database}, {self.stage}, {self.processes} process{'es' if self.processes > 1 else ''}"


async def worked(study: MadeStudy, server: Server, load: Load) -> Seen:
    """The workers at it for so long; what they saw after the warm-up."""
    seen, began = Seen(), time.perf_counter()
    seen.counted_from, until = began + load.warm_up, began + load.warm_up + load.seconds

    async def account() -> None:
        """Processor time and the event loop's delay, from the end of the warm-up on."""
        await asyncio.sleep(load.warm_up)
        before, at = _cpu(study, server), time.perf_counter()
        while time.perf_counter() < until:
            tick = time.perf_counter()
            await asyncio.sleep(_TICK_SECONDS)
            seen.lags_ms.append(max(0.0, time.perf_counter() - tick - _TICK_SECONDS) * 1000)
        after, seconds = _cpu(study, server), time.perf_counter() - at
        seen.cores.update({name: (after[name] - before[name]) / seconds for name in after})

    async with asyncio.TaskGroup() as group:
        group.create_task(account())
        for worker in study.workers:
            group.create_task(_work(worker, server.port, load, seen, until))
    return seen


async def _work(worker: SimulatedWorker, port: int, load: Load, seen: Seen, until: float) -> None:
    connection, drawn, count = Connection(port), random.Random(worker.number), 0

    async def timed(route: str, request: Request) -> Answer:
        """The answer, its time noted where it counts."""
        began = time.perf_counter()
        answer = await connection.ask(request)
        while answer.status == 429:  # alone on a server process, who does not think is faster than a token may be
            seen.held_back += 1
            await asyncio.sleep(_HELD_BACK_SECONDS)
            began = time.perf_counter()
            answer = await connection.ask(request)
        if answer.status != 200:
            raise SystemExit(f"{route}: {answer.status} {answer.body[:300]!r}")
        if began >= seen.counted_from:
            seen.last_answer = time.perf_counter()
            seen.milliseconds[route].append((seen.last_answer - began) * 1000)
        return answer

    await asyncio.sleep(drawn.random() * load.think)
    while time.perf_counter() < until:
        given = (await timed("next", Request("POST", f"/api/v1/studies/{STUDY}/next", worker.token))).json()
        if given["assignment"] is None:
            if load.think:
                raise SystemExit("the study has too few items for so long a run")
            break
        if load.think:
            await asyncio.sleep(drawn.expovariate(1 / load.think))
        count += 1
        body = {"fence": given["fence"], "guidelines_version": 1, "submission": {"act": "judge-pair", "helpfulness": 3}}
        key = f"m{worker.number:03}-{time.time_ns()}"
        await timed(
            "submit", Request("POST", f"/api/v1/assignments/{given['assignment']}/submit", worker.token, body, key)
        )
    connection.close()


def _cpu(study: MadeStudy, server: Server) -> dict[str, float]:
    """Processor seconds so far: of the servers, the database, this process, and the whole machine."""
    return {
        "servers": session_cpu_seconds(server.pid),
        "database": postgres_cpu_seconds(study.store),
        "client": time.process_time(),
        "machine": busy_seconds(),
    }


async def floors(study: MadeStudy, port: int, count: int = 400) -> dict[str, float]:
    """Median milliseconds of what every request costs, one at a time."""
    connection, found = Connection(port), {}
    for name, method, path in (("no such route", "GET", "/api/v1/nothing"), ("me", "GET", "/api/v1/me")):
        took = []
        for number in range(count):
            token = study.workers[number % len(study.workers)].token
            began = time.perf_counter()
            await connection.ask(Request(method, path, token))
            took.append((time.perf_counter() - began) * 1000)
        found[name] = quantile(took, 50)
    connection.close()
    return found


def insert_floor(study: MadeStudy) -> float:
    """Median milliseconds of one INSERT in a transaction of its own, in this process."""
    store, took = study.open(), []
    for _ in range(_INSERTS):
        began = time.perf_counter()
        log_event(store, "measured", now=utc_now())
        took.append((time.perf_counter() - began) * 1000)
    store.close()
    return quantile(took, 50)


# --- scenarios ---


def measure_database(database: str, chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """All scenarios on one database."""
    found = []
    with (
        tempfile.TemporaryDirectory(prefix="next-item-") as folder,
        empty_place(database, Path(folder), durable=True) as place,
    ):
        study = make_study(Path(folder) / "study", place, items=chosen.items, overlap=OVERLAP, workers=chosen.workers)
        for stage in STAGES:
            if stage == AT_ITS_END:
                store = study.open()
                count = work_off(store, study, share=DONE_SHARE, overlap=OVERLAP)
                store.close()
                print(f"{database}: {count:,} judgements stand in the study", file=sys.stderr)
            for processes in chosen.processes:
                with copied(study, Path(folder)) as one:
                    found.append(_scenario(one, Scenario(database, stage, processes), chosen))
    return found


def _scenario(study: MadeStudy, scenario: Scenario, chosen: argparse.Namespace) -> dict[str, Any]:
    print(scenario.name, file=sys.stderr)
    (port,) = free_ports(1)
    command = server_command(study, port, processes=scenario.processes)
    server = Server(command, port, study.folder / "server.log")

    async def all_of() -> tuple[dict[str, float], Seen, Seen]:
        """Floors, thinking workers, workers that do not think."""
        await server.ready()
        least = await floors(study, port)
        thinking = await worked(study, server, Load(chosen.think, chosen.seconds, chosen.warm_up))
        saturated = await worked(study, server, Load(0.0, chosen.saturated, min(2.0, chosen.warm_up)))
        return least, thinking, saturated

    server.start()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            least, thinking, saturated = runner.run(all_of())
    finally:
        server.stop()
    return {
        **asdict(scenario),
        "name": scenario.name,
        "floors_ms": {**least, "one INSERT": insert_floor(study)},
        "thinking": _figures(thinking),
        "saturated": _figures(saturated),
    }


def _figures(seen: Seen) -> dict[str, Any]:
    cores = seen.cores
    others = cores["machine"] - cores["servers"] - cores["database"] - cores["client"]
    return {
        "requests_per_second": sum(map(len, seen.milliseconds.values())) / seen.seconds,
        "latencies": latencies(seen.milliseconds),
        "client_lag_p99_ms": quantile(seen.lags_ms, 99),
        "held_back": seen.held_back,
        "cores": {name: round(value, 2) for name, value in cores.items() if name != "machine"}
        | {"others": round(max(0.0, others), 2)},
    }


def main() -> int:
    """Measures, prints; exit code 1 where the target is missed."""
    chosen = _arguments()
    found: list[dict[str, Any]] = []
    for database in chosen.database:
        found += measure_database(database, chosen)
        _write(found, chosen)
    print(f"{chosen.workers} simulated workers, {chosen.items:,} items × {OVERLAP}, {chosen.think:g} s of thought\n")
    _print_table(found, "thinking")
    print("\nthe same workers without thinking: saturated\n")
    _print_table(found, "saturated")
    print("\nfloors, median ms, one request at a time\n")
    names = list(found[0]["floors_ms"])
    print_table(["", *names], [[each["name"], *(f"{each['floors_ms'][name]:.2f}" for name in names)] for each in found])
    targets = [
        (f"next item p95, ms: {each['name']}", each["thinking"]["latencies"]["next"]["p95_ms"], "<=", TARGET_MS)
        for each in found
    ]
    print()
    print_targets(targets)
    print()
    print_machine(machine(*PACKAGES))
    return 0 if all(measured <= asked for _, measured, _, asked in targets) else 1


def _write(found: Sequence[dict[str, Any]], chosen: argparse.Namespace) -> None:
    """What was measured so far: it took long, and what comes next may fail."""
    if chosen.json:
        about = {name: value for name, value in vars(chosen).items() if name != "json"}
        written = {"about": about, "machine": machine(*PACKAGES), "scenarios": found}
        chosen.json.write_text(json.dumps(written, indent=1) + "\n")


def _print_table(found: Sequence[dict[str, Any]], which: str) -> None:
    quantiles = [f"{route} p{percent}" for route in ("next", "submit") for percent in QUANTILES]
    rows = []
    for each in found:
        figures = each[which]
        shown = [
            f"{figures['latencies'][route][f'p{percent}_ms']:.1f}"
            for route in ("next", "submit")
            for percent in QUANTILES
        ]
        cores = [f"{figures['cores'][name]:.2f}" for name in ("servers", "database", "client", "others")]
        rows.append(
            [
                each["name"],
                *shown,
                f"{figures['requests_per_second']:.0f}",
                *cores,
                f"{figures['client_lag_p99_ms']:.1f}",
            ]
        )
    print_table(["ms", *quantiles, "requests/s", "servers", "database", "client", "others", "client lag p99"], rows)
    print("\nservers, database, client, others: processors kept busy")
    if count := sum(each[which]["held_back"] for each in found):
        print(f"{count:,} requests were held back by the limit of a token, waited out and not timed")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.next_item", description=__doc__)
    parser.add_argument("--database", nargs="+", choices=DATABASES, default=list(DATABASES))
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=64, help="simulated")
    parser.add_argument("--think", type=float, default=1.0, help="seconds, on average")
    parser.add_argument("--processes", nargs="+", type=int, default=[1, 4], help="of the server")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--warm-up", type=float, default=10.0)
    parser.add_argument("--saturated", type=float, default=20.0, help="seconds without thinking")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
