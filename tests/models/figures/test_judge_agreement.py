"""Where people disagreed: items found whichever way round they stand, figures by hand, copies and ties left out."""

import numpy as np
import pyarrow as pa
import pytest

from plumbline.measure import Bootstrap
from plumbline.models.calibration import Calibration
from plumbline.models.figures.judge_agreement import judge_figures, judged_items, strength_figures
from plumbline.models.figures.pair_figures import pair_figures
from plumbline.models.rows.repeated_rows import EXACT, count_repeats
from plumbline.models.rows.training_rows import PreferenceRows, preference_rows
from plumbline.records import comparison_table, conversation_column
from tests.models.made_up import question, reply

BOOTSTRAP = Bootstrap(seed=0, resamples=200)
SURE = float(np.log(3))  # of a score difference whose probability is 3/4


def rows_of(judged, **columns) -> PreferenceRows:
    """Rows of (item, whether the good side stands first, whether it was preferred); None is a tie."""
    sides, outcomes = [], []
    for item, good_first, good_wins in judged:
        both = [reply(f"good {item}"), reply(f"bad {item}")]
        sides += both if good_first else both[::-1]
        outcomes.append("tie" if good_wins is None else "first" if good_wins == good_first else "second")
    offsets = pa.array(range(0, 2 * len(judged) + 1, 2), pa.int32())
    continuations = pa.ListArray.from_arrays(offsets, conversation_column(sides))
    context = conversation_column([question(item) for item, *_ in judged])
    workers = [f"w{number}" for number in range(len(judged))]
    given = {"axis": "overall", "outcome": outcomes, "source": "made-up", "row": list(range(len(judged)))}
    return preference_rows(
        comparison_table(context, continuations, {"worker": workers, **given, **columns}), place="here"
    )


def leads(rows: PreferenceRows, lead: float = SURE) -> np.ndarray:
    """Differences of a model that gives every good side that lead."""
    good_first = np.array([text.startswith("good") for text in rows.first.texts.to_pylist()])
    return np.where(good_first, lead, -lead)


def figures(rows, lead=SURE):
    return judge_figures(leads(rows, lead), rows, Calibration(), BOOTSTRAP)


# Item 0 and 1: unanimous, one for good, one for bad. Item 2: 2 of 3 for good. Item 3: 1 of 2. Item 4: judged once.
JUDGED = [
    *((0, True, True), (0, False, True), (0, True, True)),
    *((1, True, False), (1, False, False)),
    *((2, True, True), (2, False, True), (2, False, False)),
    *((3, False, True), (3, True, False)),
    (4, True, True),
]


def test_figures_by_hand():
    found = figures(rows_of(JUDGED))
    assert (found["items"], found["judgements"], found["evenly_split"]) == (4, 10, 1)
    assert (found["unanimous"]["value"], found["unanimous"]["n"]) == (0.5, 4)
    assert (found["accuracy_unanimous"]["value"], found["accuracy_unanimous"]["n"]) == (0.5, 2)
    assert (found["accuracy_split"]["value"], found["accuracy_split"]["n"]) == (1.0, 1)
    assert found["majority_share"]["value"] == pytest.approx(2 / 3)
    assert found["majority_probability"]["value"] == pytest.approx(3 / 4)
    wrong_way = figures(rows_of(JUDGED), -SURE)
    assert wrong_way["accuracy_split"]["value"] == 0
    assert wrong_way["majority_probability"]["value"] == pytest.approx(1 / 4)


def test_the_side_shown_first_hangs_on_the_item_alone():
    turned = [(item, not good_first, wins) for item, good_first, wins in JUDGED]
    one, other = (figures(rows_of(judged)) for judged in (JUDGED, turned))
    assert one["by_share"] == other["by_share"]
    many = [(item, True, True) for item in range(60) for _ in range(2)]
    shares = figures(rows_of(many))["by_share"]
    assert [share["low"] for share in shares] == [0, 1], "a set that puts the better side first shows both"
    assert [share["model_first"]["value"] for share in shares] == pytest.approx([1 / 4, 3 / 4])
    assert sum(share["model_first"]["n"] for share in shares) == 60


def test_many_different_shares_are_told_in_bins_that_leave_no_item_out():
    judged = [(item, True, number < item % 11) for item in range(44) for number in range(10)]
    shares = figures(rows_of(judged))["by_share"]
    assert len(shares) == 5
    assert (shares[0]["low"], shares[-1]["high"]) == (0, 1)
    assert sum(share["model_first"]["n"] for share in shares) == 44


def test_ties_and_copies_are_no_judgements():
    assert judged_items(np.array([1.0]), rows_of([(0, True, True), (0, True, None)])) is None
    copies = rows_of([(0, True, True), (0, True, True)], worker=["w", "w"])
    assert judged_items(np.array([1.0, 1.0]), copies) is None
    same_side_turned = rows_of([(0, True, True), (0, False, True)], worker=["w", "w"])
    assert judged_items(leads(same_side_turned), same_side_turned).judgements.tolist() == [2]


def test_votes_count_as_judgements():
    rows = rows_of([(0, True, True), (1, True, False)], votes=[[3, 1, 5], None])
    items = judged_items(leads(rows), rows)
    assert items.judgements.tolist() == [4]
    assert items.first_share[0] in (0.25, 0.75)
    shown_good = items.differences[0] > 0
    assert items.first_share[0] == (0.75 if shown_good else 0.25)


def test_what_stands_for_several_judgements_is_no_copy_of_one_of_the_same_id():
    rows = rows_of([(0, True, True)] * 3, worker=[None] * 3, votes=[None, [3, 1, 0], [3, 1, 0]])
    assert rows.places.ids.n_unique() == 1
    assert judged_items(leads(rows), rows).judgements.tolist() == [5]
    assert count_repeats([rows]) == {EXACT: 1}


def test_rows_without_records_and_sets_judged_once_have_nothing_to_tell():
    once = rows_of([(item, True, True) for item in range(5)])
    assert figures(once) is None
    assert strength_figures(leads(once), once, BOOTSTRAP) == {}
    bare = rows_of(JUDGED)
    without = PreferenceRows(
        bare.axis, bare.first, bare.second, bare.first_is_better, bare.weights, bare.places, bare.set_aside
    )
    assert figures(without) is None
    assert strength_figures(leads(without), without, BOOTSTRAP) == {}


def test_accuracy_by_strength():
    judged = [(item, True, item % 2 == 0 or item > 9) for item in range(20)]
    rows = rows_of(judged, strength=[3 if item > 9 else 1 if item < 8 else None for item in range(20)])
    found = strength_figures(leads(rows), rows, BOOTSTRAP)
    assert list(found) == ["1", "3"]
    assert (found["1"]["value"], found["1"]["n"]) == (0.5, 8)
    assert (found["3"]["value"], found["3"]["n"]) == (1.0, 10)
    assert found["1"]["low"] < 0.5 < found["1"]["high"]


def test_an_evaluation_of_pairs_holds_both():
    rows = rows_of(JUDGED, strength=[1] * len(JUDGED))
    found = pair_figures(leads(rows), rows, Calibration(), BOOTSTRAP)
    assert found["judges"]["items"] == 4
    assert list(found["by_strength"]) == ["1"]
