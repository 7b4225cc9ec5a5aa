"""Requests that come at the same moment are judged together, and no more wait than can be answered in time.

A model is asked for many turns at once far more cheaply than for one after the other. What came within one turn of the event
loop goes together, up to a limit; while a batch is judged the next one gathers, so batches grow with the load and nobody
waits for others to come. What would have to wait too long is refused at once: a queue without an end answers nobody in time.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import accumulate, islice

from plumbline.moderate.failures import too_busy, too_long
from plumbline.moderate.judging import TurnScores
from plumbline.moderate.rows import Turn
from plumbline.records import UsageError

LOG = logging.getLogger("plumbline.moderate")


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How much is judged at once, and how much may wait.

    Attributes:
        most_turns, most_characters: of a batch; one turn of more characters is a batch by itself.
        most_waiting_characters, most_waiting_turns: of all requests that are not answered yet; more are refused. Of short
            texts the turns count: each takes some 300 bytes by itself.
        most_request_characters: of one request; no more than may wait.
        inline_characters: a batch of at most so many is judged on the event loop itself, which is quicker than to hand it to
            a thread; for models that take a few milliseconds for as many. 0: never.
        threads: batches judged at a time.
    """

    most_turns: int = 64
    most_characters: int = 1 << 16
    most_waiting_characters: int = 1 << 23
    most_waiting_turns: int = 1 << 15
    most_request_characters: int = 1 << 22
    inline_characters: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        """Check the bounds.

        Raises:
            UsageError: they contradict each other.
        """
        if (
            min(self.most_turns, self.most_characters) < 1
            or self.most_request_characters > self.most_waiting_characters
        ):
            raise UsageError(
                "PL-MDR-001",
                "batches",
                "the bounds of batches contradict each other",
                expected="at least one turn and character, and no request larger than all that may wait",
                found=f"{self.most_turns} turns, {self.most_characters} characters, {self.most_request_characters} of "
                f"{self.most_waiting_characters} waiting",
                advice="leave them out, or mend the one that is wrong",
            )


LINEAR = BatchSettings(most_turns=1024, inline_characters=1 << 16, threads=2)
"""For linear models: microseconds a text. Only a text that is longer than a batch may be goes to a thread."""
TRANSFORMER = BatchSettings(
    most_turns=32, most_waiting_characters=1 << 21, most_waiting_turns=1 << 13, most_request_characters=1 << 20
)
"""For transformers: milliseconds a text and more."""


@dataclass(slots=True)
class _Waiting:
    """Turns of one request; some may be in a batch already.

    Attributes:
        ends: characters up to the end of each turn, from the first on.
        answers: of each turn, as far as they are known.
        open: turns without an answer.
        begun: turns that are in a batch, or were.
    """

    turns: Sequence[Turn]
    ends: Sequence[int]
    future: asyncio.Future[list[TurnScores | None]]
    answers: list[TurnScores | None]
    open: int
    begun: int = 0

    @property
    def begun_characters(self) -> int:
        """Of the turns that are in a batch, or were."""
        return self.ends[self.begun - 1] if self.begun else 0


@dataclass(slots=True)
class Load:
    """What there is to do and what was done; for metrics.

    Attributes:
        characters, waiting: of requests that are not answered yet, and their turns.
        batches, turns: judged so far.
        refused: requests.
    """

    characters: int = 0
    waiting: int = 0
    batches: int = 0
    turns: int = 0
    refused: int = 0


@dataclass(slots=True)
class _Batch:
    """Turns judged together, and whose they are: requests, each with the first and the end of its turns."""

    turns: list[Turn] = field(default_factory=list)
    owners: list[tuple[_Waiting, int, int]] = field(default_factory=list)
    characters: int = 0


