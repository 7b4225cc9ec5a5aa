"""The limit of requests at once, on a clock that only the test moves."""

import asyncio
import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.records import UsageError
from plumbline.sources import AdaptiveGate, AdaptiveLimit, LimitSettings, ReplyError


def round_of(limit, outcome, now=0.0, retry_after=None):
    """As many requests as may start now, all ending the same way."""
    tickets = []
    while limit.seconds_to_wait(now) == 0:
        tickets.append(limit.start())
    for ticket in tickets:
        limit.end(ticket, outcome, now, retry_after)
    return len(tickets)


def test_the_limit_grows_by_about_one_a_full_round_up_to_its_most():
    limit = AdaptiveLimit(LimitSettings(start=4, most=7))
    assert [round_of(limit, "answered") for _ in range(2)] == [4, 4]  # 4 -> 4.94 (only while full)
    for _ in range(60):
        round_of(limit, "answered")
    assert limit.limit == 7.0


def test_one_answer_of_a_full_house_adds_one_over_the_limit():
    limit = AdaptiveLimit(LimitSettings(start=2))
    first, _ = limit.start(), limit.start()
    limit.end(first, "answered", 0.0)
    assert limit.limit == 2.5


def test_answers_add_nothing_where_the_limit_is_not_used_to_the_full():
    limit = AdaptiveLimit(LimitSettings(start=8))
    for _ in range(50):
        limit.end(limit.start(), "answered", 0.0)
    assert limit.limit == 8.0


def test_throttling_halves_once_a_round_and_never_goes_below_the_least():
    limit = AdaptiveLimit(LimitSettings(start=16, least=2, pause_seconds=1.0))
    assert round_of(limit, "throttled") == 16
    assert limit.limit == 8.0
    for number in range(1, 10):
        round_of(limit, "throttled", now=100.0 * number)
    assert limit.limit == 2.0


def test_answers_of_an_earlier_round_do_not_raise_the_limit_again():
    limit = AdaptiveLimit(LimitSettings(start=2))
    slow, throttled = limit.start(), limit.start()
    limit.end(throttled, "throttled", 0.0)
    limit.end(slow, "answered", 0.0)
    assert limit.limit == 1.0


def test_failures_that_are_no_throttling_change_nothing():
    limit = AdaptiveLimit(LimitSettings(start=4))
    round_of(limit, "failed")
    assert (limit.limit, limit.in_flight, limit.seconds_to_wait(0.0)) == (4.0, 0, 0.0)


def test_everybody_waits_as_long_as_the_endpoint_asked():
    limit = AdaptiveLimit(LimitSettings(start=4))
    one, other = limit.start(), limit.start()
    limit.end(one, "throttled", 10.0, retry_after_seconds=90.0)
    limit.end(other, "throttled", 11.0, retry_after_seconds=3.0)  # a shorter wish does not shorten the pause
    assert limit.seconds_to_wait(12.0) == 88.0
    assert limit.seconds_to_wait(100.0) == 0.0


def test_no_endpoint_can_close_a_source_for_a_day():
    limit = AdaptiveLimit(LimitSettings(start=4, most_asked_seconds=100.0))
    limit.end(limit.start(), "throttled", 10.0, retry_after_seconds=86_400.0)
    assert limit.seconds_to_wait(10.0) == 100.0


def test_without_a_wish_the_pause_doubles_until_an_answer_comes():
    limit = AdaptiveLimit(LimitSettings(start=4, pause_seconds=1.0, most_pause_seconds=5.0))
    pauses = []
    for number in range(5):
        now = 100.0 * number
        limit.end(limit.start(), "throttled", now)
        pauses.append(limit.seconds_to_wait(now))
    assert pauses == [1.0, 2.0, 4.0, 5.0, 5.0]
    limit.end(limit.start(), "answered", 600.0)
    limit.end(limit.start(), "throttled", 700.0)
    assert limit.seconds_to_wait(700.0) == 1.0


@given(st.lists(st.sampled_from(["start", "answered", "throttled", "failed"]), max_size=200))
def test_the_limit_stays_in_its_bounds_whatever_happens(events):
    limit = AdaptiveLimit(LimitSettings(start=3, least=2, most=6, pause_seconds=0.5))
    tickets, now = [], 0.0
    for event in events:
        now += 0.3
        if event == "start":
            if limit.seconds_to_wait(now) == 0:
                tickets.append(limit.start())
        elif tickets:
            limit.end(tickets.pop(0), event, now)
        assert 2 <= limit.limit <= 6
        assert limit.in_flight == len(tickets) <= 6


