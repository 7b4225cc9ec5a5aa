"""What the service refuses, and why a model cannot be served. No message quotes what was sent.

InvalidBodyError, WebError    a request that is refused, with its HTTP status
ServingError                  the service cannot be started as it was asked to
"""

from __future__ import annotations

from collections.abc import Sequence

from plumbline.records import PlumblineError
from plumbline.web.failures import FieldFault, InvalidBodyError, WebError


class ServingError(PlumblineError):
    """The service cannot be started as it was asked to."""

    exit_code = 2


def empty_request(asked: Sequence[str]) -> InvalidBodyError:
    """422: nothing to judge, or several things at once."""
    found = " with ".join(asked) or "none of them"
    return InvalidBodyError(
        [FieldFault("", f"expected one of input, messages, and question with answer; found {found}")]
    )


def invalid_input(field: str, problem: str) -> InvalidBodyError:
    """422."""
    return InvalidBodyError([FieldFault(field, problem)])


def too_many_inputs(field: str, found: int, most: int) -> InvalidBodyError:
    """422."""
    return InvalidBodyError([FieldFault(field, f"{found:,} at once; at most {most:,}")])


def too_busy(seconds: float) -> WebError:
    """429: more waits than can be answered in time."""
    return WebError(
        "PL-MDR-010",
        429,
        "more texts wait to be judged than can be in time",
        advice="wait as long as Retry-After says, then send the same request again",
        retry_after_seconds=seconds,
    )


def too_long(found: int, most: int) -> WebError:
    """413: it would keep all others waiting."""
    return WebError(
        "PL-MDR-011",
        413,
        "the texts of one request are too long",
        expected=f"at most {most:,} characters, what was said before a reply counted",
        found=f"{found:,}",
        advice="send it in several requests",
    )


def no_such_model(served: Sequence[str]) -> WebError:
    """404; the names served are no secret to whoever may ask."""
    return WebError(
        "PL-MDR-012",
        404,
        "no model of this name is served",
        expected=f"one of {', '.join(served) or 'none'}",
        advice="GET /v1/models lists them; leave model out for the first",
    )


def asked_elsewhere(task: str, served: Sequence[str]) -> WebError:
    """404: it is served, and another route asks it.

    Args:
        task: of the model named.
        served: models that the route asks.
    """
    route = "/v1/moderations" if task == "moderation" else "/v1/score"
    return WebError(
        "PL-MDR-012",
        404,
        f"the model of this name is a {task} model, which POST {route} answers for",
        expected=f"one of {', '.join(served) or 'none'}",
        advice=f"ask POST {route}, or leave model out here for what this route asks",
    )


def no_such_policy(served: Sequence[str]) -> WebError:
    """404."""
    return WebError(
        "PL-MDR-013",
        404,
        "no policy of this name is served",
        expected=f"one of {', '.join(served)}",
        advice="GET /v1/policies lists them; leave policy out for the first",
    )


def nothing_scores() -> WebError:
    """404: no reward or cost model is served."""
    return WebError(
        "PL-MDR-014",
        404,
        "no preference or cost model is served",
        advice="serve one beside: plumbline serve MODERATION PREFERENCE COST",
    )


def no_key() -> WebError:
    """401."""
    return WebError(
        "PL-MDR-015",
        401,
        "there is no valid API key with the request",
        expected="Authorization: Bearer KEY, of a key in the file of --keys",
        advice="ask whoever runs the service for a key",
    )


def nothing_moderates() -> WebError:
    """404: no moderation model is served."""
    return WebError(
        "PL-MDR-017",
        404,
        "no moderation model is served",
        advice="serve one: plumbline serve MODERATION",
    )


def unknown_host() -> WebError:
    """403: a name of somebody else's may lead here (DNS rebinding), and no key is asked for on loopback."""
    return WebError(
        "PL-MDR-018",
        403,
        "the service is not known by the name in the Host header",
        expected="localhost, or an address of this machine's own",
        advice="ask http://127.0.0.1:PORT; to be reached under a name, serve with --host and --keys",
    )
