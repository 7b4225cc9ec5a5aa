"""Guessing passwords, over the API, on both databases: each failure is counted, and whoever guesses has to wait."""

import subprocess
import sys
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from plumbline.collect.api.app import ApiOptions
from plumbline.collect.store.identity.attempts import begin_attempt, key_of_both
from plumbline.collect.store.people import issue_session
from plumbline.web.rate_limits import Rate
from tests.collect.api.browser import PASSWORD, Browser, joined
from tests.collect.api.client import HOME, UNLIMITED
from tests.collect.store.filled import address

NAME = "Ada Lovelace"


@pytest.fixture
def api(api_on_both):
    """The API, on each database."""
    return api_on_both


def wrong(browser, name=NAME, password="not this one"):
    return browser("POST", "/sessions", json={"name": name, "password": password})


class Counting(PasswordHasher):
    """Counts what is compared."""

    def __init__(self):
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.compared = []
        self.made = 0

    def hash(self, *args, **more):
        self.made += 1
        return super().hash(*args, **more)

    def verify(self, hash, password):
        self.compared.append(hash)
        return super().verify(hash, password)


def test_an_unknown_name_costs_what_a_known_one_does(api):
    """Counted, not timed: one comparison each, under the same costs, and no hash made beside it but the first of all."""
    joined(api, NAME)
    counting = Counting()
    api.collecting.passwords.hasher = counting
    for name, password in (("nobody", "x"), (NAME, "x"), ("nobody", PASSWORD), ("  ", "x"), (NAME, PASSWORD)):
        before, made = len(counting.compared), counting.made
        Browser(api)("POST", "/sessions", json={"name": name, "password": password})
        assert len(counting.compared) == before + 1
        assert counting.made == made + (before == 0)
    assert {hashed.rsplit("$", 2)[0] for hashed in counting.compared} == {"$argon2id$v=19$m=8,t=1,p=1"}


def test_five_may_fail_then_each_waits_twice_as_long(api):
    browser = joined(api, NAME)
    browser.cookie = None
    for _ in range(5):
        assert wrong(browser).status_code == 403
    waits = []
    for _ in range(13):
        for name in (NAME, "ADA LOVELACE"):
            refused = wrong(browser, name, PASSWORD)
            assert (refused.status_code, refused.json()["code"]) == (429, "PL-IDN-002")
        waits.append(int(refused.headers["retry-after"]))
        api.wait(seconds=waits[-1])
        assert wrong(browser).status_code == 403
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]
    api.wait(seconds=900)
    browser.log_in(NAME)
    # A success clears the name at this address.
    assert begin_attempt(api.store, [key_of_both("ada lovelace", "127.0.0.1")], now=api.now) == timedelta(0)
    api.wait(hours=1, seconds=1)
    assert [wrong(browser).status_code for _ in range(6)] == [403] * 5 + [429]


def test_many_names_from_one_address_have_to_wait_as_well(api):
    """One guess for each of many names; others of the same network count with it."""
    answers = [wrong(Browser(api), f"name {number}").status_code for number in range(32)]
    assert answers == [403] * 30 + [429] * 2
    joined(api, NAME)
    refused = wrong(Browser(api), NAME, PASSWORD)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    api.wait(seconds=1)
    Browser(api).log_in(NAME)


@pytest.mark.parametrize("path", ["sessions", "invitations/read", "arrivals"])
def test_a_made_up_cookie_is_no_way_past_the_limit_of_an_address(make_api, path):
    api = make_api(options=ApiOptions(per_token=UNLIMITED, per_address=Rate(1e-9, 3)))
    # Nor is a good one: it is the owner's, whose other requests are not held up.
    good = issue_session(api.store, api.ids[api.owner].id, now=api.now, expires_at=api.now + timedelta(1))
    headers, answers = {"Host": "127.0.0.1", "Cookie": f"plumbline={good}"}, []
    assert api("GET", "/me", headers=headers).status_code == 200
    for number in range(12):
        cookie = {"Cookie": f"plumbline={good if number % 2 else 'x' * 20 + str(number)}"}
        answers.append(Browser(api)("POST", f"/{path}", json={}, headers=cookie).status_code)
    assert answers == [422] * 3 + [429] * 9
    assert [api("GET", "/me", headers=headers).status_code for _ in range(5)] == [200] * 5


def test_many_at_once_do_not_get_past_the_count(api):
    joined(api, NAME)
    body = {"json": {"name": NAME, "password": "not this one"}}
    answers = api.together(*[("POST", f"{HOME}/sessions", None, dict(body)) for _ in range(20)])
    assert sorted(answer.status_code for answer in answers) == [403] * 5 + [429] * 15


def test_who_logs_in_does_not_use_up_the_attempts_of_their_address(api):
    for number in range(8):
        joined(api, f"Worker {number}")
    for number in range(8):
        Browser(api).log_in(f"Worker {number}")
    assert wrong(Browser(api)).status_code == 403


OTHER_PROCESS = """
import sys
from datetime import datetime
from plumbline.collect.store.identity.attempts import begin_attempt, key_of_both
from plumbline.collect.store.migrating import open_store
store = open_store(sys.argv[1])
now = datetime.fromisoformat(sys.argv[2])
print([begin_attempt(store, [key_of_both("ada lovelace", "127.0.0.1")], now=now).total_seconds() for _ in range(3)])
"""


def test_two_processes_count_together(api):
    browser = joined(api, NAME)
    for _ in range(3):
        assert wrong(browser, NAME).status_code == 403
    command = [sys.executable, "-c", OTHER_PROCESS, address(api.store), api.now.isoformat()]
    other = subprocess.run(command, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == "[0.0, 0.0, 1.0]"
    refused = wrong(browser, NAME)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")


def test_hashing_has_an_end_to_how_many_wait(api):
    joined(api, NAME)
    api.collecting.passwords.calls._most = 0
    Browser(api).problem("POST", "/sessions", json={"name": NAME, "password": PASSWORD}, status=503, code="PL-WEB-010")
