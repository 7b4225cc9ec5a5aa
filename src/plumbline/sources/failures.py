"""What can go wrong on the way to a reply, each with a code; and how it is logged.

    ReplyError                  no reply came of it; the worker loses nothing and the turn can be asked for again
    ├── LastingReplyError       it needs someone to change something: a key, a model's name
    └── ThrottledReplyError     too many requests; says when to come back, where the endpoint does

All others pass by themselves: a full queue, a timeout, a server's fault. What endpoints write into their error bodies is
never quoted: they like to repeat the prompt. For the same reason errors of the client libraries are not chained to these.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from plumbline.records import PlumblineError

LOG = logging.getLogger("plumbline.sources")


class ReplyError(PlumblineError):
    """A source gave no reply; the same request may succeed a little later, unchanged.

    Attributes:
        is_passing: whether it may.
        is_throttled: the endpoint said that it gets too many requests.
        retry_after_seconds: how long the endpoint asked to be left alone; None where it did not say.
    """

    is_passing = True
    is_throttled = False
    retry_after_seconds: float | None = None

    def __init__(
        self,
        code: str,
        place: str,
        problem: str,
        *,
        expected: str = "",
        found: str = "",
        advice: str = "ask for the turn again; nothing is lost",
    ) -> None:
        super().__init__(code, place, problem, expected=expected, found=found, advice=advice)


class LastingReplyError(ReplyError):
    """A source gave no reply, and gives none until somebody changes something."""

    is_passing = False


class ThrottledReplyError(ReplyError):
    """The endpoint gets more requests than it takes: 429, 503 or 529."""

    is_throttled = True

    def __init__(self, place: str, status: int, retry_after_seconds: float | None) -> None:
        wait = "" if retry_after_seconds is None else f", come back in {retry_after_seconds:.0f} s"
        super().__init__(
            "PL-REP-015",
            place,
            "the endpoint gets more requests than it takes",
            found=f"status {status}{wait}",
            advice="ask for the turn again in a while, or lower the limit of requests at once",
        )
        self.retry_after_seconds = retry_after_seconds


@contextmanager
def failures_logged(name: str) -> Iterator[None]:
    """Log what fails inside as a warning, by source and code, and let it go on; never a text of the conversation."""
    try:
        yield
    except PlumblineError as error:
        LOG.warning("%s: no reply, %s (%s)", name, error.code, error.problem)
        raise


# --- endpoints ---


def refused(place: str, found: str) -> ReplyError:
    """Nobody answers at the address."""
    return ReplyError(
        "PL-REP-011",
        place,
        "the endpoint cannot be reached",
        found=found,
        advice="see that it runs and that address and port are right; the turn can be asked for again",
    )


def timed_out(place: str, seconds: float, doing: str) -> ReplyError:
    """It took longer than it may."""
    return ReplyError(
        "PL-REP-012",
        place,
        f"{doing} took too long",
        expected=f"at most {seconds:g} s",
        advice="ask for the turn again, or allow more time (timeout_seconds, patience_seconds)",
    )


def key_refused(place: str, status: int, key_variable: str | None) -> ReplyError:
    """401, 403, or no quota left."""
    return LastingReplyError(
        "PL-REP-013",
        place,
        "the endpoint refuses the key",
        expected=f"a key that it accepts in the environment variable {key_variable}"
        if key_variable
        else "none: no key_variable is set",
        found=f"status {status}",
        advice="set key_variable to the name of the variable that holds the key, and see that the account may use the model",
    )


def no_such_model(place: str) -> ReplyError:
    """404."""
    return LastingReplyError(
        "PL-REP-014",
        place,
        "the endpoint knows no such model, or the address is not that of its API",
        found="status 404",
        advice="check the model's name (GET …/models lists them) and that the address ends in /v1 where the server wants it",
    )


def server_fault(place: str, found: str) -> ReplyError:
    """The endpoint's own fault."""
    return ReplyError("PL-REP-016", place, "the endpoint failed", found=found)


def request_refused(place: str, found: str) -> ReplyError:
    """400, 413, 422 and the like."""
    return LastingReplyError(
        "PL-REP-017",
        place,
        "the endpoint does not take the request",
        found=found,
        advice="it may not know a parameter (top_k; length_parameter max_completion_tokens), or the conversation is too long",
    )


def redirected(place: str, status: int) -> ReplyError:
    """3xx: where it leads has not been checked, and the key is not for there."""
    return LastingReplyError(
        "PL-REP-018",
        place,
        "the endpoint points elsewhere, and redirects are not followed",
        found=f"status {status}",
        advice="set the address to where the API really is",
    )


def malformed(place: str, expected: str, found: str) -> ReplyError:
    """It answers, but not as the protocol has it."""
    return ReplyError("PL-REP-019", place, "the answer is not that of a chat API", expected=expected, found=found)


def dropped(place: str, found: str) -> ReplyError:
    """The connection ended before the reply did."""
    return ReplyError(
        "PL-REP-020",
        place,
        "the connection ended in the middle of a reply, and what had come was thrown away",
        found=found,
    )


def too_large(place: str, most_bytes: int) -> ReplyError:
    """More bytes than any honest reply has."""
    return ReplyError(
        "PL-REP-021",
        place,
        "the answer is too large and was not read to its end",
        expected=f"at most {most_bytes:,} bytes",
        advice="see what answers there; raise most_answer_bytes if it is honest",
    )


def closed(place: str) -> ReplyError:
    """Asked after the source was closed."""
    return LastingReplyError("PL-REP-033", place, "the source is closed", advice="open it again")


# --- replies ---


def empty_reply(place: str) -> ReplyError:
    """Nothing but blanks."""
    return ReplyError("PL-REP-022", place, "the reply is empty")


def withheld(place: str) -> ReplyError:
    """The endpoint's own filter stepped in."""
    return ReplyError(
        "PL-REP-023",
        place,
        "the endpoint's filter withholds the reply",
        advice="ask for the turn again; for red teaming take an endpoint without such a filter",
    )


def not_text(place: str, found: str) -> ReplyError:
    """Characters that neither files nor databases take."""
    return ReplyError("PL-REP-024", place, "the reply is no text that can be stored", found=found)


def check_text(text: str, place: str) -> str:
    """The text, if it says anything and can be stored.

    Raises:
        ReplyError: it is blank, or holds a NUL or half of a surrogate pair.
    """
    if not text.strip():
        raise empty_reply(place)
    if "\0" in text:
        raise not_text(place, "a NUL character")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise not_text(place, "half of a surrogate pair")
    return text
