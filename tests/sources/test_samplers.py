"""Which two replies a turn shows."""

import asyncio
import logging
from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest

from plumbline.records import Message, ModelError, Role, UsageError
from plumbline.sources import BestOf, Reply, ReplyError, Sampling, TakenUpScorer, TwoModels, TwoSamples
from plumbline.sources.seeds import sample_seeds
from tests.sources.corpora import assistant, human, retrieval

CONVERSATION = (Message(Role.HUMAN, "how do I make green tea"),)


class Asked(NamedTuple):
    request: int
    number: int
    seed: int


class ScriptedSource:
    """A source that writes what a function says of each sample that it is asked for."""

    def __init__(self, write=lambda asked: f"reply {asked.seed}", name="toy:a"):
        self.name = name
        self.write = write
        self.requests = []
        self.closed = 0

    async def reply(self, conversation, sampling, count=1):
        self.requests.append((conversation, sampling, count))
        await asyncio.sleep(0)
        return [
            Reply(self.write(Asked(len(self.requests), number, seed)), self.name, "m", "s", seed, sampling, "stop", 0.1)
            for number, seed in enumerate(sample_seeds(sampling.seed, count))
        ]

    async def close(self):
        self.closed += 1


class LongerIsBetter:
    def scores(self, conversations):
        return np.array([len(conversation[-1].text) for conversation in conversations])


def draw(sampler, seed=None):
    return asyncio.run(sampler.draw(CONVERSATION, seed=seed))


def texts(drawn):
    return [reply.text for reply in drawn.sides]


# --- two samples ---


def test_two_samples_of_one_request():
    source = ScriptedSource()
    drawn = draw(TwoSamples(source, Sampling(temperature=0.7)), seed=5)
    assert [(count, sampling.temperature) for _, sampling, count in source.requests] == [(2, 0.7)]
    assert drawn.sides == tuple(each.reply for each in drawn.considered)
    assert {each.score for each in drawn.considered} == {None}
    assert (drawn.seed, drawn.draws) == (5, 1)
    assert drawn.sampler["sampler"] == "two-samples"
    assert drawn.sampler["sources"] == ["toy:a"]
    assert drawn.sampler["sampling"]["temperature"] == 0.7


def test_a_draw_follows_from_its_seed():
    sampler = TwoSamples(ScriptedSource())
    assert draw(sampler, seed=5) == draw(sampler, seed=5)
    assert texts(draw(sampler, seed=5)) != texts(draw(sampler, seed=6))
    assert draw(sampler).seed != draw(sampler).seed
    assert draw(TwoSamples(ScriptedSource(), Sampling(seed=9))).seed == 9


def test_replies_that_say_the_same_are_both_drawn_again():
    said = ("same", "same \n")
    source = ScriptedSource(lambda asked: said[asked.number] if asked.request < 3 else f"reply {asked.seed}")
    drawn = draw(TwoSamples(source), seed=1)
    assert drawn.draws == 3
    assert [count for _, _, count in source.requests] == [2, 2, 2]
    assert len({sampling.seed for _, sampling, _ in source.requests}) == 3
    assert not any("same" in text for text in texts(drawn))


def test_replies_that_always_say_the_same_are_an_error_and_logged(caplog):
    source = ScriptedSource(lambda _: "lapis lazuli")
    with pytest.raises(ReplyError, match="PL-REP-026") as caught:
        draw(TwoSamples(source, most_draws=4))
    assert len(source.requests) == 4
    assert caught.value.is_passing
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "lapis" not in caplog.text + str(caught.value)


# --- two models ---


def models(count):
    return [ScriptedSource(lambda asked, n=n: f"{n} {asked.seed}", f"toy:{n}") for n in range(count)]


def test_each_of_two_models_stands_on_each_side_about_half_of_the_time():
    sampler = TwoModels(models(2))
    first = Counter(draw(sampler, seed=seed).sides[0].source for seed in range(400))
    assert set(first) == {"toy:0", "toy:1"}
    assert all(160 <= count <= 240 for count in first.values())


def test_two_of_several_models_are_drawn_every_pair_and_order_alike():
    sampler = TwoModels(models(4))
    drawn = [draw(sampler, seed=seed) for seed in range(1200)]
    pairs = Counter(tuple(reply.source for reply in each.sides) for each in drawn)
    assert len(pairs) == 12
    assert all(60 <= count <= 140 for count in pairs.values())


