"""Answers from a corpus."""

import asyncio
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from plumbline.lineage import Terms, Use, with_terms
from plumbline.records import Kind, Message, NoDataError, Role, UsageError, empty_table
from plumbline.sources import ReplyError, Sampling, corpus_from_table
from plumbline.sources.retrieval import _pick
from tests.sources.corpora import PAIRS, assistant, comparisons, human, labels, pair_table, retrieval

TEA = (human("green tea, how do I make it"),)


def ask(source, sampling, count=1, conversation=TEA):
    return asyncio.run(source.reply(conversation, sampling, count))


def texts(replies):
    return [reply.text for reply in replies]


# --- what is answered ---


def test_at_temperature_0_the_replies_to_the_most_similar_prompts_come_best_first():
    replies = ask(retrieval(), Sampling(temperature=0), 3)
    assert set(texts(replies[:2])) == {PAIRS[0][1], PAIRS[1][1]}
    assert replies[2].text == PAIRS[2][1]
    assert {reply.finish for reply in replies} == {"stop"}


def test_the_more_similar_the_likelier_and_the_colder_the_more_so():
    def share(temperature):
        found = Counter(
            ask(retrieval_source, Sampling(temperature=temperature, seed=seed))[0].text for seed in range(120)
        )
        return (found[PAIRS[0][1]] + found[PAIRS[1][1]]) / 120

    retrieval_source = retrieval()
    hot, warm, cold = share(20), share(1), share(0.05)
    assert hot < warm < cold
    assert cold == 1


def test_a_seed_gives_the_same_replies_again_and_others_give_others():
    source = retrieval()
    first = [texts(ask(source, Sampling(seed=seed), 2)) for seed in range(30)]
    assert first == [texts(ask(retrieval(), Sampling(seed=seed), 2)) for seed in range(30)]
    assert len({tuple(each) for each in first}) > 2


def test_samples_are_different_replies_until_the_corpus_has_no_more():
    for seed in range(50):
        assert len(set(texts(ask(retrieval(pair_table(PAIRS)), Sampling(seed=seed, temperature=5), 6)))) == 6
    many = texts(ask(retrieval(), Sampling(seed=1), 8))
    assert len(set(many)) == 6
    only = retrieval(pair_table([("a", "the one reply"), ("b", "the one reply "), ("c", "the one reply")]))
    assert len(texts(ask(only, Sampling(), 2))) == 2
    common = retrieval(pair_table([("a", "said often"), ("a b", "said often "), ("a c", "said often"), ("d", "rare")]))
    assert set(texts(ask(common, Sampling(temperature=0), 2, (human("a"),)))) == {"said often", "rare"}


def test_the_last_turn_counts_most_and_what_was_said_before_counts_too():
    before = (human("tell me about my garden"), assistant("gladly"))
    context = (human("tell me about the sea"), assistant("gladly"))
    table = comparisons(
        [
            ((*before, human("and what next")), (assistant("water the beds"),), (assistant("cut the grass"),)),
            ((*context, human("and what next")), (assistant("hoist the sail"),), (assistant("mind the tide"),)),
        ]
    )
    for thing, expected in (
        ("garden", {"water the beds", "cut the grass"}),
        ("sea", {"hoist the sail", "mind the tide"}),
    ):
        asked = (human(f"{thing} again"), assistant("yes"), human("and what next"))
        assert set(texts(ask(retrieval(table), Sampling(temperature=0), 2, asked))) == expected
    asked = (human("my garden again"), assistant("yes"), human("where is the sea"))
    table = pair_table([("where is the sea", "behind the hill"), ("my garden again", "it grows")])
    assert ask(retrieval(table), Sampling(temperature=0), 1, asked)[0].text == "behind the hill"


def test_where_nothing_is_similar_any_reply_comes():
    found = {ask(retrieval(), Sampling(seed=seed), 1, (human("xyzzy"),))[0].text for seed in range(100)}
    assert found == {reply for _, reply in PAIRS}


