"""The ceiling beside an accuracy: by hand, against single judgements and against majorities, and where it is not told."""

import json

import pyarrow as pa
import pytest

from plumbline.measure import Bootstrap
from plumbline.models.figures.accuracy_ceiling import COPIES, EVEN, NO_MAJORITY, accuracy_ceiling
from plumbline.models.rows.training_rows import LabelRows, label_rows, preference_rows
from plumbline.records import conversation_column, safety_label_table
from tests.models.figures.test_judge_agreement import rows_of
from tests.models.made_up import question, reply

BOOTSTRAP = Bootstrap(seed=0, resamples=100)
AGREED, SPLIT = [(True, True), (False, True)], [(True, True), (False, False)]
"""Two judgements of one item: whether the good side stands first, whether it was preferred."""


def pairs(agreed=8, split=2, **columns):
    """Items judged by two people each."""
    items = [AGREED] * agreed + [SPLIT] * split
    return rows_of([(item, *judged) for item, both in enumerate(items) for judged in both], **columns)


def labels(judged) -> LabelRows:
    """Rows of (item, is_safe, worker, extra)."""
    items, is_safe, workers, extras = map(list, zip(*judged, strict=True))
    columns = {"is_safe": is_safe, "worker": workers, "extra": extras, "taxonomy": "beavertails-14"}
    rows = {"source": "made-up", "row": list(range(len(judged)))}
    table = safety_label_table(
        conversation_column([question(item) + reply("yes") for item in items]), {**columns, **rows}
    )
    return label_rows(table, place="here")


def value(figure):
    return figure["value"]


def test_single_judgements_by_hand_whichever_side_stands_first():
    found = accuracy_ceiling(pairs(), BOOTSTRAP)
    assert (value(found["lower"]), found["lower"]["n"]) == (0.8, 10)
    assert value(found["upper"]) == pytest.approx((1 + 0.6**0.5) / 2)
    assert (found["of"], found["rows"], found["label_votes"], found["note"]) == ("pairs", 20, 1, None)


def test_a_worker_who_judges_again_is_no_second_judge_and_ties_are_counted():
    assert accuracy_ceiling(pairs(worker=["w"] * 20), BOOTSTRAP)["lower"]["why_undefined"] == "no item was judged twice"
    ties = [(item, True, None) for item in range(3)]
    rows = rows_of([*((item, *judged) for item in range(12) for judged in AGREED), *ties])
    assert accuracy_ceiling(rows, BOOTSTRAP)["ties_set_aside"] == 3


def test_rows_of_nobody_count_and_the_doubt_is_told():
    nobody = pa.nulls(20, pa.string())
    assert accuracy_ceiling(pairs(worker=nobody), BOOTSTRAP)["note"] == COPIES
    alike = accuracy_ceiling(pairs(10, 0, worker=nobody), BOOTSTRAP)
    assert value(alike["upper"]) is None
    assert "copies" in alike["upper"]["why_undefined"]
    assert value(accuracy_ceiling(pairs(10, 0), BOOTSTRAP)["lower"]) == 1, "ten times two people who are known agree"


def test_few_items_tell_nothing():
    assert accuracy_ceiling(pairs(8, 1), BOOTSTRAP)["lower"]["why_undefined"] == "only 9 items judged twice"


def voted(votes):
    """Pairs that stand for votes; the better side is the first where it has more, a tie where it has as many."""
    outcomes = ["first" if a > b else "second" if b > a else "tie" for a, b, _ in votes]
    judged = [(item, True, {"first": True, "second": False, "tie": None}[each]) for item, each in enumerate(outcomes)]
    nobody = pa.nulls(len(votes), pa.string())
    return rows_of(judged, worker=nobody, votes=pa.array(votes, pa.list_(pa.int32())))


def test_against_the_majority_of_an_odd_number_of_votes():
    found = accuracy_ceiling(voted([(3, 0, 0)] * 5 + [(1, 2, 0)] * 5), BOOTSTRAP)
    agreement = (5 + 5 / 3) / 10
    equal = (1 + (2 * agreement - 1) ** 0.5) / 2
    assert found["label_votes"] == 3
    assert value(found["lower"]) == pytest.approx(agreement)
    assert value(found["upper"]) == pytest.approx(equal**2 * (3 - 2 * equal)), "two of three are right"


def test_of_even_votes_only_the_lower_bound_is_told_and_tied_rows_are_not_forgotten():
    found = accuracy_ceiling(voted([(2, 0, 0)] * 6 + [(1, 1, 0)] * 6), BOOTSTRAP)
    assert (value(found["lower"]), found["upper"]["why_undefined"]) == (0.5, EVEN)
    assert found["rows"] == 6, "rows that are ties are not measured"


def test_labels_that_are_no_majority_of_their_votes_have_no_ceiling():
    rows = voted([(3, 0, 0)] * 11)
    turned = rows.records.table["outcome"].combine_chunks()
    second = pa.array(["second"] * len(turned)).dictionary_encode().cast(turned.type)
    table = rows.records.table.set_column(rows.records.table.schema.get_field_index("outcome"), "outcome", second)
    assert accuracy_ceiling(preference_rows(table, place="here"), BOOTSTRAP)["lower"]["why_undefined"] == NO_MAJORITY


def test_labels_by_hand_and_by_the_votes_that_curation_noted():
    judged = [(item, item % 2 == 0, worker, None) for item in range(9) for worker in ("w1", "w2")]
    found = accuracy_ceiling(labels([*judged, (9, True, "w1", None), (9, False, "w2", None)]), BOOTSTRAP)
    assert (value(found["lower"]), found["of"], found["rows"]) == (0.9, "labels", 20)
    noted = [json.dumps({"aggregated": {"votes": [3, 0] if item % 2 else [1, 2]}}) for item in range(10)]
    found = accuracy_ceiling(labels([(item, item % 2 == 1, None, note) for item, note in enumerate(noted)]), BOOTSTRAP)
    assert (found["label_votes"], value(found["lower"])) == (3, pytest.approx((5 + 5 / 3) / 10))
    foreign = [json.dumps({"aggregated": {"votes": "many" if item % 2 else 3}}) for item in range(10)]
    found = accuracy_ceiling(labels([(item, True, None, note) for item, note in enumerate(foreign)]), BOOTSTRAP)
    assert found["lower"]["why_undefined"] == "no item was judged twice", "notes of somebody else's are no votes"