def test_which_model_stands_where_follows_from_the_seed_and_is_recorded():
    sampler = TwoModels(models(3))
    one, again = draw(sampler, seed=3), draw(sampler, seed=3)
    assert one == again
    assert one.sampler["sources"] == ["toy:0", "toy:1", "toy:2"]
    assert one.sides[0].seed != one.sides[1].seed


def test_a_repeated_draw_asks_the_same_models_on_the_same_sides():
    sources = models(3)
    for source in sources:
        source.write = lambda asked, own=source: "same" if asked.request == 1 else f"{own.name} {asked.seed}"
    drawn = draw(TwoModels(sources), seed=8)
    assert drawn.draws == 2
    assert sorted(len(source.requests) for source in sources) == [0, 2, 2]


def test_each_model_has_its_own_sampling():
    sources = models(2)
    cold, hot = Sampling(temperature=0.1), Sampling(temperature=1.5)
    drawn = draw(TwoModels(sources, [cold, hot]), seed=1)
    assert {reply.source: reply.sampling.temperature for reply in drawn.sides} == {"toy:0": 0.1, "toy:1": 1.5}
    assert [each["temperature"] for each in drawn.sampler["sampling"]] == [0.1, 1.5]


def test_where_one_model_fails_the_other_is_called_off():
    good, bad = models(2)
    ended = []

    async def waits(*_):
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    async def fails(*_):
        await asyncio.sleep(0)
        raise ReplyError("PL-REP-016", "toy", "the endpoint failed")

    good.reply, bad.reply = waits, fails
    with pytest.raises(ReplyError, match="PL-REP-016"):
        draw(TwoModels([good, bad]), seed=1)
    assert ended == [True]


# --- best of k ---


def by_length(lengths):
    """A source whose samples are as long as told, each different."""
    return ScriptedSource(lambda asked: f"{asked.number:02d}".ljust(lengths[asked.number], "x"))


LENGTHS = [7, 12, 4, 9, 15, 3, 8, 11, 14, 2, 6, 10, 5, 13, 20, 16]


def test_the_two_best_of_sixteen_are_shown_and_all_are_recorded_with_their_scores():
    source = by_length(LENGTHS)
    drawn = draw(BestOf(source, LongerIsBetter()), seed=1)
    assert [count for _, _, count in source.requests] == [16]
    assert sorted(len(text) for text in texts(drawn)) == [16, 20]
    assert [each.score for each in drawn.considered] == LENGTHS
    assert (drawn.sampler["sampler"], drawn.sampler["k"], drawn.sampler["pairing"]) == ("best-of", 16, "two-best")
    assert drawn.sampler["scorer"] == "LongerIsBetter"


def test_the_polarity_of_the_scores_decides():
    class ShorterIsBetter:
        def scores(self, conversations):
            return -LongerIsBetter().scores(conversations)

    assert sorted(len(text) for text in texts(draw(BestOf(by_length(LENGTHS), ShorterIsBetter())))) == [2, 3]


def test_the_best_of_each_half():
    drawn = draw(BestOf(by_length(LENGTHS), LongerIsBetter(), pairing="halves"), seed=1)
    assert sorted(len(text) for text in texts(drawn)) == [15, 20]
    assert drawn.sampler["pairing"] == "halves"


def test_the_best_has_no_side():
    sampler = BestOf(by_length(LENGTHS), LongerIsBetter())
    first = sum(len(draw(sampler, seed=seed).sides[0].text) == 20 for seed in range(400))
    assert 160 <= first <= 240


def test_the_second_is_the_best_that_says_something_else():
    said = ["xxxxx", "xxxxx ", "aaaa", "b"]
    source = ScriptedSource(lambda asked: said[asked.number])
    for pairing, expected in (("two-best", ["aaaa", "xxxxx "]), ("halves", ["aaaa", "xxxxx "])):
        drawn = draw(BestOf(source, LongerIsBetter(), k=4, pairing=pairing), seed=2)
        assert sorted(texts(drawn)) == expected
    source.write = lambda _: "xxxxx"
    with pytest.raises(ReplyError, match="PL-REP-026"):
        draw(BestOf(source, LongerIsBetter(), k=4))


