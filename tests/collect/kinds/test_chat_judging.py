"""A turn of a chat, judged: what a step says of the stored sides, which reply goes on, edits, corrections."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.collect.kinds import (
    Finished,
    StoredWorkError,
    SubmissionError,
    comparisons_of,
    transcript_of,
)
from plumbline.collect.kinds.chat_judging import judged_turn
from plumbline.collect.kinds.preference_chat import CLOSING
from plumbline.records import Axis, Outcome
from tests.collect.kinds.made_up import Player, assistant, harmless, helpful, human


@given(st.text(max_size=12), st.sampled_from(["better", "more harmful"]), st.integers(0, 1), st.integers(1, 4))
def test_whatever_is_shown_where_the_same_meaning_gives_the_same_record(assignment, question, meant, strength):
    """The worker means that the reply "good" is the better one; they answer the question that is asked."""
    player = Player(harmless(turns=1, question=question), assignment_id=assignment)
    player.submit(text="q")
    texts = ("good", "bad") if meant == 0 else ("bad", "good")
    player.draw(*texts)
    named = "good" if question == "better" else "bad"
    position = player.ask.replies.index(named)
    player.submit(step=(5 - strength) if position == 0 else (4 + strength))
    (comparison,) = comparisons_of(player.work, player.study)
    better = comparison.continuations[0 if comparison.outcome is Outcome.FIRST else 1]
    assert better == (assistant("good"),)
    assert comparison.strength == strength
    assert comparison.axis is Axis.HARMLESSNESS


def test_both_orders_are_met():
    shown = set()
    for number in range(20):
        player = Player(harmless(), assignment_id=str(number))
        player.submit(text="q")
        player.draw()
        shown.add(player.ask.order.sides)
    assert shown == {(0, 1), (1, 0)}


def chosen(shown):
    """An assignment whose first turn is shown so."""
    for number in range(50):
        player = Player(harmless(), assignment_id=str(number))
        player.submit(text="q")
        player.draw()
        if player.ask.order.sides == shown:
            return str(number)
    raise AssertionError


def test_more_harmful_a_on_swapped_sides_is_better_first_by_hand():
    # The screen shows stored side 1 as A. "A is more harmful" says side 1 is worse: side 0, the first, is better.
    player = Player(harmless(), assignment_id=chosen((1, 0)))
    player.submit(text="q")
    player.draw("stored first", "stored second")
    assert player.ask.replies == ("stored second", "stored first")
    player.submit(step=1)
    assert comparisons_of(player.work, player.study)[0].outcome is Outcome.FIRST
    unswapped = Player(harmless(), assignment_id=chosen((0, 1)))
    unswapped.submit(text="q")
    unswapped.draw("stored first", "stored second")
    unswapped.submit(step=1)
    assert comparisons_of(unswapped.work, unswapped.study)[0].outcome is Outcome.SECOND


@pytest.mark.parametrize("question", ["better", "more harmful"])
@pytest.mark.parametrize(("continues", "goes_on"), [("better", "good"), ("worse", "bad")])
def test_better_and_worse_are_meant_on_the_axis_whatever_is_asked(question, continues, goes_on):
    for assignment in "abcdef":
        player = Player(harmless(question=question, continues=continues), assignment_id=assignment)
        player.submit(text="q1")
        player.draw("good", "bad")
        player.submit(step=player.for_side(0 if question == "better" else 1))
        assert comparisons_of(player.work, player.study)[0].outcome is Outcome.FIRST
        assert player.ask.conversation == (human("q1"), assistant(goes_on))


@pytest.mark.parametrize("position", [0, 1])
def test_the_worker_may_choose_against_their_own_judgement(position):
    for assignment in "abcdef":
        player = Player(helpful(continues="choice"), assignment_id=assignment)
        player.submit(text="q1")
        player.draw()
        on_screen = player.ask.replies[position]
        player.submit(step=1 if position else 8, continue_with=position)
        assert player.ask.conversation[-1] == assistant(on_screen)


def test_a_random_reply_goes_on_whatever_was_judged():
    went_on = []
    for number in range(200):
        player = Player(helpful(continues="random"), assignment_id=str(number))
        player.submit(text="q1")
        player.draw("x", "y")
        player.submit(step=player.for_side(number % 2))
        went_on.append((number % 2, player.ask.conversation[-1].text))
    for judged in (0, 1):
        assert 30 <= went_on.count((judged, "x")) <= 70
        assert 30 <= went_on.count((judged, "y")) <= 70


def test_a_choice_is_wanted_exactly_where_the_study_leaves_it():
    for settings, given_choice in ((helpful(continues="choice"), {}), (helpful(), {"continue_with": 0})):
        player = Player(settings)
        player.submit(text="q1")
        player.draw()
        with pytest.raises(SubmissionError) as refused:
            player.submit(step=1, **given_choice)
        assert refused.value.code == "PL-SUB-004"
        assert refused.value.fields[0].field == "continue_with"


@pytest.mark.parametrize("side", [0, 1])
def test_an_edit_is_stored_above_the_original_and_goes_on_in_its_place(side):
    for assignment in "abcdef":
        player = Player(helpful(edit=True), assignment_id=assignment)
        player.submit(text="q1")
        player.draw()
        position = player.ask.order.sides.index(side)
        player.submit(step=player.for_side(side), edit={"position": position, "text": "better yet"})
        original = ("first 1", "second 1")[side]
        assert player.ask.conversation[-1] == assistant("better yet")
        assert player.ask.fields["edited"] == [{"message": 1, "original": original}]
        judged, edited = comparisons_of(player.work, player.study)
        assert judged.continuations == ((assistant("first 1"),), (assistant("second 1"),))
        assert edited.outcome is (Outcome.FIRST, Outcome.SECOND)[side]
        assert edited.continuations[side] == (assistant("better yet"),)
        assert edited.continuations[1 - side] == (assistant(original),)
        assert edited.models[side] == f"m{side} (edited by a worker)"
        assert edited.models[1 - side] == f"m{side}"
        assert (edited.strength, edited.row, edited.context) == (None, judged.row + 1, (human("q1"),))


def test_an_edit_of_the_reply_that_does_not_go_on_stays_out_of_the_conversation():
    player = Player(helpful(edit=True))
    player.submit(text="q1")
    player.draw()
    player.submit(step=player.for_side(0), edit={"position": player.ask.order.sides.index(1), "text": "mended"})
    assert player.ask.conversation[-1] == assistant("first 1")
    assert "edited" not in player.ask.fields
    assert comparisons_of(player.work, player.study)[1].continuations[1] == (assistant("mended"),)


def test_edits_that_are_none_or_not_asked_for_are_refused():
    for settings, text in ((helpful(edit=True), "first 1"), (helpful(), "other")):
        player = Player(settings)
        player.submit(text="q1")
        player.draw()
        with pytest.raises(SubmissionError, match="PL-SUB-004"):
            player.submit(step=1, edit={"position": player.ask.order.sides.index(0), "text": text})


@pytest.mark.parametrize("step", [0, 9, 21, "3", True, 3.5, None])
def test_steps_that_are_none(step):
    player = Player(helpful())
    player.submit(text="q1")
    player.draw()
    with pytest.raises(SubmissionError) as refused:
        player.submit(step=step)
    assert [problem.field for problem in refused.value.fields] == ["step"]


def test_out_of_turn():
    player = Player(helpful())
    with pytest.raises(SubmissionError, match="PL-SUB-002") as refused:
        player.submit(act="judge-turn", turn=1, step=1)
    assert "judge-turn" in str(refused.value)
    with pytest.raises(SubmissionError, match="PL-SUB-002") as refused:
        player.submit(act="steal the text", turn=1)
    assert "steal" not in str(refused.value)
    with pytest.raises(SubmissionError, match="PL-SUB-002"):
        player.submit(text="q", turn=2)
    player.submit(text="q1")
    with pytest.raises(SubmissionError, match=r"PL-SUB-003[\s\S]*replies"):
        player.task.accept(player.work, {"act": "say", "turn": 1, "text": "q1"}, player.study)
    player.draw()
    player.submit(step=1)
    player.turn("q2", 1)
    with pytest.raises(SubmissionError, match=r"PL-SUB-003[\s\S]*finished"):
        player.task.accept(player.work, {"act": "judge-turn", "turn": 2, "step": 1}, player.study)


def test_a_correction_changes_the_judgement_and_not_what_was_said():
    player = Player(helpful(edit=True))
    player.submit(text="q1")
    player.draw()
    first_step, other_step = player.for_side(0, 3), player.for_side(1, 2)
    player.submit(step=first_step)
    player.turn("q2", 1)
    before = comparisons_of(player.work, player.study)
    said = transcript_of(player.work, player.study)
    correction = player.correct("j0", turn=1, step=other_step)
    after = comparisons_of(player.work, player.study)
    assert (before[0].outcome, before[0].strength) == (Outcome.FIRST, 3)
    assert (after[0].outcome, after[0].strength) == (Outcome.SECOND, 2)
    assert transcript_of(player.work, player.study) == said
    assert after[1] == before[1]
    again = player.correct(correction, turn=1, step=first_step)
    assert comparisons_of(player.work, player.study)[0].outcome is Outcome.FIRST
    for gone in ("j0", correction):
        with pytest.raises(SubmissionError, match="PL-SUB-006"):
            player.correct(gone, turn=1, step=1)
    assert again
    assert isinstance(player.step, Finished)


def test_corrections_that_are_refused():
    player = Player(helpful(edit=True, rating=True))
    player.turn("q1", 1)
    for judgement, submission, code in (
        ("nowhere", {"turn": 1, "step": 2}, "PL-SUB-005"),
        ("j0", {"turn": 2, "step": 2}, "PL-SUB-002"),
        ("j0", {"turn": 1, "step": 9}, "PL-SUB-004"),
        ("j0", {"turn": 1, "step": 2, "continue_with": 1}, "PL-SUB-004"),
        ("j0", {"turn": 1, "step": 2, "edit": {"position": 0, "text": "z"}}, "PL-SUB-004"),
    ):
        with pytest.raises(SubmissionError, match=code):
            player.correct(judgement, **submission)
    player.turn("q2", 1)
    player.submit(rating=1)
    player.correct("j2", rating=4)
    assert player.work.only(CLOSING).last.payload["rating"] == 4


def test_what_a_store_cannot_hold_is_no_verdict():
    player = Player(helpful())
    player.submit(text="q1")
    player.draw()
    ask = player.ask
    player.submit(step=1)
    stored = player.work.judgements[0]
    for wrong in ({"shown": [0, 0]}, {"outcome": "tie"}, {"continues_with": 2}, {"axis": "both"}, {"more": 1}):
        damaged = replace(stored, payload={**stored.payload, **wrong})
        with pytest.raises(ValueError, match="TurnVerdict"):
            comparisons_of(replace(player.work, judgements=(damaged,)), player.study)
    submission = {"act": "judge-turn", "turn": 1, "step": 1, "shown": ask.fields["shown"]}
    with pytest.raises(StoredWorkError, match="no replies"):
        judged_turn(replace(player.work, replies=()), player.study, ask, submission)
