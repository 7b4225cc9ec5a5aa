"""What a receiver cannot do to the one who posts: no head without an end, no cookie, no connection or thread of another's."""

import asyncio
import socket
import threading
from datetime import UTC, datetime

import httpx2
import pytest

from plumbline.collect.service.webhooks.posting import Poster
from plumbline.collect.service.webhooks.signing import new_secret
from plumbline.collect.store.deliveries import Claimed
from plumbline.collect.store.webhook_rows import NoAnswer
from plumbline.sources.bounded_heads import MOST_HEAD_BYTES
from plumbline.sources.pinned_transport import PinnedTransport, TransportSettings

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)


class Receiver:
    """Answers each request by `answer`, until the connection ends; counts connections."""

    def __init__(self, answer):
        self.answer, self.connections = answer, []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await asyncio.gather(*self.connections)

    async def _serve(self, reader, writer):
        self.connections.append(asyncio.current_task())
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
                await self.answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def message(url, secret=None):
    told = {"id": "msg_x", "type": "ping", "timestamp": "t", "data": {}}
    return Claimed(1, 1, None, url, secret or new_secret(), told, NOW, 1, NOW)


def posting(*, resolve=None, seconds=15.0):
    return Poster(allow_private=True, most_at_once=8, resolve=resolve, most_seconds=seconds)


async def no_content(writer):
    writer.write(b"HTTP/1.1 204 No\r\n" + b"Set-Cookie: a=b; Path=/\r\n" * 3 + b"\r\n")
    await writer.drain()


async def here(host, port):
    return ["127.0.0.1"]


def test_provisional_answers_without_end_are_not_read():
    sent = 0

    async def flood(writer):
        nonlocal sent
        while True:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
            await writer.drain()
            sent += 2500

    async def run():
        async with Receiver(flood) as receiver:
            poster = posting()
            status = await poster.post(message(f"http://127.0.0.1:{receiver.port}/"), NOW)
            await poster.close()
            return status

    assert asyncio.run(run()) == NoAnswer.BROKE_OFF
    assert sent < MOST_HEAD_BYTES + (8 << 20), "what lies in between is the machine's buffers"


def test_no_cookie_is_kept_and_no_connection_used_again_for_another_host():
    """Hosts at one address: whose certificate was compared with one name is not the other for that."""
    settings = TransportSettings("x", None, allow_private=True, most_answer_bytes=0, most_connections=8, resolve=here)

    async def run():
        async with Receiver(no_content) as receiver:
            async with httpx2.AsyncClient(transport=PinnedTransport(settings), trust_env=False) as client:
                for host in ("a", "a", "b"):
                    answer = await client.post(f"http://{host}.example:{receiver.port}/", content=b"x")
                    assert answer.status_code == 204
                kept = len(client.cookies.jar)
            return kept, len(receiver.connections)

    assert asyncio.run(run()) == (0, 2)


def test_names_whose_servers_hang_hold_up_no_other(monkeypatch):
    """Each keeps one thread, however often it is asked for."""
    release, asked, look_up = threading.Event(), [], socket.getaddrinfo

    def hanging(host, port, *args, **more):
        asked.append(host)
        if host.startswith("slow"):
            release.wait(30)
            raise socket.gaierror
        return look_up("127.0.0.1", port, *args, **more)

    async def run():
        async with Receiver(no_content) as receiver:
            poster = posting(seconds=10)
            slow = [
                asyncio.ensure_future(poster.post(message(f"https://slow{n % 16}.example/"), NOW)) for n in range(32)
            ]
            await asyncio.sleep(0)  # all of them begin
            status = await poster.post(message(f"http://fine.example:{receiver.port}/"), NOW)
            is_waiting = not any(task.done() for task in slow)
            release.set()
            statuses = set(await asyncio.gather(*slow))
            await poster.close()
            return status, is_waiting, statuses

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    assert asyncio.run(run()) == (204, True, {NoAnswer.UNREACHABLE})
    assert sorted(asked) == sorted(["fine.example", *(f"slow{n}.example" for n in range(16))])


@pytest.mark.parametrize("secret", ["whsec_zz", "whsec_\udcff"])
def test_a_secret_that_signs_nothing_is_no_end_of_the_sender(secret):
    async def run():
        poster = posting()
        try:
            return await poster.post(message("https://127.0.0.1:9/", secret), NOW)
        finally:
            await poster.close()

    assert asyncio.run(run()) == NoAnswer.BROKE_OFF
