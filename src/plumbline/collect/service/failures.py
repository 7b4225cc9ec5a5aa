"""What the uses refuse, besides what the kinds, the store and the sources do.

ServiceError            carries what a person can do about it
├── DrawFailedError     no replies came; nothing is lost, and the same turn can be asked for again
└── ServeError          a server cannot start
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


class ServeError(ServiceError):
    """A server cannot start."""


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


def comes_in_alone() -> ServiceError:
    """PL-SVC-013: a token of somebody who has another way in would let whoever made it act as them."""
    return ServiceError(
        "PL-SVC-013",
        "person",
        "they come in by a way of their own, and nobody else makes tokens for them",
        expected="somebody who has nothing but tokens",
        advice="make a link for their pseudonym, by which they set a password",
    )


def of_the_whole_store() -> ServiceError:
    """PL-SVC-014: what is done about somebody holds in all their studies, and who asks is of one."""
    return ServiceError(
        "PL-SVC-014",
        "person",
        "they are of the whole store, and you are of one of its studies",
        expected="somebody who was invited into your study",
        advice="ask an owner, or a manager of the whole store; where it cannot wait, pause the study",
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


def no_items(path: str, kind: str, purpose: str, rows: int, left_out: Mapping[str, int]) -> ServiceError:
    """PL-SVC-010: data that gives a study nothing to judge."""
    codes = ", ".join(f"{count:,} × {code}" for code, count in sorted(left_out.items()))
    return ServiceError(
        "PL-SVC-010",
        path,
        f"it gives no item of purpose {purpose} to a study of the kind {kind}",
        expected="at least one",
        found=f"{rows:,} rows" + (f", left out: {codes}" if codes else ""),
        advice=f"plumbline data show {path}, and docs/errors.md for the codes",
    )


def study_differs(name: str, settings: Sequence[str], file_to_move: str | None = None) -> ServiceError:
    """PL-SVC-011: a study does not change under its workers.

    Args:
        file_to_move: the store's file where it may still be made anew, since nobody has worked.
    """
    otherwise = "give the changed study another name, or put its file back as it was"
    anew = f"nobody has worked yet: end its server, move {file_to_move}* away (accounts and links are in it), and init again; or "
    return ServiceError(
        "PL-SVC-011",
        f"study {name}",
        "the store has a study of this name with other settings, and a study does not change under its workers",
        expected="the study file that it was made from",
        found=f"another {', '.join(settings)}",
        advice=otherwise if file_to_move is None else anew + otherwise,
    )


def too_large(expected: str) -> ServiceError:
    """PL-SVC-012: a file that was sent and would keep the server from everybody else."""
    return ServiceError(
        "PL-SVC-012",
        "items",
        "the file holds more than is taken over the API",
        expected=expected,
        found="more",
        advice="send it in parts, or enter it on the server's machine: name it in the study file and run plumbline "
        "collect init STUDY again",
    )


def several_stores(count: int) -> ServeError:
    """PL-STA-012: one server serves one store."""
    return ServeError(
        "PL-STA-012",
        "--store",
        f"{count} studies that stand in different stores",
        expected="studies of one store",
        advice="start them in one store (plumbline collect init STUDY --store PLACE), and serve them with the same --store",
    )


def not_started(study: str, folder: str) -> ServeError:
    """PL-STA-013: a study that nobody started yet."""
    return ServeError(
        "PL-STA-013",
        f"study {study}",
        "it is not in the store yet",
        advice=f"plumbline collect init {folder}; where it was begun in another store, name that with --store",
    )


def named_twice() -> ServeError:
    """PL-STA-014: which folder a study's paths start in would not be clear."""
    return ServeError(
        "PL-STA-014",
        "STUDIES",
        "two of them are the same study",
        expected="each study once",
        advice="leave one out, or give one another name in its study file and start it",
    )
