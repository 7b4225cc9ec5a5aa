"""Batching: what comes together is judged together, every turn once; no one waits behind a giant; a queue has an end."""

import asyncio
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.moderate.batching import Batcher, BatchSettings
from plumbline.moderate.judging import TurnScores
from plumbline.moderate.rows import Turn
from plumbline.records import UsageError
from plumbline.web.failures import WebError
from tests.moderate.conftest import Scripted


def turns(*texts):
    return [Turn(text) for text in texts]


def judged(judge, settings, *requests):
    """What each request of one moment is told."""

    async def all_at_once():
        batcher = Batcher(judge, settings)
        try:
            told = await asyncio.gather(*(batcher.judge(turns(*each)) for each in requests), return_exceptions=True)
        finally:
            batcher.close()
        assert batcher.load.characters == 0
        return told

    return asyncio.run(all_at_once())


def numbers(answers):
    return [None if answer is None else answer.values[0] for answer in answers]


@pytest.mark.parametrize("inline", [0, 1 << 16])
def test_requests_of_one_moment_go_together(inline):
    judge = Scripted({"a": 0.1, "b": 0.2, "c": 0.3})
    told = judged(judge, BatchSettings(inline_characters=inline), ["a"], ["b", "c"], [])
    assert [numbers(each) for each in told] == [[0.1], [0.2, 0.3], []]
    assert judge.asked == [["a", "b", "c"]]


@given(
    st.lists(st.lists(st.integers(0, 30), max_size=6), min_size=1, max_size=6),
    st.integers(1, 4),
    st.integers(1, 40),
    st.sampled_from([0, 10, 1 << 16]),
    st.integers(1, 3),
)
@settings(max_examples=60)
def test_every_turn_is_judged_once_and_told_to_whoever_asked(requests, most_turns, most_characters, inline, threads):
    lock, seen = threading.Lock(), []

    def judge(batch):
        with lock:
            seen.append([turn.text for turn in batch])
        return Scripted({turn.text: len(turn.text) / 100 for turn in batch})(batch)

    named = [[f"{n}-{m}-" + "x" * size for m, size in enumerate(each)] for n, each in enumerate(requests)]
    bounds = BatchSettings(most_turns, most_characters, inline_characters=inline, threads=threads)
    told = judged(judge, bounds, *named)
    assert [numbers(each) for each in told] == [[len(text) / 100 for text in each] for each in named]
    assert sorted(text for batch in seen for text in batch) == sorted(text for each in named for text in each)
    assert all(len(batch) <= most_turns for batch in seen)
    assert all(len(batch) == 1 or sum(map(len, batch)) <= most_characters for batch in seen)


def test_a_small_request_does_not_wait_for_the_whole_of_a_giant():
    judge = Scripted({"g": 0.5, "s": 0.1})
    judged(judge, BatchSettings(most_turns=2, inline_characters=1 << 16), ["g"] * 8, ["s"])
    assert judge.asked[:2] == [["g", "g"], ["s", "g"]]
    assert len(judge.asked) == 5


def test_a_text_that_the_model_fails_on_spoils_no_other():
    judge = Scripted({"a": 0.1, "c": 0.3})
    told = judged(judge, BatchSettings(), ["a", "broken"], ["c"])
    assert [numbers(each) for each in told] == [[0.1, None], [0.3]]


@pytest.mark.parametrize("answered", [0, 1, 3])
def test_answers_that_are_too_few_or_too_many_are_nobodys(answered):
    told = judged(lambda _: [TurnScores([0.1])] * answered, BatchSettings(inline_characters=1 << 16), ["a"], ["b"])
    assert [numbers(each) for each in told] == [[None], [None]]


class Panic(BaseException):
    """What native code raises where it cannot go on: no `Exception`."""


@pytest.mark.parametrize("inline", [0, 1 << 16])
def test_a_model_that_panics_leaves_nobody_without_an_answer(inline):
    def judge(batch):
        if batch[0].text == "broken":
            raise Panic
        return Scripted({turn.text: 0.5 for turn in batch})(batch)

    async def ask():
        batcher = Batcher(judge, BatchSettings(most_turns=1, inline_characters=inline))
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        told = [await asyncio.wait_for(batcher.judge(turns(text)), 5) for text in ("broken", "fine")]
        batcher.close()
        return [numbers(each) for each in told], batcher.load.characters, batcher.load.waiting

    assert asyncio.run(ask()) == ([[None], [0.5]], 0, 0)


def test_more_turns_than_may_wait_are_refused():
    judge = Scripted({"x": 0.5, "y": 0.2})
    first, second = judged(judge, BatchSettings(most_waiting_turns=3), ["x"] * 3, ["y"])
    assert numbers(first) == [0.5] * 3
    assert (second.code, second.status) == ("PL-MDR-010", 429)


def test_more_than_may_wait_is_refused_and_the_others_are_answered():
    judge = Scripted({"x" * 6: 0.5, "y" * 5: 0.2})
    bounds = BatchSettings(most_waiting_characters=10, most_request_characters=8)
    first, second, third = judged(judge, bounds, ["x" * 6], ["y" * 5], ["z" * 9])
    assert numbers(first) == [0.5]
    assert isinstance(second, WebError)
    assert (second.code, second.status, second.retry_after_seconds) == ("PL-MDR-010", 429, 1.0)
    assert (third.code, third.status) == ("PL-MDR-011", 413)


def test_who_is_gone_is_not_judged_for_and_holds_no_room():
    async def leave():
        release = threading.Event()

        def judge(batch):
            release.wait(5)
            return Scripted({turn.text: 0.5 for turn in batch})(batch)

        batcher = Batcher(judge, BatchSettings(most_turns=1))
        first = asyncio.create_task(batcher.judge(turns("a")))
        await asyncio.sleep(0.05)
        gone = asyncio.create_task(batcher.judge(turns("b")))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        assert batcher.load.characters == 1
        release.set()
        assert numbers(await first) == [0.5]
        assert numbers(await batcher.judge(turns("c"))) == [0.5]
        batcher.close()
        return batcher.load.turns

    assert asyncio.run(leave()) == 2


def test_bounds_that_contradict_each_other_are_refused():
    with pytest.raises(UsageError, match="PL-MDR-001"):
        BatchSettings(most_waiting_characters=10, most_request_characters=11)
    with pytest.raises(UsageError, match="PL-MDR-001"):
        BatchSettings(most_turns=0)
