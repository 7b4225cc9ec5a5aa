"""Tables ↔ records, whatever the fields hold."""

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plumbline.records import (
    COMPARISON_SCHEMA,
    SCHEMAS,
    Axis,
    Comparison,
    Kind,
    Message,
    Outcome,
    RedTeamAttempt,
    Review,
    Role,
    SafetyLabel,
    conversation_column,
    empty_table,
    in_source_order,
    kind_of,
    prompt_table,
    records_from_table,
    safety_label_table,
    table_from_records,
    tables,
    take_rows,
)

QUESTION = (Message(Role.HUMAN, "Is it safe? "),)
ANSWERS = ((Message(Role.ASSISTANT, "yes"),), (Message(Role.ASSISTANT, ""),))

COMPARISON = Comparison(
    id="1" * 32,
    item_id="2" * 32,
    group_id="3" * 32,
    context=QUESTION,
    continuations=ANSWERS,
    axis=Axis.HARMLESSNESS,
    outcome=Outcome.SECOND,
    strength=3,
    votes=(1, 2, 0),
    weight=0.5,
    is_safe=(True, False),
    categories=(frozenset(), frozenset({"self_harm", "animal_abuse"})),
    severity=(0, 2),
    models=("a", "b"),
    worker="w",
    parents=("p",),
    source="s",
    row=7,
    split="train",
    extra='{"k": 1}',
)
BARE = Comparison(
    id="a", item_id="b", group_id="c", context=(), continuations=ANSWERS, axis=Axis.OVERALL, source="s", row=0
)
LABEL = SafetyLabel(
    id="a",
    item_id="b",
    group_id="c",
    conversation=QUESTION + ANSWERS[0],
    taxonomy="pku-19",
    categories=frozenset(),
    source="s",
    row=1,
)
ATTEMPT = RedTeamAttempt(
    id="a",
    group_id="b",
    transcript=QUESTION,
    rating=4.0,
    tags=("t",),
    reviews=(Review(reviewer="r", rating=1.0, tags=("x",)),),
    source="s",
    row=0,
)


@pytest.mark.parametrize("records", [[COMPARISON, BARE], [LABEL], [ATTEMPT]], ids=["comparisons", "labels", "attempts"])
def test_records_come_back_from_their_table(records):
    assert list(records_from_table(table_from_records(records))) == records


def test_tables_come_back_from_parquet_and_reach_polars(tmp_path):
    table = table_from_records([COMPARISON, BARE])
    pq.write_table(table, tmp_path / "t.parquet")
    assert pq.read_table(tmp_path / "t.parquet").equals(table)
    assert pl.from_arrow(table)["axis"].to_list() == ["harmlessness", "overall"]


def test_unknown_categories_are_not_no_categories():
    table = safety_label_table(
        conversation_column([QUESTION, QUESTION]),
        {"taxonomy": "unspecified", "categories": [None, []], "source": "s", "row": [0, 1]},
    )
    assert [row.categories for row in records_from_table(table)] == [None, frozenset()]
    assert table["id"][0] != table["id"][1]
    assert table["item_id"][0] == table["item_id"][1]


def test_every_kind_is_known_by_its_columns():
    assert len(SCHEMAS) == len(Kind) == 4
    assert [kind_of(empty_table(kind)) for kind in Kind] == list(Kind)
    assert kind_of(pa.table({"id": ["x"]})) is None


def test_an_unknown_column_is_refused():
    with pytest.raises(ValueError, match="colour"):
        prompt_table(conversation_column([QUESTION]), {"source": "s", "row": [0], "colour": "red"})


def test_source_order_is_by_file_then_row():
    rows = [("b", 1), ("a", 2), ("a", 1)]
    table = table_from_records([BARE.__class__(**{**_fields(BARE), "source": s, "row": r}) for s, r in rows])
    ordered = in_source_order(table)
    assert list(zip(ordered["source"].to_pylist(), ordered["row"].to_pylist(), strict=True)) == sorted(rows)


@pytest.mark.parametrize(("rows_taken", "integers"), [(2, np.int64), (100, np.uint64)])
def test_rows_are_taken_in_the_order_asked_for_from_any_chunks(monkeypatch, rows_taken, integers):
    monkeypatch.setattr(tables, "_ROWS_TAKEN", rows_taken)
    parts = [
        prompt_table(
            conversation_column([(Message(Role.HUMAN, f"{part} {row}"),) for row in range(3)]),
            {"source": f"{part}", "row": [0, 1, 2]},
        )
        for part in range(3)
    ]
    whole = pa.concat_tables(parts).replace_schema_metadata({"kept": "yes"})
    for positions in ([8, 0, 4, 4, 1, 7], [0, 1, 3, 8], [], list(range(9))):
        taken = take_rows(whole, np.array(positions, integers))
        assert taken.to_pylist() == [whole.slice(at, 1).to_pylist()[0] for at in positions]
        assert taken.schema.equals(whole.schema, check_metadata=True)


def test_a_few_rows_are_taken_of_more_text_than_one_array_holds():
    length = 600 << 20
    texts = pa.StringArray.from_buffers(
        2, pa.array([0, 0, length], pa.int32()).buffers()[1], pa.py_buffer(bytes(length))
    )
    whole = pa.table({"text": pa.chunked_array([texts] * 5)})
    with pytest.raises(pa.ArrowInvalid, match="overflow"):
        whole.take(pa.array([8, 0]))
    assert take_rows(whole, np.array([8, 0])).to_pylist() == [{"text": ""}] * 2


def test_roles_are_the_first_dictionary_everywhere():
    assert COMPARISON_SCHEMA.field("context").type.value_type.field("role").type == pa.dictionary(
        pa.int8(), pa.string()
    )
    assert conversation_column([QUESTION])[0][0]["role"].as_py() == "human"


def _fields(record):
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def test_roles_are_read_by_name_whatever_the_dictionary_numbers_them():
    from plumbline.records import comparison_table, message_array, role_codes
    from plumbline.records.message import MESSAGE_TYPE

    usual = message_array(pa.array([0, 1], pa.int8()), pa.array(["q", "a"]))
    names = pa.array(["assistant", "human"])
    renumbered = pa.StructArray.from_arrays(
        [pa.DictionaryArray.from_arrays(pa.array([1, 0], pa.int8()), names), pa.array(["q", "a"])],
        fields=list(MESSAGE_TYPE),
    )
    assert role_codes(usual).tolist() == role_codes(renumbered).tolist() == [0, 1]
    ids = set()
    for messages in (usual, renumbered):
        whole = pa.ListArray.from_arrays(pa.array([0, 2], pa.int32()), messages)
        pair = pa.ListArray.from_arrays(pa.array([0, 2], pa.int32()), pa.concat_arrays([whole, whole]))
        ids.add(comparison_table(whole, pair, {"axis": "overall", "source": "s", "row": [0]})["id"][0].as_py())
    assert len(ids) == 1
