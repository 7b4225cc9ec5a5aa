"""Backups and restores of a large store: seconds, and memory above the start.

    python -m benchmarks.collect_keeping [--items 100000] [--database sqlite postgres] [--json FILE]

A study of pairs, overlap 3, 95 % of it judged (simulated), as `benchmarks.next_item` has it. Each act runs in a process of
its own: a backup; a restore into an empty SQLite file; a restore over the store itself, which keeps a backup first. Of each
the checks are a part: pages, references, every rule of ``check_store``. The floor: the backup's bytes, copied and synced.

Not covered: servers that write meanwhile (tests do that).
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import measuring
from benchmarks.collecting.study import DATABASES, empty_place, make_study
from benchmarks.collecting.worked_off import work_off
from benchmarks.measuring import Candidate, Session

PACKAGES = ("plumbline-rlhf", "sqlalchemy", "psycopg")
OVERLAP = 3
DONE_SHARE = 0.95


def backing_up(place: str, backup: str) -> Iterator[Any]:
    """A backup, over that of the round before."""
    from plumbline.collect.service.collecting import utc_now
    from plumbline.collect.store.keeping.backup import back_up
    from plumbline.collect.store.migrating import open_store

    store = open_store(place)
    begun = measuring.resident_mb()
    yield
    back_up(store, Path(backup), now=utc_now())
    yield
    store.close()
    return {"begun_mb": begun, "bytes": Path(backup).stat().st_size}


def restoring(backup: str) -> Iterator[Any]:
    """A restore to where nothing stands."""
    from plumbline.collect.service.collecting import utc_now
    from plumbline.collect.store.keeping.restoring import restore

    with tempfile.TemporaryDirectory() as folder:
        begun = measuring.resident_mb()
        yield
        restore(Path(backup), str(Path(folder) / "restored.db"), replace=False, now=utc_now())
        yield
    return {"begun_mb": begun}


def replacing(place: str, backup: str) -> Iterator[Any]:
    """A restore over a store that stands."""
    from plumbline.collect.service.collecting import utc_now
    from plumbline.collect.store.keeping.restoring import restore

    with tempfile.TemporaryDirectory() as folder:
        begun = measuring.resident_mb()
        yield
        restore(Path(backup), place, replace=True, now=utc_now(), before=Path(folder) / "before.db")
        yield
    return {"begun_mb": begun}


def copying(backup: str) -> Iterator[Any]:
    """The floor: the same bytes, written and synced."""
    with tempfile.TemporaryDirectory() as folder:
        yield
        copy = Path(shutil.copyfile(backup, Path(folder) / "copy.db"))
        with copy.open("rb+") as file:
            os.fsync(file.fileno())
        yield
    return {"bytes": Path(backup).stat().st_size}


def measured_on(database: str, items: int, rounds: int) -> Session:
    """All acts on one database."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-keeping-")))
        place = stack.enter_context(empty_place(database, folder, durable=True))
        study = make_study(folder / "study", place, items=items, overlap=OVERLAP, workers=64)
        store = study.open()
        count = work_off(store, study, share=DONE_SHARE, overlap=OVERLAP)
        store.close()
        print(f"{database}: {count:,} judgements")
        here, backup = "benchmarks.collect_keeping", str(folder / "backup.db")
        return measuring.measure(
            [
                Candidate(f"{database}: backup", f"{here}:backing_up", {"place": study.store, "backup": backup}),
                Candidate(f"{database}: restore, empty place", f"{here}:restoring", {"backup": backup}),
                Candidate(
                    f"{database}: restore, over it", f"{here}:replacing", {"place": study.store, "backup": backup}
                ),
                Candidate(f"{database}: floor, the bytes copied", f"{here}:copying", {"backup": backup}),
            ],
            rounds=rounds,
        )


def print_memory(session: Session) -> None:
    """Memory above the start, and the size of the backup."""
    rows = []
    for each in session.measured:
        runs = [run for run in each.runs if "begun_mb" in run.result]
        above = f"{max(run.peak_mb - run.result['begun_mb'] for run in runs):,.0f}" if runs else ""
        size = each.runs[0].result.get("bytes")
        rows.append([each.candidate.name, above, "" if size is None else f"{size / 1e6:,.0f}"])
    measuring.print_table(["", "MB above the start", "MB of backup"], rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.collect_keeping", description=__doc__)
    parser.add_argument("--database", nargs="+", choices=DATABASES, default=list(DATABASES))
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args(arguments)
    sessions = [measured_on(database, asked.items, asked.rounds) for database in asked.database]
    loads = [load for one in sessions for load in one.loads]
    session = Session([each for one in sessions for each in one.measured], loads)
    print_memory(session)
    print()
    measuring.report(session, [], {"benchmark": "collect_keeping", "items": asked.items}, PACKAGES, asked.json)


if __name__ == "__main__":
    main()
