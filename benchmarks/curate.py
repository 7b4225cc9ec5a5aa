"""`plumbline curate --recipe hh-clean` of hh-rlhf pairs, the whole command: seconds, memory, and both at twice the rows.

    python -m benchmarks.curate --data ../shared/data [--pairs 161840] [--rounds 3] [--json FILE]

The pairs are the samples, tiled and edited word by word (`benchmarks.rows.edited_pairs`), so that near-duplicates and leaking
prompts are there to be found. Everything is counted: start, reading gzipped lines, every rule, writing Parquet and notes.
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
from benchmarks.rows.edited_pairs import write_pairs
from benchmarks.rows.tiling import PUBLISHED_PAIRS, data_files

PACKAGES = ("plumbline-rlhf", "polars", "pyarrow", "rensa", "py3langid", "msgspec", "isal")
ONCE, TWICE, FLOOR = "curate --recipe hh-clean", "curate, twice the pairs", "floor: stream, nothing done"


def command(folder: str, out: str, recipe: str) -> Iterator[Any]:
    program = [PROGRAM, "curate", folder, "--recipe", recipe, "-o", f"{out}/curated", "--json"]
    yield
    done = subprocess.run(program, stdout=subprocess.PIPE, check=False)
    yield
    if done.returncode not in (0, 1):
        raise SystemExit(f"plumbline curate ended with exit code {done.returncode}")
    summary = json.loads(done.stdout)
    manifest = json.loads((Path(out) / "curated" / "manifest.json").read_bytes())
    shutil.rmtree(Path(out) / "curated")
    return {
        "read": summary["records"]["read"],
        "removed": {
            f"{number} {step['rule']}": _total(step["removed"]) for number, step in enumerate(summary["steps"], 1)
        },
        "changed": _total(summary["steps"][0]["changed"]),
        "written": _total(summary["written"]),
        "outputs": {
            entry["path"]: entry["sha256"] for entry in manifest["outputs"] if entry["path"].endswith("parquet")
        },
    }


def read_only(folder: str) -> Iterator[Any]:
    import plumbline.formats

    yield
    rows = sum(len(batch) for batch in plumbline.formats.stream(folder))
    yield
    return {"rows": rows}


def _total(counts: dict[str, dict[str, int]]) -> int:
    return sum(sum(splits.values()) for splits in counts.values())


def candidates(once: Path, twice: Path, work: Path) -> list[Candidate]:
    """Everything that is measured, in the order of the table."""
    here = "benchmarks.curate"
    fresh = {"PLUMBLINE_CACHE": FRESH}
    return [
        Candidate(
            name,
            f"{here}:command",
            {"folder": str(folder), "out": str(work), "recipe": "hh-clean"},
            fresh,
            "start, reading, nine rules, writing",
        )
        for name, folder in ((ONCE, once), (TWICE, twice))
    ] + [
        Candidate(
            FLOOR, f"{here}:read_only", {"folder": str(once)}, fresh, "pairs parsed and checked, ids made, thrown away"
        )
    ]


def targets(session: Session) -> list[tuple[str, float, str, float]]:
    """The figures asked for, beside those measured (medians; the highest peak)."""
    return [
        ("hh-clean over the pairs, s", session[ONCE].median_seconds, "<=", 60),
        ("peak memory, MB", session[ONCE].peak_mb, "<=", 2000),
        ("peak memory at twice the pairs, MB", session[TWICE].peak_mb, "<=", 2000),
        ("peak at twice the pairs / at once", session[TWICE].peak_mb / session[ONCE].peak_mb, "<=", 1.2),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.curate", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with hh-rlhf/<subset>/<split>.jsonl.gz")
    parser.add_argument("--pairs", type=int, default=PUBLISHED_PAIRS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args(arguments)
    work = Path(tempfile.mkdtemp(prefix="benchmark-curate-"))
    try:
        once = write_pairs(asked.data, work / "once", asked.pairs)
        twice = write_pairs(asked.data, work / "twice", 2 * asked.pairs)
        entered = candidates(once, twice, work)
        session = measuring.measure(entered, rounds=asked.rounds, files=[*data_files(once), *data_files(twice)])
    finally:
        shutil.rmtree(work, ignore_errors=True)
    for each in session.measured:
        if any(run.result != each.runs[0].result for run in each.runs):
            raise SystemExit(f"{each.candidate.name}: the runs differ in what they wrote")
    print(f"{asked.pairs:,} hh-rlhf pairs (samples tiled and edited, gzipped), {asked.rounds} rounds\n")
    print(json.dumps(session[ONCE].runs[0].result, indent=1))
    about = {"benchmark": "curate", "pairs": asked.pairs}
    measuring.report(session, targets(session), about, PACKAGES, asked.json)


if __name__ == "__main__":
    main()
