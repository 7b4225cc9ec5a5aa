"""The openai client, kept to one protocol: chat completions in, finished texts out, coded errors for everything else.

Retries, queues and seeds are not here but in `endpoint`. Imported where an endpoint is opened: the library takes its time.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx2
import openai

from plumbline.records import CHAT_ROLES, Conversation
from plumbline.sources import failures
from plumbline.sources.addressing import broken_address
from plumbline.sources.pinned_transport import PinnedTransport, TransportSettings
from plumbline.sources.replies import Finish, Sampling
from plumbline.sources.retry_after import retry_after_seconds

_FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "length": "length",
    **dict.fromkeys(("eos", "eos_token", "stop_sequence", "end_turn"), "stop"),  # of other servers
    "max_tokens": "length",
}
_NO_QUOTA = {"insufficient_quota", "billing_hard_limit_reached"}
_FILTERED = {"content_filter", "content_policy_violation", "moderation_blocked"}
_NAMED_FAULTS = ("context_length_exceeded", "model_not_found", "unsupported_parameter", "unsupported_value")
_MOST_SNAPSHOT_CHARACTERS = 200
_CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer.

    Attributes:
        text: not blank, and fit for storing.
        snapshot: the model that the endpoint says it is, and its fingerprint.
    """

    text: str
    finish: Finish
    snapshot: str


@dataclass(frozen=True, slots=True)
class Request:
    """One request: what the protocol calls it, and what errors call the endpoint."""

    place: str
    model: str
    key_variable: str | None
    length_parameter: str
    timeout_seconds: float

    def body(self, conversation: Conversation, sampling: Sampling, seed: int) -> dict[str, Any]:
        """The request's parameters."""
        messages = [{"role": CHAT_ROLES[message.role], "content": message.text} for message in conversation]
        return {
            "model": self.model,
            "messages": messages,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            self.length_parameter: sampling.max_tokens,
            "seed": seed,
            "extra_body": None if sampling.top_k is None else {"top_k": sampling.top_k},
        }


