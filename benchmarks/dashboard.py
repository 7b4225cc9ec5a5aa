"""The dashboard with many judgements: snapshots, the pages that show them, and answers while judgements come in.

    python -m benchmarks.dashboard [--judgements 200000] [--postgres] [--pages 20] [--seconds 30] [--json FILE]

First in processes of their own, on stores filled beforehand (`benchmarks.collecting.dashboard_store`; three judge each item): the
copy of a study's judgements and every figure, from nothing; and the same again with 100 new judgements. The floor: the
same rows through the same driver, nothing done with them. Then over HTTP, as users serve a study: workers at it, at a
second of thought, and a manager who asks for the figures four times a second; and the workers alone, for comparison.

Not covered: several processes of a server, each of which holds a copy; what a page draws from the figures, see
`benchmarks.collecting.dashboard_pages`.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks import measuring
from benchmarks.collecting.dashboard_pages import PageTimes, as_json, look_at, page_targets, print_pages
from benchmarks.collecting.dashboard_store import KINDS
from benchmarks.measuring import Candidate, Session

PACKAGES = ("plumbline-rlhf", "numpy", "scipy", "sqlalchemy", "psycopg", "pydantic", "msgspec", "fastapi", "uvicorn")
TARGET_MS = 300.0
NEW = 100
OVERLAP = 3
DONE_SHARE = 0.8
_ASK_EVERY_SECONDS = 0.25


# --- candidates ---


def _opened(place: str, kind: str) -> tuple[Any, Any]:
    from plumbline.collect.service.opening import open_collecting
    from plumbline.collect.service.samplers import SourceRules
    from plumbline.collect.store.migrating import open_store

    collecting = open_collecting(open_store(place), SourceRules(Path()))
    return collecting, collecting.catalogue.named("chat" if kind == "preference-chat" else kind)


def first_snapshot(place: str, kind: str) -> Iterator[Any]:
    """Everything from nothing."""
    from plumbline.collect.dashboard.ledger import Ledger
    from plumbline.collect.dashboard.snapshot import make_snapshot

    collecting, study = _opened(place, kind)
    begun = measuring.resident_mb()
    yield
    snapshot = make_snapshot(collecting, study, Ledger(collecting.store, study))
    yield
    flops = sum(question.bootstrap_flops for question in snapshot.figures.agreement)
    return {"begun_mb": begun, "judgements": snapshot.figures.basis.judgements, "flops": flops}


def brought_up(place: str, kind: str) -> Iterator[Any]:
    """What 100 new judgements take, where the rest is there already."""
    from benchmarks.collecting.dashboard_store import add_judgements
    from plumbline.collect.dashboard.ledger import Ledger
    from plumbline.collect.dashboard.snapshot import make_snapshot

    collecting, study = _opened(place, kind)
    ledger = Ledger(collecting.store, study)
    before = make_snapshot(collecting, study, ledger).figures.basis.judgements
    if kind != "preference-chat":
        add_judgements(collecting.store, kind, NEW)
    begun = measuring.resident_mb()
    yield
    after = make_snapshot(collecting, study, ledger).figures.basis.judgements
    yield
    return {"begun_mb": begun, "judgements": after, "new": after - before}


def reading_rows(place: str, kind: str) -> Iterator[Any]:
    """The floor: the rows of the first snapshot, read and let go."""
    from plumbline.collect.dashboard.ledger import PAGE
    from plumbline.collect.store.dashboard_rows import read_page

    collecting, study = _opened(place, kind)
    rows = after = 0
    yield
    while True:
        page = read_page(collecting.store, study.id, after=after, mark=0, most=PAGE)
        rows += len(page.rows)
        if page.total is not None:
            break
        after = page.rows[-1][0]
    yield
    return {"begun_mb": measuring.resident_mb(), "judgements": rows}


def candidates(places: dict[tuple[str, str], str]) -> list[Candidate]:
    """Everything that is measured in a process of its own; what adds judgements comes last."""
    here = "benchmarks.dashboard"
    ways = {"floor: rows": "reading_rows", "first snapshot": "first_snapshot", f"{NEW} new": "brought_up"}
    return [
        Candidate(f"{database}, {kind}, {name}", f"{here}:{function}", {"place": place, "kind": kind})
        for name, function in ways.items()
        for (database, kind), place in places.items()
    ]


def stores(asked: argparse.Namespace, work: Path, stack: ExitStack) -> dict[tuple[str, str], str]:
    """Places by database and kind."""
    from benchmarks.collecting.dashboard_store import fill
    from plumbline.collect.store.migrating import create_store

    numbers = count(1)
    makers: dict[str, Callable[[], str]] = {"sqlite": lambda: str(work / f"{next(numbers)}.db")}
    if asked.postgres:
        from tests.collect import postgres_server

        socket = stack.enter_context(postgres_server.running_server())
        makers["postgres"] = lambda: postgres_server.address_of(socket, postgres_server.make_database(socket))
    made = {}
    for database, make in makers.items():
        for kind in asked.kinds:
            made[database, kind] = place = make()
            store = create_store(place)
            fill(store, kind, asked.judgements)
            store.close()
    return made


def looked_at(places: dict[tuple[str, str], str], times: int) -> dict[str, dict[str, PageTimes]]:
    """The pages of every store; none where they are left out."""
    if times == 0:
        return {}
    return {f"{database}, {kind}": look_at(place, kind, times=times) for (database, kind), place in places.items()}


# --- over HTTP ---


@dataclass(frozen=True, slots=True)
class Asking:
    """What a manager and the workers beside them saw, in milliseconds.

    Attributes:
        first_seconds: until the first answer, from when the server says that it is well; it makes large studies ready.
        alone: what the workers waited for the next item while nobody asked for figures.
        judgements: that came in meanwhile.
        snapshot_seconds: that the newest snapshot took to make.
    """

    first_seconds: float
    figures: list[float]
    next: list[float]
    submit: list[float]
    alone: list[float]
    judgements: int
    snapshot_seconds: float


def served(database: str, asked: argparse.Namespace) -> Asking:
    """A study as users serve it, with most of the judgements in it already."""
    import uvloop

    from benchmarks.collecting.servers import Server, free_ports, server_command
    from benchmarks.collecting.study import empty_place, make_study
    from benchmarks.collecting.worked_off import work_off

    with (
        tempfile.TemporaryDirectory(prefix="dashboard-") as folder,
        empty_place(database, Path(folder), durable=True) as place,
    ):
        # Each item that is not done has one judgement.
        items = round(asked.judgements / (DONE_SHARE * OVERLAP + (1 - DONE_SHARE)))
        study = make_study(Path(folder) / "study", place, items=items, overlap=OVERLAP, workers=asked.workers)
        store = study.open()
        work_off(store, study, share=DONE_SHARE, overlap=OVERLAP)
        store.close()
        (port,) = free_ports(1)
        server = Server(server_command(study, port), port, study.folder / "server.log")
        server.start()
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(_asked(study, server, asked.seconds))
        finally:
            server.stop()


async def _asked(study: Any, server: Any, seconds: float) -> Asking:
    from benchmarks.next_item import Load, worked

    await server.ready()
    begun = time.perf_counter()
    first = await _figures_once(study, server)
    first_seconds = time.perf_counter() - begun
    alone = await worked(study, server, Load(1.0, seconds, 2.0))
    took: list[float] = []
    asking = asyncio.create_task(_ask_again_and_again(study, server, took))
    seen = await worked(study, server, Load(1.0, seconds, 2.0))
    asking.cancel()
    last = await _figures_once(study, server)
    return Asking(
        first_seconds=first_seconds,
        figures=took,
        next=seen.milliseconds["next"],
        submit=seen.milliseconds["submit"],
        alone=alone.milliseconds["next"],
        judgements=_judgements(last) - _judgements(first),
        snapshot_seconds=last["seconds"],
    )


async def _ask_again_and_again(study: Any, server: Any, took: list[float]) -> None:
    while True:
        begun = time.perf_counter()
        await _figures_once(study, server)
        took.append((time.perf_counter() - begun) * 1000)
        await asyncio.sleep(_ASK_EVERY_SECONDS)


async def _figures_once(study: Any, server: Any) -> Any:
    from benchmarks.collecting.lean_http import Connection, Request
    from benchmarks.collecting.study import STUDY

    connection = Connection(server.port)
    answer = await connection.ask(Request("GET", f"/api/v1/studies/{STUDY}/figures", study.owner))
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"figures: {answer.status} {answer.body[:300]!r}")
    return answer.json()


def _judgements(answer: Any) -> int:
    return int(answer["figures"]["basis"]["judgements"])


# --- the benchmark ---


def print_snapshots(session: Session) -> None:
    """Seconds, judgements and memory above the start."""
    rows = []
    for each in session.measured:
        run = each.runs[0]
        above = max(run.peak_mb - run.result["begun_mb"] for run in each.runs)
        flops = run.result.get("flops")
        rows.append(
            [
                each.candidate.name,
                f"{run.result['judgements']:,}",
                f"{each.median_seconds:.2f}",
                f"{above:,.0f}",
                f"{flops / 1e6:,.1f}" if flops else "",
            ]
        )
    measuring.print_table(["", "judgements", "s", "MB above the start", "MFLOP of agreement's draws"], rows)


def print_asking(found: dict[str, Asking]) -> None:
    """Latencies over HTTP."""
    from benchmarks.hammer.figures import QUANTILES, quantile

    titles = ["ms", "first, s", *(f"figures p{percent}" for percent in QUANTILES)]
    titles += ["next p95", "next p95 alone", "submit p95", "judgements meanwhile", "s a snapshot"]
    rows = [
        [
            database,
            f"{seen.first_seconds:.1f}",
            *(f"{quantile(seen.figures, percent):.1f}" for percent in QUANTILES),
            *(f"{quantile(values, 95):.1f}" for values in (seen.next, seen.alone, seen.submit)),
            f"{seen.judgements:,}",
            f"{seen.snapshot_seconds:.2f}",
        ]
        for database, seen in found.items()
    ]
    measuring.print_table(titles, rows)


def targets(found: dict[str, Asking]) -> list[tuple[str, float, str, float]]:
    """The figure asked for."""
    from benchmarks.hammer.figures import quantile

    return [
        (f"{database}: GET /figures p95, ms", quantile(seen.figures, 95), "<=", TARGET_MS)
        for database, seen in found.items()
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures, prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--judgements", type=int, default=200_000)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--postgres", action="store_true", help="on a throwaway Postgres server too")
    parser.add_argument("--pages", type=int, default=20, help="how often each page is looked at; 0 leaves them out")
    parser.add_argument("--seconds", type=float, default=30.0, help="over HTTP, with and without somebody looking")
    parser.add_argument("--workers", type=int, default=16, help="simulated")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args(arguments)
    work = Path(tempfile.mkdtemp(prefix="benchmark-dashboard-"))
    try:
        with ExitStack() as stack:
            places = stores(asked, work, stack)
            session = measuring.measure(candidates(places), rounds=asked.rounds)
            pages = looked_at(places, asked.pages)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print_snapshots(session)
    print()
    print_pages(pages)
    found = {
        database: served(database, asked) for database in (("sqlite", "postgres") if asked.postgres else ("sqlite",))
    }
    print()
    print_asking(found)
    print()
    about = {
        "benchmark": "dashboard",
        "judgements": asked.judgements,
        "workers": asked.workers,
        "pages": as_json(pages),
        "over_http": {database: asdict(seen) for database, seen in found.items()},
    }
    measuring.report(session, [*page_targets(pages), *targets(found)], about, PACKAGES, asked.json)


if __name__ == "__main__":
    main()
