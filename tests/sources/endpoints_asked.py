"""Endpoints asked for replies, and for the error that they end with."""

import asyncio
import traceback

import pytest

from plumbline.sources import ReplyError, Sampling
from tests.sources.chat_server import CONVERSATION, SECRET

DEFAULT = Sampling(seed=1)


def ask(source, count=1, *, sampling=DEFAULT, conversation=CONVERSATION):
    async def asking():
        try:
            return await source.reply(conversation, sampling, count)
        finally:
            await source.close()

    return asyncio.run(asking())


def refusal(source, **arguments):
    """The error that a source ends with; nothing of the conversation may stand in it or in what it came from."""
    with pytest.raises(ReplyError) as caught:
        ask(source, **arguments)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return caught.value
