"""Which URLs may be told: decided once when a webhook is made, and again at every connection, by `sources.network`.

A server that calls whatever URL it is given can be made to call what only it reaches. So the rule is that of endpoints of
models: addresses of the open internet over TLS; others, or without TLS, only where the server permits private ones.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from plumbline.collect.service.webhooks.failures import BadAddressError
from plumbline.sources.failures import ReplyError
from plumbline.sources.network import check_url

MOST_CHARACTERS = 2000
_PLAIN = re.compile(r"[!-~]+")
_EXPECTED = "https://HOST/PATH, with a port where it needs one"


def checked_address(url: str, *, allow_private: bool) -> str:
    """The URL as it was given.

    Args:
        allow_private: the server permits private and loopback addresses, and ``http://`` to them.
    Raises:
        ServiceError: PL-WHK-001.
    """
    if len(url) > MOST_CHARACTERS or not _PLAIN.fullmatch(url):
        raise BadAddressError("it is too long, or holds characters that no URL has", f"{_EXPECTED}, in ASCII")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise BadAddressError("it cannot be read", _EXPECTED) from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise BadAddressError("it does not begin with https:// and a host", _EXPECTED)
    if "@" in parts.netloc or parts.fragment or "\\" in url:
        raise BadAddressError("it holds a user, a password or a fragment", _EXPECTED)
    try:
        check_url(url, allow_private=allow_private)
    except ReplyError as error:
        if error.code == "PL-REP-010":
            raise BadAddressError("messages would cross the internet unencrypted", "https://") from None
        raise BadAddressError(
            "it is a private address, and this server tells only those of the open internet",
            _EXPECTED,
            "give a public address; or, where the receiver stands beside the server, start that with --permit-private",
        ) from None
    return url
