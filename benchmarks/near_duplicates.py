"""Near-duplicate clusters of edited question–answer rows (synthetic edits of real rows): Plumbline and datasketch.

    python -m benchmarks.near_duplicates --data ../shared/data [--rows 333963] [--peer-rows 100000] [--rounds 3]
        [--datasketch FOLDER] [--json FILE]

datasketch is no dependency: ``pip install --no-deps --target FOLDER datasketch==2.0.0``; without FOLDER it is left out.
"As its documentation shows" it takes 128 permutations and chooses its bands for the threshold by itself; "our bands" gives it
those that we take.
"Handed hashes" spares it cutting into words and hashing. It never verifies and makes no clusters. All products' pairs are held
against all pairs of a sample whose exact Jaccard similarity reaches the threshold.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks import measuring
from benchmarks.measuring import Candidate, Session
from benchmarks.rows.edited_rows import PART_ROWS, PUBLISHED_LABELS, origins, read_corpus, write_rows
from plumbline.curate.clusters import DEFAULT_THRESHOLD
from plumbline.curate.minhash import PERMUTATIONS, choose_banding
from plumbline.curate.shingles import shingle_sets, shingle_table
from plumbline.curate.words import mixed
from plumbline.measure.bootstrap import Bootstrap, bootstrap_figure
from plumbline.measure.figure import Figure, format_figure
from plumbline.measure.rates import wilson_figure

PACKAGES = ("plumbline-rlhf", "rensa", "polars", "polars-hash", "pyarrow", "scipy", "numpy")
OURS, TWICE, SAME_ROWS = "plumbline", "plumbline, twice the rows", "plumbline, the peers' rows"
USUAL, HANDED = "datasketch, our bands", "datasketch, our bands, handed hashes"
DOCUMENTED = "datasketch, as its documentation shows"
SAMPLE_ROWS = 10_000
THEIR_PERMUTATIONS = 128
"""datasketch's default."""
THREADS = 2

# --- candidates ---


def plumbline_clusters(rows: str, result: str) -> Iterator[Any]:
    """All steps in parts of 20,000 rows, spilled to a folder between steps, as the engine runs them."""
    import rensa  # noqa: F401  # the library imports both where it needs them
    import scipy.sparse.csgraph  # noqa: F401

    from benchmarks.curating import near_duplicate_steps as steps

    files = sorted(Path(rows).glob("*.parquet"))
    work = Path(tempfile.mkdtemp(prefix="benchmark-near-duplicates-"))
    seconds: dict[str, float] = {}
    yield
    with ThreadPoolExecutor(THREADS) as pool:
        for name, step in steps.STEPS.items():
            began = time.perf_counter()
            step(pool, files, work)
            seconds[name] = time.perf_counter() - began
    yield
    counts = steps.counts(work)
    np.save(result, steps.pairs(work))
    shutil.rmtree(work)
    return {"steps": seconds, **counts}


def datasketch_pairs(rows: str, result: str, handed: bool, own_bands: bool) -> Iterator[Any]:
    """Signatures, insertion and a query of every row; candidates only."""
    import re

    from datasketch import MinHash, MinHashLSH

    texts = pl.concat([pl.read_parquet(path) for path in sorted(Path(rows).glob("*.parquet"))])["text"]
    offsets, hashes = shingle_sets(shingle_table(np.arange(len(texts)), texts))
    short = (hashes >> np.uint64(16)).tolist()
    banding = choose_banding(DEFAULT_THRESHOLD)
    word = re.compile(r"\w+")
    strings = texts.to_list()
    permutations = THEIR_PERMUTATIONS if own_bands else PERMUTATIONS
    yield
    if handed:
        sets: list[list[Any]] = [short[start:end] for start, end in pairwise(offsets)]
        made = MinHash.bulk(sets, num_perm=permutations, hashfunc=int)
    else:
        words = (word.findall(text.lower()) for text in strings)
        sets = [[f"{a} {b}".encode() for a, b in pairwise(some)] for some in words]
        made = MinHash.bulk(sets, num_perm=permutations)
    params = {} if own_bands else {"params": (banding.bands, banding.rows)}
    lsh = MinHashLSH(threshold=DEFAULT_THRESHOLD, num_perm=permutations, **params)
    with lsh.insertion_session() as session:
        for row, minhash in enumerate(made):
            session.insert(row, minhash)
    found = [(row, other) for row, minhash in enumerate(made) for other in lsh.query(minhash) if other > row]
    yield
    np.save(result, np.array(found, np.int64).reshape(-1, 2))
    return {"candidates": len(found), "bands": (lsh.b, lsh.r)}


