"""``openai:`` sources: any endpoint that speaks OpenAI's chat completions, streaming or not.

Each sample is a request of its own with a seed of its own: servers read ``n`` differently or not at all, and one seed
would stand for all. What passes by itself (timeouts, 429, 5xx, broken streams, empty or unreadable answers) is tried again,
with another seed where an answer came and was no good; the request keeps its place in the queue. Not covered: tools,
pictures, the responses API.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from plumbline.records import Conversation, MissingExtraError, UsageError
from plumbline.sources import failures
from plumbline.sources.addressing import SourceAddress
from plumbline.sources.concurrency import AdaptiveGate, LimitSettings, RequestEnd
from plumbline.sources.failures import LOG, ReplyError, failures_logged
from plumbline.sources.network import Resolver, check_url, resolve_by_system
from plumbline.sources.replies import Reply, Sampling, check_request
from plumbline.sources.seeds import derived_seed, sample_seeds

if TYPE_CHECKING:
    from plumbline.sources.openai_client import Answer, ChatClient, Request


_POSITIVE = (
    *("timeout_seconds", "patience_seconds", "attempts", "throttled_attempts", "retry_seconds"),
    "most_answer_bytes",
)
_ANSWERED = ("PL-REP-022", "PL-REP-023", "PL-REP-024")
"""There was an answer, but it was no good: the same seed would bring the same."""


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """How an endpoint is used.

    Attributes:
        key_variable: the environment variable that holds the key; None where the endpoint asks for none.
        allow_private: the endpoint may stand at a private, loopback or link-local address, and may speak plain HTTP there.
        streaming: ask for the reply piece by piece; then a broken connection is noticed at once.
        timeout_seconds: of one attempt, from the request to the last token.
        patience_seconds: of one reply, with all attempts and all waiting.
        attempts: at most so many requests for one reply that fail in some other way than by throttling.
        throttled_attempts: at most so many that the endpoint throttles (429, 503): while the limit of requests at once is
            being found, honest requests meet several.
        retry_seconds: between attempts where the endpoint did not ask for a pause; doubles each time.
        most_answer_bytes: of one answer, with what the protocol adds to each token of a stream.
        length_parameter: what the endpoint calls the limit of tokens; OpenAI's reasoning models want the longer name.
        limit: requests at once.
    """

    key_variable: str | None = None
    allow_private: bool = False
    streaming: bool = True
    timeout_seconds: float = 120.0
    patience_seconds: float = 300.0
    attempts: int = 4
    throttled_attempts: int = 12
    retry_seconds: float = 0.5
    most_answer_bytes: int = 8 << 20
    length_parameter: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    limit: LimitSettings = field(default_factory=LimitSettings)

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: a number is not above 0.
        """
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise UsageError(
                    "PL-REP-032",
                    name,
                    "the setting of a source is out of its range",
                    expected="a number above 0",
                    found=repr(getattr(self, name)),
                    advice="leave it out for the default",
                )


