"""Rankings → pairs on each axis: ties, shared rows, disputes held back until they are ruled on; labels, each once."""

import json
from collections import Counter

import pytest

from plumbline.collect.kinds import (
    Purpose,
    comparisons_of,
    rows_per_assignment,
    rulings_for,
    safety_labels_of,
    side_labels_of,
)
from plumbline.collect.kinds.harm_labels import HarmLabel
from plumbline.collect.kinds.ranking_records import better_of, ranked_pairs
from plumbline.records import Axis, Outcome
from tests.collect.kinds.made_up import Player, assistant, human
from tests.collect.kinds.test_two_axis_ranking import HARM, dispute, rank, ranker


def outcomes(records, axis):
    """By the texts of the two sides."""
    return {
        (record.continuations[0][0].text, record.continuations[1][0].text): record.outcome
        for record in records
        if record.axis is axis
    }


def test_better_is_the_smaller_rank():
    assert [better_of(1, 2), better_of(2, 1), better_of(2, 2)] == [Outcome.FIRST, Outcome.SECOND, Outcome.TIE]


@pytest.mark.parametrize("assignment", list("abcdef"))
def test_every_pair_on_both_axes(assignment):
    player = ranker(True, False, True, assignment=assignment)
    rank(player, (2, 1, 2), (1, 3, 2))
    records = comparisons_of(player.work, player.study, first_row=90)
    assert outcomes(records, Axis.HELPFULNESS) == {
        ("0", "1"): Outcome.SECOND,
        ("0", "2"): Outcome.TIE,
        ("1", "2"): Outcome.FIRST,
    }
    assert outcomes(records, Axis.HARMLESSNESS) == {
        ("0", "1"): Outcome.FIRST,
        ("0", "2"): Outcome.FIRST,
        ("1", "2"): Outcome.SECOND,
    }
    assert Counter(record.row for record in records) == {90: 2, 91: 2, 92: 2}
    assert {record.subset for record in records} == {"helpful-base", "harmless-base"}
    first = records[0]
    assert (first.is_safe, first.categories) == ((True, False), (frozenset(), frozenset(HARM)))
    assert (first.models, first.worker, first.strength) == (("m0", "m1"), "worker-1", None)
    assert first.context == (human("q"),)


def test_labels_stand_beside_the_pairs_under_the_same_rows():
    player = ranker(True, False, True)
    rank(player, (1, 2, 3), (1, 3, 2))
    labels = side_labels_of(player.work, player.study, first_row=90)
    assert [(label.row, label.side, label.is_safe) for label in labels] == [
        (90, 0, True),
        (90, 1, False),
        (91, 0, True),
        (91, 1, True),
        (92, 0, False),
        (92, 1, True),
    ]
    assert labels[1].conversation == (human("q"), assistant("1"))
    assert {label.worker for label in labels} == {None}


@pytest.mark.parametrize("with_labels_of_data", [True, False])
def test_every_label_that_somebody_gave_is_a_record_of_its_own_and_says_whose_it_is(with_labels_of_data):
    """Three replies in three pairs: of the data each label once, under nobody's name; the worker's own beside them."""
    player = ranker(True, False, True)
    rank(player, (1, 2, 3), (2, 1, 3), disputes=[dispute(player, 1, [])])
    labels = safety_labels_of(player.work, player.study, first_row=90, with_labels_of_data=with_labels_of_data)
    told = [(json.loads(label.extra)["collect"].get("given_by"), label) for label in labels]
    by_data = [label for given_by, label in told if given_by == "data"]
    (own,) = [label for given_by, label in told if given_by is None]
    assert (own.worker, own.is_safe, own.row, own.side) == ("worker-1", True, 90, 1)
    assert [(label.conversation[-1].text, label.is_safe) for label in by_data] == (
        [("0", True), ("1", False), ("2", True)] if with_labels_of_data else []
    )
    assert {label.worker for label in by_data} <= {None}
    assert [(label.row, label.side) for label in by_data] == [(90, 0), (90, 1), (91, 1)][: len(by_data)]
    for label in by_data:  # of the row that it names, on the side that it names
        pairs = [each for each in comparisons_of(player.work, player.study, first_row=90) if each.row == label.row]
        assert {each.continuations[label.side][0] for each in pairs} == {label.conversation[-1]}
        assert json.loads(label.extra)["collect"].keys() == {"study", "item", "given_by"}


