"""Addresses to go on to that come from elsewhere: paths of ours, and no others."""

from __future__ import annotations

from urllib.parse import urlsplit

MOST_CHARACTERS = 1000


def own_path(said: str | None) -> str:
    """A path of ours to go on to; the home page where it is none: nobody is sent elsewhere by an address."""
    if not said or not said.startswith("/") or said.startswith(("//", "/\\")) or len(said) > MOST_CHARACTERS:
        return "/"
    parts = urlsplit(said)
    return "/" if parts.scheme or parts.netloc or not said.isprintable() or "\\" in said else said
