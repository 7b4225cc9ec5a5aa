"""Ids: the same on columns as on single rows, told apart by every field, blind to what they must be blind to."""

from hashlib import sha256

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.records import (
    Axis,
    Message,
    Outcome,
    Role,
    comparison_table,
    conversation_column,
    red_team_attempt_table,
    safety_label_table,
)
from plumbline.records.identity import (
    comparison_ids,
    digest,
    group_id,
    netstring,
    red_team_attempt_ids,
    safety_label_ids,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
messages = st.builds(Message, st.sampled_from(list(Role)), texts)
conversations = st.lists(messages, max_size=4).map(tuple)
sides = st.lists(messages, min_size=1, max_size=3).map(tuple)


def _table(context, first, second, outcome, worker):
    continuations = pa.ListArray.from_arrays(pa.array([0, 2], pa.int32()), conversation_column([first, second]))
    columns = {"axis": Axis.HARMLESSNESS, "outcome": outcome, "worker": worker, "source": "s", "row": [0]}
    return comparison_table(conversation_column([context]), continuations, columns)


@settings(max_examples=60, deadline=None)
@given(conversations, sides, sides, st.sampled_from([None, *Outcome]), st.none() | texts)
def test_columns_give_the_ids_of_single_rows(context, first, second, outcome, worker):
    row = _table(context, first, second, outcome, worker).to_pylist()[0]
    expected = comparison_ids(context, (first, second), Axis.HARMLESSNESS, outcome=outcome, worker=worker)
    assert (row["id"], row["item_id"], row["group_id"]) == expected


names = st.none() | st.frozensets(texts, max_size=3)
small = st.none() | st.integers(0, 3)


@settings(max_examples=60, deadline=None)
@given(conversations, names, st.none() | st.booleans(), small, small, st.none() | texts)
def test_columns_give_the_ids_of_single_labels(conversation, categories, is_safe, severity, confidence, worker):
    values = {"is_safe": is_safe, "severity": severity, "confidence": confidence, "worker": worker}
    columns = {name: [value] for name, value in values.items()} | {"taxonomy": "pku-19", "source": "s", "row": [0]}
    columns["categories"] = [None if categories is None else list(categories)]
    row = safety_label_table(conversation_column([conversation]), columns).to_pylist()[0]
    expected = safety_label_ids(conversation, "pku-19", categories=categories, **values)
    assert (row["id"], row["item_id"], row["group_id"]) == expected


@settings(max_examples=60, deadline=None)
@given(conversations, st.none() | texts, st.none() | st.floats(0, 4), st.none() | texts, st.none() | texts)
def test_columns_give_the_ids_of_single_attempts(transcript, described, rating, model_type, worker):
    values = {"task_description": described, "rating": rating, "model_type": model_type, "worker": worker}
    columns = {name: [value] for name, value in values.items()} | {"source": "s", "row": [0]}
    row = red_team_attempt_table(conversation_column([transcript]), columns).to_pylist()[0]
    assert (row["id"], row["group_id"]) == red_team_attempt_ids(transcript, **values)


def test_netstrings_count_bytes_and_mark_what_is_absent():
    assert netstring("é") == "2:é,"
    assert netstring("") == "0:,"
    assert netstring(None) == "-,"


def test_an_id_is_pinned():
    # Another value here means that every id ever written has changed.
    assert digest("comparison", "harmlessness", None) == "02847d0028845ce6daf8b741235784be"


def test_a_comparison_names_its_item_and_which_side_stands_first():
    context = (Message(Role.HUMAN, "hi"),)
    lesser, greater = (Message(Role.ASSISTANT, "a"),), (Message(Role.ASSISTANT, "b"),)
    chain = "4:item,12:harmlessness,13:5:human,2:hi,,16:9:assistant,1:a,,16:9:assistant,1:b,,"
    item = sha256(chain.encode()).hexdigest()[:32]
    swapped = sha256(f"10:comparison,32:{item},1:1,5:first,1:3,-,".encode()).hexdigest()[:32]
    assert comparison_ids(context, (greater, lesser), "harmlessness", outcome="first", strength=3)[:2] == (
        swapped,
        item,
    )


def test_item_id_ignores_side_order_outcome_and_worker():
    context, first, second = (
        (Message(Role.HUMAN, "hi"),),
        (Message(Role.ASSISTANT, "a"),),
        (Message(Role.ASSISTANT, "b"),),
    )
    one = comparison_ids(context, (first, second), "harmlessness", outcome="first", worker="w")
    other = comparison_ids(context, (second, first), "harmlessness", outcome="first", worker=None)
    assert one[1] == other[1]
    assert one[0] != other[0]
    assert one[1] != comparison_ids(context, (first, second), "helpfulness")[1]


def test_text_cannot_pose_as_structure():
    joined = (Message(Role.HUMAN, "a5:human,1:b"),)
    apart = (Message(Role.HUMAN, "a"), Message(Role.HUMAN, "b"))
    assert digest("x", str(joined)) != digest("x", str(apart))
    assert comparison_ids(joined, (apart, apart), "overall") != comparison_ids(apart, (apart, apart), "overall")


def test_group_is_the_first_human_message():
    assert group_id((Message(Role.SYSTEM, "s"), Message(Role.HUMAN, "q"))) == group_id((Message(Role.HUMAN, "q"),))
    assert group_id((Message(Role.ASSISTANT, "q"),)) == group_id(())


def human(text):
    return (Message(Role.ASSISTANT, "hm"), Message(Role.HUMAN, text))


SILENT = (Message(Role.ASSISTANT, "a"),)


@pytest.mark.parametrize(
    ("first", "second", "asked"),
    [
        (human("q"), SILENT, human("q")),
        (SILENT, human("q"), human("q")),
        (human("é"), human("z"), human("z")),
        (human("z"), human("é"), human("z")),
        (human("\uffff"), human("😀"), human("\uffff")),
        (SILENT, SILENT, SILENT),
    ],
)
@pytest.mark.parametrize("context", [(), (Message(Role.SYSTEM, "s"),)])
def test_the_group_ignores_the_order_of_sides_where_the_context_has_no_human_turn(context, first, second, asked):
    assert comparison_ids(context, (first, second), "overall")[2] == group_id(asked)
    assert _table(context, first, second, None, None)["group_id"].to_pylist() == [group_id(asked)]


def test_the_group_is_that_of_the_context_where_a_human_speaks_there():
    context = (Message(Role.HUMAN, "q"),)
    assert comparison_ids(context, (human("a"), human("b")), "overall")[2] == group_id(context)


@settings(max_examples=60, deadline=None)
@given(conversations, sides, sides)
def test_item_and_group_are_blind_to_the_order_of_sides(context, first, second):
    assert (
        comparison_ids(context, (first, second), "overall")[1:]
        == comparison_ids(context, (second, first), "overall")[1:]
    )


def test_groups_of_a_column_stay_in_their_rows():
    rows = [((Message(Role.HUMAN, "q"),), human("x"), SILENT), ((), SILENT, human("y")), ((), human("z"), SILENT)]
    flat = conversation_column([side for _, *both in rows for side in both])
    pairs = pa.ListArray.from_arrays(pa.array([0, 2, 4, 6], pa.int32()), flat)
    columns = {"axis": Axis.OVERALL, "source": "s", "row": [0, 1, 2]}
    table = comparison_table(conversation_column([context for context, *_ in rows]), pairs, columns)
    assert table["group_id"].to_pylist() == [group_id(human(text)) for text in "qyz"]
    assert table.slice(1).to_pylist() == table.to_pylist()[1:]
