"""Which addresses of the network a source may talk to.

A study's configuration, and one day a page, names URLs; a server that fetches whatever URL it is told can be made to
reach what only it can reach: itself, its neighbours, a cloud's metadata service. So an endpoint must stand at a public
address, unless private ones are allowed by name. What counts is the number that a name resolves to at the moment of
connecting, and the connection goes to that very number: a name that resolves to something else a moment later
(DNS rebinding) gains nothing. Every number that a name has must be allowed, not just the first.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from plumbline.sources.failures import LastingReplyError, ReplyError, refused

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""Host and port → addresses as numbers, best first; OSError where there are none."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_6TO4 = ipaddress.IPv6Network("2002::/16")
_TEREDO_AND_KIN = ipaddress.IPv6Network("2001::/23")


async def resolve_by_system(host: str, port: int) -> list[str]:
    """What the machine's resolver says; it also reads odd spellings of numbers (``2130706433``, ``0x7f.1``)."""
    return numbers_of(await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))


def numbers_of(found: Iterable[tuple[Any, ...]]) -> list[str]:
    """The addresses among what ``getaddrinfo`` gives, each once, in its order."""
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


def is_public(address: str) -> bool:
    """Whether the number is one of the open internet; addresses that wrap another one count as that."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if ip not in _GLOBAL_UNICAST or ip in _6TO4 or ip in _TEREDO_AND_KIN:
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def check_url(url: str, *, allow_private: bool) -> None:
    """What can be said of an endpoint's URL before anything is resolved; for configurations, at start.

    Raises:
        ReplyError: the host is spelled as a private number or as ``localhost`` and these are not allowed, or the
            conversation would go over the open internet unencrypted.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower()
    is_private = _is_private_spelling(host)
    if is_private and not allow_private:
        raise not_public(url)
    if parts.scheme == "http" and not is_private and not allow_private:
        raise unencrypted(url)


def _is_private_spelling(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not is_public(host)
    except ValueError:
        return False


async def checked_addresses(
    host: str, port: int, *, scheme: str, allow_private: bool, resolve: Resolver, place: str
) -> list[str]:
    """The numbers that a host may be reached at now, in the resolver's order.

    Raises:
        ReplyError: the name cannot be resolved, or one of its numbers is not allowed.
    """
    try:
        addresses = await resolve(host, port)
    except (OSError, UnicodeError):
        addresses = []
    if not addresses:
        raise refused(place, "a host name that does not resolve")
    public = [is_public(address) for address in addresses]
    if not all(public) and not allow_private:
        raise not_public(place)
    if scheme == "http" and any(public):
        raise unencrypted(place)
    return addresses


def not_public(place: str) -> ReplyError:
    """A private, loopback, link-local or otherwise special address."""
    return LastingReplyError(
        "PL-REP-004",
        place,
        "the endpoint stands at an address that is not of the open internet",
        expected="a public address; the machine itself and its neighbours only where allow_private is set",
        advice="if the endpoint is yours: --allow-private on the command line, allow_private = true in a study file",
    )


def unencrypted(place: str) -> ReplyError:
    """http:// to the open internet."""
    return LastingReplyError(
        "PL-REP-010",
        place,
        "conversations and keys would cross the open internet unencrypted",
        expected="https:// (http:// only to private addresses, with allow_private)",
        advice="write https://",
    )
