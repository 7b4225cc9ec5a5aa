"""The sender against a receiver on the loopback that does all a receiver can do; one process, and several."""

import asyncio
import json
from collections import Counter
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook as Verifier

from plumbline.collect.server.webhook_sender import OF_ONE_WEBHOOK, WebhookSender
from plumbline.collect.service.opening import open_collecting
from plumbline.collect.service.samplers import SourceRules
from plumbline.collect.service.webhooks.posting import Poster
from plumbline.collect.service.webhooks.signing import new_secret
from plumbline.collect.service.webhooks.waiting import MOST_ATTEMPTS
from plumbline.collect.store.deliveries import list_deliveries
from plumbline.collect.store.events import EventKind, read_events
from plumbline.collect.store.migrating import open_store
from plumbline.collect.store.outbox import WebhookEvent
from plumbline.collect.store.rows import StudyState
from plumbline.collect.store.studies import set_study_state
from plumbline.collect.store.webhook_rows import NoAnswer
from plumbline.collect.store.webhooks import NewWebhook, add_webhook, ping
from tests.collect.server.receiving import receiver
from tests.collect.store.made_up import make_study

NOW = datetime.now(UTC)


@pytest.fixture
def receiving():
    with receiver() as server:
        yield server


@pytest.fixture
def lone(make_address):
    """A SQLite store: what is tried here is the sender; claims on both databases are tried in the store's tests."""
    opened = open_store(make_address("sqlite"))
    yield opened
    opened.close()


