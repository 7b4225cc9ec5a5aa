"""A study that has as little as an export needs."""

import pytest

from tests.collect.api.client import rows, toml


@pytest.fixture
def one_pair(api):
    """A study of one pair, on harmlessness; `judge` it."""
    api.study(toml(axes=["harmlessness"], question="more harmful"))
    api.got("POST", "/studies/s/items", api.owner, content=rows(("q", "one", "other")))
    return "s"
