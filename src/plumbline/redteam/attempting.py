"""Prompts × a source of replies → attempts: as many requests at once as the source takes, each reply kept as it comes.

What is asked for, and with which seeds, follows from the run's settings alone, and results stand in the order of the
attempts: neither depends on what came first. A request that fails leaves its attempt without a reply, with the code of the
failure; it ends the run only where the failure is no matter of one prompt: the key is refused, the model is not there, or
nobody has answered for a long while. What was answered until then is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol, runtime_checkable

from plumbline.records import Conversation, PlumblineError
from plumbline.redteam.journal import Journal, KeptReply
from plumbline.sources import ReplyError, ReplySource, Sampling, derived_seed

Told = Callable[[int, int, int], None]
"""Told how many of how many attempts have a reply, and how many have failed."""

_ENDING = frozenset({"PL-REP-013", "PL-REP-014", "PL-REP-018", "PL-REP-033"})
"""Failures of the source, whatever the prompt: a refused key, no such model, a redirect, a closed source."""
_UNREACHED = frozenset({"PL-REP-011", "PL-REP-012", "PL-REP-015", "PL-REP-016", "PL-REP-020"})
"""Failures in which nobody answered."""
_NO_QUESTION = "PL-REP-030"
"""The prompt does not wait for a reply."""
MOST_UNREACHED = 50
"""So many in a row, and the run ends: the source is gone, and the rest would only take its time to fail."""


@runtime_checkable
class _Paced(Protocol):
    """A source that finds out how many requests it may send at once."""

    @property
    def requests_at_once(self) -> float:
        """What it has come to."""


@dataclass(frozen=True)
class Plan:
    """What a run asks for.

    Attributes:
        conversations: the prompts; each ends with the human.
        replies: attempts a prompt.
        sampling: how replies are drawn; its seed is that of the run, and all others follow from it.
    """

    conversations: Sequence[Conversation]
    replies: int
    sampling: Sampling

    @property
    def attempt_count(self) -> int:
        """Prompts × replies; attempt n is reply n mod `replies` to prompt n div `replies`."""
        return len(self.conversations) * self.replies

    def seed_of(self, attempt: int) -> int:
        """The seed of one attempt: of its place in the plan alone."""
        prompt, reply = divmod(attempt, self.replies)
        return derived_seed(self.sampling.seed or 0, "attempt", prompt, reply)


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt without a reply, and the code of why."""

    code: str


Attempted = KeptReply | Failed
"""What became of an attempt."""


async def make_attempts(
    plan: Plan, source: ReplySource, journal: Journal, told: Told = lambda *_: None
) -> list[Attempted]:
    """Ask for every reply that the journal does not hold.

    Args:
        plan: what to ask for.
        source: where replies come from; the caller closes it.
        journal: of this very plan and source.
        told: how far it is, after each request.
    Returns:
        One result an attempt, in their order.
    Raises:
        PlumblineError: the source gives no replies at all, or a reply cannot be kept. All others are kept.
    """
    failures: dict[int, Failed] = {}
    waiting = iter([number for number in range(plan.attempt_count) if number not in journal.kept])
    running: set[asyncio.Task[None]] = set()
    done: set[asyncio.Task[None]] = set()
    unreached = 0

    async def attempt(number: int) -> None:
        """Ask once, and keep what came."""
        nonlocal unreached
        sampling = replace(plan.sampling, seed=plan.seed_of(number))
        try:
            (reply,) = await source.reply(plan.conversations[number // plan.replies], sampling)
        except PlumblineError as error:
            failures[number] = _failure_of_one(error)
            unreached = unreached + 1 if error.code in _UNREACHED else 0
            if unreached >= MOST_UNREACHED:
                raise _gone(source.name, error, len(journal.kept)) from None
        else:
            unreached = 0
            journal.keep(KeptReply.of(number, reply))
        told(len(journal.kept), plan.attempt_count, len(failures))

    try:
        while True:
            running |= {asyncio.ensure_future(attempt(number)) for number in _next(waiting, source, len(running))}
            if not running:
                break
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, *done, return_exceptions=True)
    return [journal.kept.get(number) or failures[number] for number in range(plan.attempt_count)]


def _next(waiting: Iterator[int], source: ReplySource, running: int) -> list[int]:
    """The attempts to begin now: one more than the source takes, so that it notices where it could take more."""
    at_once = int(source.requests_at_once) if isinstance(source, _Paced) else 1
    return list(islice(waiting, max(0, at_once + 1 - running)))


def _failure_of_one(error: PlumblineError) -> Failed:
    """A failure that concerns one prompt alone; any other is raised again."""
    is_own = isinstance(error, ReplyError) and error.code not in _ENDING
    if is_own or error.code == _NO_QUESTION:
        return Failed(error.code)
    raise error


def _gone(place: str, last: PlumblineError, kept: int) -> ReplyError:
    return ReplyError(
        "PL-RTA-004",
        place,
        f"nobody answered {MOST_UNREACHED} times in a row, and the run has stopped",
        found=f"{last.code}, {last.problem}",
        advice=f"see that the source runs, then give the same command again: it goes on, and the {kept:,} replies that "
        "came are not asked for again",
    )
