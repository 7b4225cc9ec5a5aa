"""What logging in, inviting and being invited refuse. No message holds a name, a password or a code."""

from __future__ import annotations

from datetime import timedelta

from plumbline.collect.service.failures import ServiceError


class ThrottledError(ServiceError):
    """Too many logins failed in a row.

    Attributes:
        retry_after_seconds: when the next may be tried.
    """

    def __init__(self, wait: timedelta) -> None:
        super().__init__(
            "PL-IDN-002",
            "login",
            "too many failed in a row, with this name or from this address",
            advice="wait as long as Retry-After says, then try once more; a manager can send a link for a new password",
        )
        self.retry_after_seconds = wait.total_seconds()


def wrong_login() -> ServiceError:
    """PL-IDN-001: which of the two is wrong is not told, nor whether anybody has the name."""
    return ServiceError(
        "PL-IDN-001",
        "login",
        "no account has this name and this password",
        advice="look at the spelling and the keyboard's layout; a manager can send a link for a new password",
    )


def bad_password(problem: str, expected: str) -> ServiceError:
    """PL-IDN-003: a new password that would be guessed."""
    return ServiceError(
        "PL-IDN-003",
        "password",
        problem,
        expected=expected,
        advice="take a longer one: four words that do not belong together, or what a password manager draws",
    )


def bad_name(expected: str) -> ServiceError:
    """PL-IDN-004."""
    return ServiceError(
        "PL-IDN-004",
        "name",
        "nobody can log in with it",
        expected=expected,
        advice="choose another; it need not be your own name, and only you see it",
    )


def wrong_old_password() -> ServiceError:
    """PL-IDN-005."""
    return ServiceError(
        "PL-IDN-005",
        "old",
        "it is not the password that you have now",
        advice="type it again; a manager can send a link for a new one where it is forgotten",
    )


def no_account() -> ServiceError:
    """PL-IDN-006: somebody with a token, or who arrived from elsewhere, and nothing else."""
    return ServiceError(
        "PL-IDN-006",
        "account",
        "you have no name and password here",
        expected="somebody who was invited by a link",
        advice="ask a manager for a link, made for your pseudonym",
    )


def of_one_study() -> ServiceError:
    """PL-IDN-007: what concerns the whole store is not for those of one study."""
    return ServiceError(
        "PL-IDN-007",
        "store",
        "it concerns the whole store, and you are of one study",
        expected="somebody of the whole store",
        advice="ask an owner of the store",
    )


def note_too_long(characters: int, most: int) -> ServiceError:
    """PL-IDN-008, of an invitation's note; how it begins is not told."""
    return ServiceError(
        "PL-IDN-008",
        "invitation",
        f"its note has {characters:,} characters",
        expected=f"at most {most}",
        advice="make the note shorter: it only says whom the link is for",
    )


def bad_invitation(problem: str, expected: str) -> ServiceError:
    """PL-IDN-008: an invitation that says two things."""
    return ServiceError(
        "PL-IDN-008",
        "invitation",
        problem,
        expected=expected,
        advice="send it again with one of the two left out",
    )
