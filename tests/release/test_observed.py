"""What is gathered over batches beside the texts: who is named and where, and which rows say that a program made them up."""

import json

import polars as pl
import pyarrow as pa
import pytest

from plumbline.records import Kind, conversation_column, red_team_attempt_table
from plumbline.records.message import Message, Role
from plumbline.release.observed import Observer


def observed(**columns):
    """What an observer saw of three attempts, in batches of one."""
    said = conversation_column([(Message(Role.HUMAN, text),) for text in ("one", "two", "three")])
    table = red_team_attempt_table(said, {"source": "s", "row": pa.array([0, 1, 2]), **columns})
    observer = Observer(lambda _: pl.DataFrame({"text": [], "kind": []}))
    for row in range(3):
        observer.look(Kind.RED_TEAM_ATTEMPTS, table.slice(row, 1))
    return observer, table


NAMED = "other words, such as a name"


@pytest.mark.parametrize(
    ("columns", "refused", "place"),
    [
        ({"worker": pa.array(["7", "Ada", "Ada"])}, {NAMED: 1}, "worker"),
        ({"extra": pa.array([None, '{"annotator": "Ada"}', '{"annotator": 7}'])}, {NAMED: 1}, "extra"),
        (
            {"extra": pa.array([None, '{"worker": "Ada"', "{}"])},
            {"extra that is no JSON object, so nobody can tell": 1},
            "extra",
        ),
        (
            {"extra": pa.array([None, json.dumps({"file": "/home/ada/x"}), None])},
            {"path through somebody's folder": 1},
            "extra",
        ),
        (
            {"model_type": pa.array([None, "/Users/ada/model", "a"])},
            {"path through somebody's folder": 1},
            "model_type",
        ),
        (
            {"reviews": pa.array([[], [{"reviewer": "Ada", "rating": 1.0, "tags": []}], []])},
            {NAMED: 1},
            "reviews (reviewer)",
        ),
    ],
)
def test_whatever_may_lead_to_who_judged_is_told_by_shape_record_and_column(columns, refused, place):
    observer, table = observed(**columns)
    found = observer.workers()
    assert dict(found.refused) == refused
    assert found.ids == (table["id"][1].as_py(),)
    assert dict(found.places) == {f"red_team_attempts, column {place}": 1}


def test_rows_that_say_that_a_program_made_them_up_are_counted():
    assert observed(source=pa.array(["a-synthetic/x", "a/Synthetic.jsonl", "b"]))[0].synthetic_rows == 2
    assert not observed()[0].is_synthetic


def test_what_gates_say_is_the_same_however_the_rows_come():
    said = conversation_column([(Message(Role.HUMAN, text),) for text in ("one", "two", "one", "two")])
    columns = {"source": "s", "row": pa.array(range(4)), "split": pa.array(["b", "b", "a", "a"])}
    table = red_team_attempt_table(said, columns)
    found = []
    for batches in ([table], [table.slice(2), table.slice(0, 2)], [table.slice(row, 1) for row in range(4)]):
        observer = Observer(lambda _: pl.DataFrame({"text": [], "kind": []}))
        for each in batches:
            observer.look(Kind.RED_TEAM_ATTEMPTS, each)
        found.append((observer.personal_data().texts, observer.leakage()))
    assert found[0] == found[1] == found[2]
    assert found[0][1].prompts == {("a", "b"): 2}
