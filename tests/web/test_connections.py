"""Clients that have no end are broken off; the others are served as ever."""

import asyncio

import uvicorn

from plumbline.web import connections
from plumbline.web.connections import MOST_HEAD_BYTES, BoundedConnection
from tests.web import calling
from tests.web.calling import answer

REQUEST = b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n"
LARGE = 1 << 24


async def app(scope, receive, send):
    body = b"x" * LARGE if scope["path"] == "/large" else scope["path"].encode()
    await answer(send, body, headers=[(b"content-length", b"%d" % len(body))])


def talk(conversation):
    return calling.talk(uvicorn.Config(app, http=BoundedConnection, log_config=None), conversation)


def said(*pieces, seconds=0.0):
    """All that the server says until it closes, to pieces that come one after the other."""

    async def conversation(reader, writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(seconds)
        return await reader.read()

    return talk(conversation)


def test_who_begins_a_head_and_does_not_end_it_is_told_and_closed(monkeypatch):
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.05)
    assert said(b"GET /").startswith(b"HTTP/1.1 408 ")
    first, late = said(REQUEST % 7, b"GET /2 HTTP", seconds=0.01).split(b"/7", 1)
    assert first.startswith(b"HTTP/1.1 200 ")
    assert late.startswith(b"HTTP/1.1 408 "), "so is a second head on the same connection"
    assert said() == b"", "who says nothing is told nothing"


def test_a_head_has_an_end_and_what_comes_after_it_is_not_counted():
    start = b"GET / HTTP/1.1\r\nx-a: "
    assert said(start, b"a" * (MOST_HEAD_BYTES + 1), seconds=0.05).startswith(b"HTTP/1.1 431 ")
    body = b"b" * (4 * MOST_HEAD_BYTES)
    posted = b"POST /1 HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    last = b"GET /2 HTTP/1.1\r\nconnection: close\r\n\r\n"
    assert said(posted, body, last).count(b"HTTP/1.1 200 ") == 2


def test_an_answer_that_nobody_takes_is_given_up_and_one_that_is_taken_arrives_whole(monkeypatch):
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.2)

    async def dawdling(reader, writer):
        writer.transport.pause_reading()
        writer.write(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.sleep(0.6)
        writer.transport.resume_reading()
        return await reader.read()

    assert len(talk(dawdling)) < LARGE
    assert len(said(b"GET /large HTTP/1.1\r\nconnection: close\r\n\r\n")) > LARGE
