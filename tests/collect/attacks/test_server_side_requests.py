"""Requests that a server is talked into (CVE-2022-36551: an import by address reached what only the server could)."""

import socket
import threading
from contextlib import closing

import pytest

from plumbline.collect.store.rows import Role
from tests.collect.api.client import toml
from tests.collect.attacks.whole import all_routes, path_of, two_studies

ADDRESSES = {
    "loopback": "127.0.0.1",
    "another loopback": "127.9.9.9",
    "loopback by name": "localhost",
    "loopback by a name below": "x.localhost",
    "with a dot": "localhost.",
    "IPv6 loopback": "[::1]",
    "nowhere": "0.0.0.0",
    "IPv6 nowhere": "[::]",
    "mapped": "[::ffff:127.0.0.1]",
    "mapped in hexadecimal": "[::ffff:7f00:1]",
    "compatible": "[::127.0.0.1]",
    "NAT64": "[64:ff9b::7f00:1]",
    "6to4": "[2002:7f00:1::]",
    "decimal": "2130706433",
    "hexadecimal": "0x7f000001",
    "octal": "0177.0.0.1",
    "short": "127.1",
    "private": "10.0.0.1",
    "private too": "192.168.0.1",
    "link-local": "169.254.0.1",
    "metadata": "169.254.169.254",
    "metadata by IPv6": "[fd00:ec2::254]",
    "full-width": "127。0。0。1",
    "circled": "①②⑦.0.0.1",
    "soft hyphen": "127.0.0\u00ad.1",
}


@pytest.fixture
def listening():
    """A port of this machine, and who came there."""
    came = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(0.05)
        ends = threading.Event()

        def accept():
            while not ends.is_set():
                try:
                    connection, address = server.accept()
                except TimeoutError:
                    continue
                came.append(address)
                connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1], came
        ends.set()
        thread.join()


def chat(url, **more):
    replies = {"sampler": "two-samples", "sources": [f"openai:m@{url}"]} | more
    return toml("preference-chat", items="workers", axes=["helpfulness"], replies=replies)


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_cve_2022_36551_an_owners_study_reaches_nothing_private(api, listening, name, scheme):
    port, came = listening
    text = chat(f"{scheme}://{ADDRESSES[name]}:{port}/v1")
    made = api("POST", "/studies", api.owner, json={"file": text, "guidelines": "x"})
    assert made.status_code in (201, 422), made.text
    if made.status_code == 201:
        worker = api.somebody()
        work = api.next("s", worker)
        answer = api.say(work, worker, 1, "hello")
        assert answer.status_code in (422, 502, 503), answer.text
        assert answer.json()["code"] in ("PL-SVC-001", "PL-SVC-002", "PL-REP-004", "PL-REP-010"), answer.text
        assert ADDRESSES[name] not in answer.text  # workers learn nothing of where replies come from
    assert came == []


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/", "gopher://127.0.0.1:6379/_x", "unix:///run/docker.sock"]
)
def test_other_ways_than_http_are_none(api, url):
    body = {"file": chat(url), "guidelines": "x"}
    assert api("POST", "/studies", api.owner, json=body).status_code == 422


def test_what_the_study_permits_itself_the_server_does_not(api, listening):
    port, came = listening
    body = {"file": chat(f"http://127.0.0.1:{port}/v1", allow_private=True), "guidelines": "x"}
    api.problem("POST", "/studies", api.owner, json=body, status=422, code="PL-SVC-003")
    assert came == []


def test_no_manager_names_an_address(api, listening, monkeypatch):
    """Whatever text a manager may send, the server resolves no name and connects to nobody; only studies name endpoints."""
    port, came = listening
    of_s, _ = two_studies(api)
    url, asked = f"http://127.0.0.1:{port}/x", []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **_: asked.append(args) or [])
    text = f"[a]({url}) ![b]({url}) <{url}>\n\n[c]: {url}\n\n<img src={url}>"
    for token in (of_s, api.somebody(Role.MANAGER)):
        refused = api("POST", "/studies", token, json={"file": chat(url), "guidelines": text})
        assert refused.status_code == 403, refused.text
    api.got("POST", "/studies/s/guidelines", of_s, json={"text": text, "after_version": 1}, status=201)
    session = api.session_of(of_s)
    tried = 0
    for route in all_routes():
        (method,) = route.methods
        if method == "POST" and route.name != "log_in":
            answer = api.ask(
                method,
                path_of(route),
                session,
                json={"text": url, "url": url, "address": url, "source": url, "role": url, "study": url},
            )
            assert answer.status_code in (200, 400, 403, 404, 409, 422), (route.name, answer.text)
            tried += 1
    for path in ("/studies/s", "/studies/s/guidelines", "/studies/s/work", "/studies/s/guidelines/edit"):
        assert api.ask("GET", path, session, accept="text/html").status_code == 200
    assert tried > 10
    assert (asked, came) == ([], [])
