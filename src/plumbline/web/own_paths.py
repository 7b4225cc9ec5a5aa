"""Addresses to go on to that come from elsewhere: paths of ours, and no others."""

from __future__ import annotations

from urllib.parse import urlsplit

MOST_BYTES = 1000
"""In UTF-8: a path is kept in a cookie, of which browsers take 4,096 bytes."""


def own_path(said: str | None) -> str:
    """A path of ours to go on to; the home page where it is none: nobody is sent elsewhere by an address."""
    if not said or not said.startswith("/") or said.startswith(("//", "/\\")):
        return "/"
    if len(said.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        return "/"
    parts = urlsplit(said)
    return "/" if parts.scheme or parts.netloc or not said.isprintable() or "\\" in said else said
