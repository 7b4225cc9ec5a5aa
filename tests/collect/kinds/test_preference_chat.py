"""Preference chat, played through: which reply is better, which goes on, what is stored."""

from dataclasses import replace

import pytest

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
from plumbline.collect.kinds.preference_chat import CLOSING
from plumbline.collect.kinds.sides import ShownOrder
from plumbline.records import Axis, Outcome
from plumbline.records.identity import comparison_ids
from tests.collect.kinds.made_up import HOSTILE, Player, assistant, harmless, helpful, human
from tests.collect.kinds.records_made import prompt


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


def test_the_transcript_of_a_chat_that_goes_on():
    player = Player(helpful())
    assert transcript_of(player.work, player.study) == ()
    player.turn("q1", 1)
    assert len(transcript_of(player.work, player.study)) == 2
    player.submit(text="q2")
    assert len(transcript_of(player.work, player.study)) == 2
