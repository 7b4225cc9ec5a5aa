"""Conversations of records: what was said and what was replied, of every kind."""

from plumbline.curate.conversations import reply_texts, said_texts
from plumbline.records import Kind
from tests.curate.made_up import attempts, comparisons, labels, prompts


def test_said_and_replied():
    pairs = comparisons(
        (["S: s", "H: one", "A: x", "H: two"], ["A: y", "H: z"], "w", None), ([], ["H: q", "A: r"], "w", None)
    )
    assert said_texts(Kind.COMPARISONS, pairs).to_list() == ["one\ntwo", ""], "of comparisons in the context only"
    assert reply_texts(Kind.COMPARISONS, pairs).to_list() == ["z\nw", "r\nw"]
    for kind, table in (
        (Kind.SAFETY_LABELS, labels((["H: a", "A: b", "H: c"], "d", None), ("e", "f", None))),
        (Kind.RED_TEAM_ATTEMPTS, attempts((["H: a", "A: b", "H: c"], "d"), ("e", "f"))),
    ):
        assert said_texts(kind, table).to_list() == ["a\nc", "e"]
        assert reply_texts(kind, table.slice(1)).to_list() == ["f"], "also of a slice"
    asked = prompts((["H: a", "A: b", "H: c"],), ([],))
    assert (said_texts(Kind.PROMPTS, asked).to_list(), reply_texts(Kind.PROMPTS, asked).to_list()) == (
        ["a\nc", ""],
        ["c", ""],
    )
    assert said_texts(Kind.PROMPTS, asked.slice(0, 0)).to_list() == []
