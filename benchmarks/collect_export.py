"""Exports of collected work: seconds, MB/s and memory above the start, on stores with few and with many judgements.

Each export runs in a process of its own, on a store filled beforehand with made-up work (`benchmarks.collecting.store`):
pairs, each judged on both axes at once (one judgement, two comparisons), and conversations of four judged turns. Memory
must not grow with the store. The floors: zipping the same lines with the same library, nothing else; and writing the
same tables as Parquet.

    python -m benchmarks.collect_export [--judgements 200000] [--fewer 20000] [--postgres] [--json FILE]

Not covered: a server that takes work meanwhile, a network in between.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks import measuring
from benchmarks.measuring import Candidate, Session

PACKAGES = ("plumbline-rlhf", "sqlalchemy", "psycopg", "polars", "pyarrow", "pydantic", "isal")
STUDIES = ("pairs", "chat")
FORMS = ("hh-rlhf", "parquet")
COMPARISONS_A_JUDGEMENT = {"pairs": 2, "chat": 1}


# --- candidates ---


def folder_export(place: str, study: str, form: str) -> Iterator[Any]:
    """An export as a folder."""
    from benchmarks.collecting.store import START
    from plumbline.collect.export import write_export
    from plumbline.collect.store.migrating import open_store
    from plumbline.lineage import StatedTerms

    store = open_store(place)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        begun = measuring.resident_mb()
        yield
        exported = write_export(
            store, study, out, form, stated=StatedTerms(), now=START + timedelta(days=1), command=[]
        )
        yield
        store.close()
        return _result(begun, sum(file.rows or 0 for file in exported.files), list(_files(out)))


def archive_export(place: str, study: str, form: str) -> Iterator[Any]:
    """The same as an archive, thrown away piece by piece."""
    from benchmarks.collecting.store import START
    from plumbline.collect.export import stream_export
    from plumbline.collect.store.migrating import open_store
    from plumbline.lineage import StatedTerms

    store = open_store(place)
    begun = measuring.resident_mb()
    yield
    pieces = stream_export(store, study, form, stated=StatedTerms(), now=START + timedelta(days=1), command=[])
    size = sum(len(data) for data in pieces)
    yield
    store.close()
    return {"begun_mb": begun, "bytes": size}


def zipping(folder: str) -> Iterator[Any]:
    """The floor of lines: the same bytes through the same compressor, to disk."""
    from isal import igzip

    plain = [igzip.decompress(path.read_bytes()) for path in _files(Path(folder))]
    with tempfile.TemporaryDirectory() as out:
        yield
        for number, data in enumerate(plain):
            with igzip.open(Path(out) / str(number), "wb", compresslevel=2) as file:
                for start in range(0, len(data), 1 << 18):
                    file.write(data[start : start + (1 << 18)])
        yield
    return {"plain_bytes": sum(map(len, plain))}


def writing_parquet(folder: str) -> Iterator[Any]:
    """The floor of tables: the same tables written again."""
    import pyarrow.parquet as pq

    tables = [pq.read_table(path) for path in _files(Path(folder))]
    with tempfile.TemporaryDirectory() as out:
        yield
        for number, table in enumerate(tables):
            pq.write_table(table, Path(out) / str(number), compression="zstd", row_group_size=16_384)
        yield
    return {"plain_bytes": sum(table.nbytes for table in tables)}


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix in (".gz", ".parquet"))


def _result(begun_mb: float, rows: int, files: Sequence[Path]) -> dict[str, Any]:
    import pyarrow.parquet as pq
    from isal import igzip

    plain = 0
    for path in files:
        if path.suffix == ".gz":
            with igzip.open(path) as file:
                plain += sum(len(block) for block in iter(lambda: file.read(1 << 20), b""))
        else:
            with pq.ParquetFile(path) as table:
                # Not iter_batches: over several row groups it refuses nested dictionaries.
                plain += sum(table.read_row_group(group).nbytes for group in range(table.num_row_groups))
    return {
        "begun_mb": begun_mb,
        "rows": rows,
        "bytes": sum(path.stat().st_size for path in files),
        "plain_bytes": plain,
    }


# --- stores ---


def filled(make_place: Callable[[], str], judgements: int) -> str:
    """The place of a new store with both studies."""
    from benchmarks.collecting.store import fill_chat, fill_pairs
    from plumbline.collect.store.migrating import create_store

    place = make_place()
    store = create_store(place)
    fill_pairs(store, judgements)
    fill_chat(store, judgements)
    store.close()
    return place


def stores(asked: argparse.Namespace, work: Path, stack: ExitStack) -> dict[tuple[str, int], str]:
    """Places by database and number of judgements."""
    numbers = count(1)
    makers: dict[str, Callable[[], str]] = {"sqlite": lambda: str(work / f"{next(numbers)}.db")}
    if asked.postgres:
        from tests.collect import postgres_server

        socket = stack.enter_context(postgres_server.running_server())
        makers["postgres"] = lambda: postgres_server.address_of(socket, postgres_server.make_database(socket))
    return {
        (database, judgements): filled(make, judgements)
        for database, make in makers.items()
        for judgements in (asked.fewer, asked.judgements)
    }


# --- the benchmark ---


def name_of(database: str, study: str, form: str, judgements: int, way: str = "folder") -> str:
    """As the table shows it."""
    return f"{database}, {study}, {form}, {judgements:,}, {way}"


def candidates(places: Mapping[tuple[str, int], str], written: Path) -> list[Candidate]:
    """Everything that is measured, in the order of the table."""
    here = "benchmarks.collect_export"
    found = []
    for (database, judgements), place in places.items():
        for study in STUDIES:
            for form in FORMS:
                at = {"place": place, "study": study, "form": form}
                found.append(Candidate(name_of(database, study, form, judgements), f"{here}:folder_export", at))
            at = {"place": place, "study": study, "form": "hh-rlhf"}
            name = name_of(database, study, "hh-rlhf", judgements, "archive")
            found.append(Candidate(name, f"{here}:archive_export", at))
    for study in STUDIES:
        at = {"folder": str(written / study / "hh-rlhf")}
        found.append(Candidate(f"floor: zip the lines of {study}", f"{here}:zipping", at))
        at = {"folder": str(written / study / "parquet")}
        found.append(Candidate(f"floor: write the tables of {study}", f"{here}:writing_parquet", at))
    return found


def write_for_floors(place: str, written: Path) -> None:
    """The files whose bytes the floors write again."""
    from benchmarks.collecting.store import START
    from plumbline.collect.export import write_export
    from plumbline.collect.store.migrating import open_store
    from plumbline.lineage import StatedTerms

    store = open_store(place)
    for study in STUDIES:
        for form in FORMS:
            out = written / study / form
            write_export(store, study, out, form, stated=StatedTerms(), now=START + timedelta(days=1), command=[])
    store.close()


def above_start_mb(session: Session, name: str) -> float:
    """The most memory above what the process had when the export began."""
    return max(run.peak_mb - run.result["begun_mb"] for run in session[name].runs)


def targets(
    session: Session, places: Mapping[tuple[str, int], str], fewer: int, judgements: int
) -> list[tuple[str, float, str, float]]:
    """The figures asked for, beside those measured."""
    found: list[tuple[str, float, str, float]] = []
    for database in dict.fromkeys(database for database, _ in places):
        for study in STUDIES:
            for form in FORMS:
                few, many = (name_of(database, study, form, number) for number in (fewer, judgements))
                grown = above_start_mb(session, many) / above_start_mb(session, few)
                found.append((f"{many}: s", session[many].median_seconds, "<=", 60))
                found.append((f"{many}: memory above the start / that of {fewer:,}", grown, "<=", 1.5))
    return found


def print_rates(session: Session) -> None:
    """Rows a second and MB/s, and memory above the start."""
    rows = []
    for each in session.measured:
        result = each.runs[0].result
        plain = result.get("plain_bytes")
        rate = "" if plain is None else f"{plain / each.median_seconds / 1e6:,.0f}"
        per_second = f"{result['rows'] / each.median_seconds:,.0f}" if "rows" in result else ""
        above = f"{above_start_mb(session, each.candidate.name):,.0f}" if "begun_mb" in result else ""
        rows.append([each.candidate.name, per_second, rate, above])
    measuring.print_table(["", "rows/s", "MB/s before packing", "MB above the start"], rows)


def require_every_row(session: Session) -> None:
    """End the benchmark where a row is missing."""
    for each in session.measured:
        for run in each.runs:
            if "rows" not in run.result:
                continue
            _, study, _, judgements, _ = each.candidate.name.split(", ")
            expected = int(judgements.replace(",", "")) * COMPARISONS_A_JUDGEMENT[study]
            if run.result["rows"] != expected:
                raise SystemExit(f"{each.candidate.name}: expected {expected:,} rows, found {run.result['rows']:,}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.collect_export", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--judgements", type=int, default=200_000)
    parser.add_argument("--fewer", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--postgres", action="store_true", help="on a throwaway Postgres server too")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args(arguments)
    work = Path(tempfile.mkdtemp(prefix="benchmark-export-"))
    try:
        with ExitStack() as stack:
            places = stores(asked, work, stack)
            write_for_floors(places["sqlite", asked.judgements], work / "written")
            session = measuring.measure(candidates(places, work / "written"), rounds=asked.rounds)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    require_every_row(session)
    print(f"{asked.judgements:,} judgements of each study, {asked.rounds} rounds\n")
    print_rates(session)
    print()
    about = {"benchmark": "collect_export", "judgements": asked.judgements, "fewer": asked.fewer}
    measuring.report(session, targets(session, places, asked.fewer, asked.judgements), about, PACKAGES, asked.json)


if __name__ == "__main__":
    main()
