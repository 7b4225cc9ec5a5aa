"""`data check` of hh-rlhf pairs: the rules alone on loaded tables, and the whole command.

python -m benchmarks.checking --data ../shared/data [--pairs 161840] [--rounds 3] [--distinct] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import measuring
from benchmarks.measuring import FRESH, PROGRAM, Candidate, Session
from benchmarks.rows.tiling import PUBLISHED_PAIRS, data_files, tile_pairs

PACKAGES = ("plumbline-rlhf", "polars", "pyarrow", "msgspec", "isal")
RULES, COMMAND, CACHED_COMMAND = "run_check", "plumbline data check", "plumbline data check, cached"


def rules(folder: str) -> Iterator[Any]:
    import plumbline.formats
    import plumbline.loop.check_run

    loaded = plumbline.formats.load(folder, cache=False)
    yield
    summary = plumbline.loop.check_run.run_check("hh-rlhf", loaded, limit=3)
    yield
    return _outcome(summary)


def command(folder: str) -> Iterator[Any]:
    program = [PROGRAM, "data", "check", folder, "--json"]
    yield
    done = subprocess.run(program, stdout=subprocess.PIPE, check=False)
    yield
    if done.returncode not in (0, 1):
        raise SystemExit(f"plumbline data check ended with exit code {done.returncode}")
    return _outcome(json.loads(done.stdout))


def _outcome(summary: dict[str, Any]) -> dict[str, Any]:
    return {
        "rows": summary["rows_read"],
        "findings": {f"{entry['code']} {entry['name']}": entry["count"] for entry in summary["findings"]},
    }


def candidates(folder: Path, work: Path) -> list[Candidate]:
    """Everything that is measured, in the order of the table."""
    at = {"folder": str(folder)}
    kept = {"PLUMBLINE_CACHE": str(work / "cache")}
    here = "benchmarks.checking"
    return [
        Candidate(RULES, f"{here}:rules", at, {}, "on loaded tables"),
        Candidate(COMMAND, f"{here}:command", at, {"PLUMBLINE_CACHE": FRESH}, "start, load, cache written, rules"),
        Candidate(CACHED_COMMAND, f"{here}:command", at, kept, "start, cache read, rules"),
    ]


def targets(session: Session) -> list[tuple[str, float, str, float]]:
    """The figures asked for, beside those measured (medians)."""
    return [
        ("run_check on loaded tables, s", session[RULES].median_seconds, "<=", 15),
        ("plumbline data check, the whole command, s", session[COMMAND].median_seconds, "<=", 15),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checking", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with hh-rlhf/<subset>/<split>.jsonl.gz")
    parser.add_argument("--pairs", type=int, default=PUBLISHED_PAIRS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--distinct", action="store_true", help="make the tiled rows distinct")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args(arguments)
    work = Path(tempfile.mkdtemp(prefix="benchmark-checking-"))
    try:
        folder = tile_pairs(asked.data, work, asked.pairs, distinct=asked.distinct)
        entered = candidates(folder, work)
        measuring.run_once(entered[-1])
        session = measuring.measure(entered, rounds=asked.rounds, files=data_files(folder))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    results = [run.result for each in session.measured for run in each.runs]
    if any(result != {**results[0], "rows": asked.pairs} for result in results):
        raise SystemExit("the runs differ in what they found, or lost rows")
    rows = "made distinct" if asked.distinct else "repeated"
    print(f"{asked.pairs:,} hh-rlhf pairs (samples {rows}, gzipped), {asked.rounds} rounds\n")
    about = {"benchmark": "checking", "pairs": asked.pairs, "distinct": asked.distinct}
    measuring.report(session, targets(session), about, PACKAGES, asked.json)


if __name__ == "__main__":
    main()
