"""Addresses of sources, as studies and command lines write them.

    openai:MODEL@https://host/v1    any OpenAI-compatible endpoint; without @… OpenAI's own
    transformers:PATH               a model on this machine: a folder, or a hub id
    retrieval:PATH                  replies of a corpus, by similarity

A key never stands in an address: addresses are shown, logged and stored with every reply.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from plumbline.records import UsageError

SourceKind = Literal["openai", "transformers", "retrieval"]

OPENAI_URL = "https://api.openai.com/v1"

_EXPECTED = "openai:MODEL@https://host/v1, transformers:PATH or retrieval:PATH"
_ENDPOINT = re.compile(r"(?P<model>.+?)@(?P<url>[A-Za-z][A-Za-z0-9+.-]*://.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """Where a source is.

    Attributes:
        kind: which source.
        model: an endpoint's name of the model; "" for the others.
        location: the endpoint's URL without a slash at its end, or a path.
    """

    kind: SourceKind
    model: str
    location: str

    def __str__(self) -> str:
        return f"openai:{self.model}@{self.location}" if self.kind == "openai" else f"{self.kind}:{self.location}"


def parse_address(text: str, place: str = "source") -> SourceAddress:
    """An address from its text.

    Args:
        place: what whoever wrote it calls it: an option.
    Raises:
        UsageError: there is no such kind of source, something is missing, the URL is none of an API, or holds a key.
    """
    kind, colon, rest = text.strip().partition(":")
    parse = _KINDS.get(kind)
    if parse is None:
        raise _unknown_kind(kind if colon else "", place)
    if not rest.strip():
        raise broken_address(kind, "nothing stands behind the colon")
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in rest):
        raise broken_address(kind, "it holds a control character")
    return parse(rest.strip())


def _openai(rest: str) -> SourceAddress:
    match = _ENDPOINT.fullmatch(rest)
    model, url = (match["model"].strip(), match["url"]) if match else (rest, OPENAI_URL)
    if not model or model.startswith("@"):
        raise broken_address("openai", "the model's name is missing")
    return SourceAddress("openai", model, _checked_url(url))


def _checked_url(url: str) -> str:
    """The URL of an API, without a slash at its end."""
    parts = _split(url)
    if parts.scheme not in ("http", "https"):
        raise broken_address("openai", f"the URL begins with {parts.scheme}://, expected https:// or http://")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            "PL-REP-003",
            "openai:…",
            "the URL holds more than host and path: a user, a query or a fragment, where keys are put by mistake",
            expected="openai:MODEL@https://host/v1",
            advice="put the key into an environment variable and name that variable in key_variable; "
            "if a real key stood here, replace it",
        )
    if not parts.hostname:
        raise broken_address("openai", "the URL names no host")
    return url.rstrip("/")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError:
        raise broken_address("openai", "the URL cannot be read") from None
    return parts


def _transformers(rest: str) -> SourceAddress:
    return SourceAddress("transformers", "", rest)


def _retrieval(rest: str) -> SourceAddress:
    return SourceAddress("retrieval", "", rest)


_KINDS: dict[str, Callable[[str], SourceAddress]] = {
    "openai": _openai,
    "transformers": _transformers,
    "retrieval": _retrieval,
}


def _unknown_kind(kind: str, place: str) -> UsageError:
    # What stands before the colon is quoted only where it looks like a kind: it might be a key, or a whole URL.
    shown = kind if re.fullmatch(r"[A-Za-z_-]{1,24}", kind) else ""
    near = get_close_matches(shown.lower(), _KINDS, n=1, cutoff=0.5)
    return UsageError(
        "PL-REP-001",
        place,
        f'there is no kind of source "{shown}"' if shown else "the address does not begin with a kind of source",
        expected=_EXPECTED,
        advice=f"{near[0]}:…" if near else "begin it with one of these",
    )


def broken_address(kind: str, problem: str) -> UsageError:
    """An address that cannot be read; nothing of it is quoted but its kind."""
    return UsageError(
        "PL-REP-002", f"{kind}:…", problem, expected=_EXPECTED, advice="write the address as one of these"
    )