def floor_reading_and_hashing(rows: str) -> Iterator[Any]:
    """The texts are read and each byte hashed once: what any product must do."""
    import polars_hash

    size = 0
    yield
    for path in sorted(Path(rows).glob("*.parquet")):
        texts = pl.read_parquet(path)
        texts.select(polars_hash.col("text").nchash.xxh3_64())
        size += int(texts["text"].str.len_bytes().sum())
    yield
    return {"bytes": size}


# --- recall ---


def sample_truth(rows: Path, all_origins: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rows of the sample, pairs (k, 2) of exact similarity at or above the threshold, the origin of each pair).

    The sample takes all rows of origins drawn by hash, so that near-duplicates are in it; all its pairs are compared.
    """
    from scipy.sparse import csr_array, triu

    share = np.uint64(2**64 * min(0.999, SAMPLE_ROWS / len(all_origins)))
    sample = np.flatnonzero(mixed(all_origins.astype(np.uint64)) < share)
    texts = pl.concat([pl.read_parquet(path) for path in sorted(rows.glob("*.parquet"))])["text"].gather(sample)
    offsets, hashes = shingle_sets(shingle_table(sample, texts))
    known, columns = np.unique(hashes, return_inverse=True)
    sets = csr_array((np.ones(len(hashes), np.int32), columns, offsets), shape=(len(sample), len(known)))
    shared = triu(sets @ sets.T, 1).tocoo()
    sizes = np.diff(offsets)
    like = shared.data / (sizes[shared.row] + sizes[shared.col] - shared.data) >= DEFAULT_THRESHOLD
    pairs = np.stack([sample[shared.row[like]], sample[shared.col[like]]], axis=1)
    return sample, pairs, all_origins[pairs[:, 0]]


def recall(found: np.ndarray, rows: int, truth: tuple[np.ndarray, np.ndarray, np.ndarray]) -> dict[str, Figure]:
    """Of the true pairs the share that was found, and the share that true pairs found put into one cluster."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    _, pairs, groups = truth
    hit = np.isin(pairs[:, 0] * rows + pairs[:, 1], found[:, 0] * rows + found[:, 1])
    links = pairs[hit]
    graph = coo_array((np.ones(len(links), np.int8), (links[:, 0], links[:, 1])), shape=(rows, rows))
    _, component = connected_components(graph, directed=False)
    joined = component[pairs[:, 0]] == component[pairs[:, 1]]
    return {"pairs": _share(hit, groups), "clusters": _share(joined, groups)}


def _share(held: np.ndarray, groups: np.ndarray) -> Figure:
    values = held.astype(np.float64)
    if held.all():  # every resample would say the same
        return wilson_figure(len(held), len(held))
    ids = groups.astype(str).tolist()
    return bootstrap_figure(
        lambda weights: weights @ values / weights.sum(axis=1),
        len(values),
        bootstrap=Bootstrap(seed=6, resamples=200),
        group_ids=ids,
    )


# --- the benchmark ---


def candidates(work: Path, peer: Path | None) -> list[Candidate]:
    """Everything that is measured, in the order of the table."""
    here = "benchmarks.near_duplicates"
    quiet = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": str(THREADS)}
    ours = [
        Candidate(
            name, f"{here}:plumbline_clusters", {"rows": str(work / folder), "result": str(work / f"{name}.npy")}, quiet
        )
        for name, folder in ((OURS, "once"), (TWICE, "twice"), (SAME_ROWS, "peers"))
    ]
    floor = Candidate(
        "floor: read and hash each text", f"{here}:floor_reading_and_hashing", {"rows": str(work / "once")}
    )
    variants = [] if peer is None else [(DOCUMENTED, False, True), (USUAL, False, False), (HANDED, True, False)]
    peers = [
        Candidate(
            name,
            f"{here}:datasketch_pairs",
            {
                "rows": str(work / "peers"),
                "result": str(work / f"{name}.npy"),
                "handed": handed,
                "own_bands": own_bands,
            },
            {**quiet, "PYTHONPATH": str(peer)},
            "candidates only" + ("; shingles made before the clock" if handed else ""),
        )
        for name, handed, own_bands in variants
    ]
    return [*ours, *peers, floor]


