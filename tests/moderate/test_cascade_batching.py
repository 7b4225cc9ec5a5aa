"""Two queues before a cascade: who is asked what, who waits for whom, and that no unsure guess ever stands for an answer."""

import asyncio
import threading

import pytest

from plumbline.models.cascade.model import Band
from plumbline.moderate.batching import Batcher, BatchSettings
from plumbline.moderate.cascade_batching import CascadeBatcher
from plumbline.moderate.rows import Turn
from plumbline.web.failures import WebError
from tests.moderate.conftest import Scripted

BAND = Band(0.2, 0.8)
LARGE = BatchSettings()
SMALL = BatchSettings(most_waiting_characters=10, most_request_characters=8)


def turns(*texts):
    return [Turn(text) for text in texts]


def numbers(answers):
    return [None if answer is None else answer.values[0] for answer in answers]


def judged(first, second, *requests, settings=(LARGE, LARGE)):
    async def all_at_once():
        batcher = CascadeBatcher(Batcher(first, settings[0]), Batcher(second, settings[1]), BAND)
        try:
            told = await asyncio.gather(*(batcher.judge(turns(*each)) for each in requests), return_exceptions=True)
        finally:
            batcher.close()
        assert [load.characters for load in batcher.loads().values()] == [0, 0]
        return told

    return asyncio.run(all_at_once())


def test_the_second_is_asked_for_the_unsure_turns_alone():
    first = Scripted({"safe": 0.1, "doubt": 0.5, "low": 0.2, "high": 0.8, "bad": 0.9, "more": 0.79})
    second = Scripted({"doubt": 0.3, "more": 0.99})
    told = judged(first, second, ["safe", "doubt", "low"], ["high", "bad", "more"], [])
    assert [numbers(each) for each in told] == [[0.1, 0.3, 0.2], [0.8, 0.9, 0.99], []]
    assert sorted(text for batch in second.asked for text in batch) == ["doubt", "more"]


def test_a_turn_that_the_second_fails_on_has_no_answer_and_one_that_the_first_fails_on_the_seconds():
    first = Scripted({"safe": 0.1, "doubt": 0.5, "none": float("nan")})
    second = Scripted({"broken": 0.7, "none": 0.4})
    (told,) = judged(first, second, ["safe", "doubt", "broken", "none"])
    assert numbers(told) == [0.1, None, 0.7, 0.4]


def test_sure_answers_do_not_wait_for_the_second_model():
    async def ask():
        release = threading.Event()

        def slow(batch):
            release.wait(10)
            return Scripted({turn.text: 0.6 for turn in batch})(batch)

        first = Scripted({"doubt": 0.5, "safe": 0.1})
        batcher = CascadeBatcher(
            Batcher(first, BatchSettings(inline_characters=1 << 16)), Batcher(slow, BatchSettings()), BAND
        )
        unsure = asyncio.create_task(batcher.judge(turns("doubt")))
        while not batcher.second.load.batches:
            await asyncio.sleep(0.01)
        sure = [numbers(await batcher.judge(turns("safe"))) for _ in range(3)]
        assert not unsure.done()
        release.set()
        told = numbers(await unsure)
        batcher.close()
        return sure, told

    assert asyncio.run(ask()) == ([[0.1]] * 3, [0.6])


def test_each_queue_refuses_what_it_cannot_take_and_the_others_are_answered():
    first, second = Scripted({"safe": 0.1, "doubt-1": 0.5, "doubt-2": 0.5}), Scripted({"doubt-1": 0.6})
    sure, kept, refused = judged(first, second, ["safe"], ["doubt-1"], ["doubt-2"], settings=(LARGE, SMALL))
    assert (numbers(sure), numbers(kept)) == ([0.1], [0.6])
    assert isinstance(refused, WebError)
    assert (refused.code, refused.status) == ("PL-MDR-010", 429)
    kept, refused = judged(first, second, ["doubt-1"], ["doubt-2"], settings=(SMALL, LARGE))
    assert numbers(kept) == [0.6]
    assert (refused.code, refused.status) == ("PL-MDR-010", 429)


@pytest.mark.parametrize("which", [0, 1])
def test_what_is_too_long_for_the_model_that_must_answer_is_refused(which):
    settings = [LARGE, LARGE]
    settings[which] = SMALL
    (told,) = judged(
        Scripted({"a long doubt": 0.5}), Scripted({"a long doubt": 0.6}), ["a long doubt"], settings=settings
    )
    assert (told.code, told.status) == ("PL-MDR-011", 413)