def test_equal_scores_go_to_the_earlier_sample():
    class Equal:
        def scores(self, conversations):
            return np.zeros(len(conversations), np.float32)

    drawn = draw(BestOf(ScriptedSource(lambda asked: str(asked.number)), Equal(), k=5))
    assert sorted(texts(drawn)) == ["0", "1"]


@pytest.mark.parametrize(
    ("scores", "found"),
    [
        (lambda n: np.zeros(n + 1), "shape"),
        (lambda n: np.zeros((n, 1)), "shape"),
        (lambda n: [float("nan")] * n, "not finite"),
        (lambda n: n / 0, "ZeroDivisionError"),
        (lambda n: {n: n}["lapis lazuli"], "KeyError"),
    ],
)
def test_scores_that_are_none(scores, found):
    class Broken:
        name = "broken-1"

        def scores(self, conversations):
            return scores(len(conversations))

    with pytest.raises(ReplyError, match="PL-REP-027") as caught:
        draw(BestOf(ScriptedSource(), Broken(), k=4))
    assert found in str(caught.value)
    assert "broken-1" in str(caught.value)
    assert caught.value.__context__ is None


def test_a_scorers_own_coded_errors_pass_through():
    class Damaged:
        def scores(self, _):
            raise ModelError("PL-MOD-002", "m", "the model is damaged", advice="copy it again")

    with pytest.raises(ModelError, match="PL-MOD-002"):
        draw(BestOf(ScriptedSource(), Damaged(), k=4))


def test_the_scorer_sees_the_whole_conversation():
    seen = []

    class Looking:
        def scores(self, conversations):
            seen.extend(conversations)
            return np.arange(len(conversations))

    draw(BestOf(ScriptedSource(), Looking(), k=3))
    assert len(seen) == 3
    assert all(each[:-1] == CONVERSATION and each[-1].role is Role.ASSISTANT for each in seen)


def test_the_offline_scorer_on_the_offline_source():
    drawn = draw(BestOf(retrieval(), TakenUpScorer(), Sampling(temperature=5), k=6), seed=3)
    assert "two minutes are enough for green leaves" in texts(drawn)
    assert max(each.score for each in drawn.considered) == pytest.approx(1 / 6)


def test_the_offline_scorer_by_hand():
    asked = human("How do I make TEA, tea?")
    conversations = [(asked, assistant(text)) for text in ("make Tea", "coffee", "how do i make tea")]
    assert TakenUpScorer().scores(conversations).tolist() == [2 / 5, 0, 1]
    assert TakenUpScorer().scores([(assistant("alone"),), (human("?!"), assistant("a"))]).tolist() == [0, 0]


# --- settings ---


def test_settings_that_cannot_draw_two_replies():
    one, other = models(2)
    for make in (
        lambda: TwoSamples(one, most_draws=0),
        lambda: TwoModels([one]),
        lambda: TwoModels([one, one]),
        lambda: TwoModels([one, other, one]),
        lambda: TwoModels([one, other], [Sampling()]),
        lambda: TwoModels([one, other], most_draws=0),
        lambda: BestOf(one, LongerIsBetter(), k=1),
        lambda: BestOf(one, LongerIsBetter(), k=257),
        lambda: BestOf(one, LongerIsBetter(), most_draws=0),
    ):
        with pytest.raises(UsageError, match="PL-REP-037"):
            make()
    with pytest.raises(UsageError, match=r"PL-ARG-001(?s:.)*halves"):
        BestOf(one, LongerIsBetter(), pairing="halfs")


def test_conversations_that_wait_for_no_reply():
    one, other = models(2)
    for sampler in (TwoSamples(one), TwoModels([one, other]), BestOf(one, LongerIsBetter())):
        with pytest.raises(UsageError, match="PL-REP-030"):
            asyncio.run(sampler.draw((assistant("hm"),)))
    assert one.requests == other.requests == []


def test_samplers_close_their_sources():
    one, other = models(2)
    for sampler in (TwoSamples(one), TwoModels([one, other]), BestOf(one, LongerIsBetter())):
        asyncio.run(sampler.close())
    assert (one.closed, other.closed) == (3, 1)