def targets(session: Session, recalls: dict[str, dict[str, Figure]]) -> list[tuple[str, float, str, float]]:
    """The figures asked for, beside those measured (medians)."""
    asked = [
        (f"near-duplicate clusters of {PUBLISHED_LABELS:,} rows, s", session[OURS].median_seconds, "<=", 20.0),
        ("peak memory, MB", session[OURS].peak_mb, "<=", 2000.0),
        ("peak memory, twice the rows / once", session[TWICE].peak_mb / session[OURS].peak_mb, "<=", 1.1),
    ]
    own = recalls[SAME_ROWS]["clusters"].value or 0.0
    for name in [name for name in (DOCUMENTED, USUAL) if name in recalls]:
        times = session[name].median_seconds / session[SAME_ROWS].median_seconds
        peer = recalls[name]["clusters"].value or 0.0
        asked += [
            (f"{name}, times as long", times, ">=", 15.0),
            (f"recall less that of {name}", own - peer, ">=", 0.0),
        ]
    return asked


def print_recalls(recalls: dict[str, dict[str, Figure]]) -> None:
    """The recall of each product with its interval."""
    rows = [
        [
            name,
            *(format_figure(f, 4) for f in both.values()),
        ]
        for name, both in recalls.items()
    ]
    measuring.print_table(["", "recall of pairs", "true pairs in one cluster"], rows)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.near_duplicates", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with beavertails/ and pku-saferlhf/")
    parser.add_argument("--rows", type=int, default=PUBLISHED_LABELS)
    parser.add_argument("--peer-rows", type=int, default=5 * PART_ROWS, help="rows that datasketch is measured on")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--datasketch", type=Path, help="folder that datasketch was installed into")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args(arguments)
    work = Path(tempfile.mkdtemp(prefix="benchmark-near-duplicates-"))
    try:
        corpus = read_corpus(asked.data)
        sizes = {"once": asked.rows, "twice": 2 * asked.rows, "peers": asked.peer_rows}
        for folder, rows in sizes.items():
            write_rows(corpus, rows, work / folder)
        entered = candidates(work, asked.datasketch)
        session = measuring.measure(entered, rounds=asked.rounds, files=sorted(work.rglob("*.parquet")))
        recalls = _recalls(work, entered, sizes)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(
        f"{asked.rows:,} rows (synthetic edits of real ones), {asked.peer_rows:,} for the peers, {asked.rounds} rounds\n"
    )
    print_recalls(recalls)
    print()
    _print_steps(session)
    about = {
        "benchmark": "near_duplicates",
        **{f"rows_{folder}": rows for folder, rows in sizes.items()},
        "recall": {name: {what: vars_of(figure) for what, figure in both.items()} for name, both in recalls.items()},
    }
    measuring.report(session, targets(session, recalls), about, (*PACKAGES, "datasketch"), asked.json)


def vars_of(figure: Figure) -> dict[str, Any]:
    return {name: getattr(figure, name) for name in ("value", "low", "high", "n")}


def _recalls(work: Path, entered: Sequence[Candidate], sizes: dict[str, int]) -> dict[str, dict[str, Figure]]:
    found = {}
    for folder in ("once", "peers"):
        truth = sample_truth(work / folder, origins(sizes[folder], 6))
        for each in entered:
            if each.arguments["rows"] == str(work / folder) and "result" in each.arguments:
                found[each.name] = recall(np.load(each.arguments["result"]), sizes[folder], truth)
    return found


def _print_steps(session: Session) -> None:
    for name in (OURS, TWICE):
        result = session[name].runs[-1].result
        steps = ", ".join(f"{step} {seconds:.2f} s" for step, seconds in result["steps"].items())
        print(f"{name}: {steps}; " + ", ".join(f"{what} {n:,}" for what, n in result.items() if what != "steps"))
    print()


if __name__ == "__main__":
    main()