class ChatClient:
    """Sends one request at a time of each caller, never twice, and never elsewhere."""

    def __init__(self, base_url: str, transport: TransportSettings, timeout_seconds: float) -> None:
        """A client; nothing is sent yet.

        Raises:
            UsageError: the URL's host is neither a name nor a number.
        """
        try:
            url = httpx2.URL(base_url)
        except httpx2.InvalidURL:
            raise broken_address("openai", "the URL's host is neither a name nor a number") from None
        timeout = httpx2.Timeout(timeout_seconds, connect=min(timeout_seconds, _CONNECT_SECONDS))
        http = httpx2.AsyncClient(
            transport=PinnedTransport(transport), follow_redirects=False, trust_env=False, timeout=timeout
        )
        self._client = openai.AsyncOpenAI(
            api_key="unused",  # the transport knows the key; what the client adds is not sent
            base_url=url,
            max_retries=0,
            timeout=timeout,
            http_client=http,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def whole(self, request: Request, body: dict[str, Any]) -> Answer:
        """The answer in one piece.

        Raises:
            ReplyError: there is none.
        """
        failure: failures.ReplyError
        try:
            return _whole_answer(await self._client.chat.completions.create(**body, stream=False), request)
        except (openai.OpenAIError, httpx2.HTTPError, ValueError, RecursionError) as error:
            failure = _failure(error, request, is_reading=False)
        raise failure  # outside the handler, so that what the endpoint wrote is not chained to it

    async def pieces(self, request: Request, body: dict[str, Any]) -> AsyncGenerator[str | Answer]:
        """The pieces of an answer as they come, and last the whole; only with that it is one.

        A server that does not stream answers in one piece although it was asked to: that is taken as it is.

        Raises:
            ReplyError: there is none, or it broke off.
        """
        failure: failures.ReplyError
        reading = _Reading(request)
        try:
            stream = await self._client.chat.completions.create(**body, stream=True)
            async with stream:
                whole = await _in_one_piece(stream.response)
                if whole is not None:
                    answer = _whole_answer(whole, request)
                    yield answer.text
                    yield answer
                    return
                async for chunk in stream:
                    piece = reading.take(chunk)
                    if piece:
                        yield piece
            yield reading.answer()
            return
        except (openai.OpenAIError, httpx2.HTTPError, ValueError, RecursionError) as error:
            failure = _failure(error, request, is_reading=reading.has_begun)
        raise failure


class _Reading:
    """A streamed answer as far as it has come."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._pieces: list[str] = []
        self._finish: object = None
        self._snapshot = ""
        self.has_begun = False

    def take(self, chunk: object) -> str:
        """The text that a chunk adds; "" where it adds none, as the first and the last often do."""
        self.has_begun = True
        choices = getattr(chunk, "choices", None)
        if not isinstance(choices, list):
            raise failures.malformed(self._request.place, "chunks with choices", type(choices).__name__)
        self._snapshot = _snapshot(chunk) or self._snapshot
        if not choices:
            return ""
        self._finish = getattr(choices[0], "finish_reason", None) or self._finish
        content = getattr(getattr(choices[0], "delta", None), "content", None)
        if content is not None and not isinstance(content, str):
            raise failures.malformed(self._request.place, "text in a chunk", type(content).__name__)
        self._pieces.append(content or "")
        return content or ""

    def answer(self) -> Answer:
        """The whole; a stream that ends without saying why has broken off."""
        if self._finish is None:
            raise failures.dropped(self._request.place, "a stream that ends without a reason to end")
        return _answer("".join(self._pieces), self._finish, self._snapshot, self._request)


class Object(SimpleNamespace):
    """An object of JSON, its members as attributes."""


async def _in_one_piece(response: httpx2.Response) -> object:
    """The JSON of an answer that is no stream; None where it is one, which some servers call JSON too.

    Raises:
        ValueError: it begins like JSON and is none.
    """
    if not response.headers.get("content-type", "").lower().startswith("application/json"):
        return None
    body = (await response.aread()).strip()
    return json.loads(body, object_hook=lambda members: Object(**members)) if body.startswith(b"{") else None


def _whole_answer(completion: object, request: Request) -> Answer:
    choices = getattr(completion, "choices", None)
    first = choices[0] if isinstance(choices, list) and choices else None
    message = getattr(first, "message", None)
    content = getattr(message, "content", None)
    if message is None or isinstance(message, str) or not isinstance(content, str | None):
        raise failures.malformed(request.place, "a chat completion with a message", type(completion).__name__)
    return _answer(content or "", getattr(first, "finish_reason", None), _snapshot(completion), request)


def _answer(text: str, finish: object, snapshot: str, request: Request) -> Answer:
    reason = finish if isinstance(finish, str) else ""
    if reason in _FILTERED:
        raise failures.withheld(request.place)
    known = _FINISHES.get(reason)
    if known is None:
        found = reason if reason in ("tool_calls", "function_call") else "another"
        raise failures.malformed(request.place, f"a finish_reason such as {', '.join(_FINISHES)}", found)
    return Answer(failures.check_text(text, request.place), known, snapshot or request.model)


def _snapshot(answer: object) -> str:
    parts = (getattr(answer, "model", None), getattr(answer, "system_fingerprint", None))
    text = " ".join(part for part in parts if isinstance(part, str) and part)
    return "".join(character for character in text if character.isprintable())[:_MOST_SNAPSHOT_CHARACTERS]


# --- what went wrong ---


def _failure(error: Exception, request: Request, *, is_reading: bool) -> failures.ReplyError:
    """The coded error for what the client raised; nothing that the endpoint wrote is quoted."""
    if isinstance(error, openai.APIStatusError):
        return _status_failure(error, request)
    if isinstance(error, openai.APIConnectionError):  # timeouts too
        return _connection_failure(error.__cause__, request, is_reading=is_reading)
    if isinstance(error, httpx2.HTTPError):
        return _connection_failure(error, request, is_reading=is_reading)
    if isinstance(error, openai.APIError):  # an error in the middle of a stream
        return failures.server_fault(request.place, "an error in the stream")
    return failures.malformed(request.place, "JSON of a chat completion", type(error).__name__)


def _connection_failure(cause: object, request: Request, *, is_reading: bool) -> failures.ReplyError:
    kind = type(cause).__name__
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout):
        return failures.refused(request.place, kind)
    if isinstance(cause, httpx2.TimeoutException):
        doing = "the rest of the reply" if is_reading else "the answer's beginning"
        return failures.timed_out(request.place, request.timeout_seconds, doing)
    return failures.dropped(request.place, kind)


def _is_input_flagged(body: object) -> bool:
    """Whether a 403 concerns this prompt and not the key: so OpenRouter tells that its filter stepped in."""
    metadata = body.get("metadata") if isinstance(body, dict) else None
    return isinstance(metadata, dict) and "flagged_input" in metadata


def _status_failure(error: openai.APIStatusError, request: Request) -> failures.ReplyError:
    status, place = error.status_code, request.place
    if error.code in _FILTERED or (status == 403 and _is_input_flagged(error.body)):
        return failures.withheld(place)
    if status in (401, 403) or error.code in _NO_QUOTA:
        return failures.key_refused(place, status, request.key_variable)
    if status == 404:
        return failures.no_such_model(place)
    if status in (429, 503, 529):
        return failures.ThrottledReplyError(
            place, status, retry_after_seconds(error.response.headers, datetime.now(UTC))
        )
    if status in (408, 409, 425) or status >= 500:
        return failures.server_fault(place, f"status {status}")
    if 300 <= status < 400:
        return failures.redirected(place, status)
    named = f", {error.code}" if error.code in _NAMED_FAULTS else ""
    return failures.request_refused(place, f"status {status}{named}")
