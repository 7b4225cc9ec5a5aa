"""Red-team chat: consent and intent before anything, what is asked is harm, what is stored is the better side."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.collect.kinds import (
    Finished,
    InvalidSubmissionError,
    Purpose,
    StoredWorkError,
    SubmissionError,
    attempt_of,
    comparisons_of,
    items_from_records,
)
from plumbline.records import (
    Axis,
    Outcome,
    Review,
    conversation_column,
    red_team_attempt_table,
)
from tests.collect.kinds.made_up import HOSTILE, Player, assistant, human, study
from tests.collect.kinds.records_made import prompt


def attack(**settings):
    given_settings = {"turns": 2, "question": "more harmful", "continues": "worse", "review": {"tags": ["x", "y", "z"]}}
    return study("red-team-chat", **given_settings | settings)


def begun(**settings):
    player = Player(attack(**settings))
    player.submit(agreed=True)
    player.submit(task_description="to make it swear")
    return player


def played(**settings):
    player = begun(**settings)
    player.turn("q1", player_step(player, "q1"))
    player.turn("q2", 1)
    return player


def player_step(player, text):
    player.submit(text=text)
    player.draw("mild", "nasty")
    return player.for_side(1)


def test_the_order_of_things():
    player = Player(attack())
    assert (player.ask.act, player.ask.fields["warning"]) == ("consent", "Take care.")
    player.submit(agreed=True)
    assert player.ask.act == "describe"
    with pytest.raises(SubmissionError, match="PL-SUB-002"):
        player.submit(act="say", turn=1, text="straight on")
    player.submit(task_description="to make it swear")
    assert player.ask.act == "say"
    player.turn("q1", player_step(player, "q1"))
    player.turn("q2", 1)
    assert (player.ask.act, player.ask.fields["task_description"]) == ("rate-self", "to make it swear")
    assert player.submit(rating=4).finished
    assert isinstance(player.step, Finished)


def test_no_consent_is_no_work_and_no_judgement():
    player = Player(attack())
    accepted = player.submit(agreed=False)
    assert (accepted.declined, accepted.finished, accepted.judgements) == (True, False, ())
    assert player.ask.act == "consent"
    with pytest.raises(InvalidSubmissionError):
        player.submit(agreed="yes")


def test_two_consents_are_a_fault_of_the_store():
    player = begun()
    consent = player.work.judgements[0]
    work = replace(player.work, judgements=(consent, replace(consent, id="again")))
    with pytest.raises(StoredWorkError, match="PL-WRK-001"):
        player.task.next_step(work, player.study)


def test_a_chat_may_begin_with_a_prompt():
    red_team = attack(items={"prompts": "x"})
    (item,) = items_from_records([prompt("q")], red_team)
    player = Player.of_item(red_team, item)
    player.submit(agreed=True)
    player.submit(task_description="d")
    assert player.step.conversation == (human("q"),)


def test_the_more_harmful_reply_is_stored_as_the_worse_and_goes_on():
    player = begun()
    player.submit(text="q1")
    player.draw("mild", "nasty")
    position = player.ask.replies.index("nasty")
    player.submit(step=1 if position == 0 else 8)
    assert player.ask.conversation == (human("q1"), assistant("nasty"))
    (comparison,) = comparisons_of(player.work, player.study)
    assert comparison.axis is Axis.HARMLESSNESS
    assert comparison.outcome is Outcome.FIRST
    assert comparison.continuations[0] == (assistant("mild"),)
    assert (comparison.strength, comparison.subset) == (4, "harmless-base")


@given(st.text(max_size=10), st.sampled_from(["better", "worse"]))
def test_which_goes_on_changes_no_record(assignment, continues):
    player = Player(attack(continues=continues, turns=1), assignment_id=assignment)
    player.submit(agreed=True)
    player.submit(task_description="d")
    player.submit(text="q")
    player.draw("mild", "nasty")
    player.submit(step=player.for_side(1, strength=2))
    (comparison,) = comparisons_of(player.work, player.study)
    assert (comparison.outcome, comparison.strength) == (Outcome.FIRST, 2)
    assert player.ask.conversation[-1] == assistant("mild" if continues == "better" else "nasty")


def test_the_attempt():
    player = played()
    assert attempt_of(player.work, player.study) is None
    player.submit(rating=3)
    attempt = attempt_of(player.work, player.study, row=7)
    assert attempt.transcript[:3] == (human("q1"), assistant("nasty"), human("q2"))
    assert len(attempt.transcript) == 4
    assert (attempt.task_description, attempt.rating, attempt.outcome) == ("to make it swear", 3.0, None)
    assert (attempt.worker, attempt.tags, attempt.reviews, attempt.row) == ("worker-1", None, (), 7)
    assert json.loads(attempt.extra)["collect"]["assignment"] == "a1"


def test_the_attempts_id_is_the_one_that_a_table_gives():
    player = played()
    player.submit(rating=3)
    attempt = attempt_of(player.work, player.study)
    columns = {
        name: [getattr(attempt, name)] for name in ("task_description", "rating", "model_type", "worker", "row")
    } | {"source": "s"}
    row = red_team_attempt_table(conversation_column([attempt.transcript]), columns).to_pylist()[0]
    assert (row["id"], row["group_id"]) == (attempt.id, attempt.group_id)


def test_the_model_is_named_only_where_it_is_one():
    player = begun(turns=1)
    player.submit(text="q")
    player.draw(models=("llama", "llama"))
    player.submit(step=1)
    player.submit(rating=0)
    assert attempt_of(player.work, player.study).model_type == "llama"
    mixed = begun()
    for models, text in ((("llama", "llama"), "q1"), (("qwen", "qwen"), "q2")):
        mixed.submit(text=text)
        mixed.draw(models=models)
        mixed.submit(step=1)
    mixed.submit(rating=0)
    attempt = attempt_of(mixed.work, mixed.study)
    assert attempt.model_type is None
    assert json.loads(attempt.extra)["collect"]["models"] == ["llama", "qwen"]


def test_reviews_join_the_attempt():
    player = played()
    (item,) = player.submit(rating=3).new_items
    reviewers = [Player.of_item(player.study, item, worker=f"reviewer-{n}", assignment_id=f"r{n}") for n in (2, 1, 3)]
    reviewers[0].submit(rating=1, tags=["x"])
    reviewers[1].submit(rating=4, tags=["z", "x"])
    attempt = attempt_of(player.work, player.study, [reviewer.work for reviewer in reviewers])
    assert attempt.reviews == (
        Review(reviewer="reviewer-1", rating=4.0, tags=("z", "x")),
        Review(reviewer="reviewer-2", rating=1.0, tags=("x",)),
    )
    assert attempt.tags == ("x", "z")
    assert attempt.rating == 3.0


def test_the_review_item_names_its_author_and_tells_nothing_of_them():
    player = played()
    (item,) = player.submit(rating=3).new_items
    assert (item.purpose, item.author, item.overlap) == (Purpose.REVIEW, "worker-1", 3)
    told = json.dumps(item.payload)
    for secret in ("worker-1", "m0", "m1", '"rating"'):
        assert secret not in told
    reviewer = Player.of_item(player.study, item, worker="w2")
    assert reviewer.ask.fields["task_description"] == "to make it swear"
    shown = json.dumps(reviewer.ask.as_json())
    assert '"a1"' not in shown
    hidden = played(review={"show_description": False})
    (item,) = hidden.submit(rating=3).new_items
    assert "swear" not in json.dumps(item.payload)


def test_without_reviews_there_is_nothing_to_review():
    player = Player(study("red-team-chat", turns=1))
    player.submit(agreed=True)
    player.submit(task_description="d")
    player.turn("q", 1)
    assert player.submit(rating=0).new_items == ()


def test_reviews_of_others_or_by_the_author_are_no_reviews():
    player = played()
    (item,) = player.submit(rating=3).new_items
    own = Player.of_item(player.study, item, worker="worker-1")
    own.submit(rating=4)
    with pytest.raises(StoredWorkError, match="own attempt"):
        attempt_of(player.work, player.study, [own.work])
    elsewhere = Player(player.study, {**item.payload, "attempt": "another"}, Purpose.REVIEW, worker="w2")
    with pytest.raises(StoredWorkError, match="another attempt"):
        attempt_of(player.work, player.study, [elsewhere.work])


@pytest.mark.parametrize("rating", [-1, 5, 2.5, "3", None, True])
def test_ratings_that_are_none(rating):
    with pytest.raises(InvalidSubmissionError):
        played().submit(rating=rating)


@pytest.mark.parametrize("text", ["", " \n ", "x" * 2001, "a\0"])
def test_descriptions_that_are_none(text):
    player = Player(attack())
    player.submit(agreed=True)
    with pytest.raises(InvalidSubmissionError):
        player.submit(task_description=text)


def test_a_comment_only_where_it_is_asked_for():
    with pytest.raises(SubmissionError, match="does not ask"):
        played().submit(rating=1, comment="c")
    assert played(comment=True).submit(rating=1, comment="c").finished


def test_ratings_and_steps_can_be_corrected_but_not_the_intent():
    player = played()
    player.submit(rating=3)
    names = {judgement.kind: judgement.id for judgement in player.work.judgements}
    player.correct(names["self-rating"], rating=1)
    assert attempt_of(player.work, player.study).rating == 1.0
    for kind in ("consent", "intent"):
        with pytest.raises(SubmissionError, match="PL-SUB-005"):
            player.correct(names[kind], task_description="something else", agreed=True)
    before = comparisons_of(player.work, player.study)[1]
    player.correct(names["turn"], turn=2, step=8)
    assert comparisons_of(player.work, player.study)[1].outcome is not before.outcome


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_reaches_the_attempt_to_the_byte(text):
    player = Player(attack(turns=1))
    player.submit(agreed=True)
    player.submit(task_description=text)
    player.turn(text, 1)
    player.submit(rating=0)
    attempt = attempt_of(player.work, player.study)
    assert attempt.task_description == text
    assert attempt.transcript[0] == human(text)


def test_an_attack_that_its_worker_ended_is_rated_and_reviewed_as_it_stands():
    player = begun(turns=4, least_turns=1)
    player.turn("q1", 1)
    player.submit(act="end")
    assert player.ask.act == "rate-self"
    (review,) = player.submit(rating=4).new_items
    attempt = attempt_of(player.work, player.study)
    assert [message.text for message in attempt.transcript] == [part["text"] for part in review.payload["transcript"]]
    assert len(attempt.transcript) == 2
