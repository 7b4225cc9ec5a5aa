"""Who sends what when: claims, attempts, what is given up, and what is not kept for ever; on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from plumbline.collect.store import deliveries as store_deliveries
from plumbline.collect.store.deliveries import (
    KEPT,
    OLDEST,
    claim_due,
    count_undelivered,
    list_deliveries,
    mark_delivered,
    mark_failed,
    send_again,
    sweep,
)
from plumbline.collect.store.events import EventKind, read_events
from plumbline.collect.store.failures import ConflictError, NotFoundError
from plumbline.collect.store.outbox import WebhookEvent
from plumbline.collect.store.tables import deliveries
from plumbline.collect.store.webhook_rows import NoAnswer
from plumbline.collect.store.webhooks import (
    MOST_WEBHOOKS,
    NewWebhook,
    add_webhook,
    list_webhooks,
    ping,
    read_webhook,
    remove_webhook,
)
from tests.collect.store.dropping import all_at_once
from tests.collect.store.made_up import START

MINUTE = timedelta(minutes=1)


def hook(store):
    new = NewWebhook(None, "https://receiver.example", "whsec_zz", [WebhookEvent.STUDY_PAUSED], None)
    return add_webhook(store, new, now=START).id


def claim(store, now=START, **more):
    return claim_due(store, now=now, until=now + MINUTE, **more)


@pytest.fixture
def webhook(store):
    number = hook(store)
    ping(store, number, now=START)
    return number


def test_a_message_is_one_processs_until_its_claim_lapses(store, webhook):
    claimed = claim(store)
    assert (claimed.url, claimed.secret, claimed.attempts) == ("https://receiver.example", "whsec_zz", 1)
    assert claimed.message["type"] == "ping"
    assert claim(store, START + MINUTE - timedelta(microseconds=1)) is None
    again = claim(store, START + MINUTE)
    assert (again.id, again.attempts, again.message) == (claimed.id, 2, claimed.message)
    # The first one's failure is not this one's; that it arrived counts all the same.
    assert not mark_failed(store, claimed, 500, now=START, next_at=START)
    mark_delivered(store, claimed.id, 204, now=START)
    assert not mark_failed(store, again, 500, now=START, next_at=None)
    (row,) = list_deliveries(store, webhook)
    assert (row.delivered_at, row.given_up_at, row.last_status, row.claimed_until) == (START, None, 204, None)
    assert claim(store, START + 99 * MINUTE) is None


def test_many_that_claim_at_once_get_different_messages(store, webhook):
    for _ in range(7):
        ping(store, webhook, now=START)
    found = [each.id for each in all_at_once([lambda: claim(store)] * 8) if each is not None]
    assert len(found) == len(set(found)) >= 7  # on Postgres one may have found the same, and got none
    rest = [claim(store) for _ in range(8 - len(found) + 1)]
    assert rest[-1] is None
    assert count_undelivered(store) == (8, 0)


def test_what_failed_comes_again_when_it_is_due_and_others_meanwhile(store, webhook):
    other = hook(store)
    claimed = claim(store)
    assert mark_failed(store, claimed, NoAnswer.TOO_SLOW, now=START, next_at=START + 5 * MINUTE)
    ping(store, other, now=START + MINUTE)
    assert claim(store, START + MINUTE, but=[other]) is None
    assert claim(store, START + MINUTE).webhook_id == other
    assert claim(store, START + 5 * MINUTE, but=[other]).id == claimed.id


def test_what_is_given_up_is_logged_and_can_be_sent_again_under_its_own_id(store, webhook):
    claimed = claim(store)
    assert mark_failed(store, claimed, 500, now=START, next_at=None)
    (event,) = [event for event in read_events(store) if event.kind == EventKind.WEBHOOK_GIVEN_UP]
    told = {"webhook": webhook, "delivery": claimed.id, "event": "ping", "attempts": 1, "status": 500}
    assert event.payload == told
    assert claim(store, START + OLDEST) is None
    (listed,) = list_webhooks(store)
    assert (listed.waiting, listed.given_up) == (0, 1)
    send_again(store, webhook, claimed.id, now=START + MINUTE)
    second = claim(store, START + MINUTE)
    assert second.id > claimed.id
    assert second.message == claimed.message
    mark_failed(store, second, 500, now=START, next_at=START + 99 * MINUTE)
    send_again(store, webhook, second.id, now=START + 2 * MINUTE)  # which waits: at once, not twice
    assert claim(store, START + 2 * MINUTE).id == second.id
    assert [row.id for row in list_deliveries(store, webhook, limit=1)] == [second.id]
    assert [row.id for row in list_deliveries(store, webhook, before=second.id)] == [claimed.id]
    with pytest.raises(NotFoundError):
        send_again(store, hook(store), second.id, now=START)


def test_what_is_being_sent_is_not_given_up(store, webhook):
    late = START + OLDEST + MINUTE
    claimed = claim(store, late)
    assert sweep(store, now=late) == (0, 0)
    mark_delivered(store, claimed.id, 200, now=late)
    assert [row.delivered_at for row in list_deliveries(store, webhook)] == [late]
    ping(store, webhook, now=START)
    claim(store, late)
    assert sweep(store, now=late + MINUTE) == (1, 0), "its claim has lapsed"


def test_a_webhook_that_is_removed_is_told_nothing_more(store, webhook):
    claim(store)
    assert remove_webhook(store, webhook, by=None, now=START)
    assert not remove_webhook(store, webhook, by=None, now=START)
    assert claim(store, START + OLDEST) is None
    assert list_webhooks(store) == []
    for call in (lambda: read_webhook(store, webhook), lambda: ping(store, webhook, now=START)):
        with pytest.raises(NotFoundError):
            call()


def test_there_are_only_so_many(store):
    numbers = [hook(store) for _ in range(MOST_WEBHOOKS)]
    with pytest.raises(ConflictError, match="PL-COL-038"):
        hook(store)
    remove_webhook(store, numbers[0], by=None, now=START)
    assert hook(store) == numbers[-1] + 1


def test_nothing_grows_without_bound(store, webhook, monkeypatch):
    """A quarter of a year of four messages a day to a receiver that is gone, another one that answers: a month's stays."""
    monkeypatch.setattr(store_deliveries, "_BATCH", 100)  # so that there are several
    other, pace, count = hook(store), timedelta(hours=6), 90 * 4
    values = {"event": "ping", "payload": {}, "attempts": 1}
    lines = []
    for number in range(count):
        at = START + number * pace
        line = {**values, "created_at": at, "next_at": at}
        lines += [
            {**line, "webhook_id": webhook, "delivered_at": None},
            {**line, "webhook_id": other, "delivered_at": at},
        ]
    store.write(lambda connection: connection.execute(insert(deliveries), lines))
    end = START + count * pace
    waiting = int(OLDEST / pace)
    given_up, removed = sweep(store, now=end)
    assert (given_up, removed) == (count + 1 - waiting, count - int(KEPT / pace))
    told = [each.payload for each in read_events(store) if each.kind == EventKind.WEBHOOK_GIVEN_UP]
    assert {each["webhook"] for each in told} == {webhook}
    assert len(told) == 4, "one a batch"
    assert sum(each["given_up"] for each in told) == given_up
    assert sweep(store, now=end) == (0, 0)
    assert sweep(store, now=end + KEPT + pace)[1] == given_up + int(KEPT / pace)
    assert count_undelivered(store) == (0, waiting)
