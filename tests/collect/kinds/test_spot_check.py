"""Spot checks of the writing: the first of each worker, then a share; never by the worker themselves."""

import json
from dataclasses import replace

import pytest

from plumbline.collect.kinds import (
    Finished,
    InvalidSubmissionError,
    Purpose,
    described_for_checks,
    is_spot_checked,
    transcript_of,
    writing_item,
)
from tests.collect.kinds.made_up import Player, study


def chat(**settings):
    return Player(study("preference-chat", axes=["helpfulness"], turns=1, **settings))


def test_the_first_and_then_a_share():
    player = chat(spot_check={"share": 0.1, "first": 2})
    works = [replace(player.work, assignment_id=str(number)) for number in range(500)]
    assert all(is_spot_checked(player.study, work, before) for work in works[:50] for before in (0, 1))
    later = [is_spot_checked(player.study, work, 2) for work in works]
    assert 30 <= sum(later) <= 70
    assert later == [is_spot_checked(player.study, work, 3) for work in works]


def test_all_or_none():
    player = chat(spot_check={"share": 1.0})
    assert is_spot_checked(player.study, player.work, 9)
    assert not is_spot_checked(chat().study, player.work, 0)


def test_a_check():
    player = chat()
    player.turn("what I wrote", 1)
    item = writing_item(player.work, transcript_of(player.work, player.study))
    assert (item.purpose, item.author) == (Purpose.SPOT_CHECK, "worker-1")
    checker = Player.of_item(player.study, item, worker="checker")
    assert checker.ask.conversation[0].text == "what I wrote"
    assert '"a1"' not in json.dumps(checker.ask.as_json())
    assert checker.submit(mark=4, note="good").finished
    assert isinstance(checker.step, Finished)
    checker.correct("j0", mark=1)
    assert checker.work.judgements[1].payload == {"mark": 1, "note": None}


def test_whoever_checks_sees_what_was_edited_whether_it_went_on_or_not():
    player, originals = Player(study("preference-chat", axes=["helpfulness"], turns=3, edit=True)), []
    for turn, edited in ((1, 0), (2, None), (3, 1)):
        player.submit(text=f"q{turn}")
        player.draw()
        originals.append(player.ask.replies)
        player.submit(step=1, edit=None if edited is None else {"position": edited, "text": f"mended {turn}"})
    item = writing_item(player.work, transcript_of(player.work, player.study))
    ask = Player.of_item(player.study, item, worker="checker").ask
    assert ask.fields["edited"] == [
        {"message": 1, "original": originals[0][0], "text": "mended 1"},
        {"message": 5, "original": originals[2][1], "text": "mended 3"},
    ]
    # A is better and goes on: of the two that were edited, the first.
    assert [ask.conversation[place].text for place in (1, 5)] == ["mended 1", originals[2][0]]


@pytest.mark.parametrize("submission", [{"mark": 0}, {"mark": 5}, {}, {"mark": 2, "note": "x" * 4001}])
def test_checks_that_are_none(submission):
    player = chat()
    checker = Player.of_item(player.study, writing_item(player.work, ()))
    with pytest.raises(InvalidSubmissionError):
        checker.submit(**submission)


@pytest.mark.parametrize(
    ("settings", "told"),
    [({}, "make it swear"), ({"review": {"show_description": False}}, None), ({"review": {}}, "make it swear")],
)
def test_whoever_checks_a_red_teamer_sees_what_they_set_out_to_try_unless_reviewers_may_not(settings, told):
    player = Player(study("red-team-chat", turns=1, **settings))
    player.submit(agreed=True)
    player.submit(task_description="make it swear")
    item = writing_item(player.work, (), described_for_checks(player.work, player.study))
    ask = Player.of_item(player.study, item, worker="checker").ask
    assert ask.fields.get("task_description") == told
