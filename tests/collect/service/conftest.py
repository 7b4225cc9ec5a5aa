import pytest

from plumbline.collect.store.migrating import open_store
from tests.collect.service.desk import Desk


@pytest.fixture
def desk(make_address):
    """The service over an empty SQLite store."""
    store = open_store(make_address("sqlite"))
    made = Desk(store)
    yield made
    made.collecting.calls.close()
    store.close()
