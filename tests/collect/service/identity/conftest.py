import pytest

from tests.collect.service.wellbeing.made_up import Study


@pytest.fixture
def desk(store):
    """The service over an empty store, once on each database."""
    made = Study(store)
    yield made
    made.collecting.end_calls()