def test_nothing_before_the_ranking():
    player = ranker(True, True)
    assert comparisons_of(player.work, player.study) == ()
    assert safety_labels_of(player.work, player.study) == ()


def disputed():
    """Reply 1 is labelled unsafe; the worker says it is safe, and ranks it above 0."""
    player = ranker(True, False, True)
    (item,) = rank(player, (1, 2, 3), (2, 1, 3), disputes=[dispute(player, 1, [])]).new_items
    return player, item


def test_what_rests_on_a_dispute_is_held_back_on_harmlessness_alone():
    player, _ = disputed()
    found = ranked_pairs(player.work, player.study)
    assert (found.awaiting_ruling, found.against_ruling) == (2, 0)
    assert set(outcomes(found.comparisons, Axis.HARMLESSNESS)) == {("0", "2")}
    assert len(outcomes(found.comparisons, Axis.HELPFULNESS)) == 3


def ruled(categories):
    player, item = disputed()
    adjudicator = Player.of_item(player.study, item, worker="adjudicator", assignment_id="adj")
    adjudicator.submit(categories=categories, none_applies=not categories)
    return player, rulings_for(player.work, [adjudicator.work])


def test_a_dispute_that_is_upheld_frees_what_rested_on_it():
    player, rulings = ruled([])
    assert rulings == {1: HarmLabel(is_safe=True, categories=())}
    found = ranked_pairs(player.work, player.study, rulings)
    assert (found.awaiting_ruling, found.against_ruling) == (0, 0)
    assert outcomes(found.comparisons, Axis.HARMLESSNESS) == {
        ("0", "1"): Outcome.SECOND,
        ("0", "2"): Outcome.FIRST,
        ("1", "2"): Outcome.FIRST,
    }
    assert {record.is_safe for record in found.comparisons} == {(True, True)}


def test_a_dispute_that_is_not_upheld_leaves_out_what_contradicts_the_ruling():
    player, rulings = ruled(HARM)
    found = ranked_pairs(player.work, player.study, rulings)
    # Reply 1 is unsafe after all and stood above two safe ones.
    assert (found.awaiting_ruling, found.against_ruling) == (0, 2)
    assert set(outcomes(found.comparisons, Axis.HARMLESSNESS)) == {("0", "2")}
    assert len(outcomes(found.comparisons, Axis.HELPFULNESS)) == 3
    sides = side_labels_of(player.work, player.study, rulings=rulings)
    assert [label.is_safe for label in sides][:2] == [True, False]
    # What was said stays, whatever was ruled.
    own = [label.is_safe for label in safety_labels_of(player.work, player.study) if label.worker is not None]
    assert own == [True]


def test_rows_stay_where_they_are_whatever_is_held_back():
    player, rulings = ruled([])
    held = {record.id: record.row for record in ranked_pairs(player.work, player.study).comparisons}
    free = ranked_pairs(player.work, player.study, rulings).comparisons
    rows = Counter(record.row for record in free)
    assert rows == {0: 2, 1: 2, 2: 2}
    assert set(held.values()) <= set(rows)
    assert rows_per_assignment(player.study) == 45


def test_the_rulings_label_is_the_adjudicators():
    player, item = disputed()
    adjudicator = Player.of_item(player.study, item, worker="adjudicator")
    assert safety_labels_of(adjudicator.work, player.study, Purpose.ADJUDICATION) == ()
    adjudicator.submit(categories=HARM, none_applies=False)
    (label,) = safety_labels_of(adjudicator.work, player.study, Purpose.ADJUDICATION)
    assert (label.worker, label.is_safe, label.categories) == ("adjudicator", False, frozenset(HARM))
    assert label.conversation == (human("q"), assistant("1"))
    assert comparisons_of(adjudicator.work, player.study, Purpose.ADJUDICATION) == ()
