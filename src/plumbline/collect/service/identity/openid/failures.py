"""What logging in by another house refuses. No message holds a subject, a code, a token or a claim's value."""

from __future__ import annotations

from plumbline.collect.service.failures import ServeError, ServiceError

_TELL = "tell whoever runs this server"


def unreachable(what: str, problem: str, *, expected: str = "") -> ServiceError:
    """PL-OID-010: it may be there again in a moment."""
    return ServiceError(
        "PL-OID-010",
        what,
        problem,
        expected=expected,
        advice="try again in a few minutes; a name and a password, where you have them, go past it",
    )


def unfit_issuer(what: str, problem: str, *, expected: str, advice: str = "") -> ServiceError:
    """PL-OID-011: what the issuer says of itself cannot be used; it stays so until somebody mends it."""
    return ServiceError("PL-OID-011", what, problem, expected=expected, advice=advice or _TELL)


_NOT_BY_THE_BROWSER = frozenset(
    {
        *("invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"),
        *("server_error", "temporarily_unavailable"),
    }
)
"""Words of RFC 6749 that a token endpoint says whatever code it is given; `invalid_grant` is not among them."""


def not_exchanged(word: str) -> ServiceError:
    """PL-OID-012.

    Args:
        word: the issuer's, of RFC 6749; empty where it has none of that form.
    """
    mistaken = word in ("invalid_client", "unauthorized_client")
    return ServiceError(
        "PL-OID-012",
        "token endpoint",
        "your organisation's log-in did not confirm that you come from it",
        found=word,
        advice=f"{_TELL}: the client's id or secret is wrong there"
        if mistaken
        else f"log in again; if it stays so, {_TELL}",
    )


def is_no_guess(error: ServiceError) -> bool:
    """Whether what failed shows nobody's guessing: the issuer is away or knows us no more, or the account is a true one."""
    if error.code == "PL-OID-012":
        return error.found in _NOT_BY_THE_BROWSER
    return error.code in ("PL-OID-010", "PL-OID-011", "PL-OID-025")


def not_configured() -> ServiceError:
    """PL-OID-020."""
    return ServiceError(
        "PL-OID-020",
        "log-in",
        "this server has no way in but names and passwords",
        expected="plumbline collect serve --openid FILE",
        advice="log in with your name and your password",
    )


def not_begun_here() -> ServiceError:
    """PL-OID-021: also where it was answered before, so that no address can be used twice, or in another browser."""
    return ServiceError(
        "PL-OID-021",
        "log-in",
        "it did not begin in this browser, was used already, or took longer than ten minutes",
        advice="log in again from the beginning; an invitation's link is opened once more. Cookies have to be permitted",
    )


def refused_there(word: str) -> ServiceError:
    """PL-OID-022.

    Args:
        word: the issuer's, of RFC 6749 or OpenID Connect; empty where it has none of that form.
    """
    return ServiceError(
        "PL-OID-022",
        "log-in",
        "your organisation's log-in did not let you through",
        found=word,
        advice="log in again; where it stays so, ask whoever looks after your organisation's accounts",
    )


def other_issuer() -> ServiceError:
    """PL-OID-023: an answer of one house, passed off as another's (mix-up)."""
    return ServiceError(
        "PL-OID-023",
        "iss",
        "the answer names another issuer than the one that you were sent to, or none where it has to",
        expected="the issuer of the server's file",
        advice=f"log in again from the beginning; if it stays so, {_TELL}",
    )


def bad_id_token(problem: str, expected: str) -> ServiceError:
    """PL-OID-024."""
    return ServiceError(
        "PL-OID-024",
        "ID token",
        problem,
        expected=expected,
        advice=f"log in again; if it stays so, {_TELL}",
    )


def not_of_these() -> ServiceError:
    """PL-OID-025."""
    return ServiceError(
        "PL-OID-025",
        "your organisation's account",
        "it is not among those that this server takes",
        advice="log in with your organisation's account, or ask whoever runs the study",
    )


def nobody_here() -> ServiceError:
    """PL-OID-026."""
    return ServiceError(
        "PL-OID-026",
        "your organisation's account",
        "nobody here logs in with it yet",
        advice="ask whoever runs the study for an invitation; who has a name and a password here logs in with them and "
        "connects it on the page of their account",
    )


def only_way_in() -> ServiceError:
    """PL-OID-027."""
    return ServiceError(
        "PL-OID-027",
        "log-in",
        "it is the only way you log in",
        expected="a name and a password, too",
        advice="ask a manager for a link, made for your pseudonym, by which you choose a password instead",
    )


def study_closed() -> ServiceError:
    """PL-OID-028."""
    return ServiceError(
        "PL-OID-028",
        "study",
        "it is over, and takes nobody new any more",
        advice="ask whoever runs the study",
    )


def needs_public_url(found: str) -> ServeError:
    """PL-OID-006: the redirect URI is registered with the issuer, and browsers come back to it."""
    return ServeError(
        "PL-OID-006",
        "--public-url",
        "--openid needs the address that browsers come back to",
        expected="--public-url https://NAME, or http://127.0.0.1:PORT to try it on this machine",
        found=found,
        advice="register that address and /openid/callback behind it with the issuer as the redirect URI",
    )


def needs_study(found: str) -> ServeError:
    """PL-OID-007."""
    return ServeError(
        "PL-OID-007",
        "study",
        'new_people = "worker" has to know which study they come into',
        expected="the name of a study that is served",
        found=found,
        advice='write study = "NAME" into the file of --openid',
    )
