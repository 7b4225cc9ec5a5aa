"""Which proxies are believed when they say for whom they ask, and over which scheme.

``X-Forwarded-For`` and ``X-Forwarded-Proto`` can be sent by anybody. Whoever is believed chooses the address that logins
are throttled and requests are counted by, so only addresses that were named are.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from plumbline.records import UsageError

OWN_MACHINE = ("127.0.0.1", "::1")
"""Believed where nobody is named: a proxy on the same machine."""


def checked_proxies(said: Sequence[str]) -> tuple[str, ...]:
    """Addresses and networks as uvicorn takes them; those of this machine where none is said.

    Raises:
        UsageError: PL-STA-016, neither an address nor a network, or one that holds every address.
    """
    return tuple(_checked(each) for each in said) or OWN_MACHINE


def _checked(said: str) -> str:
    try:
        network = ipaddress.ip_network(said)
    except ValueError:
        raise _refused(said) from None
    if network.prefixlen == 0:
        raise _refused(said)
    # uvicorn compares single addresses faster than networks of one.
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _refused(said: str) -> UsageError:
    return UsageError(
        "PL-STA-016",
        "--trusted-proxy",
        "neither the address of a proxy nor a network of them",
        expected="an address like 192.0.2.7, or a network like 192.0.2.0/28 without bits of a host",
        found=ascii(said),
        advice="name the proxy by the address that its connections come from, not by a name, and not everybody",
    )
