import pytest

from plumbline.collect.store.migrating import open_store
from tests.collect.attacks.whole import Whole


@pytest.fixture
def api(make_address):
    """The whole application over an empty SQLite store."""
    opened = open_store(make_address("sqlite"))
    made = Whole(opened)
    yield made
    made.close()
    opened.close()


@pytest.fixture
def api_on_both(store):
    """The same, once on each database."""
    made = Whole(store)
    yield made
    made.close()
