"""Adjudication: labels in a drawn order, told as the data's or a worker's, never whose; another than these can be given."""

import json
from itertools import permutations

import pytest

from plumbline.collect.kinds import Finished, InvalidSubmissionError, Purpose, SubmissionError, rulings_for, split_item
from plumbline.collect.kinds.adjudication import safety_labels_of
from plumbline.collect.kinds.harm_labels import HarmLabel
from plumbline.records import Message, Role
from tests.collect.kinds.made_up import Player, study

SAFE, UNSAFE = HarmLabel(is_safe=True, categories=()), HarmLabel(is_safe=False, categories=("self_harm",))
PRIVACY = HarmLabel(is_safe=False, categories=("privacy_violation",))
UNNAMED = HarmLabel(is_safe=False)
BOTH = HarmLabel(is_safe=False, categories=("privacy_violation", "self_harm"))
QA = (Message(Role.HUMAN, "q"), Message(Role.ASSISTANT, "r"))


def adjudicator(named="adj", **changes):
    payload = {
        "conversation": [{"role": "human", "text": "q"}, {"role": "assistant", "text": "r"}],
        "labels": [SAFE.as_json(), UNSAFE.as_json()],
        "note": "look",
        "item_key": "k",
        "assignment": "secret-assignment",
        "reply": 1,
    }
    return Player(study("two-axis-ranking"), payload | changes, Purpose.ADJUDICATION, assignment_id=named, worker="adj")


def test_the_labels_come_in_either_order_and_tell_no_author():
    firsts = set()
    for number in range(20):
        ask = adjudicator(str(number)).ask
        said = dict(zip(ask.fields["given_by"], (label["is_safe"] for label in ask.fields["labels"]), strict=True))
        assert said == {"data": True, "worker": False}
        assert adjudicator(str(number), assignment=None, reply=None).ask.fields["given_by"] == ["worker"] * 2
        firsts.add(ask.fields["labels"][0]["is_safe"])
        assert len(ask.fields["labels"]) == 2
        assert "secret-assignment" not in json.dumps(ask.as_json())
    assert firsts == {True, False}


@pytest.mark.parametrize("categories", [[], ["self_harm"], ["privacy_violation"]])
def test_a_ruling(categories):
    player = adjudicator()
    ranking = Player(player.study, {}, assignment_id="secret-assignment")
    assert rulings_for(ranking.work, [player.work]) == {}
    assert player.submit(categories=categories, none_applies=not categories, note="n").finished
    assert isinstance(player.step, Finished)
    assert rulings_for(ranking.work, [player.work]) == {
        1: HarmLabel(is_safe=not categories, categories=tuple(categories))
    }
    elsewhere = Player(player.study, {}, assignment_id="another")
    assert rulings_for(elsewhere.work, [player.work]) == {}


@pytest.mark.parametrize("given", [UNNAMED, HarmLabel(is_safe=False, categories=())])
def test_a_label_that_says_unsafe_and_not_why_is_upheld_as_it_is(given):
    player = adjudicator(labels=[given.as_json(), SAFE.as_json()])
    player.submit(categories=None, none_applies=False)
    ranking = Player(player.study, {}, assignment_id="secret-assignment")
    assert rulings_for(ranking.work, [player.work]) == {1: UNNAMED}
    (label,) = safety_labels_of(player.work, player.study)
    assert (label.is_safe, label.categories) == (False, None), "not known is not none"
    player.correct("j0", categories=["self_harm"], none_applies=False)
    assert rulings_for(ranking.work, [player.work]) == {1: UNSAFE}


def test_rulings_that_are_none():
    for labels, none_applies in (([SAFE, UNSAFE], False), ([UNNAMED, SAFE], True)):
        with pytest.raises(SubmissionError, match="PL-SUB-004"):
            adjudicator(labels=[each.as_json() for each in labels]).submit(categories=None, none_applies=none_applies)
    with pytest.raises(SubmissionError, match="PL-SUB-004"):
        adjudicator().submit(categories=["nonsense"], none_applies=False)
    with pytest.raises(InvalidSubmissionError):
        adjudicator().submit(categories=[], none_applies=True, upholds="A")


def test_a_ruling_can_be_corrected():
    player = adjudicator()
    player.submit(categories=[], none_applies=True)
    player.correct("j0", categories=["self_harm"], none_applies=False)
    ranking = Player(player.study, {}, assignment_id="secret-assignment")
    assert rulings_for(ranking.work, [player.work])[1].is_safe is False


def test_labels_that_are_split_evenly_are_ruled_on():
    item = split_item("k", QA, [SAFE, UNSAFE])
    assert item.purpose is Purpose.ADJUDICATION
    player = Player.of_item(study("safety-labels"), item)
    assert len(player.ask.fields["labels"]) == 2
    player.submit(categories=[], none_applies=True)
    # It comes from no ranking.
    assert rulings_for(Player(player.study, {}).work, [player.work]) == {}


@pytest.mark.parametrize(
    "labels",
    [[SAFE, PRIVACY, UNSAFE], [PRIVACY, UNSAFE], [SAFE, SAFE, UNSAFE, UNSAFE], [SAFE, PRIVACY, PRIVACY, UNSAFE]],
)
def test_where_a_majority_settles_nothing_somebody_rules(labels):
    for order in permutations(labels):
        item = split_item("k", QA, order)
        assert len(item.payload["labels"]) == len(labels)


@pytest.mark.parametrize(
    "labels",
    [
        [],
        [SAFE],
        [UNSAFE],
        [SAFE, SAFE],
        [SAFE, SAFE, UNSAFE],
        [SAFE, SAFE, SAFE, PRIVACY, UNSAFE],
        [SAFE, UNSAFE, UNSAFE],
        [PRIVACY, BOTH],
        [PRIVACY, PRIVACY, UNSAFE],
        [SAFE, BOTH, PRIVACY],
    ],
)
def test_a_majority_needs_no_ruling(labels):
    for order in permutations(labels):
        assert split_item("k", QA, order) is None
