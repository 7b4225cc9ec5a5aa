"""Turns are where a plain search for the markers finds them, whatever stands around; contexts are common prefixes."""

import re

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plumbline.formats.turn_markers import MARKERS, common_context, split_turns
from plumbline.records import ROLES, Role

ROLE_OF = {marker: role for role, marker in MARKERS.items()}
PIECES = [
    *MARKERS.values(),
    "\n",
    "\n\n",
    "\n\n\n",
    "Human:",
    "\n\nHuman",
    "\n\nAssist",
    "\nAssistant:",
    "\r\n\r\nHuman:",
]
PIECES += ["\x00", " ", "  ", "é", "😀", "\u2028", "a", "Human", ":", "\n\nhuman:", "\n\nHuman :"]
texts = st.tuples(st.sampled_from(list(ROLE_OF)), st.lists(st.sampled_from(PIECES), max_size=8)).map(
    lambda parts: parts[0] + "".join(parts[1])
)


def plain(text):
    """(role, text of the turn, whether a space stood before it), by a regular expression."""
    parts = re.split("(" + "|".join(map(re.escape, ROLE_OF)) + ")", text)
    assert parts[0] == ""
    turns = zip(parts[1::2], parts[2::2], strict=True)
    return [(ROLE_OF[marker], body.removeprefix(" "), body.startswith(" ")) for marker, body in turns]


def found(several):
    turns = split_turns(pl.Series(several, dtype=pl.String))
    bodies = turns.texts.to_list()
    assert len(bodies) == len(turns.codes) == (turns.last[-1] if len(turns.last) else 0)
    return turns, [
        [(ROLES[turns.codes[at]], bodies[at]) for at in range(first, last)]
        for first, last in zip(turns.first.tolist(), turns.last.tolist(), strict=True)
    ]


H, A = MARKERS[Role.HUMAN], MARKERS[Role.ASSISTANT]


@settings(max_examples=150)
@given(st.lists(texts, min_size=1, max_size=6))
@example([H])
@example([H, A, H + A, A + " " + H + " "])
@example([H + "a\n", H + "b\n\n", A + "\n\nHuman", A])
@example([H + "\x00" + A + "\x00\x00", H + "\n" + A])
def test_turns_are_those_of_a_plain_search(several):
    turns, split = found(several)
    expected = [plain(text) for text in several]
    assert split == [[(role, body) for role, body, _ in each] for each in expected]
    assert turns.spaced.tolist() == [all(spaced for *_, spaced in each) for each in expected]


def test_a_slice_of_a_column_is_split_like_the_column():
    column = pl.Series([H + " a", A + " b" + H, H + A + " c"])
    turns = split_turns(column[1:])
    assert (turns.texts.to_list(), turns.first.tolist(), turns.last.tolist()) == (["b", "", "", "c"], [0, 2], [2, 4])


@settings(max_examples=60)
@given(st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=5))
def test_the_context_is_the_longest_common_run_that_leaves_each_side_a_turn(parts):
    pairs = [(common + left, common + right) for common, left, right in parts]
    (chosen, left), (rejected, right) = (found([pair[side] for pair in pairs]) for side in (0, 1))
    contexts, sides = (array.to_pylist() for array in common_context(chosen, rejected))

    def messages(turns):
        return [{"role": str(role), "text": body} for role, body in turns]

    for first, second, context, continuations in zip(left, right, contexts, sides, strict=True):
        shared = 0
        while shared < min(len(first), len(second)) - 1 and first[shared] == second[shared]:
            shared += 1
        assert context == messages(first[:shared])
        assert continuations == [messages(first[shared:]), messages(second[shared:])]
