"""The steps from texts to clusters over spilled parts: what an engine does, in one process, for the benchmark.

Nothing but what is narrow (verified pairs, clusters) is ever in memory for all rows: shingles and bands are written
part by part, candidates are exchanged by the part of a and by that of b, shingles are sent to the parts that need them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from benchmarks.rows.edited_rows import PART_ROWS
from plumbline.curate import clusters, verification
from plumbline.curate.minhash import BAND_SCHEMA, band_table, choose_banding
from plumbline.curate.shingles import shingle_table
from plumbline.engine import part_of, position_of

Step = Callable[[ThreadPoolExecutor, Sequence[Path], Path], None]
"""(pool, files of the rows, folder for what is spilled)"""

_PART_STEP = position_of(1, 0)
_PARTS_AN_EXCHANGE = 8
_BANDING = choose_banding(clusters.DEFAULT_THRESHOLD)


def shingles_and_bands(pool: ThreadPoolExecutor, files: Sequence[Path], work: Path) -> None:
    """(map) texts → shingles; bands, a batch a band."""
    _all(pool.map(partial(_prepare_part, work), range(len(files)), files))


def _prepare_part(work: Path, number: int, file: Path) -> None:
    texts = pl.read_parquet(file)["text"]
    shingles = shingle_table(position_of(number, 0) + np.arange(len(texts)), texts)
    _write(work / f"shingles-{number}.arrow", [shingles])
    bands = band_table(shingles, _BANDING)
    each = len(bands) // _BANDING.bands
    _write(work / f"bands-{number}.arrow", [bands.slice(band * each, each) for band in range(_BANDING.bands)])


def candidates(pool: ThreadPoolExecutor, files: Sequence[Path], work: Path) -> None:
    """(exchange by band_key, here by band and a hash) bands → candidates, a batch a part of a.

    Twice the rows are twice as many exchanges of the same size.
    """
    _all(pool.map(partial(_meet, work, len(files)), range(_BANDING.bands * _hashes(len(files)))))


def _hashes(parts: int) -> int:
    return -(-parts // _PARTS_AN_EXCHANGE)


def _meet(work: Path, parts: int, exchange: int) -> None:
    band, hashed = divmod(exchange, _hashes(parts))
    rows = [BAND_SCHEMA.empty_table()]
    for number in range(parts):
        batch = _batch(work / f"bands-{number}.arrow", band)
        rows.append(batch.filter(pa.array(batch["band_key"].to_numpy() % np.uint64(_hashes(parts)) == hashed)))
    found = clusters.candidate_pairs(pa.concat_tables(rows))
    _write_by_part(work / f"met-{exchange}.arrow", found, "a", parts)


def send(pool: ThreadPoolExecutor, files: Sequence[Path], work: Path) -> None:
    """(exchange by a) candidates and shingles → candidates by the part of b, and the shingles that other parts need."""
    _all(pool.map(partial(_send_from_part, work, len(files)), range(len(files))))


def _send_from_part(work: Path, parts: int, number: int) -> None:
    met = pa.concat_tables([_batch(path, number) for path in work.glob("met-*.arrow")])
    pairs = clusters.distinct_pairs(met)
    _write_by_part(work / f"pairs-{number}.arrow", pairs.sort_by([("b", "ascending"), ("a", "ascending")]), "b", parts)
    shingles = _batch(work / f"shingles-{number}.arrow", 0)
    for portion, sent in enumerate(verification.sent_shingles(shingles, pairs)):
        _write_by_part(work / f"sent-{number}-{portion}.arrow", sent.sort_by("to"), "to", parts)


def verify(pool: ThreadPoolExecutor, files: Sequence[Path], work: Path) -> None:
    """(exchange by b) candidates, shingles and those that were sent → verified pairs."""
    counts = list(pool.map(partial(_verify_part, work, len(files)), range(len(files))))
    np.save(work / "candidates.npy", np.array(sum(counts)))


def _verify_part(work: Path, parts: int, number: int) -> int:
    pairs = pa.concat_tables([_batch(work / f"pairs-{other}.arrow", number) for other in range(parts)])
    pairs = pairs.sort_by([("a", "ascending"), ("b", "ascending")])
    sent = (_batch(path, number) for path in work.glob("sent-*.arrow"))
    shingles = _batch(work / f"shingles-{number}.arrow", 0)
    found = verification.verified_pairs(shingles, pairs, sent, threshold=clusters.DEFAULT_THRESHOLD)
    _write(work / f"verified-{number}.arrow", [found])
    return len(pairs)


def components(_pool: ThreadPoolExecutor, _files: Sequence[Path], work: Path) -> None:
    """(whole) verified pairs → clusters, and the rows that repeat one that stays."""
    found = _verified(work)
    _write(work / "clusters.arrow", [clusters.cluster_table(found)])
    _write(work / "repeated.arrow", [clusters.repeated_rows(found)])


STEPS: dict[str, Step] = {
    "shingles and bands": shingles_and_bands,
    "candidates": candidates,
    "send": send,
    "verify": verify,
    "components": components,
}


def counts(work: Path) -> dict[str, int]:
    """How many of everything."""
    table = _batch(work / "clusters.arrow", 0)
    return {
        "candidates": int(np.load(work / "candidates.npy")),
        "verified": len(_verified(work)),
        "clusters": len(table["cluster"].unique()),
        "rows in clusters": len(table),
        "largest cluster": int(np.unique(table["cluster"].to_numpy(), return_counts=True)[1].max(initial=0)),
        "rows that repeat one that stays": len(_batch(work / "repeated.arrow", 0)),
        "spilled MB": sum(path.stat().st_size for path in work.iterdir()) >> 20,
    }


def pairs(work: Path) -> np.ndarray:
    """The verified pairs as numbers of rows, shape (k, 2)."""
    found = _verified(work)
    positions = np.stack([found["a"].to_numpy(), found["b"].to_numpy()], axis=1)
    part = part_of(positions)
    return part * PART_ROWS + positions - part * _PART_STEP


def _verified(work: Path) -> pa.Table:
    return pa.concat_tables([_batch(path, 0) for path in sorted(work.glob("verified-*.arrow"))]).sort_by(
        [("a", "ascending"), ("b", "ascending")]
    )


def _all(done: Iterable[object]) -> None:
    for _ in done:
        pass


def _write_by_part(path: Path, table: pa.Table, side: str, parts: int) -> None:
    """A batch for each part of that side, which ascends."""
    bounds = np.searchsorted(table[side].to_numpy(), np.arange(parts + 1) * _PART_STEP)
    _write(path, [table.slice(start, end - start) for start, end in pairwise(bounds)])


def _write(path: Path, tables: Sequence[pa.Table]) -> None:
    """One record batch a table, empty ones included."""
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, tables[0].schema) as writer:
        for table in tables:
            whole = table.combine_chunks()
            batches = whole.to_batches() or [pa.RecordBatch.from_pylist([], schema=whole.schema)]
            writer.write_batch(batches[0])


def _batch(path: Path, number: int) -> pa.Table:
    with pa.OSFile(str(path)) as file:
        return pa.Table.from_batches([pa.ipc.open_file(file).get_batch(number)])
