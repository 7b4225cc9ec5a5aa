"""Dealing rows out to buckets: Polars' streaming sink, DuckDB's partitioned copy, and slices written file by file.

    python -m benchmarks.exchange [--rounds 3] [--tenth] [--json FILE]

The rows are synthetic: narrow ones (a 64-bit key and a position) as rules exchange them, and wide ones (a signature of 512
bytes and an id of 32 characters on top). Every run is checked: each bucket holds as many rows as it should. DuckDB is needed
for this benchmark alone: pip install duckdb.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks import measuring
from benchmarks.measuring import FRESH, Candidate, Session

PACKAGES = ("polars", "polars-hash", "pyarrow", "duckdb")
SIZES = {
    "narrow, 5.3 M rows": ("narrow", 5_300_000),
    "narrow, 10.6 M rows": ("narrow", 10_600_000),
    "wide, 334 k rows": ("wide", 334_000),
    "wide, 668 k rows": ("wide", 668_000),
    "wide, 1.3 M rows": ("wide", 1_336_000),
}
ROWS_OF_A_PART = {"narrow": 320_000, "wide": 20_000}
BUCKETS = 16
WAYS = {"Polars sink": "polars_sink", "DuckDB copy": "duckdb_copy", "slices by part": "slices"}

# --- candidates ---


def polars_sink(folder: str) -> Iterator[Any]:
    """As `plumbline.engine` does it, its checks included."""
    from plumbline.engine import Dataset
    from plumbline.engine.dataset import Part, read_schema
    from plumbline.engine.exchange import Exchange, share_count
    from plumbline.engine.local import LocalEngine

    paths = parquet_files(folder)
    out = tempfile.mkdtemp()
    dataset = Dataset(Path(folder), tuple(Part(name=path.name, rows=1, sha256="") for path in paths))
    shares = share_count(dataset, LocalEngine.shares)
    exchange = Exchange(dataset, read_schema(paths[0]), "key", False, BUCKETS, Path(out), shares)
    yield
    LocalEngine().each(shares, exchange, Path(out), lambda: None)
    yield
    return counted(out)


def duckdb_copy(folder: str) -> Iterator[Any]:
    import duckdb

    out = tempfile.mkdtemp()
    connection = duckdb.connect()
    connection.execute("SET memory_limit = '1GB'; SET preserve_insertion_order = false; SET threads = 2")
    yield
    connection.execute(
        f"COPY (SELECT *, hash(key) % {BUCKETS} AS bucket FROM read_parquet('{folder}/*.parquet')) TO '{out}' "
        "(FORMAT parquet, PARTITION_BY (bucket), COMPRESSION lz4, OVERWRITE_OR_IGNORE)"
    )
    yield
    return counted(out)


def slices(folder: str) -> Iterator[Any]:
    """Each file by itself, two at once: a file a bucket and input file."""
    from concurrent.futures import ThreadPoolExecutor

    import polars_hash

    def deal(path: Path) -> None:
        key = polars_hash.col("key").cast(pl.String).nchash.xxhash64()  # type: ignore[attr-defined]  # the plugin adds it
        rows = pl.read_parquet(path).with_columns(bucket=key % BUCKETS)
        for (bucket,), part in rows.partition_by("bucket", as_dict=True, include_key=False).items():
            target = Path(out, f"bucket={bucket}")
            target.mkdir(exist_ok=True)
            part.write_parquet(target / path.name, compression="lz4")

    out = tempfile.mkdtemp()
    yield
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(deal, parquet_files(folder)))
    yield
    return counted(out)


def parquet_files(folder: str) -> list[Path]:
    return sorted(Path(folder).glob("*.parquet"))


def counted(out: str) -> Mapping[str, Any]:
    """Rows of each bucket, whoever named it, and the files."""
    import pyarrow.parquet as pq

    rows: dict[str, int] = {}
    files = list(Path(out).rglob("*.parquet"))
    for path in files:
        rows[path.parent.name] = rows.get(path.parent.name, 0) + pq.read_metadata(path).num_rows
    return {"buckets": sorted(rows.values()), "files": len(files), "bytes": sum(path.stat().st_size for path in files)}


# --- the benchmark ---


def make_rows(folder: Path, kind: str, count: int) -> None:
    """Files of synthetic rows, as stages leave them."""
    import pyarrow as pa

    from plumbline.engine import positions
    from plumbline.engine.dataset import write_part

    folder.mkdir()
    random = np.random.default_rng(6)
    size = ROWS_OF_A_PART[kind]
    for part, first in enumerate(range(0, count, size)):
        rows = min(size, count - first)
        keys = random.integers(0, 2**63, rows).astype(np.uint64)
        columns = {"key": pa.array(keys), "position": positions(part, rows)}
        if kind == "wide":
            columns["signature"] = pa.array([random.bytes(512) for _ in range(rows)], pa.binary(512))
            columns["id"] = pa.array([f"{number:032x}" for number in range(first, first + rows)])
        write_part(folder, f"{part:06d}.parquet", pa.table(columns))


def candidates(folder: Path, size: str) -> list[Candidate]:
    """The ways that can be measured here, on one size."""
    here = "benchmarks.exchange"
    known = {way: name for way, name in WAYS.items() if way != "DuckDB copy" or find_spec("duckdb")}
    return [
        Candidate(f"{way}, {size}", f"{here}:{name}", {"folder": str(folder)}, {"TMPDIR": FRESH})
        for way, name in known.items()
    ]


def targets(sizes: Mapping[str, tuple[str, int]], session: Session) -> list[tuple[str, float, str, float]]:
    """What decides: the sink is no slower than the others, and its memory is flat."""
    found = []
    for size in sizes:
        others = [each for each in session.measured if each.candidate.name.endswith(f", {size}")]
        sink = session[f"Polars sink, {size}"]
        fastest = min(each.median_seconds for each in others if each is not sink)
        found.append((f"{size}: seconds of the sink / of the next", sink.median_seconds / fastest, "<=", 1.0))
    for kind in ("narrow", "wide"):
        peaks = [session[f"Polars sink, {size}"].peak_mb for size in sizes if size.startswith(kind)]
        found.append((f"{kind}: peak of the sink, largest / smallest", max(peaks) / min(peaks), "<=", 1.3))
    return found


def require_all_rows(session: Session, sizes: Mapping[str, tuple[str, int]]) -> None:
    for measured in session.measured:
        count = next(rows for size, (_, rows) in sizes.items() if measured.candidate.name.endswith(f", {size}"))
        for run in measured.runs:
            if sum(run.result["buckets"]) != count or len(run.result["buckets"]) != BUCKETS:
                raise SystemExit(f"{measured.candidate.name}: expected {count} rows in {BUCKETS} buckets")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tenth", action="store_true", help="a tenth of the rows, for a first look")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    sizes = {size: (kind, rows // 10 if asked.tenth else rows) for size, (kind, rows) in SIZES.items()}
    work = Path(tempfile.mkdtemp(prefix="benchmark-exchange-"))
    try:
        entered, files = [], []
        for number, (size, (kind, rows)) in enumerate(sizes.items()):
            make_rows(work / str(number), kind, rows)
            entered += candidates(work / str(number), size)
            files += parquet_files(str(work / str(number)))
        session = measuring.measure(entered, rounds=asked.rounds, files=files)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    require_all_rows(session, sizes)
    print(f"synthetic rows, {BUCKETS} buckets by the hash of a key, {asked.rounds} rounds\n")
    about = {"benchmark": "exchange", "rows": {size: rows for size, (_, rows) in sizes.items()}, "buckets": BUCKETS}
    measuring.report(session, targets(sizes, session), about, PACKAGES, asked.json)


if __name__ == "__main__":
    main()
