import pytest

from plumbline.collect.store.migrating import open_store
from tests.collect.api.client import Api


@pytest.fixture
def api(make_address):
    """The API over an empty SQLite store."""
    store = open_store(make_address("sqlite"))
    made = Api(store)
    yield made
    made.close()
    store.close()


@pytest.fixture
def api_on_both(store):
    """The API over an empty store, once on each database."""
    made = Api(store)
    yield made
    made.close()
