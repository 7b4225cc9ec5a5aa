"""Preference chat, played through: which reply is better, which goes on, what is stored."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.collect.kinds import (
    Ask,
    Draw,
    Finished,
    HumanTurn,
    InvalidSubmissionError,
    NewItem,
    StoredWorkError,
    SubmissionError,
    comparisons_of,
    items_from_records,
    transcript_of,
)
from plumbline.collect.kinds.bounds import MOST_MESSAGES
from plumbline.collect.kinds.chat import MOST_OPENING, shown_token
from plumbline.collect.kinds.chat_judging import judged_turn
from plumbline.collect.kinds.preference_chat import CLOSING
from plumbline.collect.kinds.sides import ShownOrder
from plumbline.records import Axis, Outcome
from plumbline.records.identity import comparison_ids
from tests.collect.kinds.made_up import HOSTILE, Player, assistant, human, study
from tests.collect.kinds.records_made import prompt


def helpful(**settings):
    return study("preference-chat", **{"axes": ["helpfulness"], "turns": 2, **settings})


def harmless(**settings):
    return study("preference-chat", **{"axes": ["harmlessness"], "question": "more harmful", "turns": 2, **settings})


def test_a_whole_chat():
    player = Player(helpful(rating=True, comment=True))
    assert (player.ask.act, player.ask.turn) == ("say", 1)
    player.submit(text="q1")
    step = player.step
    assert isinstance(step, Draw)
    assert (step.turn, step.conversation) == (1, (human("q1"),))
    player.draw()
    assert player.ask.act == "judge-turn"
    assert sorted(player.ask.replies) == ["first 1", "second 1"]
    assert not player.submit(step=player.for_side(1, strength=2)).finished
    assert player.ask.conversation == (human("q1"), assistant("second 1"))
    player.turn("q2", 1)
    assert player.ask.act == "close"
    assert player.submit(rating=3, comment="fine").finished
    assert isinstance(player.step, Finished)
    assert player.work.only(CLOSING).last.payload["rating"] == 3
    assert player.parts == {"turn-1", "turn-2", "closing"}
    first, second = comparisons_of(player.work, player.study)
    assert (first.context, first.continuations) == ((human("q1"),), ((assistant("first 1"),), (assistant("second 1"),)))
    assert (first.axis, first.outcome, first.strength) == (Axis.HELPFULNESS, Outcome.SECOND, 2)
    assert (first.models, first.worker, first.tranche) == (("m0", "m1"), "worker-1", "base")
    assert (first.subset, first.source, [first.row, second.row]) == ("helpful-base", "s", [0, 2])
    assert second.context == (human("q1"), assistant("second 1"), human("q2"))
    assert first.conversation_id == second.conversation_id
    ids = comparison_ids(
        first.context, first.continuations, "helpfulness", outcome="second", strength=2, worker="worker-1"
    )
    assert (first.id, first.item_id, first.group_id) == ids


def test_a_worker_ends_a_chat_once_it_has_the_least_turns():
    player = Player(helpful(turns=4, least_turns=2))
    for turn in (1, 2):
        assert player.ask.fields["may_end"] is False
        with pytest.raises(SubmissionError, match="PL-SUB-002"):
            player.submit(act="end")
        player.turn(f"q{turn}", 1)
    assert player.ask.fields["may_end"] is True
    assert player.ask.fields["least_turns"] == player.study.least_turns
    with pytest.raises(SubmissionError, match="PL-SUB-002"):
        player.submit(act="end", turn=2)
    assert player.submit(act="end").finished
    assert player.parts == {"turn-1", "turn-2", "end"}
    assert isinstance(player.step, Finished)
    assert [comparison.row for comparison in comparisons_of(player.work, player.study)] == [0, 2]


def test_a_turn_under_way_is_judged_before_a_chat_can_end():
    player = Player(helpful(turns=4, least_turns=1))
    player.turn("q1", 1)
    player.submit(text="q2")
    with pytest.raises(SubmissionError, match="PL-SUB-003"):
        player.task.accept(player.work, {"act": "end", "turn": 2}, player.study)
    player.draw()
    with pytest.raises(SubmissionError, match="PL-SUB-002"):
        player.submit(act="end")


def test_a_turn_said_at_the_moment_of_the_end_changes_nothing():
    player = Player(helpful(turns=4, least_turns=1))
    player.turn("q1", 1)
    before = player.work
    player.submit(act="end")
    late = HumanTurn(number=2, text="q2")
    player.work = replace(player.work, turns=(*before.turns, late))
    assert isinstance(player.step, Finished)
    assert len(comparisons_of(player.work, player.study)) == 1


def test_a_chat_that_was_ended_is_still_rated():
    player = Player(helpful(turns=4, least_turns=1, rating=True))
    player.turn("q1", 1)
    assert not player.submit(act="end").finished
    assert (player.ask.act, len(player.ask.conversation)) == ("close", 2)
    assert player.submit(rating=2).finished


def test_without_least_turns_a_chat_has_all_its_turns():
    player = Player(helpful(turns=2))
    player.turn("q1", 1)
    assert player.ask.fields["may_end"] is False
    with pytest.raises(SubmissionError, match="PL-SUB-002"):
        player.submit(act="end")


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


def test_an_opening_that_asks_already_is_answered_at_once():
    opening = [{"role": "system", "text": "s"}, {"role": "human", "text": "q1"}]
    player = Player(helpful(), {"opening": opening})
    assert isinstance(player.step, Draw)
    player.turn("", 1)
    assert player.ask.act == "say"
    assert [message.text for message in player.ask.conversation][:2] == ["s", "q1"]
    player.turn("q2", 1)
    assert len(comparisons_of(player.work, player.study)) == 2
    assert len(transcript_of(player.work, player.study)) == 5


def test_a_failed_draw_costs_nothing_and_only_whole_draws_count():
    player = Player(helpful())
    player.submit(text="q1")
    player.draw("half", draw=1)
    player.work = replace(player.work, replies=player.work.replies[:1])
    assert isinstance(player.step, Draw)
    player.draw("x", "y", draw=2)
    assert sorted(player.ask.replies) == ["x", "y"]
    player.submit(step=player.for_side(0))
    assert comparisons_of(player.work, player.study)[0].continuations[0] == (assistant("x"),)


def test_a_second_draw_moves_nothing_under_the_worker():
    player = Player(helpful())
    player.submit(text="q1")
    player.draw("x", "y", draw=2)
    late = [replace(reply, id=f"late {reply.side}", draw=3, text="late") for reply in player.work.replies]
    player.work = replace(player.work, replies=(*player.work.replies, *late))
    assert sorted(player.ask.replies) == ["x", "y"]
    shown = player.ask.fields["shown"]
    early = [replace(reply, id=f"early {reply.side}", draw=1, text="early") for reply in player.work.replies[:2]]
    player.work = replace(player.work, replies=(*early, *player.work.replies))
    for stale in (shown, None, "other"):
        with pytest.raises(SubmissionError, match="PL-SUB-002") as refused:
            player.submit(step=1, shown=stale)
        assert refused.value.fields[0].field == "shown"


def test_what_is_shown_tells_neither_model_nor_side():
    player = Player(helpful())
    player.submit(text="q1")
    player.draw(models=("secret-model-a", "secret-model-b"))
    shown = str(player.ask.as_json())
    assert "secret-model" not in shown
    assert "order" not in player.ask.as_json()
    assert player.ask.as_json()["replies"] == list(player.ask.replies)


def test_the_name_of_what_is_shown_follows_from_the_texts_and_a_secret_not_from_rows():
    player = Player(helpful(seed=8))
    player.submit(text="q1")
    player.draw("x", "y")
    work, pair = player.work, player.work.pair(1)
    names = {side: pair[side].id for side in (0, 1)}
    found = shown_token(work, player.study, pair, ShownOrder((0, 1)))
    renumbered = tuple(replace(reply, id=names[1 - reply.side]) for reply in pair)
    turned = tuple(replace(pair[side], text=pair[1 - side].text) for side in (0, 1))
    assert shown_token(work, player.study, renumbered, ShownOrder((0, 1))) == found
    assert shown_token(work, player.study, turned, ShownOrder((1, 0))) == found
    others = (
        shown_token(work, player.study, pair, ShownOrder((1, 0))),
        shown_token(work, helpful(seed=9), pair, ShownOrder((0, 1))),
        shown_token(replace(work, assignment_id="a2"), player.study, pair, ShownOrder((0, 1))),
        shown_token(work, player.study, tuple(replace(reply, turn=2) for reply in pair), ShownOrder((0, 1))),
        shown_token(work, player.study, tuple(replace(reply, draw=2) for reply in pair), ShownOrder((0, 1))),
    )
    assert len({found, *others}) == 6


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_kept_to_the_byte(text):
    player = Player(helpful(edit=True, comment=True, turns=1))
    player.submit(text=text)
    player.draw(text + "1", text + "2")
    player.submit(step=player.for_side(0), edit={"position": player.ask.order.sides.index(0), "text": text + "3"})
    player.submit(comment=text)
    judged, edited = comparisons_of(player.work, player.study)
    assert judged.context == (human(text),)
    assert edited.continuations == ((assistant(text + "3"),), (assistant(text + "1"),))
    assert player.work.only(CLOSING).last.payload["comment"] == text


@pytest.mark.parametrize(
    "text", ["", "   \n", "a\0b", "x" * 16_001, "\ud800", 7, None, ["x"]], ids=lambda text: repr(text)[:20]
)
def test_turns_that_cannot_be_stored_are_refused_and_not_quoted(text):
    player = Player(helpful())
    with pytest.raises(InvalidSubmissionError) as refused:
        player.submit(text=text)
    assert refused.value.code == "PL-SUB-001"
    assert "xxx" not in str(refused.value)


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


def test_the_end_asks_for_what_the_study_asks():
    silent = Player(helpful(turns=1))
    assert silent.turn("q", 1).finished
    rated = Player(helpful(turns=1, rating=True))
    rated.turn("q", 1)
    with pytest.raises(SubmissionError, match="missing"):
        rated.submit()
    with pytest.raises(SubmissionError, match="does not ask"):
        rated.submit(rating=2, comment="c")
    with pytest.raises(InvalidSubmissionError):
        rated.submit(rating=5)
    commented = Player(helpful(turns=1, comment=True))
    commented.turn("q", 1)
    with pytest.raises(SubmissionError, match="does not ask"):
        commented.submit(rating=2)
    assert commented.submit().finished


def test_damaged_stores_are_told():
    player = Player(helpful())
    player.turn("q1", 1)
    judgement = player.work.judgements[0]
    twice = type(judgement)(id="j9", kind="turn", payload=judgement.payload)
    orphan = type(judgement)(id="j9", kind="turn", payload=judgement.payload, corrects="nobody")
    for added in (twice, orphan):
        work = replace(player.work, judgements=(judgement, added))
        with pytest.raises(StoredWorkError, match="PL-WRK-001"):
            player.task.next_step(work, player.study)
    with pytest.raises(StoredWorkError, match="not stored"):
        comparisons_of(replace(player.work, replies=()), player.study)


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


def test_the_transcript_of_a_chat_that_goes_on():
    player = Player(helpful())
    assert transcript_of(player.work, player.study) == ()
    player.turn("q1", 1)
    assert len(transcript_of(player.work, player.study)) == 2
    player.submit(text="q2")
    assert len(transcript_of(player.work, player.study)) == 2


def test_an_ask_says_what_a_form_needs():
    player = Player(harmless(continues="choice", edit=True))
    player.submit(text="q")
    player.draw()
    assert isinstance(player.step, Ask)
    assert player.ask.fields == {
        "turns": 2,
        "least_turns": None,
        "axis": "harmlessness",
        "question": "more harmful",
        "steps": 8,
        "choose_continuation": True,
        "edit": True,
        "shown": player.ask.fields["shown"],
    }


def test_an_opening_leaves_room_for_the_turns():
    """A transcript is stored again, for review and spot checks: it must not be longer than what can be stored."""
    for count, fits in ((MOST_OPENING, True), (MOST_OPENING + 1, False)):
        conversation = tuple(assistant("a") if number % 2 else human("q") for number in range(count))
        opened = replace(prompt("q"), conversation=conversation)
        (made,) = items_from_records([opened], helpful(items="x.jsonl"))
        assert isinstance(made, NewItem) is fits
        assert fits or made.code == "PL-ITM-002"
    assert MOST_OPENING + 2 * 50 == MOST_MESSAGES
