"""The replies of a turn: drawn, stored, and only then handed out. A draw that fails costs the worker nothing."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from datetime import timedelta
from weakref import WeakValueDictionary

from pydantic import JsonValue

from plumbline.collect.kinds import Draw, Step, reply_seed
from plumbline.collect.kinds.bounds import MOST_REPLY_CHARACTERS
from plumbline.collect.service.collecting import Collecting
from plumbline.collect.service.failures import DrawFailedError
from plumbline.collect.service.giving_back import lease_end
from plumbline.collect.service.held_work import OPENED, Held, hold, step_to_show
from plumbline.collect.store.conversations import add_replies, add_turn
from plumbline.collect.store.events import log_event
from plumbline.collect.store.leasing import extend
from plumbline.collect.store.rows import NewReply, Person
from plumbline.records import PlumblineError
from plumbline.sources import Considered, Drawn, Reply, ReplyError

LOG = logging.getLogger("plumbline.collect")
DRAW_SECONDS = 330.0
"""Somewhat more than the patience of an endpoint."""
DRAW_FAILED = "draw_failed"
"""The event of a draw that brought no replies; its payload has the code."""
_RETRY_SECONDS = 2.0
_MARGIN_SECONDS = 30.0
"""For opening the sources, storing the replies, and the way to the worker."""
_MOST_REMEMBERED = 10_000


class Drawing:
    """Draws for assignments; at most one draw of a turn is under way in a process. Belongs to one event loop."""

    def __init__(self, collecting: Collecting, *, most_seconds: float = DRAW_SECONDS) -> None:
        self._collecting = collecting
        self._most_seconds = most_seconds
        self._at_it: WeakValueDictionary[tuple[int, int], asyncio.Lock] = WeakValueDictionary()
        # Seeds follow from it, so that a failed draw is not repeated with the seed that failed. Forgetting is harmless.
        self._failures: OrderedDict[tuple[int, int], int] = OrderedDict()

    async def step(self, worker: Person, assignment_id: int) -> tuple[Held, Step]:
        """What an assignment asks next; replies that it waits for are drawn first.

        Returns:
            Never a `Draw`.
        Raises:
            DrawFailedError: no replies came; the same call again tries again.
            NotFoundError, LeaseLostError, ConflictError: it is not this worker's, or not in hand any more.
        """
        collecting = self._collecting
        held, step = await collecting.calls.run(_look, collecting, worker, assignment_id)
        if not isinstance(step, Draw):
            return held, step
        name = (assignment_id, step.turn)
        lock = self._at_it.setdefault(name, asyncio.Lock())
        async with lock:
            held, step = await collecting.calls.run(_look, collecting, worker, assignment_id)
            if isinstance(step, Draw):
                await collecting.calls.run(_prepare, collecting, held, step, self._most_seconds)
                new = await self._draw(held, step)
                held, step = await collecting.calls.run(_store, collecting, worker, held, step, new)
        return held, step

    async def _draw(self, held: Held, step: Draw) -> list[NewReply]:
        name = (held.assignment.id, step.turn)
        draw = len({reply.draw for reply in held.work.replies if reply.turn == step.turn})
        seed = reply_seed(held.settings.seed, held.work.assignment_id, step.turn, draw + self._failures.get(name, 0))
        try:
            async with asyncio.timeout(self._most_seconds):
                sampler = await self._collecting.samplers.of_study(held.study)
                drawn = await sampler.draw(step.conversation, seed=seed)
            _check_length(drawn)
            return new_replies(drawn)
        except Exception as error:  # of a source that is not ours, too; its message may quote the conversation
            failure, code = _failure_of(step, error)
        self._failures[name] = self._failures.pop(name, 0) + 1
        if len(self._failures) > _MOST_REMEMBERED:
            self._failures.popitem(last=False)
        await self._collecting.calls.run(_log_failure, self._collecting, held, step, code)
        raise failure


def new_replies(drawn: Drawn) -> list[NewReply]:
    """The two replies as they are stored; with the first, all that is known of the draw, other candidates too."""
    about: dict[str, JsonValue] = {"sampler": drawn.sampler, "draw_seed": drawn.seed, "draws": drawn.draws}
    shown = set(map(id, drawn.sides))
    others: list[JsonValue] = [
        {**each.reply.provenance(), "score": each.score, "text": each.reply.text}
        for each in drawn.considered
        if id(each.reply) not in shown
    ]
    return [
        NewReply(
            side=side,
            text=reply.text,
            model=reply.model,
            snapshot=reply.snapshot,
            seed=reply.seed,
            parameters={
                **reply.provenance(),
                **about,
                "score": _score(drawn.considered, reply),
                **({"others": others} if side == 0 and others else {}),
            },
        )
        for side, reply in enumerate(drawn.sides)
    ]


def _score(considered: tuple[Considered, ...], reply: Reply) -> float | None:
    return next((each.score for each in considered if each.reply is reply), None)


def _check_length(drawn: Drawn) -> None:
    longest = max(len(reply.text) for reply in drawn.sides)
    if longest > MOST_REPLY_CHARACTERS:
        raise ReplyError(
            "PL-REP-021",
            drawn.sides[0].source,
            "a reply is longer than a study can hold",
            expected=f"at most {MOST_REPLY_CHARACTERS:,} characters",
            found=f"{longest:,}",
            advice="lower max_tokens",
        )


def _look(collecting: Collecting, worker: Person, assignment_id: int) -> tuple[Held, Step]:
    held = hold(collecting, assignment_id, worker)
    return held, step_to_show(collecting, held)


def _prepare(collecting: Collecting, held: Held, step: Draw, most_seconds: float) -> None:
    """Makes sure, before anything is paid for, that the item is in hand, and that the turn stands in the store.

    However short the study's leases, this one lasts longer than the draw may take.
    """
    assignment, now = held.assignment, collecting.clock()
    who = (assignment.id, assignment.worker_id, assignment.fence)
    drawn_by = now + timedelta(seconds=most_seconds + _MARGIN_SECONDS)
    extend(collecting.store, *who, now=now, expires_at=max(lease_end(held.settings, now), drawn_by))
    if all(turn.number != step.turn for turn in held.work.turns):
        add_turn(collecting.store, *who, step.turn, OPENED, now=now)


def _store(collecting: Collecting, worker: Person, held: Held, step: Draw, new: list[NewReply]) -> tuple[Held, Step]:
    """Commits the replies; only what is read back from the store is handed out."""
    add_replies(collecting.store, held.assignment.id, worker.id, step.turn, new, now=collecting.clock())
    return _look(collecting, worker, held.assignment.id)


def _failure_of(step: Draw, error: Exception) -> tuple[DrawFailedError, str]:
    code = error.code if isinstance(error, PlumblineError) else type(error).__name__
    passing = error.is_passing if isinstance(error, ReplyError) else isinstance(error, TimeoutError)
    wait = error.retry_after_seconds if isinstance(error, ReplyError) else None
    seconds = (wait or _RETRY_SECONDS) if passing else None
    return DrawFailedError(step.turn, is_passing=passing, retry_after_seconds=seconds), code


def _log_failure(collecting: Collecting, held: Held, step: Draw, code: str) -> None:
    LOG.warning("study %s, assignment %d, turn %d: no replies, %s", held.settings.name, held.assignment.id, step.turn, code)  # fmt: skip
    log_event(
        collecting.store,
        DRAW_FAILED,
        now=collecting.clock(),
        study_id=held.study.id,
        person_id=held.assignment.worker_id,
        assignment_id=held.assignment.id,
        payload={"turn": step.turn, "code": code},
    )
