"""What the uses refuse, besides what the kinds, the store and the sources do.

ServiceError            carries what a person can do about it
└── DrawFailedError     no replies came; nothing is lost, and the same turn can be asked for again
"""

from __future__ import annotations

from plumbline.records import PlumblineError


class ServiceError(PlumblineError):
    """A use that is refused; nothing was stored."""

    exit_code = 2


class DrawFailedError(ServiceError):
    """No replies could be drawn. What went wrong is in the log and the study's events; workers are not told addresses.

    Attributes:
        is_passing: the same request may succeed a little later.
        retry_after_seconds: when it may be sent again.
    """

    def __init__(self, turn: int, *, is_passing: bool, retry_after_seconds: float | None) -> None:
        super().__init__(
            "PL-SVC-001" if is_passing else "PL-SVC-002",
            f"turn {turn}",
            "no replies could be drawn",
            advice="ask for the step again: what you wrote is kept"
            if is_passing
            else "tell the study's manager, and ask for the step again later: what you wrote is kept",
        )
        self.is_passing = is_passing
        self.retry_after_seconds = retry_after_seconds


def source_not_permitted(problem: str, expected: str, advice: str) -> ServiceError:
    """PL-SVC-003: a study names what this server does not hand out."""
    return ServiceError("PL-SVC-003", "study file", problem, expected=expected, advice=advice)


def not_given_back() -> ServiceError:
    """PL-SVC-004: whoever could skip training items would pass by skipping the hard ones."""
    return ServiceError(
        "PL-SVC-004",
        "training item",
        "it cannot be given back",
        expected="an answer, or none until the lease ends",
        advice="answer it as well as you can",
    )


def no_such_queue(study: str, queue: str) -> ServiceError:
    """PL-SVC-005."""
    return ServiceError(
        "PL-SVC-005",
        f"study {study}",
        f"it has no queue {queue}",
        advice="the study's description lists its queues",
    )


def person_out_of_reach(least: str) -> ServiceError:
    """PL-SVC-006: nobody makes, blocks or gives tokens to somebody of their own role or above, but owners."""
    return ServiceError(
        "PL-SVC-006",
        "person",
        "your role does not reach that far",
        expected=f"{least} or above",
        advice="ask an owner of the store",
    )


def unknown_version(version: int) -> ServiceError:
    """PL-SVC-007."""
    return ServiceError(
        "PL-SVC-007",
        "guidelines_version",
        "there is no such version of the guidelines",
        found=str(version),
        advice="send the version that came with the item",
    )


def not_readable(problem: str, found: str, advice: str) -> ServiceError:
    """PL-SVC-008: data for items that cannot be read."""
    return ServiceError("PL-SVC-008", "items", problem, found=found, advice=advice)
