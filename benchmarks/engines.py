"""What Ray costs over the local engine: the same stages on the same synthetic rows, on two nodes of one core each.

    python -m benchmarks.engines [--rows 1000000] [--rounds 3] [--json FILE]

Both engines run four stages that deal out by part, by key, to parts and whole, and leave the same digests, which is checked. Ray's nodes
are on this machine (`ray.cluster_utils.Cluster`); starting them, and starting the first processes that work, is timed apart.
Needs the extra ray.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks import measuring
from benchmarks.measuring import FRESH, Candidate, Session

PACKAGES = ("ray", "polars", "pyarrow")
ROWS_OF_A_PART = 20_000
LOCAL, RAY = "local", "Ray, two nodes"

# --- stages ---


def measured_rows(table: pa.Table) -> pa.Table:
    """Some work on each row: how long its text is and a digest of it."""
    import polars_hash  # noqa: F401  # gives expressions their hashes

    rows = pl.from_arrow(table).with_columns(
        length=pl.col("text").str.len_chars(), key=pl.col("text").nchash.xxhash64()
    )
    return rows.drop("text").to_arrow()


def repeats(table: pa.Table) -> pa.Table:
    """Rows before which another of the same key came."""
    rows = pl.from_arrow(table)
    return rows.filter(~pl.col("key").is_first_distinct()).select("position", "key").to_arrow()


def left(table: pa.Table, dropped: pa.Table) -> pa.Table:
    """Rows that are not dropped."""
    rows = pl.from_arrow(table)
    return rows.join(pl.from_arrow(dropped), on="position", how="anti", maintain_order="left").to_arrow()


def summed(table: pa.Table) -> pa.Table:
    """One row of sums."""
    return pl.from_arrow(table).select(pl.len().alias("rows"), pl.col("length").sum()).to_arrow()


def run_stages(folder: str, engine: Any, work: Path) -> str:
    """All four stages; the digests of what they leave, in one."""
    from plumbline.engine import ByKey, ByPart, Dataset, Stage, ToParts, Whole, open_workspace, run_stage
    from plumbline.engine.dataset import part_at

    data = Dataset(Path(folder), tuple(part_at(path) for path in sorted(Path(folder).glob("*.parquet"))))
    with open_workspace(work) as workspace:

        def run(function: Any, takes: Any, inputs: list[Dataset]) -> Dataset:
            return run_stage(Stage(function.__name__, 1, function, takes), inputs, workspace, engine)

        rows = run(measured_rows, (ByPart(),), [data])
        dropped = run(repeats, (ByKey("key", ("position",)),), [rows])
        kept = run(left, (ByPart(), ToParts("position", ("position",))), [rows, dropped])
        total = run(summed, (Whole(("length",)),), [kept])
        return " ".join(each.digest[:16] for each in (rows, dropped, kept, total))


# --- candidates ---


def on_local(folder: str) -> Iterator[Any]:
    from plumbline.engine import open_engine

    work = Path(tempfile.mkdtemp())
    with open_engine("local") as engine:
        yield
        digests = run_stages(folder, engine, work / "work")
        yield
    return {"digests": digests}


def on_ray(folder: str) -> Iterator[Any]:
    from plumbline.engine import open_engine
    from plumbline.engine.on_ray import ENVIRONMENT

    work, began = Path(tempfile.mkdtemp()), time.perf_counter()
    os.environ.update(ENVIRONMENT)
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 200 << 20, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
    cluster.add_node(**node)
    with open_engine("ray", cluster.address) as engine:
        started = time.perf_counter() - began
        engine.each(4, imported, work / "marks", lambda: None)
        warm = time.perf_counter() - began - started
        yield
        digests = run_stages(folder, engine, work / "work")
        yield
    cluster.shutdown()
    return {"digests": digests, "start_seconds": started, "first_piece_seconds": warm}


def imported(number: int) -> dict[str, Any]:
    """A piece that does nothing but load what pieces need."""
    import plumbline.engine.running  # noqa: F401

    return {"number": number}


# --- the benchmark ---


def make_rows(folder: Path, count: int) -> None:
    """Files of synthetic rows: a text of some 200 characters, one in ten of which another has, too."""
    from plumbline.engine import positions
    from plumbline.engine.dataset import write_part

    folder.mkdir()
    random = np.random.default_rng(6)
    for part, first in enumerate(range(0, count, ROWS_OF_A_PART)):
        rows = min(ROWS_OF_A_PART, count - first)
        numbers = random.integers(0, 5 * count, rows)
        texts = pa.array([f"{number:020d}" * 10 for number in numbers])
        write_part(folder, f"{part:06d}.parquet", pa.table({"position": positions(part, rows), "text": texts}))


def targets(session: Session) -> list[tuple[str, float, str, float]]:
    """Nothing is asked of Ray on one machine; the figure is what its way of working costs."""
    return [("Ray / local, start-up apart", session[RAY].median_seconds / session[LOCAL].median_seconds, "<=", 10.0)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="benchmark-engines-"))
    try:
        make_rows(work / "rows", asked.rows)
        here, at, fresh = "benchmarks.engines", {"folder": str(work / "rows")}, {"TMPDIR": FRESH}
        entered = [
            Candidate(LOCAL, f"{here}:on_local", at, fresh),
            Candidate(RAY, f"{here}:on_ray", at, fresh, "memory: of the largest process"),
        ]
        session = measuring.measure(entered, rounds=asked.rounds, files=sorted((work / "rows").iterdir()))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    digests = {run.result["digests"] for measured in session.measured for run in measured.runs}
    if len(digests) != 1:
        raise SystemExit(f"expected the same digests from all runs, found {len(digests)}")
    print(f"{asked.rows:,} synthetic rows, four stages, {asked.rounds} rounds; all left the same digests\n")
    starts = [run.result for run in session[RAY].runs]
    for figure in ("start_seconds", "first_piece_seconds"):
        print(f"Ray, {figure}: {', '.join(f'{start[figure]:.1f}' for start in starts)}")
    print()
    measuring.report(session, targets(session), {"benchmark": "engines", "rows": asked.rows}, PACKAGES, asked.json)


if __name__ == "__main__":
    main()
