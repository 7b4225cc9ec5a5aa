"""Copies of a study's store, to spoil or to use up, while nobody uses the store itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

from benchmarks.collecting.study import MadeStudy

_numbers = count(1)


@contextmanager
def copied(study: MadeStudy, folder: Path) -> Iterator[MadeStudy]:
    """The same study over a copy of its store, which goes with the block.

    Args:
        folder: where copies of SQLite files are put.
    """
    number = next(_numbers)
    if "://" not in study.store:
        place = folder / f"copy-{number}.db"
        _copy_file(Path(study.store), place)
        yield replace(study, store=str(place))
        for path in folder.glob(f"copy-{number}.db*"):
            path.unlink()
        return
    name = _database_of(study.store)
    copy = f"{name}_copy_{number}"
    _administer(study, f'CREATE DATABASE "{copy}" TEMPLATE "{name}"')
    yield replace(study, store=_with_database(study.store, copy))
    _administer(study, f'DROP DATABASE "{copy}"')


def _copy_file(source: Path, target: Path) -> None:
    """By SQLite's own means: what stands in its log of changes comes along."""
    reading, writing = sqlite3.connect(source), sqlite3.connect(target)
    try:
        reading.backup(writing)
    finally:
        reading.close()
        writing.close()


def _database_of(store: str) -> str:
    return store.split("@/", 1)[1].split("?", 1)[0]


def _with_database(store: str, name: str) -> str:
    return store.replace(f"@/{_database_of(store)}?", f"@/{name}?")


def _administer(study: MadeStudy, statement: str) -> None:
    import psycopg

    with psycopg.connect(_with_database(study.store, "postgres"), autocommit=True) as connection:
        connection.execute(statement)
