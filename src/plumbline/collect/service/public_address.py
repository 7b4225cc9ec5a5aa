"""The address that browsers know a server by, where a proxy with TLS stands before it."""

from __future__ import annotations

from urllib.parse import urlsplit

from plumbline.records import UsageError

DEFAULT_ADDRESS = "http://127.0.0.1:8080"
"""Where ``plumbline collect serve`` listens unless told otherwise."""


def checked_public_url(said: str) -> str:
    """Scheme, host and port alone, without a slash at the end.

    Raises:
        UsageError: PL-STA-015.
    """
    try:
        parts = urlsplit(said)
        port = parts.port
    except ValueError:
        raise _refused() from None
    fine = parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0
    if not fine or parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise _refused()
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _refused() -> UsageError:
    return UsageError(
        "PL-STA-015",
        "--public-url",
        "it is not the address of a server",
        expected="https://NAME or https://NAME:PORT, without a path",
        advice="give what workers type to get here; the server answers at its root, below no path",
    )
