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
    key_of_both,
    keys_of_login,
    wait_after,
)
from plumbline.collect.store.migrating import open_store
from tests.collect.store.dropping import all_at_once
from tests.collect.store.filled import address
from tests.collect.store.made_up import START

BOTH, ADDRESS = key_of_both("ada", "192.0.2.1"), key_of_address("192.0.2.1")
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
    begin_attempt(store, keys_of_login("zzname", "192.0.2.1"), now=START)
    rows = repr(store.read(lambda connection: connection.execute(text("SELECT * FROM login_attempts")).all()))
    assert "zzname" not in rows
    assert "192.0.2" not in rows


def test_an_attempt_counts_until_it_is_known_to_have_gone_well(store):
    for _ in range(5):
        assert begin_attempt(store, [BOTH, ADDRESS], now=START) == NONE
    assert begin_attempt(store, [BOTH, ADDRESS], now=START) == timedelta(seconds=1)
    for _ in range(FREE_OF_ADDRESS - 5):
        assert begin_attempt(store, [ADDRESS], now=START) == NONE
    assert begin_attempt(store, [ADDRESS], now=START) == timedelta(seconds=1)
    attempt_succeeded(store, [BOTH, ADDRESS])
    assert begin_attempt(store, [BOTH], now=START) == NONE
    # Of the address that attempt alone was taken back: one more may be tried at once.
    assert begin_attempt(store, [ADDRESS], now=START) == NONE
    assert begin_attempt(store, [ADDRESS], now=START) == timedelta(seconds=1)


@pytest.mark.parametrize("others", [False, True])
def test_who_guesses_from_an_address_has_one_a_minute_whoever_logs_in_there(store, others):
    for _ in range(FREE_OF_ADDRESS):
        begin_attempt(store, [ADDRESS], now=START)
    guesses = 0
    for second in range(0, 1200, 15):
        now = START + timedelta(seconds=second)
        guesses += begin_attempt(store, [ADDRESS], now=now) == NONE
        if others and begin_attempt(store, [ADDRESS], now=now) == NONE:
            attempt_succeeded(store, [ADDRESS])
    assert 18 <= guesses <= 26


def test_of_many_who_mistype_at_one_address_none_is_shut_out(store):
    """Thirty people behind one address: each is wrong once, then right, within five minutes."""
    refused = 0
    for person in range(30):
        now, keys = START + timedelta(seconds=10 * person), keys_of_login(str(person), "192.0.2.1")
        for right in (False, True):
            refused += begin_attempt(store, keys, now=now) > NONE
            if right:
                attempt_succeeded(store, keys)
    assert refused == 0


def test_what_has_to_wait_is_not_counted(store):
    for _ in range(5):
        begin_attempt(store, [BOTH], now=START)
    for _ in range(50):
        assert begin_attempt(store, [BOTH], now=START) == timedelta(seconds=1)
    assert begin_attempt(store, [BOTH], now=START + timedelta(seconds=1)) == NONE
    assert begin_attempt(store, [BOTH], now=START + timedelta(seconds=1)) == timedelta(seconds=2)


def test_where_one_has_to_wait_the_other_is_not_counted(store):
    for _ in range(5):
        begin_attempt(store, [BOTH], now=START)
    for _ in range(9):
        begin_attempt(store, [BOTH, ADDRESS], now=START)
    assert begin_attempt(store, [ADDRESS], now=START) == NONE


def stored(store):
    query = text("SELECT COUNT(*) FROM login_attempts")
    return store.read(lambda connection: connection.execute(query).scalar_one())


def test_what_is_refused_leaves_no_row(store):
    """A name a guess, from one address: those that have to wait are not written down."""
    guesses = [begin_attempt(store, keys_of_login(str(number), "192.0.2.1"), now=START) for number in range(60)]
    assert guesses.count(NONE) == FREE_OF_ADDRESS
    assert stored(store) == 2 * FREE_OF_ADDRESS + 1


@pytest.fixture
def one_store(make_address):
    """Of one sort: what is counted here over days does not differ between databases."""
    opened = open_store(make_address("sqlite"))
    yield opened
    opened.close()


def test_nobody_keeps_a_names_owner_out_from_one_address(one_store):
    """As fast as they may guess, for a quarter of a day: whoever has the name logs in from elsewhere at any time."""
    store = one_store
    theirs, owners = keys_of_login("ada", "192.0.2.1"), keys_of_login("ada", "198.51.100.2")
    now, guesses = START, 0
    while now < START + timedelta(hours=6):
        wait = begin_attempt(store, theirs, now=now)
        guesses += wait == NONE
        # The most comes of it by waiting for the hour where that is shorter than going on.
        now += timedelta(hours=1, seconds=1) if wait > timedelta(minutes=4) else wait
        assert begin_attempt(store, owners, now=now) == NONE
        attempt_succeeded(store, owners)
    assert 290 / 4 < guesses <= 320 / 4


def test_how_much_may_be_guessed_from_many_addresses(one_store):
    """In each of two times six hours: so many at once, and one every four minutes."""
    store, guesses, minutes = one_store, [], 6 * 60
    for minute in range(0, 2 * minutes, 2):
        keys = keys_of_login("ada", f"2001:db8:0:{minute:x}::1")[:2]
        for _ in range(120 if minute == 0 else 1):
            guesses += [minute // minutes] * (begin_attempt(store, keys, now=START + timedelta(minutes=minute)) == NONE)
            keys = keys_of_login("ada", f"2001:db8:1:{len(guesses):x}::1")[:2]
    assert 180 < guesses.count(0) < 200
    assert 85 < guesses.count(1) <= 90


def test_what_is_long_ago_is_forgotten(store):
    for _ in range(5):
        begin_attempt(store, [BOTH], now=START)
    later = START + FORGOTTEN_AFTER + timedelta(seconds=1)
    assert [begin_attempt(store, [BOTH], now=later) for _ in range(6)] == [NONE] * 5 + [timedelta(seconds=1)]
    begin_attempt(store, [ADDRESS], now=later + timedelta(days=2))
    assert stored(store) == 1


def test_many_at_once_from_two_servers_count_together(store):
    """Two connections' pools, as two processes have; in either order of the keys."""
    other = open_store(address(store))
    keys = ([BOTH, ADDRESS], [ADDRESS, BOTH])
    acts = [
        lambda number=number: begin_attempt((store, other)[number % 2], keys[number // 2 % 2], now=START)
        for number in range(16)
    ]
    try:
        assert sorted(all_at_once(acts)) == [NONE] * 5 + [timedelta(seconds=1)] * 11
    finally:
        other.close()