class EndpointSource:
    """A model behind an endpoint; implements `replies.StreamingSource`."""

    def __init__(
        self,
        address: SourceAddress,
        options: EndpointOptions | None = None,
        *,
        environment: Mapping[str, str] = os.environ,
        resolve: Resolver = resolve_by_system,
    ) -> None:
        """Open an endpoint; nothing is sent yet.

        Args:
            environment: where the key is looked up, now and only now.
            resolve: names → addresses.
        Raises:
            UsageError: the variable of the key is not set.
            ReplyError: the address is not allowed.
            MissingExtraError: the client is not installed.
        """
        self.options = options or EndpointOptions()
        self._address = address
        check_url(address.location, allow_private=self.options.allow_private)
        key = _key(self.options.key_variable, environment)
        self._request, self._client = _open(address, self.options, key, resolve)
        self._gate = AdaptiveGate(self.options.limit, self.name)
        self._is_closed = False

    @property
    def name(self) -> str:
        """The address; holds no key."""
        return str(self._address)

    @property
    def requests_at_once(self) -> float:
        """What the limit has come to."""
        return self._gate.limit.limit

    async def reply(self, conversation: Conversation, sampling: Sampling, count: int = 1) -> list[Reply]:
        """See `replies.ReplySource.reply`."""
        check_request(conversation, count)
        seeds = sample_seeds(sampling.seed, count)
        with failures_logged(self.name):
            return await _all([self._patiently(conversation, sampling, seed) for seed in seeds])

    async def stream(self, conversation: Conversation, sampling: Sampling) -> AsyncIterator[str | Reply]:
        """See `replies.StreamingSource.stream`; one attempt, since pieces that were handed out cannot be taken back."""
        check_request(conversation, 1)
        seed = sample_seeds(sampling.seed, 1)[0]
        with failures_logged(self.name):
            self._check_open()
            ticket = await self._gate.enter(self._gate.arrive())
            outcome: RequestEnd = "failed"
            began, retry_after = time.monotonic(), None
            try:
                async with aclosing(self._pieces(conversation, sampling, seed)) as pieces:
                    async for piece in pieces:
                        yield piece if isinstance(piece, str) else self._reply(piece, sampling, seed, began)
                outcome = "answered"
            except ReplyError as error:
                outcome, retry_after = _lesson(error)
                raise
            finally:
                self._gate.leave(ticket, outcome, retry_after)

    async def close(self) -> None:
        """See `replies.ReplySource.close`."""
        self._is_closed = True
        await self._client.close()

    async def _patiently(self, conversation: Conversation, sampling: Sampling, seed: int) -> Reply:
        patience = self.options.patience_seconds
        try:
            async with asyncio.timeout(patience):
                return await self._insistently(conversation, sampling, seed)
        except TimeoutError:
            pass
        raise failures.timed_out(self.name, patience, "all attempts and all waiting together")

    async def _insistently(self, conversation: Conversation, sampling: Sampling, seed: int) -> Reply:
        """Attempt after attempt, each through the gate."""
        arrival = self._gate.arrive()
        failed = throttled = 0
        while True:
            try:
                return await self._in_turn(arrival, conversation, sampling, seed)
            except ReplyError as error:
                failed += not error.is_throttled
                throttled += error.is_throttled
                if not self._may_try_again(error, failed, throttled):
                    raise
                LOG.info("%s: attempt %d failed, %s", self.name, failed + throttled, error.code)
                is_throttled, is_answered = error.is_throttled, error.code in _ANSWERED
            if is_answered:
                seed = derived_seed(seed, "again", failed)
            if not is_throttled:  # else the gate makes all wait
                await asyncio.sleep(self.options.retry_seconds * 2 ** (failed - 1))

    def _may_try_again(self, error: ReplyError, failed: int, throttled: int) -> bool:
        is_patient = (error.retry_after_seconds or 0) <= self.options.patience_seconds
        are_left = failed < self.options.attempts and throttled < self.options.throttled_attempts
        return error.is_passing and is_patient and are_left

    async def _in_turn(self, arrival: int, conversation: Conversation, sampling: Sampling, seed: int) -> Reply:
        """One attempt when the gate lets it through."""
        ticket = await self._gate.enter(arrival)
        outcome: RequestEnd = "failed"
        retry_after = None
        try:
            reply = await self._attempt(conversation, sampling, seed)
            outcome = "answered"
            return reply
        except ReplyError as error:
            outcome, retry_after = _lesson(error)
            raise
        finally:
            self._gate.leave(ticket, outcome, retry_after)

    async def _attempt(self, conversation: Conversation, sampling: Sampling, seed: int) -> Reply:
        self._check_open()
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.options.timeout_seconds):
                answer = await self._answer(conversation, sampling, seed)
            return self._reply(answer, sampling, seed, began)
        except TimeoutError:
            pass
        raise failures.timed_out(self.name, self.options.timeout_seconds, "the reply")

    async def _answer(self, conversation: Conversation, sampling: Sampling, seed: int) -> Answer:
        if not self.options.streaming:
            body = self._request.body(conversation, sampling, seed)
            return await self._client.whole(self._request, body)
        async with aclosing(self._pieces(conversation, sampling, seed)) as pieces:
            async for piece in pieces:
                if not isinstance(piece, str):
                    return piece
        raise failures.dropped(self.name, "no end")

    def _pieces(self, conversation: Conversation, sampling: Sampling, seed: int) -> AsyncGenerator[str | Answer]:
        return self._client.pieces(self._request, self._request.body(conversation, sampling, seed))

    def _reply(self, answer: Answer, sampling: Sampling, seed: int, began: float) -> Reply:
        seconds = time.monotonic() - began
        return Reply(
            answer.text, self.name, self._address.model, answer.snapshot, seed, sampling, answer.finish, seconds
        )

    def _check_open(self) -> None:
        if self._is_closed:
            raise failures.closed(self.name)


def _lesson(error: ReplyError) -> tuple[RequestEnd, float | None]:
    """What a failure tells the limit."""
    return ("throttled" if error.is_throttled else "failed"), error.retry_after_seconds


async def _all(requests: list[Coroutine[Any, Any, Reply]]) -> list[Reply]:
    """All of them, or the first error, after the others were called off."""
    tasks = [asyncio.ensure_future(request) for request in requests]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _key(variable: str | None, environment: Mapping[str, str]) -> str | None:
    if variable is None:
        return None
    key = environment.get(variable, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        raise UsageError(
            "PL-REP-005",
            f"key_variable {variable}" if re.fullmatch("[A-Z][A-Z0-9_]{0,63}", variable) else "key_variable",
            "the environment variable named there holds no key",
            expected="the name of a variable that holds the key, not the key itself",
            found="nothing" if not key else "characters that no key has",
            advice="set it where the server starts: export NAME=…; endpoints without a key need no key_variable",
        )
    return key


def _open(
    address: SourceAddress, options: EndpointOptions, key: str | None, resolve: Resolver
) -> tuple[Request, ChatClient]:
    try:
        from plumbline.sources.openai_client import ChatClient, Request
        from plumbline.sources.pinned_transport import TransportSettings
    except ImportError as error:
        raise MissingExtraError(
            "PL-REP-008",
            str(address),
            "the client of endpoints is not installed",
            found=f"no {error.name}",
            advice="pip install -e '.[sources]' in the checkout",
        ) from error
    transport = TransportSettings(
        place=str(address),
        key=key,
        allow_private=options.allow_private,
        most_answer_bytes=options.most_answer_bytes,
        most_connections=options.limit.most,
        resolve=resolve,
    )
    seconds = options.timeout_seconds
    request = Request(str(address), address.model, options.key_variable, options.length_parameter, seconds)
    return request, ChatClient(address.location, transport, seconds)
