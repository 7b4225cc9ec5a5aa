"""What a request can be refused with before anyone looks at what it is about.

    WebError        carries the HTTP status that it becomes

No message quotes what was sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plumbline.records import PlumblineError


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field of a body; `field` is a name of ours, or empty for the whole."""

    field: str
    problem: str


class WebError(PlumblineError):
    """A request that is refused.

    Attributes:
        status: the HTTP status.
        retry_after_seconds: when it may be sent again; None where that would not help, or nobody knows.
        fields: what a form should mark.
        methods: that the path takes, where it does not take the one that was tried.
    """

    def __init__(
        self,
        code: str,
        status: int,
        problem: str,
        *,
        expected: str = "",
        found: str = "",
        advice: str,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(code, "request", problem, expected=expected, found=found, advice=advice)
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.fields: tuple[FieldFault, ...] = ()
        self.methods: tuple[str, ...] = ()


class InvalidBodyError(WebError):
    """A body with fields that are missing, unknown or of another type."""

    def __init__(self, fields: Sequence[FieldFault]) -> None:
        told = "; ".join(f"{fault.field}: {fault.problem}" if fault.field else fault.problem for fault in fields)
        super().__init__(
            "PL-WEB-006",
            422,
            f"the request is not what this route takes: {told}",
            advice="mend it; /openapi.json has the fields",
        )
        self.fields = tuple(fields)


# --- bodies ---


def body_too_large(most_bytes: int) -> WebError:
    """413."""
    return WebError(
        "PL-WEB-001",
        413,
        "the body is too large",
        expected=f"at most {most_bytes:,} bytes",
        advice="send less at once",
    )


def too_many_texts(most: int) -> WebError:
    """413: each takes many times the memory that it is sent in."""
    return WebError(
        "PL-WEB-001",
        413,
        "the body is too large",
        expected=f"at most {most:,} texts, keys counted",
        advice="send less at once",
    )


def body_too_slow(seconds: float) -> WebError:
    """408."""
    return WebError(
        "PL-WEB-002", 408, "the body did not come in time", expected=f"within {seconds:g} s", advice="send it again"
    )


def too_deep(most: int) -> WebError:
    """400: what no honest client sends, and what brings lenient readers down."""
    return WebError(
        "PL-WEB-003",
        400,
        "the JSON is nested too deep",
        expected=f"at most {most} levels",
        advice="send flatter JSON",
    )


def not_json(problem: str) -> WebError:
    """400."""
    return WebError("PL-WEB-004", 400, problem, expected="one JSON object, each key once", advice="mend the JSON")


def wrong_content_type(expected: str) -> WebError:
    """415: a form of another site cannot send this type without being asked about it first."""
    return WebError(
        "PL-WEB-005",
        415,
        "the body's type is another",
        expected=f"Content-Type: {expected}",
        advice=f"set the header to {expected}",
    )


# --- who, how often ---


def not_known() -> WebError:
    """401."""
    return WebError(
        "PL-WEB-007",
        401,
        "there is no valid token or session with it",
        expected="a session that is not over, or Authorization: Bearer TOKEN, of a token that is neither over nor revoked",
        advice="log in again, or ask the study's manager for a new token",
    )


def not_permitted(least_role: str) -> WebError:
    """403."""
    return WebError(
        "PL-WEB-008",
        403,
        "your role does not permit it",
        expected=f"{least_role} or above",
        advice="ask somebody of that role",
    )


def too_many_requests(seconds: float) -> WebError:
    """429."""
    return WebError(
        "PL-WEB-009",
        429,
        "there were too many requests",
        advice="wait as long as Retry-After says",
        retry_after_seconds=seconds,
    )


def overloaded() -> WebError:
    """503."""
    return WebError(
        "PL-WEB-010",
        503,
        "the server has more to do than it can",
        advice="send the same request again in a moment",
        retry_after_seconds=1,
    )


# --- sessions of browsers ---


def bad_csrf_token() -> WebError:
    """403: a page of ours knows the token, a page of another site does not."""
    return WebError(
        "PL-WEB-015",
        403,
        "a request with a cookie needs the session's token too",
        expected="X-CSRF-Token, as the answer to logging in and every page have it",
        advice="load the page again; a client of your own may send Authorization: Bearer TOKEN instead",
    )


def not_over_tls() -> WebError:
    """403: a password and a session are for nobody else to read."""
    return WebError(
        "PL-WEB-016",
        403,
        "nobody logs in over a connection that others can read",
        expected="https, or a browser on the server's own machine",
        advice="put a proxy with TLS in front, and serve with --public-url https://NAME",
    )


def unknown_host() -> WebError:
    """403: a name of somebody else's may lead here (DNS rebinding)."""
    return WebError(
        "PL-WEB-017",
        403,
        "the server is not known by the name in the Host header",
        expected="the host of --public-url or --host; localhost where it listens there",
        advice="open the address that plumbline collect serve printed, or serve with --public-url",
    )


def two_ways_in() -> WebError:
    """400: which of the two is meant cannot be told."""
    return WebError(
        "PL-WEB-018",
        400,
        "the request has both a session's cookie and Authorization",
        expected="one of them",
        advice="leave one out; browsers send the cookie, other clients Authorization: Bearer TOKEN",
    )


def from_another_site() -> WebError:
    """403: the browser says that a page of another site began it."""
    return WebError(
        "PL-WEB-019",
        403,
        "another site's page made the browser send this",
        expected="Sec-Fetch-Site: same-origin",
        advice="open the page here, and do it from there",
    )


# --- routes ---


def internal_fault(request_id: str) -> WebError:
    """500: a fault of ours; the log has its place under the request's id."""
    return WebError(
        "PL-WEB-011",
        500,
        "the server failed",
        found=f"request {request_id}" if request_id else "",
        advice="send it again; report it with this id where it stays",
    )


def no_such_route() -> WebError:
    """404."""
    return WebError("PL-WEB-012", 404, "there is no such route", advice="/openapi.json lists all routes")


def no_such_method(methods: Sequence[str]) -> WebError:
    """405, with the methods that the path takes."""
    error = WebError(
        "PL-WEB-013",
        405,
        "the route does not take this method",
        expected=", ".join(methods),
        advice="/openapi.json lists all routes",
    )
    error.methods = tuple(methods)
    return error


def bad_key() -> WebError:
    """400: the header that makes a request repeatable."""
    return WebError(
        "PL-WEB-014",
        400,
        "the request needs a key of its own",
        expected="Idempotency-Key: 8 to 128 of A-Z, a-z, 0-9, hyphen, underscore",
        advice="draw one for every act, and send the same again where the request is repeated",
    )
