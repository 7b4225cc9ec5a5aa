"""A request gets the newest there is; newer ones are made aside, one at a time."""

import asyncio
import threading

import pytest

from plumbline.collect.dashboard import snapshot as snapshots
from plumbline.collect.dashboard.snapshot import Dashboards
from plumbline.collect.store.failures import StoreUnavailableError
from plumbline.collect.store.studies import create_study
from tests.collect.api.client import toml
from tests.collect.dashboard.made_up import FIRST, World, pair, pair_item


@pytest.fixture
def world(api):
    world = World(api.store)
    world.enter([pair_item() for _ in range(4)])
    world.people = world.workers(1)
    world.judge(world.people[0], pair(FIRST))
    return world


def _run(world, story, **more):
    async def told():
        dashboards = Dashboards(world.collecting, **more)
        try:
            return await story(dashboards)
        finally:
            dashboards.close()

    return asyncio.run(told())


async def _settled(dashboards, study):
    """The newest once nothing is under way."""
    held = dashboards._copies[study.id]
    while held.under_way is not None:
        await asyncio.wait([held.under_way])
        await asyncio.sleep(0)
    return held.snapshot


def _count(snapshot):
    return snapshot.figures.basis.judgements


def test_the_first_is_waited_for_once_by_all(world, monkeypatch):
    made = []
    make = snapshots.make_snapshot
    monkeypatch.setattr(snapshots, "make_snapshot", lambda *given: made.append(1) or make(*given))

    async def story(dashboards):
        return await asyncio.gather(*(dashboards.newest(world.known) for _ in range(20)))

    found = _run(world, story)
    assert len(made) == 1
    assert len({id(each) for each in found}) == 1
    assert _count(found[0]) == 1


def test_a_fresh_one_is_given_as_it_is_and_an_old_one_while_a_newer_is_made(world, monkeypatch):
    monkeypatch.setattr(snapshots, "_REST", 0.0)

    async def fresh(dashboards):
        first = await dashboards.newest(world.known)
        world.judge(world.people[0], pair(FIRST))
        assert await dashboards.newest(world.known) is first
        assert dashboards._copies[world.known.id].under_way is None

    _run(world, fresh, fresh_seconds=3600)

    async def old(dashboards):
        first = await dashboards.newest(world.known)
        world.judge(world.people[0], pair(FIRST))
        assert await dashboards.newest(world.known) is first
        newer = await _settled(dashboards, world.known)
        assert _count(newer) == _count(first) + 1

    _run(world, old, fresh_seconds=0, wait_seconds=0)


def test_a_request_waits_a_moment_for_a_newer_one_and_no_longer(world, monkeypatch):
    monkeypatch.setattr(snapshots, "_REST", 0.0)

    async def story(dashboards):
        first = await dashboards.newest(world.known)
        world.judge(world.people[0], pair(FIRST))
        newer = await dashboards.newest(world.known)
        assert _count(newer) == _count(first) + 1
        dashboards._wait_seconds = 0.01
        go_on, make = threading.Event(), snapshots.make_snapshot
        monkeypatch.setattr(snapshots, "make_snapshot", lambda *given: go_on.wait(30) and make(*given))
        assert await dashboards.newest(world.known) is newer
        go_on.set()

    _run(world, story, fresh_seconds=0, wait_seconds=30)


def test_it_rests_four_times_as_long_as_a_snapshot_takes(world, monkeypatch):
    async def story(dashboards):
        first = await dashboards.newest(world.known)
        held = dashboards._copies[world.known.id]
        clock = [first.made + 3.9 * first.seconds]
        monkeypatch.setattr(snapshots.time, "monotonic", lambda: clock[0])
        assert not held.is_old(0.0)
        clock[0] = first.made + 4.1 * first.seconds
        assert held.is_old(0.0)
        monkeypatch.undo()

    _run(world, story)


def test_requests_are_answered_while_a_newer_one_is_made(world, monkeypatch):
    monkeypatch.setattr(snapshots, "_REST", 0.0)
    go_on, make = threading.Event(), snapshots.make_snapshot

    async def story(dashboards):
        first = await dashboards.newest(world.known)
        monkeypatch.setattr(snapshots, "make_snapshot", lambda *given: go_on.wait(30) and make(*given))
        for _ in range(5):
            assert await dashboards.newest(world.known) is first
        go_on.set()
        await _settled(dashboards, world.known)

    _run(world, story, fresh_seconds=0, wait_seconds=0)


def test_a_failure_is_told_to_who_waits_and_the_last_one_stays(world, monkeypatch, caplog):
    monkeypatch.setattr(snapshots, "_REST", 0.0)
    make = snapshots.make_snapshot

    def fails(*_):
        raise StoreUnavailableError("PL-COL-001", "store", "out of reach", advice="again")

    async def story(dashboards):
        with monkeypatch.context() as patched:
            patched.setattr(snapshots, "make_snapshot", fails)
            with pytest.raises(StoreUnavailableError):
                await dashboards.newest(world.known)
        first = await dashboards.newest(world.known)
        with monkeypatch.context() as patched:
            patched.setattr(snapshots, "make_snapshot", fails)
            assert await dashboards.newest(world.known) is first
            assert await _settled(dashboards, world.known) is first
        assert snapshots.make_snapshot is make

    _run(world, story, fresh_seconds=0)
    assert "PL-COL-001" in caplog.text


def test_large_studies_are_made_ready_and_small_ones_are_not(world, monkeypatch):
    create_study(world.store, "small", "pairs", toml("pairs", name="small"), "Read.", now=world.now)
    monkeypatch.setattr(snapshots, "WARM_FROM", 1)

    async def story(dashboards):
        await dashboards.warm()
        return list(dashboards._copies)

    assert _run(world, story) == [world.known.id]


def test_studies_that_nobody_looks_at_are_let_go(world, monkeypatch):
    monkeypatch.setattr(snapshots, "MOST_STUDIES", 2)
    known = [world.known]
    for name in ("b", "c"):
        create_study(world.store, name, "pairs", toml("pairs", name=name), "Read.", now=world.now)
        known.append(world.collecting.catalogue.named(name))

    async def story(dashboards):
        for study in (known[0], known[1], known[0], known[2]):
            await dashboards.newest(study)
        return list(dashboards._copies)

    assert _run(world, story) == [known[0].id, known[2].id]


def test_as_many_are_held_as_is_said(world):
    """None goes before there are more of them than that."""
    known = [world.known]
    for number in range(snapshots.MOST_STUDIES):
        name = f"s{number}"
        create_study(world.store, name, "pairs", toml("pairs", name=name), "Read.", now=world.now)
        known.append(world.collecting.catalogue.named(name))

    async def story(dashboards):
        counts = []
        for study in known:
            await dashboards.newest(study)
            counts.append(len(dashboards._copies))
        return counts

    assert _run(world, story) == [1, 2, 3, 4, 5, 6, 7, 8, 8]


def test_no_text_of_anybody_is_held(world):
    snapshot = world.snapshot()
    view = snapshot.counted.view
    held = [view.acts, view.assignments, view.items, view.choices, view.labels, view.grades, view.scores]
    assert all(column.dtype.kind in "if" for table in held for column in table.values())