def test_top_k_and_top_p_are_about_neighbours():
    source = retrieval()
    nearest = {PAIRS[0][1], PAIRS[1][1]}
    hot = Sampling(temperature=50)
    for seed in range(40):
        assert ask(source, Sampling(temperature=50, top_k=2, seed=seed))[0].text in nearest
    assert any(ask(source, Sampling(temperature=50, seed=seed))[0].text not in nearest for seed in range(40))
    assert hot.top_k is None
    similarities = np.array([1.0, 0.9, 0.0])
    assert {_pick(similarities, Sampling(top_p=0.5), seed) for seed in range(50)} == {0}
    assert {_pick(similarities, Sampling(), seed) for seed in range(50)} == {0, 1}


def test_replies_are_cut_at_so_many_words():
    (reply,) = ask(retrieval(), Sampling(temperature=0, max_tokens=3))
    assert len(reply.text.split()) == 3
    assert reply.finish == "length"
    assert any(whole.startswith(reply.text) for _, whole in PAIRS)


def test_the_snapshot_tells_corpora_apart():
    assert retrieval()._corpus.snapshot == retrieval()._corpus.snapshot
    assert ask(retrieval(), Sampling())[0].snapshot != ask(retrieval(pair_table(PAIRS[:5])), Sampling())[0].snapshot


def test_a_closed_source_says_so():
    source = retrieval()
    asyncio.run(source.close())
    with pytest.raises(ReplyError, match="PL-REP-033"):
        ask(source, Sampling())


# --- corpora ---


def test_both_sides_of_a_comparison_are_replies():
    corpus = corpus_from_table(
        comparisons(
            [
                ((human("q"),), (assistant("one"),), (assistant("two"), human("more"), assistant("three"))),
                ((), (human("differs early"), assistant("x")), (human("and here"), assistant("y"))),
                ((human("q"), assistant("a")), (human("z"),), (human("w"),)),
                ((human("q"),), (assistant("one"),), (assistant(" "),)),
            ]
        )
    )
    assert (corpus.asked, corpus.before, corpus.replies) == (["q", "q"], ["", ""], ["one", "two"])


def test_labels_are_replies_to_what_stands_before():
    table = labels(
        [(human("q"), assistant("r")), (human("a"), assistant("b"), human("c"), assistant("d")), (human("e"),)]
    )
    corpus = corpus_from_table(table)
    assert (corpus.asked, corpus.before, corpus.replies) == (["q", "c"], ["", "a\nb"], ["r", "d"])


def test_pairs_without_a_text_or_beyond_storing_are_left_out():
    rows = [("a", None), (None, "b"), ("c", "d"), ("c", "d"), ("e", ""), ("f", "g\0"), ("h", "i")]
    corpus = corpus_from_table(pair_table(rows))
    assert list(zip(corpus.asked, corpus.replies, strict=True)) == [("c", "d"), ("h", "i")]


def test_the_terms_of_the_corpus_are_handed_on():
    assert retrieval().terms is None
    terms = Terms(frozenset({Use.ANALYSIS}), "CC-BY-NC-4.0")
    assert retrieval(with_terms(pair_table(), terms)).terms == terms


@pytest.mark.parametrize(
    "table",
    [
        empty_table(Kind.RED_TEAM_ATTEMPTS),
        empty_table(Kind.PROMPTS),
        pa.table({"prompt": ["a"]}),
        pa.table({"prompt": ["a"], "reply": [1]}),
    ],
)
def test_tables_of_a_kind_without_replies(table):
    with pytest.raises(UsageError, match="PL-REP-007"):
        corpus_from_table(table)


@pytest.mark.parametrize("table", [empty_table(Kind.COMPARISONS), pair_table([("a", " ")])])
def test_tables_without_a_reply(table):
    with pytest.raises(NoDataError, match="PL-REP-007"):
        corpus_from_table(table)


def test_system_turns_are_not_searched_for():
    with_system = (Message(Role.SYSTEM, "tomatoes tomatoes tomatoes"), *TEA)
    plain = texts(ask(retrieval(), Sampling(temperature=0), 3))
    assert texts(ask(retrieval(), Sampling(temperature=0), 3, with_system)) == plain
