"""Endpoints that stream, and those that do not although they were asked to."""

import asyncio
import json

import pytest

from plumbline.sources import ReplyError, Sampling
from tests.sources.chat_server import CONVERSATION, answer, drop, hang, send, status
from tests.sources.endpoints_asked import ask, refusal


def collect(source):
    """What a stream hands over, and the error it ends with."""
    pieces = []

    async def asking():
        try:
            async for piece in source.stream(CONVERSATION, Sampling(seed=3)):
                pieces.append(piece)
        finally:
            await source.close()

    try:
        asyncio.run(asking())
    except ReplyError as error:
        return pieces, error
    return pieces, None


def not_streamed(handler, body):
    answer()(handler, {**body, "stream": False})


def test_a_server_that_does_not_stream_is_taken_at_its_word(server):
    server.plans += [not_streamed, not_streamed]
    (reply,) = ask(server.source())
    pieces, error = collect(server.source())
    assert error is None
    assert (len(server.bodies), all(body["stream"] for body in server.bodies)) == (2, True)
    assert reply.text == f"reply {server.bodies[0]['seed']}"
    assert pieces == [pieces[1].text, pieces[1]]


@pytest.mark.parametrize(
    "body", [b"{", b"{}", b'{"choices": [{"message": "lapis lazuli"}]}', b'{"error": {"message": "lapis lazuli"}}']
)
def test_an_answer_in_one_piece_that_is_none_of_a_chat_api(server, body):
    server.always = lambda handler, _: send(handler, 200, body)
    assert refusal(server.source(attempts=1)).code == "PL-REP-019"


def test_a_stream_that_is_called_json_is_read_all_the_same(server):
    def called_json(handler, body):
        chunks = [{"delta": {"content": "a"}}, {"delta": {}, "finish_reason": "stop"}]
        lines = [b"data: " + json.dumps({"choices": [each]}).encode() + b"\n\n" for each in chunks]
        send(handler, 200, b"".join(lines))

    server.plans.append(called_json)
    assert [reply.text for reply in ask(server.source())] == ["a"]


def test_a_stream_hands_over_pieces_and_last_the_whole(server):
    pieces, error = collect(server.source())
    assert error is None
    assert "".join(pieces[:-1]) == pieces[-1].text == f"reply {server.bodies[0]['seed']}"
    assert len(pieces) > 3


@pytest.mark.parametrize(("plan", "code"), [(drop, "PL-REP-020"), (status(429), "PL-REP-015"), (hang, "PL-REP-012")])
def test_a_stream_that_breaks_off_never_hands_over_a_whole(server, plan, code):
    server.plans.append(plan)
    source = server.source(timeout_seconds=0.3)
    pieces, error = collect(source)
    assert error.code == code
    assert all(isinstance(piece, str) for piece in pieces)
    assert source._gate.limit.in_flight == 0


def test_a_stream_that_is_left_gives_its_place_back(server):
    async def asking():
        source = server.source()
        stream = source.stream(CONVERSATION, Sampling())
        assert isinstance(await anext(stream), str)
        await stream.aclose()
        in_flight = source._gate.limit.in_flight
        await source.close()
        return in_flight

    assert asyncio.run(asking()) == 0
