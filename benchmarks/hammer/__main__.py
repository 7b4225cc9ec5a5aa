"""See the package."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.collecting.servers import FastClock
from benchmarks.collecting.study import DATABASES, MadeStudy, empty_place, make_study
from benchmarks.hammer.checking import Checked, check
from benchmarks.hammer.figures import latencies, print_latencies, print_values
from benchmarks.hammer.ledger import read_ledgers
from benchmarks.hammer.planting import Finding, plant_all
from benchmarks.hammer.run import Plan, Ran, run
from benchmarks.hammer.worker import SHARES, Habits
from benchmarks.measuring import machine, print_machine, print_table

PACKAGES = ("plumbline-rlhf", "fastapi", "uvicorn", "sqlalchemy", "psycopg")


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done."""

    items: int = 20_000
    overlap: int = 3
    workers: int = 64


@dataclass(frozen=True, slots=True)
class Hammered:
    """A run, what the check says of it, and what it says of planted faults."""

    ran: Ran
    checked: Checked
    findings: list[Finding]

    @property
    def holds(self) -> bool:
        """Whether all is well: complete, no fault, and each planted one found."""
        return self.ran.complete and not self.checked.faults and not any(each.missing for each in self.findings)


def hammer(database: str, size: Size, plan: Plan, folder: Path, *, plant: bool = True) -> Hammered:
    """A whole run on an empty store of its own, below `folder`."""
    with empty_place(database, folder) as place:
        study = make_study(folder / "study", place, items=size.items, overlap=size.overlap, workers=size.workers)
        return hammer_study(study, plan, folder, plant=plant)


def hammer_study(study: MadeStudy, plan: Plan, folder: Path, *, plant: bool = True) -> Hammered:
    """A whole run on a study."""
    ledgers = folder / "ledgers"
    ledgers.mkdir()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        ran = runner.run(run(study, plan, ledgers))
    written = read_ledgers(sorted(ledgers.glob("worker-*.jsonl")))
    store = study.open()
    try:
        checked = check(store, study, written, complete=ran.complete)
    finally:
        store.close()
    findings = plant_all(study, written, folder) if plant and ran.complete else []
    return Hammered(ran, checked, findings)


def main() -> int:
    """Runs, prints, and says by the exit code whether all held."""
    chosen = _arguments()
    size = Size(chosen.items, chosen.overlap, chosen.workers)
    clock = FastClock(time.time(), chosen.clock_factor) if chosen.clock_factor > 1 else None
    habits = Habits().times(chosen.bad_luck, wait_seconds=Habits().wait_seconds / chosen.clock_factor)
    plan = Plan(chosen.servers, chosen.kill_every, (), chosen.seconds, clock, habits, chosen.seed)
    with ExitStack() as stack:
        folder = chosen.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hammer-")))
        folder.mkdir(parents=True, exist_ok=True)
        hammered = hammer(chosen.database, size, plan, folder, plant=not chosen.no_plant)
    figures = figures_of(hammered, {"database": chosen.database, **asdict(size), "servers": plan.servers})
    _show(hammered, figures)
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if hammered.holds else 1


def figures_of(hammered: Hammered, about: dict[str, Any]) -> dict[str, Any]:
    """All figures, for JSON."""
    ran, seconds = hammered.ran, hammered.ran.seconds
    counts = ran.figures.counts
    ours = (ran.server_cpu + ran.database_cpu + ran.client_cpu) / seconds
    return {
        "about": {**about, "workers are": "simulated"},
        "holds": hammered.holds,
        "complete": ran.complete,
        "faults": [asdict(fault) for fault in hammered.checked.faults[:100]],
        "planted": {
            each.name: {"missing": sorted(each.missing), "found": sorted(each.found)} for each in hammered.findings
        },
        "seconds": round(seconds, 1),
        "requests answered": ran.figures.requests,
        "requests per second": round(ran.figures.requests / seconds, 1),
        "judgements per second, while there was work": round(ran.busy_judgements / max(ran.busy_seconds, 1e-9), 1),
        "kills": ran.kills,
        "longest restart, s": round(max(ran.started_again, default=0.0), 2),
        "connections dropped on purpose": counts["cut_short"] + counts["unread"] + counts["given_up"],
        "answers lost": counts["lost"],
        "habits": {name: counts[name] for name in SHARES},
        "told": {name: count for name, count in sorted(counts.items()) if name.split(",")[0] in ("accepted", "late")},
        "answers": dict(sorted(ran.figures.statuses.items())),
        "checked": hammered.checked.counts,
        "latencies": latencies(ran.figures.milliseconds),
        "cpu": {
            "servers_s": round(ran.server_cpu, 1),
            "database_s": round(ran.database_cpu, 1),
            "client_s": round(ran.client_cpu, 1),
            "client_cores": round(ran.client_cpu / seconds, 2),
            "client_lag_p99_ms": round(ran.client_lag_ms, 1),
            "others_cores": round(max(0.0, ran.others_cores - ours), 2),
        },
        "exit_codes": ran.exit_codes,
        "machine": machine(*PACKAGES),
    }


def _show(hammered: Hammered, figures: dict[str, Any]) -> None:
    about = figures["about"]
    print(
        f"{about['workers']} simulated workers, {about['items']:,} items × {about['overlap']}, {about['servers']} server "
        f"processes, {about['database']}\n"
    )
    plain = (
        "seconds",
        "requests answered",
        "requests per second",
        "judgements per second, while there was work",
        "kills",
        "longest restart, s",
    )
    print_values({name: figures[name] for name in (*plain, "connections dropped on purpose", "answers lost")})
    for name in ("habits", "told", "answers", "checked", "cpu"):
        print(f"\n{name}")
        print_values(figures[name])
    print()
    print_latencies(figures["latencies"])
    print()
    rows = [
        [each.name, ", ".join(sorted(each.found)), "missed" if each.missing else "found"] for each in hammered.findings
    ]
    print_table(["planted in a copy", "faults told", ""], rows, left=(0, 1, 2))
    for fault in hammered.checked.faults[:20]:
        print(f"FAULT {fault.kind}: {fault.place}: {fault.found}", file=sys.stderr)
    verdict = "every judgement accounted for" if hammered.holds else f"FAILED: {len(hammered.checked.faults)} faults"
    print(f"\n{verdict if hammered.ran.complete else 'FAILED: not complete in time'}\n")
    print_machine(figures["machine"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hammer", description=__doc__)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--items", type=int, default=Size().items)
    parser.add_argument("--overlap", type=int, default=Size().overlap)
    parser.add_argument("--workers", type=int, default=Size().workers, help="simulated")
    parser.add_argument("--servers", type=int, default=4, help="processes on the one store")
    parser.add_argument("--kill-every", type=float, default=4.0, help="seconds, give or take half")
    parser.add_argument("--seconds", type=float, default=3600.0, help="broken off after so long")
    parser.add_argument(
        "--clock-factor",
        type=float,
        default=1.0,
        help="over 1: servers of the benchmark's own, whose clock goes faster",
    )
    parser.add_argument("--bad-luck", type=float, default=1.0, help="how many times as often things go wrong")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-plant", action="store_true", help="leave the planted faults out")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="an empty folder to keep store and ledgers in")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
