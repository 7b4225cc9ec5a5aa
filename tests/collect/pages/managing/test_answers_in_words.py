"""Stored answers in words: sides are those of the store, and nothing that is stored breaks a page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.collect.pages.managing.answers_in_words import answer_words, short_answer
from tests.collect.dashboard.made_up import label, pair, ranking, review, turn_verdict

KINDS = ("pair", "turn", "label", "ruling", "review", "ranking", "consent", "unheard-of")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(("outcome", "said"), [("first", "side 1 is better"), ("second", "side 2 is better")])
@pytest.mark.parametrize("a", [0, 1])
@pytest.mark.parametrize("question", ["better", "more harmful"])
def test_the_better_stored_side_is_named_whatever_was_asked_and_wherever_it_stood(outcome, said, a, question):
    words = dict(answer_words("pair", pair(outcome, 3, a=a, question=question)).answers)
    assert words["helpfulness"].startswith(f"{said}, strength 3 (step ")
    assert words["shown"] == ("A was side 1, B was side 2" if a == 0 else "A was side 2, B was side 1")


def test_other_kinds_are_told_too():
    assert dict(answer_words("turn", turn_verdict(2, "second", (7, 8))).answers)["goes on with"] == "side 1"
    assert answer_words("label", label()).answers[0] == ("label", "safe")
    assert answer_words("label", label("animal_abuse")).answers[0] == ("label", "unsafe: animal abuse")
    assert answer_words("review", review(3, "other")).answers == (("rating", "3 of 4"), ("tags", "other"))
    told = dict(answer_words("ranking", ranking([2, 1, 3], [1, 1, 2])).answers)
    assert told["helpfulness"] == "side 1: rank 2, side 2: rank 1, side 3: rank 3"


def test_what_people_wrote_stands_apart():
    words = answer_words("pair", pair("first") | {"comment": "<b>short</b>"})
    assert words.comment == "<b>short</b>"
    assert "comment" not in dict(words.answers)


@pytest.mark.parametrize(
    ("kind", "answer", "said"),
    [
        ("pair", pair("second", 3, axes=("helpfulness", "harmlessness")),
         "helpfulness: side 2, strength 3 · harmlessness: side 2, strength 3"),
        ("turn", turn_verdict(2, "first", (7, 8)) | {"edit": {"text": "zz"}}, "helpfulness: side 1, strength 4"),
        ("label", label(), "safe"),
        ("ruling", label("animal_abuse", "self_harm", "child_abuse", "terrorism,organized_crime"),
         "unsafe: animal abuse; child abuse; self harm; 1 more"),
        ("review", review(3, "zz"), "rating 3 of 4"),
        ("ranking", ranking([2, 1, 3], [1, 1, 2]), "helpfulness: ranks 2, 1, 3 · harmlessness: ranks 1, 1, 2"),
        ("writing", {"mark": 2, "note": "zz"}, "mark 2 of 4"),
        ("closing", {"rating": None, "comment": "zz"}, ""),
        ("intent", {"text": "zz"}, ""),
        ("pair", {"verdicts": [{"axis": "zz", "outcome": "first"}]}, ""),
    ],
)  # fmt: skip
def test_a_list_says_what_was_chosen_in_short_and_nothing_that_was_written(kind, answer, said):
    assert short_answer(kind, answer | {"comment": "zz"}) == said


@given(st.sampled_from(KINDS), st.dictionaries(st.text(max_size=10), json_values, max_size=5))
def test_nothing_that_is_stored_breaks_a_page(kind, payload):
    words = answer_words(kind, payload)
    assert isinstance(short_answer(kind, payload), str)
    assert all(isinstance(part, str) for pair_ in words.answers for part in pair_)


@given(json_values)
def test_values_of_another_type_are_shown_as_they_are(value):
    payload = pair("first") | {"verdicts": value}
    assert answer_words("pair", payload).answers
