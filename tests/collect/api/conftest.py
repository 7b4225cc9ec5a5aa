import pytest

from plumbline.collect.store.migrating import open_store
from tests.collect.api.client import Api


@pytest.fixture
def make_api(make_address):
    """Makes an API with settings of its own over an empty SQLite store."""
    made = []

    def make(**settings):
        made.append(Api(open_store(make_address("sqlite")), **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()
        each.store.close()
