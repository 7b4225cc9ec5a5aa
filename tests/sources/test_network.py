"""Which addresses a source may talk to: attempts to reach what only this machine can reach."""

import asyncio
import socket

import pytest

from plumbline.records import PlumblineError
from plumbline.sources import EndpointOptions, EndpointSource, ReplyError, Sampling, parse_address
from plumbline.sources.network import check_url, checked_addresses, is_public, not_public, resolve_by_system
from tests.sources.chat_server import CONVERSATION, status

PRIVATE = [
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2001:db8::1",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.15.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


def names(*answers):
    """A resolver that gives these answers in turn, the last one for ever."""
    left = list(answers)

    async def resolve(host, port):
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


def addresses(host, resolve=resolve_by_system, *, allow_private=False, scheme="https"):
    return asyncio.run(
        checked_addresses(host, 443, scheme=scheme, allow_private=allow_private, resolve=resolve, place="toy")
    )


def ask(url, *, resolve=resolve_by_system, **options):
    """The code that a request to a URL ends with; None where it is answered."""

    async def asking():
        source = EndpointSource(
            parse_address(f"openai:toy@{url}"), EndpointOptions(attempts=1, **options), environment={}, resolve=resolve
        )
        try:
            await source.reply(CONVERSATION, Sampling(), 1)
        finally:
            await source.close()

    try:
        asyncio.run(asking())
    except PlumblineError as error:
        return error.code
    return None


@pytest.mark.parametrize("address", PRIVATE)
def test_private_numbers(address):
    assert not is_public(address)


def test_a_private_address_is_told_how_to_be_allowed_wherever_it_was_named():
    advice = not_public("openai:toy").advice
    assert "--allow-private" in advice
    assert "allow_private = true" in advice


@pytest.mark.parametrize("address", PUBLIC)
def test_public_numbers(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "169.254.169.254", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "localhost", "LOCALHOST."),
        *("a.localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::]", "[fe80::1]"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_spelling_of_this_machine_gets_through(server, host, scheme):
    code = ask(f"{scheme}://{host}:{server.port}/v1")
    assert code in ("PL-REP-002", "PL-REP-004", "PL-REP-010", "PL-REP-011")
    assert server.bodies == []
    if host in ("127.0.0.1", "169.254.169.254", "[::1]", "0.0.0.0", "localhost"):
        assert code == "PL-REP-004"


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1"])
def test_numbers_that_only_the_resolver_reads_are_checked_after_it(host):
    try:
        socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except OSError:
        pytest.skip("the resolver of this machine does not read this spelling")
    with pytest.raises(ReplyError, match="PL-REP-004"):
        addresses(host)


def test_a_name_that_resolves_to_this_machine(server):
    url = f"https://model.example:{server.port}/v1"
    assert ask(url, resolve=names(["127.0.0.1"])) == "PL-REP-004"
    assert ask(url, resolve=names(["8.8.8.8", "127.0.0.1"])) == "PL-REP-004"  # every number counts
    assert server.bodies == []


def test_a_name_that_resolves_to_something_else_a_moment_later(server):
    """DNS rebinding: what was checked is what is connected to, and the next connection is checked again."""
    asked = []

    async def resolve(host, port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) > 1 else ["203.0.113.9", "192.0.2.1"]

    url = f"https://model.example:{server.port}/v1"
    assert ask(url, resolve=resolve) == "PL-REP-004"
    assert ask(url, resolve=resolve) == "PL-REP-004"
    assert (asked, server.bodies) == (["model.example"] * 2, [])


def test_a_name_is_resolved_once_a_request_and_connected_to_by_number(server):
    """The system's resolver does not know the name: only the number that was checked can have been connected to."""
    resolve = names(["127.0.0.1"])
    assert ask(f"http://model.example:{server.port}/v1", resolve=resolve, allow_private=True) is None
    assert server.headers[0]["host"] == f"model.example:{server.port}"


def test_the_second_number_is_tried_where_nobody_is_at_the_first(server):
    resolve = names(["127.0.0.2", "127.0.0.1"])  # the server listens on 127.0.0.1 only
    assert ask(f"http://model.example:{server.port}/v1", resolve=resolve, allow_private=True) is None


def test_an_ipv6_number_is_connected_to():
    try:
        with socket.socket(socket.AF_INET6) as unused:
            unused.bind(("::1", 0))
            port = unused.getsockname()[1]
    except OSError:
        pytest.skip("no IPv6 on this machine")
    assert ask(f"http://[::1]:{port}/v1", allow_private=True) == "PL-REP-011"


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_redirects_are_not_followed(server, code):
    target = f"http://127.0.0.1:{server.port}/elsewhere"
    server.always = status(code, {"location": target})
    assert ask(f"http://127.0.0.1:{server.port}/v1", allow_private=True) == "PL-REP-018"
    assert len(server.bodies) == 1


def test_plain_http_goes_to_private_addresses_only():
    assert ask("http://model.example/v1", resolve=names(["8.8.8.8"])) == "PL-REP-010"
    assert ask("http://model.example/v1", resolve=names(["8.8.8.8"]), allow_private=True) == "PL-REP-010"
    check_url("http://10.0.0.1/v1", allow_private=True)
    check_url("https://api.example/v1", allow_private=False)
    with pytest.raises(ReplyError, match="PL-REP-010"):
        check_url("http://api.example/v1", allow_private=False)


def test_what_is_private_in_the_configuration_is_refused_before_anything_is_sent():
    for host in ("127.0.0.1", "localhost", "[::1]", "169.254.169.254", "localhost.", "x.localhost"):
        with pytest.raises(ReplyError, match="PL-REP-004") as caught:
            check_url(f"https://{host}/v1", allow_private=False)
        assert not caught.value.is_passing


@pytest.mark.parametrize("failure", [OSError, UnicodeError])
def test_a_name_that_does_not_resolve(failure):
    async def resolve(host, port):
        raise failure

    with pytest.raises(ReplyError, match="PL-REP-011"):
        addresses("nowhere.example", resolve)
    with pytest.raises(ReplyError, match="PL-REP-011"):
        addresses("nowhere.example", names([]))


def test_public_and_allowed_numbers_come_back_in_order():
    assert addresses("x.example", names(["8.8.8.8", "1.1.1.1"])) == ["8.8.8.8", "1.1.1.1"]
    assert addresses("x.example", names(["10.0.0.1"]), allow_private=True, scheme="http") == ["10.0.0.1"]
