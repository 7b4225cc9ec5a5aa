"""What payloads say in numbers; whatever was asked and wherever it stood, the better stored side stays the better one."""

import pytest

from plumbline.collect.dashboard.answers import AXES, CONFIDENCE, NOT_NAMED, readers
from plumbline.records import TAXONOMIES
from tests.collect.dashboard.made_up import label, pair, ranking, review, turn_verdict
from tests.collect.kinds.made_up import Player, study


def read(kind, payload, of="pairs", **settings):
    return readers(study(of, **({"axes": ["helpfulness"]} if of == "pairs" else {}) | settings))[kind](payload)


@pytest.mark.parametrize("question", ["better", "more harmful"])
@pytest.mark.parametrize("a", [0, 1])
@pytest.mark.parametrize(("outcome", "value"), [("first", 1.0), ("second", 0.0)])
def test_a_pair_says_the_stored_side_whatever_was_asked_and_shown(question, a, outcome, value):
    (choice,) = read("pair", pair(outcome, 3, a=a, question=question, axes=("harmlessness",))).choices
    assert (choice.first_better, choice.strength, choice.axis) == (value, 3, AXES.index("harmlessness"))
    better = 0 if outcome == "first" else 1
    named = better if question == "better" else 1 - better
    assert choice.a_named == int(named == a)


@pytest.mark.parametrize("step", [1, 4, 5, 8])
def test_what_a_worker_really_submits_is_read_as_the_kinds_meant_it(step):
    settings = study("pairs", axes=["harmlessness"], question="more harmful")
    sides = [{"messages": [{"role": "assistant", "text": text}]} for text in ("a", "b")]
    player = Player(settings, {"context": [{"role": "human", "text": "q"}], "sides": sides})
    order = player.ask.order.sides
    player.submit(harmlessness=step)
    (choice,) = readers(settings)["pair"](player.work.judgements[0].payload).choices
    assert choice.a_named == int(step <= 4)
    harmful = order[0] if step <= 4 else order[1]
    assert choice.first_better == (1.0 if harmful == 1 else 0.0)


def test_a_turn_names_its_replies():
    found = read("turn", turn_verdict(3, "second", (8, 9), strength=1, a=1), "preference-chat", axes=["helpfulness"])
    (choice,) = found.choices
    assert (choice.place, choice.first_better, choice.strength, choice.step) == (3, 0.0, 1, 4)
    assert (choice.a_named, found.replies) == (1, (8, 9))


def test_a_ranking_gives_every_pair_on_both_axes_and_ties():
    found = read("ranking", ranking((1, 2, 2), (2, 1, 1), shown=(2, 0, 1)), "two-axis-ranking")
    helpful = [choice for choice in found.choices if choice.axis == 0]
    assert [(each.sides, each.first_better, each.place) for each in helpful] == [
        ((0, 1), 1.0, 0),
        ((0, 2), 1.0, 1),
        ((1, 2), 0.5, 2),
    ]
    # Shown: reply 2, then 0, then 1. Of 0 and 2 the latter came first and was not the better one.
    assert [each.a_named for each in helpful] == [1, 0, NOT_NAMED]
    harmless = [each.first_better for each in found.choices if each.axis == 1]
    assert harmless == [0.0, 0.0, 0.5]
    assert found.grades == ((CONFIDENCE, 2),)


def test_a_label_has_a_bit_for_each_category():
    names = TAXONOMIES["beavertails-14"]
    found = read("label", label(names[0], names[5], confidence=1), "safety-labels")
    assert (found.label.is_safe, found.label.categories) == (False, 1 | 1 << 5)
    assert read("label", label(), "safety-labels").label == (True, 0)


def test_grades_and_kinds_without_any():
    assert read("review", review(3), "red-team-chat").grades == ((0, 3),)
    assert "consent" not in readers(study("red-team-chat"))
    assert read("closing", {"rating": None, "comment": "x"}, "preference-chat", axes=["helpfulness"]).grades == ()
