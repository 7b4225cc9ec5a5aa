"""A study of pairs that two people judged differently, looked at by whoever a test says."""

from contextlib import closing

import pytest

from plumbline.collect.store.migrating import open_store
from tests.collect.dashboard.made_up import (
    FIRST,
    SECOND,
    World,
    pair,
    pair_item,
)
from tests.collect.pages.browsing import HOSTILE, Browsing, hostile_pair


@pytest.fixture
def browsing(make_address):
    with closing(open_store(make_address("sqlite"))) as store:
        world = World(store, "pairs", {"comment": True})
        world.enter([hostile_pair(), pair_item(("a", "b"))], overlap=2)
        first, second = world.workers(2)
        world.judge(first, *[pair(FIRST) | {"comment": HOSTILE}] * 2)
        world.judge(second, *[pair(SECOND, 1)] * 2)
        made = Browsing(world)
        made.first, made.judges = first, (first, second)
        yield made
        made.close()
