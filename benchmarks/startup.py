"""How long a command takes to answer when it has nothing to do: help, beside Python that does nothing.

    python -m benchmarks.startup [--rounds 20] [--json FILE]

Here imports are what is measured: the clock runs around the whole process, with warm file caches.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import measuring
from benchmarks.measuring import PROGRAM, Candidate, Session

PACKAGES = ("plumbline-rlhf", "typer", "click")
HELP = "plumbline --help"


def process(command: list[str]) -> Iterator[Any]:
    yield
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    yield
    return {"characters": len(done.stdout)}


def candidates() -> list[Candidate]:
    """Everything that is measured, in the order of the table."""
    return [
        _candidate(HELP, [PROGRAM, "--help"]),
        _candidate("plumbline data --help", [PROGRAM, "data", "--help"]),
        _candidate("plumbline data check --help", [PROGRAM, "data", "check", "--help"]),
        _candidate("floor: python -c pass", [sys.executable, "-c", "pass"]),
    ]


def _candidate(name: str, command: list[str]) -> Candidate:
    return Candidate(name, "benchmarks.startup:process", {"command": command})


def targets(session: Session) -> list[tuple[str, float, str, float]]:
    """The figures asked for, beside those measured (medians)."""
    return [(f"{HELP}, s", session[HELP].median_seconds, "<=", 0.3)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args(arguments)
    entered = candidates()
    for candidate in entered:
        measuring.run_once(candidate)
    session = measuring.measure(entered, rounds=asked.rounds)
    print(f"{asked.rounds} rounds, file caches warm\n")
    measuring.report(session, targets(session), {"benchmark": "startup"}, PACKAGES, asked.json)


if __name__ == "__main__":
    main()