class Batcher:
    """Judges turns of many requests together; belongs to one event loop."""

    def __init__(self, judge: Callable[[Sequence[Turn]], Sequence[TurnScores]], settings: BatchSettings) -> None:
        """A batcher.

        Args:
            judge: B turns → B answers; called by several threads at a time where the settings say so.
            settings: limits.
        """
        self._judge = judge
        self._settings = settings
        self._queue: deque[_Waiting] = deque()
        self._threads: ThreadPoolExecutor | None = None
        self._under_way = 0
        self._is_called = False
        self.load = Load()

    async def judge(self, turns: Sequence[Turn]) -> list[TurnScores | None]:
        """The answer for each turn; None where the model failed on it.

        Raises:
            WebError: PL-MDR-010, too much waits already; PL-MDR-011, it is too much for one request.
        """
        if not turns:
            return []
        ends = [*accumulate([turn.characters for turn in turns])]
        characters = ends[-1]
        if characters > self._settings.most_request_characters:
            raise too_long(characters, self._settings.most_request_characters)
        load, most = self.load, self._settings
        if (
            load.characters + characters > most.most_waiting_characters
            or load.waiting + len(turns) > most.most_waiting_turns
        ):
            self.load.refused += 1
            raise too_busy(1.0)
        future: asyncio.Future[list[TurnScores | None]] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(turns, ends, future, [None] * len(turns), len(turns))
        self._queue.append(waiting)
        self.load.characters += characters
        self.load.waiting += len(turns)
        self._call()
        try:
            return await future
        finally:
            self.load.characters -= characters
            self.load.waiting -= len(turns)

    def close(self) -> None:
        """Ends the threads, once what they do is done."""
        if self._threads is not None:
            self._threads.shutdown(wait=True)

    def _call(self) -> None:
        """Look at the queue once all that is ready now has had its turn, so that requests of one moment go together."""
        if not self._is_called and self._under_way < self._settings.threads:
            self._is_called = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._is_called = False
        batch = self._gather()
        if not batch.turns:
            return
        self.load.batches += 1
        self.load.turns += len(batch.turns)
        if batch.characters <= self._settings.inline_characters:
            answers: list[TurnScores | None] = [None] * len(batch.turns)
            try:
                answers = self._answers(batch.turns)
            finally:
                self._told(batch, answers)
        else:
            self._hand_out(batch)
        if self._queue:
            self._call()

    def _hand_out(self, batch: _Batch) -> None:
        self._under_way += 1
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._settings.threads, thread_name_prefix="plumbline-judge")
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._answers, batch.turns)
        future.add_done_callback(lambda done: self._done(batch, done))

    def _done(self, batch: _Batch, done: asyncio.Future[list[TurnScores | None]]) -> None:
        self._under_way -= 1
        # Nothing that a model does may leave its requests without an answer: not an exit, not a panic in native code.
        failed = done.exception()
        if failed is not None:
            LOG.error("%d texts could not be judged: %s", len(batch.turns), type(failed).__name__)
        self._told(batch, [None] * len(batch.turns) if failed else done.result())
        if self._queue:
            self._call()

    def _gather(self) -> _Batch:
        """Takes turns from the front of the queue, of one request after the other, as many as go together.

        A request that does not go whole waits behind the others for the rest: a large one holds nobody up.
        """
        batch = _Batch()
        while self._queue:
            waiting = self._queue[0]
            if waiting.future.done():  # whoever asked is gone
                self._queue.popleft()
                continue
            self._take(waiting, batch)
            if waiting.begun < len(waiting.turns):
                self._queue.rotate(-1)
                return batch
            self._queue.popleft()
        return batch

    def _take(self, waiting: _Waiting, batch: _Batch) -> None:
        """As many of a request's next turns as still go into the batch; into an empty one, at least one."""
        first, before = waiting.begun, waiting.begun_characters
        fits = bisect_right(waiting.ends, before + self._settings.most_characters - batch.characters, first)
        stop = min(fits, first + self._settings.most_turns - len(batch.turns))
        if not batch.turns:
            stop = max(stop, first + 1)
        if stop == first:
            return
        batch.turns += waiting.turns[first:stop]
        batch.owners.append((waiting, first, stop))
        batch.characters += waiting.ends[stop - 1] - before
        waiting.begun = stop

    def _answers(self, turns: Sequence[Turn]) -> list[TurnScores | None]:
        """Of each turn; where the model fails on a batch it is asked for each by itself, so that one cannot spoil the others."""
        try:
            answers: list[TurnScores | None] = list(self._judge(turns))
            if len(answers) == len(turns):
                return answers
            LOG.error("of %d texts %d were answered, and nothing says which", len(turns), len(answers))
            return [None] * len(turns)
        except Exception as error:  # whatever a library raises; its message may quote the text
            if len(turns) == 1:
                LOG.error("a text of %d characters could not be judged: %s", turns[0].characters, type(error).__name__)
                return [None]
        return [answer for turn in turns for answer in self._answers([turn])]

    def _told(self, batch: _Batch, answers: Sequence[TurnScores | None]) -> None:
        told = iter(answers)
        for waiting, first, stop in batch.owners:
            waiting.answers[first:stop] = islice(told, stop - first)
            waiting.open -= stop - first
            if not waiting.open and not waiting.future.done():
                waiting.future.set_result(waiting.answers)
