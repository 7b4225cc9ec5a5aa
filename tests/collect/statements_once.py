"""Statements whose SQL is made once: each store of a test would make its own anew, a third of what such a test computes.

SQLAlchemy keeps the SQL of a statement for the engine that first ran it, and each test has an engine of its own; the program
has one as long as it runs. Here all engines for the same kind of database have them together.
"""

from functools import partial

import pytest
from sqlalchemy.util import LRUCache

from plumbline.collect.store import database

_KEPT = 2000
"""More than the program has statements: those over tables that a test read from a database are its own."""


class _OfAnyEngine(LRUCache):
    """`compiled_cache` of SQLAlchemy, whose keys begin with the dialect of one engine: here with its name."""

    def get(self, key, default=None):
        return super().get((key[0].name, *key[1:]), default)

    def __setitem__(self, key, value):
        super().__setitem__((key[0].name, *key[1:]), value)


@pytest.fixture(scope="session", autouse=True)
def statements_once():
    """Of the session: whatever opens a store in this process runs them so."""
    options = {"compiled_cache": _OfAnyEngine(_KEPT)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "create_engine", partial(database.create_engine, execution_options=options))
        yield
