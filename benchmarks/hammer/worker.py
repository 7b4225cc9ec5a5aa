"""A simulated worker: takes items, judges them by a rule, and has every kind of bad luck with its connections."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from benchmarks.collecting.lean_http import Answer, Connection, LostError, Request
from benchmarks.collecting.study import MARKS, STRENGTHS, STUDY, SimulatedWorker, number_in
from benchmarks.hammer.figures import Figures
from benchmarks.hammer.ledger import Ledger

_HALF = STRENGTHS // 2
_MOST_WAIT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Habits:
    """How often things go wrong: shares of requests, or of items.

    Attributes:
        cut_short: a connection dropped before the request is whole, then sent anew.
        unread: dropped before the answer is read; the same request comes again.
        twice: a judgement sent twice at the same moment, over two connections.
        again: a judgement sent again after it was answered.
        other_body: another judgement sent under the key of one that was answered.
        given_up: dropped before the answer is read, and never asked about again.
        released: an item given back.
        abandoned: an item left alone until its lease is long over, then judged nevertheless, or not.
        wait_seconds: how long an item is left alone: longer than a lease.
        idle_seconds: until the next question where there was no item.
    """

    cut_short: float = 0.01
    unread: float = 0.02
    twice: float = 0.02
    again: float = 0.01
    other_body: float = 0.01
    given_up: float = 0.003
    released: float = 0.005
    abandoned: float = 0.001
    wait_seconds: float = 75.0
    idle_seconds: float = 1.0

    def times(self, factor: float, *, wait_seconds: float) -> Habits:
        """All shares so many times as large, and another time to be away."""
        shares = {name: min(0.5, getattr(self, name) * factor) for name in SHARES}
        return replace(self, **shares, wait_seconds=wait_seconds)


SHARES = tuple(each.name for each in fields(Habits) if not each.name.endswith("_seconds"))


@dataclass
class Progress:
    """What the workers have in common: whether to go on, and how far they are.

    Attributes:
        accepted: judgements that a worker was told are stored.
        idle_at: when a worker last found nothing to do, by `time.monotonic`.
        busy: accepted judgements, and the time, when that happened first; what follows is waiting for leases.
    """

    accepted: int = 0
    idle_at: float = float("-inf")
    busy: tuple[int, float] | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)


def preference(worker: int, item: int) -> tuple[int, int]:
    """What this worker thinks of this pair: the better text, 0 or 1, and how much better. Always the same."""
    drawn = random.Random(f"{worker} {item}")
    return drawn.randrange(2), drawn.randint(1, _HALF)


def step_for(position: int, strength: int) -> int:
    """The step on the screen, from 1 = all for A, that prefers what stands at `position` so strongly."""
    return _HALF + 1 - strength if position == 0 else _HALF + strength


def item_shown(step: dict[str, Any]) -> int:
    """The number of the pair on the screen, from its texts.

    Raises:
        ValueError: its texts are of different pairs.
    """
    texts = [turn["text"] for turn in step["conversation"]] + step["replies"]
    numbers = {number_in(text) for text in texts}
    if len(numbers) != 1:
        raise ValueError(f"texts of pairs {sorted(numbers)} on one screen")
    return numbers.pop()


class Worker:
    """One simulated worker."""

    def __init__(
        self, who: SimulatedWorker, ports: Sequence[int], ledger: Ledger, figures: Figures, habits: Habits, seed: int
    ) -> None:
        self._who = who
        self._ledger = ledger
        self._figures = figures
        self._habits = habits
        self._random = random.Random(f"{seed} {who.number}")
        self._ports = list(ports)
        self._connections = {port: Connection(port) for port in ports}
        self._keys = 0

    async def work(self, progress: Progress) -> None:
        """Takes and judges until all is done."""
        while not progress.over.is_set():
            given = (await self._answered("next", self._post(f"studies/{STUDY}/next"))).json()
            if given["assignment"] is None:
                progress.idle_at = time.monotonic()
                progress.busy = progress.busy or (progress.accepted, time.perf_counter())
                self._figures.milliseconds["next, nothing there"].append(self._figures.milliseconds["next"].pop())
                await _wait(progress, self._habits.idle_seconds)
                continue
            item = item_shown(given["step"])
            self._ledger.write("leased", assignment=given["assignment"], fence=given["fence"], item=item)
            await self._have(given, item, progress)
        self._ledger.close()
        for connection in self._connections.values():
            connection.close()

    async def _have(self, given: dict[str, Any], item: int, progress: Progress) -> None:
        if self._happens("released"):
            await self._release(given)
            return
        if self._happens("abandoned"):
            self._ledger.write("abandoned", assignment=given["assignment"])
            await _wait(progress, self._habits.wait_seconds)
            if self._random.random() < 0.3:
                return
        outcome = await self._judge(given, item)
        if outcome == "accepted":
            progress.accepted += 1

    async def _release(self, given: dict[str, Any]) -> None:
        request = self._post(f"assignments/{given['assignment']}/release", {"fence": given["fence"]})
        answer = await self._answered("release", request)
        self._ledger.write("released", assignment=given["assignment"], status=answer.status)

    async def _judge(self, given: dict[str, Any], item: int) -> str | None:
        better, strength = preference(self._who.number, item)
        position = next(place for place, text in enumerate(given["step"]["replies"]) if MARKS[better] in text)
        self._keys += 1
        key, about = (
            f"w{self._who.number:02}-{self._keys:06}",
            {"assignment": given["assignment"], "fence": given["fence"]},
        )
        request = self._submission(given, step_for(position, strength), key)
        self._ledger.write("sent", key=key, **about, item=item, better=better, strength=strength)
        if self._happens("given_up"):
            await self._connection().break_off(request, whole=True)
            self._ledger.write("gave up", key=key)
            return None
        if self._happens("twice"):
            both = await asyncio.gather(self._submit(request), self._submit(request, fresh=True))
            outcome = both[0] or both[1]
        else:
            outcome = await self._submit(request)
        if self._happens("again"):
            await self._submit(request)
        if outcome is not None and self._happens("other_body"):
            other = self._submission(given, step_for(1 - position, strength), key)
            await self._submit(other, other_body=True)
        return outcome

    def _submission(self, given: dict[str, Any], step: int, key: str) -> Request:
        body = {
            "fence": given["fence"],
            "guidelines_version": given["guidelines_version"],
            "submission": {"act": "judge-pair", "helpfulness": step},
        }
        return self._post(f"assignments/{given['assignment']}/submit", body, key)

    async def _submit(self, request: Request, *, other_body: bool = False, fresh: bool = False) -> str | None:
        """Sends a judgement until it is answered, and writes down what was told; the outcome, None if refused."""
        answer = await self._answered("submit", request, fresh=fresh)
        told = answer.json()
        if answer.status != 200:
            self._ledger.write(
                "refused", key=request.key, status=answer.status, code=told["code"], other_body=other_body
            )
            return None
        self._ledger.write(
            "told", key=request.key, outcome=told["outcome"], judgements=told["judgements"], repeated=told["repeated"]
        )
        self._figures.counts[told["outcome"] + (", told again" if told["repeated"] else "")] += 1
        return str(told["outcome"])

    # --- requests ---

    def _post(self, path: str, body: Any = None, key: str | None = None) -> Request:
        return Request("POST", f"/api/v1/{path}", self._who.token, body, key)

    async def _answered(self, route: str, request: Request, *, fresh: bool = False) -> Answer:
        """The answer to a request, sent as often as that takes; the same request each time.

        Args:
            fresh: over a connection of its own.
        """
        while True:
            for habit, whole in (("cut_short", False), ("unread", True)):
                if self._happens(habit):
                    await self._connection().break_off(request, whole=whole)
            connection = Connection(self._random.choice(self._ports)) if fresh else self._connection()
            began = time.perf_counter()
            try:
                answer = await connection.ask(request)
            except LostError as error:
                self._figures.counts["lost"] += 1
                self._figures.statuses[f"no answer: {error}"] += 1
                await asyncio.sleep(0.02)
                continue
            finally:
                if fresh:
                    connection.close()
            if not await self._is_to_be_sent_again(answer):
                self._figures.milliseconds[route].append((time.perf_counter() - began) * 1000)
                return answer

    async def _is_to_be_sent_again(self, answer: Answer) -> bool:
        code = f" {answer.json().get('code', '')}" if answer.status >= 400 else ""
        self._figures.statuses[f"{answer.status}{code}"] += 1
        if answer.status not in (429, 503):
            return False
        await asyncio.sleep(min(answer.retry_after, _MOST_WAIT_SECONDS))
        return True

    def _connection(self) -> Connection:
        return self._connections[self._random.choice(self._ports)]

    def _happens(self, habit: str) -> bool:
        happens = self._random.random() < getattr(self._habits, habit)
        if happens:
            self._figures.counts[habit] += 1
        return happens


async def _wait(progress: Progress, seconds: float) -> None:
    """So long, or until all is done."""
    try:
        async with asyncio.timeout(seconds):
            await progress.over.wait()
    except TimeoutError:
        pass
