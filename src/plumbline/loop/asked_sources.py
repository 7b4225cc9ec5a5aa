"""The sources that a run asks for replies: opened patiently, asked with a journal, and told without places of this machine."""

from __future__ import annotations

import os
from pathlib import Path

from plumbline.formats import load
from plumbline.lineage import FoundManifest, ManifestFinder, Terms, is_there
from plumbline.loop.sources import Step
from plumbline.records import Kind, SourceError, UsageError
from plumbline.sources import (
    EndpointOptions,
    LocalModelOptions,
    ReplySource,
    SourceAddress,
    open_source,
)
from plumbline.sources.asking import Asked, Plan, ask_for_replies
from plumbline.sources.reply_journal import Journal

_PATIENCE_SECONDS = 3600.0
_THROTTLED_ATTEMPTS = 1000
"""Nobody waits before a screen: an endpoint that asks for time gets it."""
TOGETHER = 32
"""Replies for which a model on this machine reads the prompt once: as many as fit beside each other in the memory of most."""


def journal_of(out: Path, name: str = "replies") -> Path:
    """Where the replies to an output are kept until all of them are there.

    Args:
        out: the output.
        name: of the journal, where a run asks more than one source.
    """
    resolved = Path(os.path.realpath(out))
    return resolved.parent / f".{resolved.name}.{name}.jsonl"


def refuse_finished(out: Path, summary_name: str, *, restart: bool) -> None:
    """A run that is done has no journal left to go on from: all would be asked, and paid for, again.

    Args:
        out: the output.
        summary_name: of the file that stands in it once a run is done.
        restart: that is what the user wants.
    Raises:
        UsageError: a run that is done stands there.
    """
    if not restart and (out / summary_name).is_file() and not journal_of(out).exists():
        raise UsageError(
            "PL-RTA-009",
            str(out),
            "a run that is done stands here: every prompt would be asked again, and what stands here replaced",
            advice="name another output with -o, or --restart to do so",
        )


def open_patiently(
    address: SourceAddress, *, key_variable: str | None = None, allow_private: bool = False
) -> ReplySource:
    """A source for a run that nobody waits for.

    Args:
        address: as `sources.parse_address` gave it.
        key_variable: the environment variable that holds an endpoint's key.
        allow_private: endpoints at private and loopback addresses.
    Raises:
        PlumblineError: it cannot be opened, or the corpus of ``retrieval:`` cannot be read.
    """
    endpoint = EndpointOptions(
        key_variable=key_variable,
        allow_private=allow_private,
        patience_seconds=_PATIENCE_SECONDS,
        throttled_attempts=_THROTTLED_ATTEMPTS,
    )
    table = None
    if address.kind == "retrieval":
        tables = load(address.location).tables
        table = tables.get(Kind.COMPARISONS) or tables.get(Kind.SAFETY_LABELS) or next(iter(tables.values()))
    return open_source(
        address, endpoint=endpoint, local_model=LocalModelOptions(patience_seconds=_PATIENCE_SECONDS), table=table
    )


def terms_of(source: ReplySource) -> Terms | None:
    """On which terms a source replies, as a corpus of replies says it; None where nothing does."""
    terms = getattr(source, "terms", None)
    return terms if isinstance(terms, Terms) else None


def manifest_behind(address: SourceAddress) -> FoundManifest | None:
    """The manifest that a policy or a corpus on this machine stands under; None where nothing says what it was made of."""
    if address.kind == "openai" or not is_there(address.location):
        return None
    try:
        return ManifestFinder().governing(Path(address.location))
    except SourceError:  # somebody else's manifest says nothing
        return None


async def ask(plan: Plan, source: ReplySource, journal: Journal, step: Step) -> list[Asked]:
    """Ask for what the journal lacks, tell how far it is, and close the source; raises as `ask_for_replies`."""

    def told(kept: int, total: int, failed: int) -> None:
        """How many replies came."""
        step(f"asking, {kept:,} of {total:,} replies" + (f", {failed:,} failed" if failed else ""))

    try:
        return await ask_for_replies(plan, source, journal, told)
    finally:
        await source.close()


def shown_address(address: SourceAddress) -> str:
    """A source's address; where it lies on this machine is nobody's business, and records are handed on."""
    return str(address) if address.kind == "openai" else f"{address.kind}:{shown_place(address.location)}"


def shown_place(text: str) -> str:
    """A path on this machine by its last two names, anything else as it is."""
    if not is_there(text):
        return text
    resolved = Path(os.path.realpath(text))
    return f"{resolved.parent.name}/{resolved.name}"
