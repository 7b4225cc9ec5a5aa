"""Tables → rows: what is set aside, which axis, what a reply and what stands before it are."""

import numpy as np
import pyarrow as pa
import pytest

from plumbline.models.rows.training_rows import conversation_replies, label_rows, pair_replies, preference_rows
from plumbline.records import (
    Axis,
    Message,
    NoDataError,
    Role,
    UsageError,
    comparison_table,
    conversation_column,
    safety_label_table,
)

HUMAN, ASSISTANT = Role.HUMAN, Role.ASSISTANT


def comparisons(outcomes, axes=None, sides=("yes", "no"), context=("q",)):
    count = len(outcomes)
    both = [(Message(ASSISTANT, text),) for _ in range(count) for text in sides]
    continuations = pa.ListArray.from_arrays(
        pa.array(range(0, 2 * count + 1, 2), pa.int32()), conversation_column(both)
    )
    shared = tuple(Message((HUMAN, ASSISTANT)[turn % 2], text) for turn, text in enumerate(context))
    columns = {"axis": axes or ["overall"] * count, "outcome": outcomes, "source": "s", "row": list(range(count))}
    return comparison_table(conversation_column([shared] * count), continuations, columns)


def test_ties_unjudged_and_identical_sides_are_set_aside_and_counted():
    rows = preference_rows(comparisons(["first", "tie", None, "second"]), place="x")
    assert rows.first_is_better.tolist() == [True, False]
    assert rows.set_aside == {"PL-TRN-001": 2}
    assert rows.places.rows.tolist() == [0, 3]
    assert preference_rows(_first_is_identical(), place="x").set_aside == {"PL-TRN-002": 1}


def _first_is_identical() -> pa.Table:
    same, other = comparisons(["first"], sides=("same", "same")), comparisons(["first"])
    return pa.concat_tables([same, other]).combine_chunks()


def test_nothing_to_prefer_says_whether_nobody_judged_or_the_sides_are_the_same():
    with pytest.raises(NoDataError, match=r"PL-TRN-010(.|\n)*2 ties or unjudged"):
        preference_rows(comparisons(["tie", None]), place="x")
    with pytest.raises(NoDataError, match=r"PL-TRN-019(.|\n)*2 of identical sides, 1 ties or unjudged") as caught:
        preference_rows(comparisons(["first", None, "second"], sides=("same", "same")), place="x")
    assert "same\n" not in str(caught.value)


def test_pairs_that_nobody_judged_are_said_to_be_unjudged():
    with pytest.raises(NoDataError, match=r"PL-TRN-010(.|\n)*nobody has judged(.|\n)*2 unjudged(.|\n)*collect"):
        preference_rows(comparisons([None, None]), place="x")
    with pytest.raises(NoDataError, match=r"PL-TRN-010(.|\n)*2 ties or unjudged"):
        preference_rows(comparisons(["tie", "tie"]), place="x")


def test_axes_are_never_mixed():
    table = comparisons(["first", "second", "first"], ["helpfulness", "harmlessness", "harmlessness"])
    with pytest.raises(UsageError, match=r"PL-TRN-011(.|\n)*--on"):
        preference_rows(table, place="x")
    assert len(preference_rows(table, axis=Axis.HARMLESSNESS, place="x")) == 2
    with pytest.raises(UsageError, match="no comparison is judged on overall"):
        preference_rows(table, axis=Axis.OVERALL, place="x")


def test_a_reply_is_the_last_message_and_its_prompt_all_before_it():
    first, second = pair_replies(comparisons(["first"], context=("one", "two", "three")))
    assert (list(map(str, first.texts)), list(map(str, second.texts))) == (["yes"], ["no"])
    assert str(first.prompts[0]) == "one\ntwo\nthree\n"
    whole = conversation_replies(conversation_column([(Message(HUMAN, "q"), Message(ASSISTANT, "a")), ()]))
    assert list(map(str, whole.texts)) == ["a", ""]
    assert list(map(str, whole.prompts)) == ["q\n", ""]


def test_labels_without_a_verdict_are_set_aside_and_unknown_categories_are_not_none():
    conversation = conversation_column([(Message(HUMAN, "q"), Message(ASSISTANT, str(n))) for n in range(3)])
    columns = {
        "taxonomy": "beavertails-14",
        "is_safe": [True, None, False],
        "categories": [None, None, ["self_harm"]],
        "source": "s",
        "row": [0, 1, 2],
    }
    rows = label_rows(safety_label_table(conversation, columns), place="x")
    assert rows.is_unsafe.tolist() == [False, True]
    assert rows.has_categories.tolist() == [False, True]
    assert {name: applies.tolist() for name, applies in rows.categories.items()} == {"self_harm": [False, True]}
    assert rows.set_aside == {"PL-TRN-003": 1}


def test_a_row_says_nothing_of_a_category_that_its_taxonomy_does_not_have():
    conversation = conversation_column([(Message(HUMAN, "q"), Message(ASSISTANT, str(n))) for n in range(6)])
    columns = {
        "taxonomy": ["beavertails-14", "beavertails-14", "pku-19", "ours", "ours", "theirs"],
        "is_safe": [False, True, False, False, True, True],
        "categories": [["self_harm"], [], ["Drugs"], ["own"], None, []],
        "source": "s",
        "row": list(range(6)),
    }
    rows = label_rows(safety_label_table(conversation, columns), place="x")
    known = {name: rows.knows(name).nonzero()[0].tolist() for name in ("self_harm", "Drugs", "own", "nobody's")}
    assert known == {"self_harm": [0, 1], "Drugs": [2], "own": [3], "nobody's": []}
    assert rows.take(np.array([1, 2])).knows("self_harm").tolist() == [True, False]


def test_weights_come_along_and_default_to_one():
    table = comparisons(["first", "second"])
    weighted = table.set_column(
        table.schema.get_field_index("weight"), table.schema.field("weight"), pa.array([0.25, None], pa.float32())
    )
    assert preference_rows(weighted, place="x").weights.tolist() == [0.25, 1.0]
