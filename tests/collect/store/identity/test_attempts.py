"""Failed logins, counted together: how long to wait, which addresses are one, what is forgotten."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from plumbline.collect.store.identity.attempts import (
    FORGOTTEN_AFTER,
    FREE_OF_ADDRESS,
    attempt_succeeded,
    begin_attempt,
    key_of_address,
    key_of_name,
    wait_after,
)
from plumbline.collect.store.migrating import open_store
from tests.collect.store.dropping import all_at_once
from tests.collect.store.filled import address
from tests.collect.store.made_up import START

NAME, ADDRESS = key_of_name("ada"), key_of_address("192.0.2.1")
NONE = timedelta(0)


def test_how_long_to_wait():
    waits = [wait_after(failures).total_seconds() for failures in range(18)]
    assert waits == [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]
    assert wait_after(10**9) == timedelta(minutes=15)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::9", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("", "unix", False),
    ],
)
def test_addresses_that_count_as_one(one, other, same):
    assert (key_of_address(one) == key_of_address(other)) is same


def test_names_and_addresses_are_stored_as_digests(store):
    begin_attempt(store, [key_of_name("zzname"), key_of_address("192.0.2.1")], now=START)
    rows = repr(store.read(lambda connection: connection.execute(text("SELECT * FROM login_attempts")).all()))
    assert "zzname" not in rows
    assert "192.0.2" not in rows


def test_an_attempt_counts_until_it_is_known_to_have_gone_well(store):
    for _ in range(5):
        assert begin_attempt(store, [NAME, ADDRESS], now=START) == NONE
    assert begin_attempt(store, [NAME, ADDRESS], now=START) == timedelta(seconds=1)
    for _ in range(FREE_OF_ADDRESS - 5):
        assert begin_attempt(store, [ADDRESS], now=START) == NONE
    assert begin_attempt(store, [ADDRESS], now=START) == timedelta(seconds=1)
    attempt_succeeded(store, NAME, ADDRESS, now=START)
    assert begin_attempt(store, [NAME], now=START) == NONE
    # Of the address that attempt alone was taken back: one more may be tried at once.
    assert begin_attempt(store, [ADDRESS], now=START) == NONE
    assert begin_attempt(store, [ADDRESS], now=START) == timedelta(seconds=1)


@pytest.mark.parametrize("others", [False, True])
def test_who_guesses_from_an_address_has_one_a_minute_whoever_logs_in_there(store, others):
    for _ in range(FREE_OF_ADDRESS):
        begin_attempt(store, [ADDRESS], now=START)
    guesses = 0
    for second in range(0, 3600, 10):
        now = START + timedelta(seconds=second)
        guesses += begin_attempt(store, [ADDRESS], now=now) == NONE
        if others and begin_attempt(store, [ADDRESS], now=now) == NONE:
            attempt_succeeded(store, None, ADDRESS, now=now)
    assert 55 <= guesses <= 70


def test_of_many_who_mistype_at_one_address_none_is_shut_out(store):
    """Thirty people behind one address: each is wrong once, then right, within five minutes."""
    refused = 0
    for person in range(30):
        now, name = START + timedelta(seconds=10 * person), key_of_name(str(person))
        for right in (False, True):
            refused += begin_attempt(store, [name, ADDRESS], now=now) > NONE
            if right:
                attempt_succeeded(store, name, ADDRESS, now=now)
    assert refused == 0


def test_what_has_to_wait_is_not_counted(store):
    for _ in range(5):
        begin_attempt(store, [NAME], now=START)
    for _ in range(50):
        assert begin_attempt(store, [NAME], now=START) == timedelta(seconds=1)
    assert begin_attempt(store, [NAME], now=START + timedelta(seconds=1)) == NONE
    assert begin_attempt(store, [NAME], now=START + timedelta(seconds=1)) == timedelta(seconds=2)


def test_where_one_has_to_wait_the_other_is_not_counted(store):
    for _ in range(5):
        begin_attempt(store, [NAME], now=START)
    for _ in range(9):
        begin_attempt(store, [NAME, ADDRESS], now=START)
    assert begin_attempt(store, [ADDRESS], now=START) == NONE


def test_what_is_long_ago_is_forgotten(store):
    for _ in range(5):
        begin_attempt(store, [NAME], now=START)
    later = START + FORGOTTEN_AFTER + timedelta(seconds=1)
    assert [begin_attempt(store, [NAME], now=later) for _ in range(6)] == [NONE] * 5 + [timedelta(seconds=1)]
    attempt_succeeded(store, None, ADDRESS, now=later + timedelta(days=2))
    query = text("SELECT COUNT(*) FROM login_attempts")
    assert store.read(lambda connection: connection.execute(query).scalar_one()) == 0


def test_many_at_once_from_two_servers_count_together(store):
    """Two connections' pools, as two processes have; in either order of the keys."""
    other = open_store(address(store))
    keys = ([NAME, ADDRESS], [ADDRESS, NAME])
    acts = [
        lambda number=number: begin_attempt((store, other)[number % 2], keys[number // 2 % 2], now=START)
        for number in range(16)
    ]
    try:
        assert sorted(all_at_once(acts)) == [NONE] * 5 + [timedelta(seconds=1)] * 11
    finally:
        other.close()
