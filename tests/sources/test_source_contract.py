"""What every source promises, run on all of them."""

import asyncio
from contextlib import contextmanager

import pytest

from plumbline.records import Message, Role, UsageError
from plumbline.sources import LocalModelSource, ReplyError, Sampling, parse_address
from tests.sources.chat_server import chat_server
from tests.sources.corpora import retrieval
from tests.sources.tiny_language_model import saved_model

CONVERSATION = (Message(Role.HUMAN, "how do I make tea"), Message(Role.ASSISTANT, "green or black"))
CONVERSATION += (Message(Role.HUMAN, "green tea"),)
SAMPLING = Sampling(max_tokens=6, seed=21)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return saved_model(tmp_path_factory.mktemp("model"))


@contextmanager
def _endpoint(_, **options):
    with chat_server() as server:
        yield lambda: server.source(**options)


@contextmanager
def _whole_endpoint(_):
    with _endpoint(_, streaming=False) as make:
        yield make


@contextmanager
def _local(folder):
    yield lambda: LocalModelSource(parse_address(f"transformers:{folder}"))


@contextmanager
def _retrieval(_):
    yield retrieval


@pytest.fixture(params=[_endpoint, _whole_endpoint, _local, _retrieval], ids=lambda kind: kind.__name__[1:])
def make(request, folder):
    with request.param(folder) as maker:
        yield maker


def ask(source, sampling=SAMPLING, count=1, conversation=CONVERSATION):
    async def asking():
        try:
            return await source.reply(conversation, sampling, count)
        finally:
            await source.close()

    return asyncio.run(asking())


@pytest.mark.parametrize("count", [1, 2, 5])
def test_exactly_as_many_replies_as_asked_for_each_with_a_seed_of_its_own(make, count):
    source = make()
    replies = ask(source, count=count)
    assert len(replies) == len({reply.seed for reply in replies}) == count
    for reply in replies:
        assert reply.text.strip()
        assert reply.source == source.name
        assert reply.model
        assert reply.snapshot
        assert reply.sampling == SAMPLING
        assert reply.finish in ("stop", "length")
        assert reply.seconds > 0
    assert len({reply.snapshot for reply in replies}) == 1


def test_the_name_is_an_address_that_reads_back(make):
    assert str(parse_address(make().name)) == make().name


def test_the_same_seed_gives_the_same_replies(make):
    first, again = ask(make(), count=3), ask(make(), count=3)
    assert [(reply.text, reply.seed) for reply in first] == [(reply.text, reply.seed) for reply in again]


def test_more_samples_begin_with_those_of_fewer(make):
    few, many = ask(make(), count=2), ask(make(), count=4)
    assert [reply.seed for reply in many[:2]] == [reply.seed for reply in few]
    assert [reply.text for reply in many[:2]] == [reply.text for reply in few]


def test_without_a_seed_different_ones_are_drawn_and_recorded(make):
    source = make()

    async def asking():
        replies = [(await source.reply(CONVERSATION, Sampling(max_tokens=6)))[0] for _ in range(2)]
        await source.close()
        return replies

    one, other = asyncio.run(asking())
    assert one.seed != other.seed
    assert one.sampling.seed is None


def test_requests_at_the_same_time_do_not_mix(make):
    source = make()

    async def asking():
        given = [Sampling(max_tokens=6, seed=seed) for seed in range(6)]
        together = await asyncio.gather(*(source.reply(CONVERSATION, each) for each in given))
        alone = [await source.reply(CONVERSATION, each) for each in given]
        await source.close()
        return together, alone

    together, alone = asyncio.run(asking())
    assert [reply.text for (reply,) in together] == [reply.text for (reply,) in alone]


def test_conversations_that_wait_for_no_reply_and_wrong_counts(make):
    source = make()
    for conversation in ((), CONVERSATION[:2]):
        with pytest.raises(UsageError, match="PL-REP-030"):
            asyncio.run(source.reply(conversation, SAMPLING))
    with pytest.raises(UsageError, match="PL-REP-006"):
        asyncio.run(source.reply(CONVERSATION, SAMPLING, 0))
    asyncio.run(source.close())


def test_closing_twice_does_no_harm_and_then_nothing_is_answered(make):
    async def asking():
        source = make()
        await source.close()
        await source.close()
        await source.reply(CONVERSATION, SAMPLING)

    with pytest.raises(ReplyError, match="PL-REP-033"):
        asyncio.run(asking())
