"""Many requests to an endpoint at once: no more than it takes, and none lost."""

import asyncio

import pytest

from plumbline.sources import LimitSettings, ReplyError, Sampling
from tests.sources.chat_server import CONVERSATION, answer, hang, status


def test_thirty_requests_at_once_stay_within_the_limit(server):
    server.always = answer(after=0.02)

    async def asking():
        source = server.source(limit=LimitSettings(start=4, most=4))
        replies = await asyncio.gather(*(source.reply(CONVERSATION, Sampling(seed=n), 1) for n in range(30)))
        await source.close()
        return replies

    replies = asyncio.run(asking())
    assert [reply.text for (reply,) in replies] == [f"reply {reply.seed}" for (reply,) in replies]
    assert len({reply.seed for (reply,) in replies}) == 30
    assert 2 <= server.most_at_once <= 4


def test_the_limit_grows_with_answers_and_falls_with_429(server):
    server.always = answer(after=0.005)

    async def asking():
        source = server.source(limit=LimitSettings(start=2, most=8, pause_seconds=0.01))
        await asyncio.gather(*(source.reply(CONVERSATION, Sampling(), 1) for _ in range(40)))
        grown = source.requests_at_once
        server.plans.append(status(429))
        await source.reply(CONVERSATION, Sampling(), 1)
        await source.close()
        return grown, source.requests_at_once

    grown, fallen = asyncio.run(asking())
    assert 4 < grown <= 8
    assert grown / 2 <= fallen < grown


def test_a_limit_that_nobody_told_is_found_and_nothing_is_lost(server):
    """The endpoint takes three requests at once and refuses all others."""

    def strict(handler, body):
        if server.in_flight > 3:
            return status(429)(handler, body)
        return answer(after=0.01)(handler, body)

    server.always = strict

    async def asking():
        source = server.source(limit=LimitSettings(start=32, pause_seconds=0.02), throttled_attempts=100)
        replies = await asyncio.gather(*(source.reply(CONVERSATION, Sampling(seed=n), 1) for n in range(60)))
        await source.close()
        return replies, source.requests_at_once

    replies, at_once = asyncio.run(asking())
    assert [reply.text for (reply,) in replies] == [f"reply {reply.seed}" for (reply,) in replies]
    assert at_once < 16
    assert 60 < len(server.bodies) < 200


def test_a_full_queue_refuses_at_once(server):
    server.always = hang

    async def asking():
        source = server.source(limit=LimitSettings(start=1, most=1, most_waiting=2), timeout_seconds=5)
        waiting = [asyncio.ensure_future(source.reply(CONVERSATION, Sampling(), 1)) for _ in range(3)]
        await asyncio.sleep(0.05)
        with pytest.raises(ReplyError, match="PL-REP-025"):
            await source.reply(CONVERSATION, Sampling(), 1)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert source._gate.limit.in_flight == 0
        await source.close()

    asyncio.run(asking())


def test_where_one_sample_fails_the_others_are_called_off(server):
    server.plans += [hang, status(401), hang]

    async def asking():
        source = server.source(limit=LimitSettings(start=3, most=3))
        with pytest.raises(ReplyError, match="PL-REP-013"):
            await source.reply(CONVERSATION, Sampling(), 3)
        assert source._gate.limit.in_flight == 0
        await source.close()

    asyncio.run(asking())
