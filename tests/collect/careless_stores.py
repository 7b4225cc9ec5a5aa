"""Stores on SQLite that do not wait for the disk, which takes milliseconds a commit; nor do those on Postgres (`postgres_server`).

No test of this process can lose its power. That the program waits is shown by `store/test_database.py`.
"""

import pytest

from plumbline.collect.store import database

_set_up = database._set_up_sqlite


def _set_up_carelessly(connection, record):
    """As the program does, but for the waiting."""
    _set_up(connection, record)
    connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture(scope="session", autouse=True)
def careless_stores():
    """Of the session: whatever opens a store in this process opens it so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_set_up_sqlite", _set_up_carelessly)
        yield


@pytest.fixture
def waiting_for_the_disk(monkeypatch):
    """Each store of the test is opened as the program opens it."""
    monkeypatch.setattr(database, "_set_up_sqlite", _set_up)
