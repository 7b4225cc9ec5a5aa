"""Pairs from a file: judged on one axis or both, whichever side stood first."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.collect.kinds import (
    Finished,
    InvalidSubmissionError,
    PassedOver,
    Purpose,
    Score,
    SubmissionError,
    comparisons_of,
    items_from_records,
    safety_labels_of,
    score_of,
)
from plumbline.records import Axis, Outcome
from tests.collect.kinds.made_up import HOSTILE, Player, assistant, human, study
from tests.collect.kinds.records_made import comparison, prompt

BOTH = ["helpfulness", "harmlessness"]


def pair_study(axes=BOTH, **settings):
    return study("pairs", axes=axes, **settings)


def item_of(record, pairs, purpose=Purpose.WORK):
    (item,) = items_from_records([record], pairs, purpose)
    return item


def better_text(record):
    return record.continuations[0 if record.outcome is Outcome.FIRST else 1][0].text


@given(
    st.text(max_size=10),
    st.booleans(),
    st.sampled_from(["better", "more harmful"]),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["a", "b"]),
    st.integers(1, 4),
)
def test_whatever_is_shown_where_the_same_meaning_gives_the_same_record(
    assignment, mirrored, question, helps, harmless, strength
):
    """The worker means that `helps` helps more and `harmless` harms less; the file may hold the pair mirrored."""
    pairs = pair_study(question=question)
    record = comparison("q", *(("b", "a") if mirrored else ("a", "b")))
    player = Player.of_item(pairs, item_of(record, pairs), assignment_id=assignment)

    def step(named):
        return 5 - strength if player.ask.replies.index(named) == 0 else 4 + strength

    other = {"a": "b", "b": "a"}
    asked = harmless if question == "better" else other[harmless]
    player.submit(helpfulness=step(helps), harmlessness=step(asked))
    helpful, harm = comparisons_of(player.work, player.study, first_row=5)
    assert (helpful.axis, better_text(helpful), helpful.strength) == (Axis.HELPFULNESS, helps, strength)
    assert (harm.axis, better_text(harm), harm.strength) == (Axis.HARMLESSNESS, harmless, strength)
    assert (helpful.row, harm.row) == (5, 5)
    assert helpful.parents == (record.id,)


def test_a_pair_and_its_mirror_image_are_one_item():
    pairs = pair_study()
    records = [comparison("q", "a", "b"), comparison("q", "b", "a", row=1), comparison("q", "a", "c", row=2)]
    made = list(items_from_records(records, pairs))
    assert [getattr(each, "code", "item") for each in made] == ["item", "PL-ITM-003", "item"]
    assert item_of(records[0], pairs).key == item_of(records[1], pairs).key


def test_what_was_judged_before_is_not_in_the_item_and_what_is_known_of_the_replies_is_kept():
    record = comparison(
        "q", "b", "a", models=("mb", "ma"), is_safe=(False, True), categories=(frozenset({"self_harm"}), frozenset())
    )
    pairs = pair_study()
    item = item_of(record, pairs)
    assert "outcome" not in str(item.payload)
    assert item.truth is None
    player = Player.of_item(pairs, item)
    assert "ma" not in str(player.ask.as_json()).replace("human", "")
    assert "self_harm" not in str(player.ask.as_json())
    player.submit(helpfulness=player.for_side(0), harmlessness=player.for_side(1))
    helpful, harmless = comparisons_of(player.work, player.study)
    assert helpful.continuations == ((assistant("a"),), (assistant("b"),))
    assert (helpful.models, helpful.is_safe) == (("ma", "mb"), (True, False))
    assert helpful.categories == (frozenset(), frozenset({"self_harm"}))
    assert (better_text(helpful), better_text(harmless)) == ("a", "b")
    assert safety_labels_of(player.work, player.study) == ()


def test_one_side_without_a_label_leaves_both_out():
    item = item_of(comparison("q", "a", "b", is_safe=(None, True), models=(None, "m")), pair_study())
    player = Player.of_item(pair_study(), item)
    player.submit(helpfulness=1, harmlessness=1)
    record = comparisons_of(player.work, player.study)[0]
    assert (record.is_safe, record.categories, record.models) == (None, None, None)


@pytest.mark.parametrize(
    ("axes", "steps"),
    [
        (["helpfulness"], {"harmlessness": 1}),
        (["helpfulness"], {"helpfulness": 1, "harmlessness": 1}),
        (["harmlessness"], {"helpfulness": 1}),
        (BOTH, {"helpfulness": 1}),
        (BOTH, {}),
    ],
)
def test_a_step_on_each_axis_of_the_study_and_no_other(axes, steps):
    pairs = pair_study(axes)
    player = Player.of_item(pairs, item_of(comparison("q", "a", "b"), pairs))
    with pytest.raises(SubmissionError, match="PL-SUB-004"):
        player.submit(**steps)


def test_one_axis():
    pairs = pair_study(["harmlessness"], strengths=4)
    player = Player.of_item(pairs, item_of(comparison("q", "a", "b"), pairs))
    with pytest.raises(SubmissionError) as refused:
        player.submit(harmlessness=5)
    assert refused.value.fields[0].field == "harmlessness"
    assert player.submit(harmlessness=player.for_side(1, 2)).finished
    assert isinstance(player.step, Finished)
    (record,) = comparisons_of(player.work, player.study)
    assert (record.outcome, record.strength) == (Outcome.SECOND, 2)


def test_steps_that_are_none():
    pairs = pair_study(["helpfulness"])
    player = Player.of_item(pairs, item_of(comparison("q", "a", "b"), pairs))
    for step in (0, 21, "1", True):
        with pytest.raises(InvalidSubmissionError):
            player.submit(helpfulness=step)
    with pytest.raises(SubmissionError, match="does not ask"):
        player.submit(helpfulness=1, comment="c")


def test_a_pair_can_be_corrected():
    pairs = pair_study(["helpfulness"], comment=True)
    player = Player.of_item(pairs, item_of(comparison("q", "a", "b"), pairs))
    assert comparisons_of(player.work, pairs) == ()
    step = player.for_side(0)
    player.submit(helpfulness=step)
    player.correct("j0", helpfulness=9 - step, comment="I misread it")
    (record,) = comparisons_of(player.work, player.study)
    assert record.outcome is Outcome.SECOND


def test_records_that_make_no_pair():
    pair = comparison("q", "a", "b")
    without_a_side = replace(pair, continuations=((), pair.continuations[1]))
    made = list(items_from_records([prompt("q"), comparison("q", "a", "a"), without_a_side], pair_study()))
    assert all(isinstance(each, PassedOver) for each in made)
    assert [each.code for each in made] == ["PL-ITM-001", "PL-ITM-005", "PL-ITM-002"]
    assert made[-1].why == "there is no text"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_kept_to_the_byte(text):
    pairs = pair_study(["helpfulness"])
    player = Player.of_item(pairs, item_of(comparison(text, text + "1", text + "2"), pairs))
    player.submit(helpfulness=player.for_side(0))
    (record,) = comparisons_of(player.work, player.study)
    assert record.context == (human(text),)
    assert record.continuations == ((assistant(text + "1"),), (assistant(text + "2"),))


@pytest.mark.parametrize("mirrored", [False, True])
def test_known_answers_follow_the_sides(mirrored):
    """The file says that "a" is better, on whichever side it stands there."""
    pairs = pair_study(["helpfulness"])
    record = comparison("q", "b", "a", outcome=Outcome.SECOND) if mirrored else comparison("q", "a", "b")
    item = item_of(record, pairs, Purpose.GOLD)
    for side, right in ((0, 1), (1, 0)):
        player = Player.of_item(pairs, item)
        assert score_of(player.work, pairs, item.truth) == Score(0, 0)
        player.submit(helpfulness=player.for_side(side, 1))
        assert score_of(player.work, pairs, item.truth) == Score(right, 1)


def test_known_answers_of_both_axes_are_one_item():
    records = [
        comparison("q", "a", "b"),
        comparison("q", "b", "a", axis=Axis.HARMLESSNESS, outcome=Outcome.FIRST),
    ]
    pairs = pair_study(question="more harmful")
    (item,) = items_from_records(records, pairs, Purpose.TRAINING)
    player = Player.of_item(pairs, item)
    # "a" helps more; "b" is less harmful, so that "a" is the more harmful one.
    player.submit(helpfulness=player.for_side(0), harmlessness=player.for_side(0))
    assert score_of(player.work, pairs, item.truth) == Score(2, 2)
    assert item_of(records[0], pairs).key != item.key


def test_ties_other_axes_and_contradictions_are_no_known_answers():
    pairs = pair_study(["helpfulness"])
    for records in (
        [comparison("q", "a", "b", outcome=Outcome.TIE)],
        [comparison("q", "a", "b", axis=Axis.HARMLESSNESS)],
        [comparison("q", "a", "b", outcome=None)],
        [comparison("q", "a", "b"), comparison("q", "b", "a", row=1)],
    ):
        assert [each.code for each in items_from_records(records, pairs, Purpose.GOLD)] == ["PL-ITM-004"]


def test_a_preference_chats_known_answers_are_pairs():
    chat = study("preference-chat", axes=["harmlessness"], question="more harmful")
    record = comparison("q", "a", "b", axis=Axis.HARMLESSNESS)
    (item,) = items_from_records([record], chat, Purpose.TRAINING)
    player = Player.of_item(chat, item)
    player.submit(harmlessness=player.for_side(1))
    assert score_of(player.work, chat, item.truth) == Score(1, 1)
    (judged,) = comparisons_of(player.work, chat, Purpose.TRAINING)
    assert better_text(judged) == "a"