@pytest.mark.parametrize(
    "wrong",
    [{"start": 0, "least": 0}, {"start": 65}, {"least": 9}, {"decrease": 1.0}, {"decrease": 0}, {"most_waiting": 0}],
)
def test_bounds_that_contradict_each_other(wrong):
    with pytest.raises(UsageError, match="PL-REP-031"):
        LimitSettings(**wrong)


# --- the gate ---


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self):
        self.now = 0.0
        self.due = []

    def __call__(self):
        return self.now

    def later(self, seconds, do):
        heapq.heappush(self.due, (self.now + seconds, len(self.due), do))

    async def advance(self, seconds):
        self.now += seconds
        while self.due and self.due[0][0] <= self.now:
            heapq.heappop(self.due)[2]()
        await settle()


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


def gate_test(**settings):
    """Runs a test on a gate and its clock."""

    def wrap(test):
        def run():
            clock = Clock()

            async def testing():
                gate = AdaptiveGate(LimitSettings(**settings), "toy", clock=clock, later=clock.later)
                await test(gate, clock)

            asyncio.run(testing())

        run.__name__ = test.__name__
        return run

    return wrap


def entering(gate, order, name):
    async def enter():
        ticket = await gate.enter(gate.arrive())
        order.append(name)
        return ticket

    return asyncio.ensure_future(enter())


@gate_test(start=1, most=1)
async def test_first_come_first_served(gate, clock):
    order = []
    tasks = [entering(gate, order, number) for number in range(5)]
    await settle()
    assert order == [0]
    for number in range(5):
        gate.leave(tasks[number].result(), "answered")
        await settle()
    assert order == [0, 1, 2, 3, 4]
    assert gate.limit.in_flight == 0


@gate_test(start=1, most=1)
async def test_a_request_that_is_tried_again_keeps_its_place(gate, clock):
    order = []
    arrival = gate.arrive()
    ticket = await gate.enter(arrival)
    others = [entering(gate, order, number) for number in range(3)]
    await settle()
    again = asyncio.ensure_future(gate.enter(arrival))
    await settle()
    gate.leave(ticket, "failed")
    await settle()
    assert again.done()
    assert order == []
    gate.leave(again.result(), "answered")
    await settle()
    assert order == [0]
    for each in others:
        each.cancel()


@gate_test(start=2)
async def test_nobody_starts_in_a_pause_and_all_that_fit_start_after_it(gate, clock):
    order = []
    first = entering(gate, order, "first")
    await settle()
    gate.leave(first.result(), "throttled", 5.0)
    waiting = [entering(gate, order, number) for number in range(3)]
    await settle()
    await clock.advance(4.9)
    assert order == ["first"]
    await clock.advance(0.2)
    assert order == ["first", 0]  # the limit is 1 now
    gate.leave(waiting[0].result(), "answered")
    await settle()
    assert order[-2:] == [1, 2] or order[-1] == 1
    for each in waiting:
        each.cancel()


@gate_test(start=2)
async def test_a_pause_that_grows_while_all_wait_is_waited_for_whole(gate, clock):
    order = []
    one, other = [entering(gate, order, name) for name in "ab"]
    await settle()
    gate.leave(one.result(), "throttled", 1.0)
    entering(gate, order, "c")
    await settle()
    gate.leave(other.result(), "throttled", 9.0)
    await clock.advance(2.0)
    assert order == ["a", "b"]
    await clock.advance(7.1)
    assert order == ["a", "b", "c"]


@gate_test(start=1, most=1, most_waiting=2)
async def test_the_queue_is_bounded(gate, clock):
    order = []
    tasks = [entering(gate, order, number) for number in range(3)]
    await settle()
    assert gate.waiting == 2
    with pytest.raises(ReplyError, match="PL-REP-025"):
        gate.arrive()
    tasks[1].cancel()
    await settle()
    gate.arrive()  # whoever goes away makes room


@gate_test(start=1, most=1)
async def test_whoever_goes_away_takes_no_place_along(gate, clock):
    order = []
    tasks = [entering(gate, order, number) for number in range(4)]
    await settle()
    tasks[1].cancel()
    await settle()
    gate.leave(tasks[0].result(), "answered")
    tasks[2].cancel()  # let in and cancelled at the same moment
    await settle()
    assert order == [0, 3]
    gate.leave(tasks[3].result(), "answered")
    assert gate.limit.in_flight == 0
