"""Proxies over real HTTP: whose word on the client's address is taken, so that each client has a limit of its own.

Seen by who has to wait for a login: the failures of one address are written into the store, and no test rests on the time
that requests take. Requests are counted by the same address (`plumbline.web.asgi.client_address`).
"""

import socket
from itertools import count

import httpx2
import pytest
from sqlalchemy import insert

from plumbline.collect.server.proxies import OWN_MACHINE, checked_proxies
from plumbline.collect.service.collecting import utc_now
from plumbline.collect.store.identity.attempts import key_of_address
from plumbline.collect.store.migrating import open_store
from plumbline.collect.store.tables import login_attempts
from plumbline.records import UsageError
from tests.cli.collect_client import Server

PROXY, OTHER, ANOTHER = "127.0.0.2", "127.0.0.3", "127.0.0.4"  # all of 127.0.0.0/8 is this machine
CLIENT, SECOND = "203.0.113.7", "203.0.113.8"
WRONG, WAIT = "PL-IDN-001", "PL-IDN-002"
_NUMBERS = count()


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """A server that believes PROXY; CLIENT and OTHER have guessed too many passwords already."""
    folder = tmp_path_factory.mktemp("served") / "pairs"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        free = listening.getsockname()[1]
    words = ["--no-access-log", "--trusted-proxy", PROXY, "--public-url", "https://judge.example.org", f"--port={free}"]
    server = Server(folder, words=words)
    store = open_store(folder / "collect.db", connections=1)
    rows = [{"key": key_of_address(each), "failures": 60, "last_at": utc_now()} for each in (CLIENT, OTHER)]
    store.write(lambda connection: connection.execute(insert(login_attempts), rows))
    store.close()
    yield free
    server.close()


def guess(port, address, said=None):
    """What a wrong password gives whose connection comes from this address, and who sends this X-Forwarded-For."""
    headers = {"X-Forwarded-Proto": "https"} | ({} if said is None else {"X-Forwarded-For": said})
    with httpx2.Client(transport=httpx2.HTTPTransport(local_address=address), timeout=60) as http:
        # Another name each time: those have a count of their own.
        body = {"name": f"nobody {next(_NUMBERS)}", "password": "not the password"}
        return http.post(f"http://127.0.0.1:{port}/api/v1/sessions", json=body, headers=headers).json()["code"]


@pytest.mark.parametrize(
    ("address", "said", "gives"),
    [
        (PROXY, CLIENT, WAIT),
        (PROXY, SECOND, WRONG),
        # What a client sent itself stands before what the proxy added, and is nobody's word.
        (PROXY, f"{SECOND}, {CLIENT}", WAIT),
        (PROXY, f"{CLIENT}, {SECOND}", WRONG),
        # Who is no proxy neither gets away from their own failures, nor is held up by another's.
        (OTHER, SECOND, WAIT),
        (OTHER, None, WAIT),
        (ANOTHER, CLIENT, WRONG),
        ("127.0.0.1", CLIENT, WRONG),
    ],
)
def test_the_address_is_the_proxys_word_and_of_nobody_else(port, address, said, gives):
    assert guess(port, address, said) == gives


def test_what_names_a_proxy():
    assert checked_proxies([]) == OWN_MACHINE
    assert checked_proxies(["172.31.240.2", "10.0.0.0/28", "fd00::/64", "192.0.2.1/32"]) == (
        *("172.31.240.2", "10.0.0.0/28", "fd00::/64", "192.0.2.1"),
    )
    for said in ("*", "", "proxy", "0.0.0.0/0", "::/0", "10.0.0.1/28", "10.0.0.1,10.0.0.2", "127.0.0.1:80"):
        with pytest.raises(UsageError, match="PL-STA-016"):
            checked_proxies([said])
