"""Replies and where they come from: the records, and the ports that sources and scorers fill.

A source turns a conversation that waits for a reply into one or several. It hands over all that is known of each
(model, snapshot, seed, parameters); storing that before anyone sees the text is the caller's part.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from plumbline.records import Conversation, Role, UsageError
from plumbline.sources.seeds import LARGEST_SEED

Finish = Literal["stop", "length"]
"""Why a reply ends: the model ended it, or it reached ``max_tokens`` and is cut. A cut reply is recorded, no error."""

MOST_SAMPLES = 256


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a reply is drawn.

    Attributes:
        temperature: 0 for the likeliest; at most 2 in most models' sense, 100 at the utmost.
        top_p: in (0, 1]; only the likeliest tokens that make up this probability are drawn from.
        top_k: only this many of the likeliest tokens are drawn from; None for all. Endpoints get it only where it is set:
            it is no part of OpenAI's API, though servers of open models know it.
        max_tokens: a longer reply is cut.
        seed: all seeds of the samples follow from it; None draws one, which is recorded with the reply.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int | None = None
    max_tokens: int = 512
    seed: int | None = None

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: a setting is out of its range.
        """
        _check_number("temperature", self.temperature, least=0, most=100, or_equal=True)
        _check_number("top_p", self.top_p, least=0, most=1, or_equal=False)
        _check_integer("top_k", self.top_k, 1, 1_000_000, optional=True)
        _check_integer("max_tokens", self.max_tokens, 1, 131_072, optional=False)
        _check_integer("seed", self.seed, 0, LARGEST_SEED, optional=True)

    def to_json(self) -> dict[str, JsonValue]:
        """As it is stored with a reply and in manifests."""
        return {name: getattr(self, name) for name in ("temperature", "top_p", "top_k", "max_tokens", "seed")}


def _check_number(name: str, value: object, *, least: float, most: float, or_equal: bool) -> None:
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if least < number <= most or (or_equal and number == least):
        return
    expected = f"a number from {least:g} to {most:g}" + ("" if or_equal else f", {least:g} excluded")
    raise _out_of_range(name, value, expected)


def _check_integer(name: str, value: object, least: int, most: int, *, optional: bool) -> None:
    if value is None and optional:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise _out_of_range(name, value, f"a whole number from {least} to {most}{', or none' if optional else ''}")


def _out_of_range(name: str, value: object, expected: str) -> UsageError:
    return UsageError(
        "PL-REP-006",
        name,
        "the setting of a reply is out of its range",
        expected=expected,
        found=repr(value),
        advice="temperature 1.0, top_p 1.0 and max_tokens 512 are good to start with",
    )


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply and all that is known of how it came about.

    Attributes:
        text: as the model wrote it; never blank.
        source: the name of the source, address included, key never.
        model: what the source was asked for.
        snapshot: what answered: the version an endpoint reports, or the digest of local files.
        seed: that of this very sample. An endpoint may ignore it; local models and retrieval do not.
        sampling: as asked, with the seed of the whole request.
        finish: "length" where the reply was cut at ``max_tokens``.
        seconds: from the request to the last token, waiting in a queue not counted.
    """

    text: str
    source: str
    model: str
    snapshot: str
    seed: int
    sampling: Sampling
    finish: Finish
    seconds: float

    def provenance(self) -> dict[str, JsonValue]:
        """Everything but the text, for the store."""
        return {
            "source": self.source,
            "model": self.model,
            "snapshot": self.snapshot,
            "seed": self.seed,
            "sampling": self.sampling.to_json(),
            "finish": self.finish,
            "seconds": self.seconds,
        }


class ReplySource(Protocol):
    """Where replies come from. A source belongs to one event loop."""

    @property
    def name(self) -> str:
        """Its address, as configurations write it; holds no secret."""

    async def reply(self, conversation: Conversation, sampling: Sampling, count: int = 1) -> list[Reply]:
        """Different samples of one conversation, each with a seed of its own.

        Args:
            conversation: ends with the human's turn.
            count: how many, 1 to 256.
        Returns:
            Exactly `count` replies, in the order of their seeds.
        Raises:
            ReplyError: not all of them came; there is no half of a draw.
            UsageError: the conversation does not wait for a reply, or there is no such count.
        """

    async def close(self) -> None:
        """Let go of connections, threads and memory; what is under way ends with an error. May be called twice."""


class StreamingSource(ReplySource, Protocol):
    """A source that can also hand a reply over piece by piece."""

    def stream(self, conversation: Conversation, sampling: Sampling) -> AsyncIterator[str | Reply]:
        """The pieces of one reply as they come and, last of all, the whole `Reply`.

        Only with the `Reply` is it whole. Where the iterator ends with an error before that, the pieces must be thrown
        away. Studies do not show pieces: both replies of a turn are stored before anyone sees them.
        """


class Scorer(Protocol):
    """A port: what best-of-k ranks replies by."""

    def scores(self, conversations: Sequence[Conversation]) -> NDArray[np.floating]:
        """Shape (n,); higher = better. Each conversation ends with the reply to be scored. Called in a thread."""


def check_request(conversation: Conversation, count: int) -> None:
    """Whether there is something to reply to.

    Raises:
        UsageError: the conversation is empty or does not end with the human, or the count is out of range.
    """
    if not conversation or conversation[-1].role is not Role.HUMAN:
        raise UsageError(
            "PL-REP-030",
            "conversation",
            "it does not wait for a reply",
            expected="a human turn at its end",
            found=f"{len(conversation)} turns" + (f", the last by {conversation[-1].role}" if conversation else ""),
            advice="ask for a reply when the human has spoken",
        )
    _check_integer("count", count, 1, MOST_SAMPLES, optional=False)