class Clock:
    """The time of all senders of a test."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


def hook(store, url, events=(WebhookEvent.STUDY_PAUSED,)):
    return add_webhook(store, NewWebhook(None, url, new_secret(), list(events), None), now=NOW)


@asynccontextmanager
async def sending(store, clock=None, *, allow_private=True, resolve=None, seconds=1.0):
    """A sender that looks often."""
    collecting = open_collecting(store, SourceRules(None), clock=clock or Clock())
    more = {} if resolve is None else {"resolve": resolve}

    def poster():
        return Poster(allow_private=allow_private, most_at_once=8, most_seconds=seconds, **more)

    sender = WebhookSender(collecting, poster, poll_seconds=0.02, draw=lambda: 0.5)
    task = asyncio.ensure_future(sender.run())
    try:
        yield sender
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await sender.stop()
        collecting.end_calls()


async def until(question):
    """Waits until something is so."""
    async with asyncio.timeout(15):
        while not question():
            await asyncio.sleep(0.01)


def told(store, webhook):
    return list_deliveries(store, webhook.id)


# --- what arrives ---


def test_a_message_arrives_once_signed_as_the_standard_says(lone, receiving):
    webhook = hook(lone, f"{receiving.url}/ok")
    study = make_study(lone)
    set_study_state(lone, study.id, StudyState.PAUSED, now=NOW)

    async def work():
        # The receiver refuses what is older than five minutes, and so long ago this module may have been imported.
        async with sending(lone, clock=lambda: datetime.now(UTC)):
            await until(lambda: told(lone, webhook)[0].delivered_at)
            await asyncio.sleep(0.1)  # it would come again

    asyncio.run(work())
    ((_, headers, body),) = receiving.got
    assert Verifier(webhook.secret).verify(body, headers)["data"] == {"study": "pairs"}
    assert headers["webhook-id"] == json.loads(body)["id"] == told(lone, webhook)[0].payload["id"]
    assert set(map(str.lower, headers)) == {
        *("host", "content-type", "content-length", "accept", "accept-encoding", "user-agent"),
        *("webhook-id", "webhook-timestamp", "webhook-signature"),
    }
    (row,) = told(lone, webhook)
    assert (row.attempts, row.last_status, row.given_up_at) == (1, 204, None)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *(("/fails", 500), ("/elsewhere", 302), ("/hangs", NoAnswer.TOO_SLOW)),
        *(("/closes", NoAnswer.BROKE_OFF), ("/babbles", NoAnswer.BROKE_OFF)),
    ],
)
def test_whatever_a_receiver_does_the_message_waits(lone, receiving, path, status):
    webhook = hook(lone, receiving.url + path)
    ping(lone, webhook.id, now=NOW)

    async def work():
        async with sending(lone):
            await until(lambda: told(lone, webhook)[0].last_status)

    asyncio.run(work())
    (row,) = told(lone, webhook)
    assert (row.attempts, row.last_status, row.delivered_at) == (1, status, None)
    assert (row.next_at - NOW, row.claimed_until) == (timedelta(seconds=10), None)
    assert {each[0] for each in receiving.got} == {path}


def test_a_flood_is_not_read(lone, receiving):
    webhook = hook(lone, f"{receiving.url}/floods")
    ping(lone, webhook.id, now=NOW)

    async def work():
        async with sending(lone):
            await until(lambda: told(lone, webhook)[0].delivered_at)

    asyncio.run(work())
    assert receiving.flooded < 64 << 20  # what the sockets' buffers held, not what came


def test_nobody_at_the_address(lone, receiving):
    webhook = hook(lone, "http://127.0.0.1:1/")
    ping(lone, webhook.id, now=NOW)

    async def work():
        async with sending(lone):
            await until(lambda: told(lone, webhook)[0].last_status)

    asyncio.run(work())
    assert told(lone, webhook)[0].last_status == NoAnswer.UNREACHABLE


def test_it_is_tried_for_two_days_and_then_given_up(lone, receiving):
    webhook, clock = hook(lone, f"{receiving.url}/fails"), Clock()
    ping(lone, webhook.id, now=NOW)

    async def work():
        async with sending(lone, clock):
            for attempt in range(1, MOST_ATTEMPTS + 1):
                await until(lambda attempt=attempt: told(lone, webhook)[0].attempts == attempt)
                await until(lambda: told(lone, webhook)[0].claimed_until is None)
                clock.now = max(clock.now, told(lone, webhook)[0].next_at)

    asyncio.run(work())
    (row,) = told(lone, webhook)
    assert (len(receiving.got), row.attempts) == (MOST_ATTEMPTS, MOST_ATTEMPTS)
    assert timedelta(hours=44) < row.given_up_at - NOW < timedelta(hours=54)
    assert len({headers["webhook-id"] for _, headers, _ in receiving.got}) == 1
    timestamps = [int(headers["webhook-timestamp"]) for _, headers, _ in receiving.got]
    assert timestamps == sorted(set(timestamps))
    assert [e.payload["status"] for e in read_events(lone) if e.kind == EventKind.WEBHOOK_GIVEN_UP] == [500]


# --- one that hangs, several that send ---


def test_a_receiver_that_hangs_holds_up_nobody_else(lone, receiving):
    hanging, fine = hook(lone, f"{receiving.url}/hangs"), hook(lone, f"{receiving.url}/ok")
    for _ in range(20):
        ping(lone, hanging.id, now=NOW - timedelta(hours=1))  # all due for longer
    for _ in range(20):
        ping(lone, fine.id, now=NOW)

    async def work():
        async with sending(lone, seconds=8) as sender:
            await until(lambda: all(row.delivered_at for row in told(lone, fine)))
            await until(lambda: Counter(sender._under_way.values()) == {hanging.id: OF_ONE_WEBHOOK})
            receiving.release.set()

    asyncio.run(work())
    assert sum(row.attempts for row in told(lone, hanging)) == OF_ONE_WEBHOOK


def test_what_is_under_way_when_the_server_ends_is_given_back(lone, receiving, monkeypatch):
    monkeypatch.setattr("plumbline.collect.server.webhook_sender.GRACE_SECONDS", 0.1)
    webhook = hook(lone, f"{receiving.url}/hangs")
    ping(lone, webhook.id, now=NOW)

    async def work():
        async with sending(lone, seconds=30):
            await until(lambda: receiving.got)

    asyncio.run(work())
    (row,) = told(lone, webhook)
    assert (row.claimed_until, row.next_at, row.delivered_at, row.given_up_at) == (None, NOW, None, None)


def test_several_senders_send_each_message_once(make_address, receiving):
    place = make_address("sqlite")
    stores = [open_store(place) for _ in range(3)]
    webhooks = [hook(stores[0], f"{receiving.url}/ok") for _ in range(4)]
    for _ in range(10):
        for webhook in webhooks:
            ping(stores[0], webhook.id, now=NOW)

    async def work():
        async with sending(stores[0]), sending(stores[1]), sending(stores[2]):
            await until(lambda: all(row.delivered_at for webhook in webhooks for row in told(stores[0], webhook)))

    asyncio.run(work())
    for store in stores:
        store.close()
    counts = Counter(each["id"] for each in receiving.messages())
    assert (len(counts), set(counts.values())) == (40, {1})


# --- where it does not go ---


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:{port}/ok", "https://127.0.0.1:{port}/ok", "https://[::1]:{port}/ok"),
        *("https://2130706433:{port}/ok", "https://0x7f.1:{port}/ok", "https://0177.0.0.1:{port}/ok"),
        *("https://169.254.169.254/latest/meta-data", "https://receiver.example:{port}/ok"),
        *("http://receiver.example:{port}/ok", "https://[::ffff:127.0.0.1]:{port}/ok"),
    ],
)
def test_an_address_that_is_private_at_the_moment_of_sending_is_not_spoken_to(lone, receiving, url):
    """Also one that was permitted when the webhook was made, or whose name led elsewhere then."""
    webhook = hook(lone, url.format(port=receiving.server_address[1]))
    ping(lone, webhook.id, now=NOW)

    async def resolve(host, port):
        return ["127.0.0.1"] if host == "receiver.example" else await system(host, port)

    from plumbline.sources.network import resolve_by_system as system

    async def work():
        async with sending(lone, allow_private=False, resolve=resolve):
            await until(lambda: told(lone, webhook)[0].last_status)

    asyncio.run(work())
    assert told(lone, webhook)[0].last_status == NoAnswer.NOT_PERMITTED
    assert receiving.got == []


def test_a_name_that_leads_to_several_numbers_may_lead_to_no_private_one(lone, receiving):
    webhook = hook(lone, "https://receiver.example/ok")
    ping(lone, webhook.id, now=NOW)

    async def resolve(host, port):
        return ["203.0.114.7", "10.0.0.1"]

    async def work():
        async with sending(lone, allow_private=False, resolve=resolve):
            await until(lambda: told(lone, webhook)[0].last_status)

    asyncio.run(work())
    assert told(lone, webhook)[0].last_status == NoAnswer.NOT_PERMITTED
