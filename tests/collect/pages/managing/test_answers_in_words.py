"""Stored answers in words: sides are those of the store, and nothing that is stored breaks a page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.collect.pages.managing.answers_in_words import answer_words, short_answer
from tests.collect.dashboard.made_up import label, pair, ranking, review, turn_verdict

STEPS = 8
KINDS = ("pair", "turn", "label", "ruling", "review", "ranking", "consent", "unheard-of")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(("outcome", "side"), [("first", 1), ("second", 2)])
@pytest.mark.parametrize("a", [0, 1])
@pytest.mark.parametrize("question", ["better", "more harmful"])
def test_the_better_stored_side_is_named_whatever_was_asked_and_the_step_as_it_stood(outcome, side, a, question):
    stored = pair(outcome, 3, a=a, question=question, axes=("harmlessness",))
    words = dict(answer_words("pair", stored, STEPS).answers)
    assert words["harmlessness"] == f"side {side} is less harmful, strength 3"
    is_better = question == "better"
    letter = "A" if (side - 1 == a) == is_better else "B"
    step = 2 if letter == "A" else 7
    word = "less harmful" if is_better else "more harmful"
    assert words["on the worker’s screen"] == f"{letter} is clearly {word} (step {step} of 8)"
    assert words["shown"] == ("A was side 1, B was side 2" if a == 0 else "A was side 2, B was side 1")


def test_other_kinds_are_told_too():
    assert dict(answer_words("turn", turn_verdict(2, "second", (7, 8)), STEPS).answers)["goes on with"] == "side 1"
    assert answer_words("label", label(), STEPS).answers[0] == ("label", "safe")
    assert answer_words("label", label("animal_abuse"), STEPS).answers[0] == ("label", "unsafe: animal abuse")
    assert answer_words("review", review(3, "other"), STEPS).answers == (("rating", "3 of 4"), ("tags", "other"))
    told = dict(answer_words("ranking", ranking([2, 1, 3], [1, 1, 2]), STEPS).answers)
    assert told["helpfulness"] == "side 1: rank 2, side 2: rank 1, side 3: rank 3"


DISPUTED = {"reply": 1, "label": label(), "note": "zz"}


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("pair", pair("first") | {"comment": "zz"}),
        ("ranking", ranking([1, 2]) | {"disputes": [DISPUTED]}),
        ("intent", {"task_description": "zz"}),
    ],
)
def test_what_people_wrote_stands_apart_where_it_can_be_blurred(kind, answer):
    words = answer_words(kind, answer, STEPS)
    assert words.written == ("zz",)
    assert "zz" not in str(words.answers)


@pytest.mark.parametrize(
    ("kind", "answer", "said"),
    [
        ("pair", pair("second", 3, axes=("helpfulness", "harmlessness")),
         "side 2 is more helpful, strength 3 · side 2 is less harmful, strength 3"),
        ("pair", pair("second", 3, axes=("harmlessness",), question="more harmful"), "side 2 is less harmful, strength 3"),
        ("turn", turn_verdict(2, "first", (7, 8)) | {"edit": {"text": "zz"}}, "side 1 is more helpful, strength 4"),
        ("label", label(), "safe"),
        ("ruling", label("animal_abuse", "self_harm", "child_abuse", "terrorism,organized_crime"),
         "unsafe: animal abuse; child abuse; self harm; 1 more"),
        ("review", review(3, "zz"), "rating 3 of 4"),
        ("ranking", ranking([2, 1, 3], [1, 1, 2]), "helpfulness: side 2, then 1, then 3 · harmlessness: sides 1 and 2, then 3"),
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
    words = answer_words(kind, payload, STEPS)
    assert isinstance(short_answer(kind, payload), str)
    assert all(isinstance(part, str) for pair_ in words.answers for part in pair_)


@given(json_values)
def test_values_of_another_type_are_shown_as_they_are(value):
    payload = pair("first") | {"verdicts": value}
    assert answer_words("pair", payload, STEPS).answers
