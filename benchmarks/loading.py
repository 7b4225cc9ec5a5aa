"""Loading hh-rlhf pairs into comparisons: Plumbline, `datasets`, and what decompression and JSON alone cost.

    python -m benchmarks.loading --data ../shared/data [--pairs 161840] [--rounds 3] [--distinct] [--json FILE]

The result of every run that parses is checked: ids, contexts and continuations are the same in all of them.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import measuring
from benchmarks.measuring import FRESH, Candidate, Session
from benchmarks.rows.tiling import PUBLISHED_PAIRS, data_files, tile_pairs

PACKAGES = ("plumbline-rlhf", "polars", "pyarrow", "msgspec", "isal", "datasets")
WITHOUT_CACHE, WITH_CACHE, FROM_CACHE = "plumbline.load", "plumbline.load, writes its cache", "plumbline.load, cached"
STREAM, STREAM_TWICE = "plumbline.stream", "plumbline.stream, twice the rows"
PLAIN = "datasets.load_dataset alone"
PEERS = (
    ("datasets text + map, lists", "text", "lists", "same result; the usual form, all checks"),
    ("datasets json + map, lists", "json", "lists", "same result; the usual form, fewer checks"),
    ("datasets json + map, Arrow", "json", "arrow", "same result"),
    ("datasets text + map, Arrow", "text", "arrow", "same result"),
)
"""Name, builder, style of the map and a note, see `benchmarks.peers.loading`; all give the same result."""

# --- candidates ---


def plumbline_load(folder: str, cache: bool) -> Iterator[Any]:
    import plumbline.formats

    yield
    loaded = plumbline.formats.load(folder, cache=cache)
    yield
    return {"rows": len(loaded.comparisons), "fingerprint": fingerprint(loaded.comparisons)}


def plumbline_stream(folder: str) -> Iterator[Any]:
    import plumbline.formats

    rows = 0
    yield
    for batch in plumbline.formats.stream(folder):
        rows += len(batch)
    yield
    return {"rows": rows}


def gunzip(folder: str) -> Iterator[Any]:
    from isal import igzip

    size = 0
    yield
    for path in data_files(Path(folder)):
        with igzip.open(path) as file:
            while piece := file.read(16 << 20):
                size += len(piece)
    yield
    return {"bytes": size}


def gunzip_and_msgspec(folder: str) -> Iterator[Any]:
    import msgspec
    from isal import igzip

    decoder = msgspec.json.Decoder(msgspec.defstruct("Pair", [("chosen", str), ("rejected", str)]))
    rows = 0
    yield
    for path in data_files(Path(folder)):
        with igzip.open(path) as file:
            rows += len(decoder.decode_lines(file.read()))
    yield
    return {"rows": rows}


def gunzip_and_polars(folder: str) -> Iterator[Any]:
    import polars as pl
    from isal import igzip

    rows = 0
    yield
    for path in data_files(Path(folder)):
        with igzip.open(path) as file:
            rows += len(pl.read_ndjson(file.read(), schema={"chosen": pl.String, "rejected": pl.String}))
    yield
    return {"rows": rows}


def fingerprint(table: pa.Table) -> str:
    """A digest over ids, contexts and continuations of all rows in order; the same for the same rows."""
    digest = hashlib.sha256()
    for name in ("id", "item_id", "group_id"):
        digest.update("\n".join(table[name].to_pylist()).encode())
    sides = pc.list_flatten(table["continuations"])
    lists: list[pa.ChunkedArray] = [table["context"], table["continuations"], sides]
    strings = [
        pc.struct_field(pc.list_flatten(conversations), field).cast(pa.string())
        for conversations in (table["context"], sides)
        for field in ("role", "text")
    ]
    lengths = [*map(pc.list_value_length, lists), *map(pc.binary_length, strings)]
    for column in lengths:
        digest.update(np.asarray(column, np.int32).tobytes())
    for column in strings:
        digest.update("".join(column.to_pylist()).encode())
    return digest.hexdigest()


# --- the benchmark ---


def candidates(folder: Path, doubled: Path, work: Path) -> list[Candidate]:
    """Everything that is measured, in the order of the table."""
    here = "benchmarks.loading"
    own = {"PLUMBLINE_CACHE": FRESH}
    kept = {"PLUMBLINE_CACHE": str(work / "cache")}
    peer = {
        "HF_HOME": FRESH,
        "HF_DATASETS_OFFLINE": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }
    at = {"folder": str(folder)}
    return [
        Candidate(WITHOUT_CACHE, f"{here}:plumbline_load", {**at, "cache": False}, own),
        Candidate(WITH_CACHE, f"{here}:plumbline_load", {**at, "cache": True}, own),
        Candidate(FROM_CACHE, f"{here}:plumbline_load", {**at, "cache": True}, kept, "filled by an earlier process"),
        Candidate(STREAM, f"{here}:plumbline_stream", at, own, "batches thrown away"),
        Candidate(STREAM_TWICE, f"{here}:plumbline_stream", {"folder": str(doubled)}, own, "memory must stay flat"),
        *(
            Candidate(
                f"{peer_name}, {processes} process{'es' if processes > 1 else ''}",
                "benchmarks.peers.loading:parsed",
                {**at, "reader": reader, "style": style, "processes": processes},
                peer,
                note,
            )
            for peer_name, reader, style, note in PEERS
            for processes in (1, 2)
        ),
        Candidate(PLAIN, "benchmarks.peers.loading:plain", at, peer, "no turns, no checks, no ids"),
        Candidate("floor: gunzip (isal)", f"{here}:gunzip", at),
        Candidate("floor: gunzip + msgspec decode", f"{here}:gunzip_and_msgspec", at, {}, "no turns, no ids"),
        Candidate(
            "floor: gunzip + Polars read_ndjson", f"{here}:gunzip_and_polars", at, {}, "no turns, no ids, lenient"
        ),
    ]


def targets(session: Session) -> list[tuple[str, float, str, float]]:
    """The figures asked for, beside those measured (medians)."""
    slower = max(session[WITHOUT_CACHE].median_seconds, session[WITH_CACHE].median_seconds)
    loading = session[WITHOUT_CACHE].median_seconds
    return [
        ("load, the slower of with and without writing the cache, s", slower, "<=", 3),
        *((f"load against {name}, times as fast", _fastest(session, name) / loading, ">=", 5) for name, *_ in PEERS),
        ("load from its own cache, s", session[FROM_CACHE].median_seconds, "<=", 0.3),
        ("peak memory of load, MB", max(session[WITHOUT_CACHE].peak_mb, session[WITH_CACHE].peak_mb), "<=", 1500),
        (
            "peak memory of stream, twice the rows / once",
            session[STREAM_TWICE].peak_mb / session[STREAM].peak_mb,
            "<=",
            1.1,
        ),
    ]


def _fastest(session: Session, name: str) -> float:
    return min(each.median_seconds for each in session.measured if each.candidate.name.startswith(f"{name},"))


def require_same_result(session: Session, pairs: int) -> None:
    """End the benchmark where a candidate lost a row or gave another result."""
    results = {each.candidate.name: run.result for each in session.measured for run in each.runs}
    for name, result in results.items():
        expected = 2 * pairs if name == STREAM_TWICE else pairs
        if result.get("rows", expected) != expected:
            raise SystemExit(f"{name}: expected {expected:,} rows, found {result['rows']:,}")
    runs = [(each.candidate.name, run.result) for each in session.measured for run in each.runs]
    prints = {result["fingerprint"]: name for name, result in runs if "fingerprint" in result}
    if len(prints) != 1:
        raise SystemExit(f"the results differ between {', '.join(prints.values())}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loading", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with hh-rlhf/<subset>/<split>.jsonl.gz")
    parser.add_argument("--pairs", type=int, default=PUBLISHED_PAIRS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--distinct", action="store_true", help="make the tiled rows distinct")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args(arguments)
    work = Path(tempfile.mkdtemp(prefix="benchmark-loading-"))
    try:
        folder = tile_pairs(asked.data, work / "once", asked.pairs, distinct=asked.distinct)
        doubled = tile_pairs(asked.data, work / "twice", 2 * asked.pairs, distinct=asked.distinct)
        entered = candidates(folder, doubled, work)
        measuring.run_once(next(each for each in entered if each.name == FROM_CACHE))
        session = measuring.measure(entered, rounds=asked.rounds, files=[*data_files(folder), *data_files(doubled)])
    finally:
        shutil.rmtree(work, ignore_errors=True)
    require_same_result(session, asked.pairs)
    rows = "made distinct" if asked.distinct else "repeated"
    print(f"{asked.pairs:,} hh-rlhf pairs (samples {rows}, gzipped), {asked.rounds} rounds\n")
    about = {"benchmark": "loading", "pairs": asked.pairs, "distinct": asked.distinct}
    measuring.report(session, targets(session), about, PACKAGES, asked.json)


if __name__ == "__main__":
    main()
