"""Which two replies a turn shows: two samples of one model, two models drawn blind, or the best of k by a scorer.

A draw follows from one seed: the seeds of the samples, which models are asked, and which reply stands on which side. All
of it is handed over with the replies, those that were not shown and their scores too, so that the store can keep it
before anyone sees a text. Where both replies say the same there is nothing to judge: all is drawn again, up to a number of
times. Both, not just one: drawing one again until it differs would make rare replies more frequent on that side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, get_args

import numpy as np
from pydantic import JsonValue

from plumbline.records import Conversation, Message, PlumblineError, Role, UsageError, unknown_name
from plumbline.sources.failures import LastingReplyError, ReplyError, failures_logged
from plumbline.sources.replies import MOST_SAMPLES, Reply, ReplySource, Sampling, Scorer, check_request
from plumbline.sources.seeds import derived_seed, fresh_seed

Pairing = Literal["two-best", "halves"]

MOST_DRAWS = 3


@dataclass(frozen=True, slots=True)
class Considered:
    """A reply that was drawn, shown or not; `score` is None where nothing was scored."""

    reply: Reply
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """The two replies of a turn and all that is known of how they were chosen.

    Attributes:
        sides: first and second, as they are to be shown; their texts differ.
        seed: of the whole draw: with the same sampler, conversation and models that heed seeds it comes out the same.
        sampler: what drew them, as JSON.
        considered: every reply of the draw that `sides` are of, in the order of their seeds.
        draws: how many times it took; above 1 where both replies were the same at first.
    """

    sides: tuple[Reply, Reply]
    seed: int
    sampler: dict[str, JsonValue]
    considered: tuple[Considered, ...]
    draws: int


class Sampler(Protocol):
    """What finds the two replies of a turn."""

    def description(self) -> dict[str, JsonValue]:
        """What it is and with what settings, for manifests and the store."""

    async def draw(self, conversation: Conversation, *, seed: int | None = None) -> Drawn:
        """Two different replies.

        Args:
            conversation: ends with the human's turn.
            seed: None takes that of the sampling, else a fresh one.
        Raises:
            ReplyError: no two replies came of it; the turn can be asked for again.
        """

    async def close(self) -> None:
        """Close its sources."""


class TwoSamples:
    """Two samples of one model; implements `Sampler`."""

    def __init__(self, source: ReplySource, sampling: Sampling | None = None, *, most_draws: int = MOST_DRAWS) -> None:
        """A sampler.

        Args:
            most_draws: how often it draws before it gives up because both replies are the same.
        Raises:
            UsageError: no draw at all is allowed.
        """
        self._source = source
        self._sampling = sampling or Sampling()
        self._most_draws = _at_least("most_draws", most_draws, 1)

    def description(self) -> dict[str, JsonValue]:
        """See `Sampler.description`."""
        return {"sampler": "two-samples", "sources": [self._source.name], "sampling": self._sampling.to_json()}

    async def draw(self, conversation: Conversation, *, seed: int | None = None) -> Drawn:
        """See `Sampler.draw`."""
        check_request(conversation, 2)

        async def once(seed: int) -> _Choice:
            """Two replies of the one source."""
            replies = await self._source.reply(conversation, replace(self._sampling, seed=seed), 2)
            return _Choice(tuple(Considered(reply) for reply in replies), (0, 1))

        return await _draw_different(once, self, seed, self._sampling, self._most_draws)

    async def close(self) -> None:
        """See `Sampler.close`."""
        await self._source.close()


class TwoModels:
    """One sample each of two models, which of them and on which side drawn blind; implements `Sampler`."""

    def __init__(
        self,
        sources: Sequence[ReplySource],
        sampling: Sampling | Sequence[Sampling] | None = None,
        *,
        most_draws: int = MOST_DRAWS,
    ) -> None:
        """A sampler.

        Args:
            sources: two, or more to draw two from; each pair and each order is equally likely.
            sampling: one for all, or one for each source.
        Raises:
            UsageError: there are fewer than two sources, two of one name, or not one sampling for each.
        """
        self._sources = tuple(sources)
        _at_least("sources with different names", len({source.name for source in self._sources}), 2)
        if len({source.name for source in self._sources}) < len(self._sources):
            raise _bad_setting("sources", "different ones", "one of them twice")
        one = sampling or Sampling()
        self._samplings = (one,) * len(self._sources) if isinstance(one, Sampling) else tuple(one)
        if len(self._samplings) != len(self._sources):
            raise _bad_setting("sampling", f"one, or {len(self._sources)}", str(len(self._samplings)))
        self._most_draws = _at_least("most_draws", most_draws, 1)

    def description(self) -> dict[str, JsonValue]:
        """See `Sampler.description`."""
        return {
            "sampler": "two-models",
            "sources": [source.name for source in self._sources],
            "sampling": [sampling.to_json() for sampling in self._samplings],
        }

    async def draw(self, conversation: Conversation, *, seed: int | None = None) -> Drawn:
        """See `Sampler.draw`; models and sides are drawn once, so that a repeated draw cannot favour one."""
        check_request(conversation, 1)
        base = _base_seed(seed, self._samplings[0])
        places = _ordered_pair(derived_seed(base, "models"), len(self._sources))

        async def once(seed: int) -> _Choice:
            """One reply of each of two sources."""
            replies = await _both(
                self._one(places[0], conversation, derived_seed(seed, "first")),
                self._one(places[1], conversation, derived_seed(seed, "second")),
            )
            return _Choice(tuple(Considered(reply) for reply in replies), (0, 1))

        return await _draw_different(once, self, base, self._samplings[0], self._most_draws)

    async def close(self) -> None:
        """See `Sampler.close`."""
        await asyncio.gather(*(source.close() for source in self._sources))

    async def _one(self, place: int, conversation: Conversation, seed: int) -> Reply:
        sampling = replace(self._samplings[place], seed=seed)
        return (await self._sources[place].reply(conversation, sampling, 1))[0]


class BestOf:
    """Two high-scoring ones of k samples of one model: the rejection-sampled tranche; implements `Sampler`.

    "two-best" shows the two that score highest. As we remember Ganguli et al. 2022 (§3.2, rejection sampling), that is what
    was done there with k = 16; Bai et al. 2022 say no more than that 16 samples were ranked by an early preference
    model. "halves" shows the best of each half: two independent draws from the best-of-k/2 policy, less alike, and
    what one wants where the pairs are to estimate how good that policy is.
    """

    def __init__(
        self,
        source: ReplySource,
        scorer: Scorer,
        sampling: Sampling | None = None,
        *,
        k: int = 16,
        pairing: Pairing = "two-best",
        most_draws: int = MOST_DRAWS,
    ) -> None:
        """A sampler.

        Args:
            k: samples a draw, 2 to 256.
        Raises:
            UsageError: k or the pairing does not exist.
        """
        if not 2 <= k <= MOST_SAMPLES:
            raise _bad_setting("k", f"a whole number from 2 to {MOST_SAMPLES}", str(k))
        if pairing not in get_args(Pairing):
            raise unknown_name("pairing", pairing, get_args(Pairing))
        self._source = source
        self._scorer = scorer
        self._sampling = sampling or Sampling()
        self._k = k
        self._pairing = pairing
        self._most_draws = _at_least("most_draws", most_draws, 1)

    def description(self) -> dict[str, JsonValue]:
        """See `Sampler.description`."""
        return {
            "sampler": "best-of",
            "k": self._k,
            "pairing": self._pairing,
            "scorer": getattr(self._scorer, "name", type(self._scorer).__name__),
            "sources": [self._source.name],
            "sampling": self._sampling.to_json(),
        }

    async def draw(self, conversation: Conversation, *, seed: int | None = None) -> Drawn:
        """See `Sampler.draw`; which of the two stands first is drawn, so that the better one has no side."""
        check_request(conversation, self._k)

        async def once(seed: int) -> _Choice:
            """All k replies with their scores, and the two that are shown."""
            replies = await self._source.reply(conversation, replace(self._sampling, seed=seed), self._k)
            scores = await self._scores(conversation, replies)
            considered = tuple(Considered(reply, score) for reply, score in zip(replies, scores, strict=True))
            first, second = _PAIRINGS[self._pairing](considered)
            is_swapped = derived_seed(seed, "sides") % 2 == 1
            return _Choice(considered, (second, first) if is_swapped else (first, second))

        return await _draw_different(once, self, seed, self._sampling, self._most_draws)

    async def close(self) -> None:
        """See `Sampler.close`."""
        await self._source.close()

    async def _scores(self, conversation: Conversation, replies: Sequence[Reply]) -> list[float]:
        whole = [(*conversation, Message(Role.ASSISTANT, reply.text)) for reply in replies]
        problem = ""
        try:
            scores = np.asarray(await asyncio.to_thread(self._scorer.scores, whole), np.float64)
            if scores.shape == (len(replies),) and bool(np.isfinite(scores).all()):
                return [float(score) for score in scores]
            problem = f"shape {scores.shape}" if scores.shape != (len(replies),) else "scores that are not finite"
        except PlumblineError:
            raise
        except Exception as error:  # of a model that is not ours; its message may quote the conversation
            problem = type(error).__name__
        raise LastingReplyError(
            "PL-REP-027",
            str(self.description()["scorer"]),
            "the replies could not be scored",
            expected=f"{len(replies)} finite scores",
            found=problem,
            advice="see that the model scores conversations: plumbline score MODEL SOURCE",
        )


@dataclass(frozen=True, slots=True)
class _Choice:
    """Replies that were drawn, and the places of the two to show."""

    considered: tuple[Considered, ...]
    sides: tuple[int, int]


def says_the_same(one: Reply, other: Reply) -> bool:
    """Whether a worker would see the same text twice: blanks at the ends are not seen."""
    return one.text.strip() == other.text.strip()


async def _draw_different(
    once: Callable[[int], Awaitable[_Choice]], sampler: Sampler, seed: int | None, sampling: Sampling, most_draws: int
) -> Drawn:
    """Draw until both sides differ."""
    base = _base_seed(seed, sampling)
    description = sampler.description()
    for number in range(1, most_draws + 1):
        choice = await once(derived_seed(base, "draw", number))
        first, second = (choice.considered[place].reply for place in choice.sides)
        if not says_the_same(first, second):
            return Drawn((first, second), base, description, choice.considered, number)
    with failures_logged(str(description["sampler"])):
        raise ReplyError(
            "PL-REP-026",
            str(description["sampler"]),
            "both replies are the same, so there is nothing to judge",
            expected="two different replies",
            found=f"the same {most_draws} times in a row",
            advice="ask for the turn again; where it happens often, raise temperature or top_p",
        )


def _base_seed(seed: int | None, sampling: Sampling) -> int:
    if seed is not None:
        return seed
    return fresh_seed() if sampling.seed is None else sampling.seed


def _ordered_pair(number: int, count: int) -> tuple[int, int]:
    """Two different places below `count`, from one number; all of them equally likely."""
    first, second = divmod(number % (count * (count - 1)), count - 1)
    return first, second + (second >= first)


async def _both(first: Awaitable[Reply], second: Awaitable[Reply]) -> tuple[Reply, Reply]:
    """Both at once; where one fails the other is called off."""
    tasks = (asyncio.ensure_future(first), asyncio.ensure_future(second))
    try:
        one, other = await asyncio.gather(*tasks)
        return one, other
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _two_best(considered: Sequence[Considered]) -> tuple[int, int]:
    """The best, and the best of those that say something else; the second best where all say the same."""
    order = _by_score(considered, range(len(considered)))
    return order[0], _first_different(considered, order[0], order[1:])


def _halves(considered: Sequence[Considered]) -> tuple[int, int]:
    """The best of each half, of the second half one that says something else where there is one."""
    half = len(considered) // 2
    first = _by_score(considered, range(half))[0]
    return first, _first_different(considered, first, _by_score(considered, range(half, len(considered))))


def _by_score(considered: Sequence[Considered], places: Sequence[int]) -> list[int]:
    return sorted(places, key=lambda place: (-(considered[place].score or 0.0), place))


def _first_different(considered: Sequence[Considered], chosen: int, places: Sequence[int]) -> int:
    other = (place for place in places if not says_the_same(considered[chosen].reply, considered[place].reply))
    return next(other, places[0])


_PAIRINGS: dict[Pairing, Callable[[Sequence[Considered]], tuple[int, int]]] = {
    "two-best": _two_best,
    "halves": _halves,
}


def _at_least(name: str, value: int, least: int) -> int:
    if value < least:
        raise _bad_setting(name, f"at least {least}", str(value))
    return value


def _bad_setting(name: str, expected: str, found: str) -> UsageError:
    return UsageError(
        "PL-REP-037",
        name,
        "the sampler cannot draw two replies with this setting",
        expected=expected,
        found=found,
        advice="mend it; k = 16 and three draws are the defaults",
    )
