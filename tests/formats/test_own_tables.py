"""Plumbline's own Parquet after another program changed it, and Parquet files that are out to harm."""

import json

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plumbline.formats import PARQUET, convert_loaded, load
from plumbline.formats.conversation_columns import question_column
from plumbline.formats.line_blocks import Limits
from plumbline.formats.own_tables import Place, validated, with_true_ids
from plumbline.formats.parquet.batches import parquet_batches
from plumbline.lineage import count_by_code
from plumbline.records import (
    SCHEMAS,
    Axis,
    FaultError,
    Kind,
    Review,
    SourceError,
    kind_of,
    records_from_table,
    red_team_attempt_table,
)
from plumbline.records.red_team_attempt import REVIEW_TYPE
from plumbline.records.tables import kind_by_columns
from tests.work import calls_made

ROWS = [
    {
        "chosen": f"\n\nHuman: Question {n}?\n\nAssistant: Good {n}",
        "rejected": f"\n\nHuman: Question {n}?\n\nAssistant: Bad",
    }
    for n in range(4)
]
COMPACT = (",", ":")
"""Separators that formatting would not give back: the raw line is kept."""


@pytest.fixture
def own(tmp_path):
    """A Parquet file of four comparisons, each with its raw line."""
    lines = tmp_path / "in" / "harmless-base" / "train.jsonl"
    lines.parent.mkdir(parents=True)
    lines.write_text("".join(json.dumps(row, separators=COMPACT) + "\n" for row in ROWS))
    path = tmp_path / "own.parquet"
    convert_loaded(load(lines), path, PARQUET)
    return path


def rewritten(path, change):
    """The file with its rows changed in Python, the types as they were."""
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    plain = {name: [row[name] for row in rows] for name in table.schema.names}
    arrays = [pa.array(values, plain_type(table.schema.field(name).type)) for name, values in plain.items()]
    pq.write_table(pa.table(arrays, names=list(plain)), path)
    return path


def plain_type(kind):
    if pa.types.is_dictionary(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(plain_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, plain_type(field.type)) for field in kind])
    return pa.int64() if pa.types.is_integer(kind) else kind


def test_a_file_left_alone_reads_as_it_was_written(own):
    loaded = load(own)
    assert (loaded.faults, loaded.findings, loaded.rows_read) == ([], [], 4)
    assert loaded.comparisons.schema.remove_metadata() == SCHEMAS[Kind.COMPARISONS]
    assert loaded.comparisons["id"].equals(pq.read_table(own)["id"])


# --- content changed behind the id ---


def test_a_label_flipped_elsewhere_is_written_flipped(own, tmp_path):
    before = load(own).comparisons
    frame = pl.read_parquet(own)
    flip = pl.when(pl.col("row") == 2).then(pl.lit("second")).otherwise(pl.col("outcome").cast(pl.String))
    frame.with_columns(flip.alias("outcome")).write_parquet(own)
    loaded = load(own)
    after = loaded.comparisons
    assert [(each.code, each.row, each.record_id) for each in loaded.findings] == [
        ("PL-IO-014", 2, after["id"][2].as_py())
    ]
    assert after["id"][2] != before["id"][2]
    assert after["item_id"].equals(before["item_id"])
    assert after["parents"].to_pylist() == [[], [], [before["id"][2].as_py()], []]
    assert [extra is None for extra in after["extra"].to_pylist()] == [False, False, True, False]
    out = tmp_path / "out.jsonl"
    convert_loaded(loaded, out, "hh-rlhf")
    written = out.read_text().splitlines()
    assert written[1] == json.dumps(ROWS[1], separators=COMPACT)
    assert json.loads(written[2]) == {"chosen": ROWS[2]["rejected"], "rejected": ROWS[2]["chosen"]}


def test_a_text_changed_elsewhere_has_new_ids(own):
    def change(rows):
        rows[0]["context"][0]["text"] = "NAME"

    before, loaded = load(own).comparisons, load(rewritten(own, change))
    for name in ("id", "item_id", "group_id"):
        assert [left != right for left, right in zip(before[name], loaded.comparisons[name], strict=True)] == [
            True,
            False,
            False,
            False,
        ]
    assert count_by_code(loaded.findings) == {"PL-IO-014": 1}


# --- rows that break the rules ---


def setter(**values):
    return lambda row: row.update(values)


def side_texts(count):
    return [[{"role": "assistant", "text": "x"}]] * count


BROKEN = {
    "one continuation": (setter(continuations=side_texts(1)), "two continuations"),
    "three continuations": (setter(continuations=side_texts(3)), "two continuations"),
    "an empty side": (setter(continuations=[[], *side_texts(1)]), "without messages"),
    "a null side": (setter(continuations=[None, *side_texts(1)]), "without messages"),
    "no continuations": (setter(continuations=None), "no continuations"),
    "unknown outcome": (setter(outcome="chosen"), "outcome"),
    "unknown axis": (setter(axis="helpful"), "axis"),
    "no axis": (setter(axis=None), "no axis"),
    "no context": (setter(context=None), "no context"),
    "no id": (setter(id=None), "no id"),
    "no source": (setter(source=None), "no source"),
    "unknown role": (setter(context=[{"role": "bot", "text": "x"}]), "role in context"),
    "null role": (setter(continuations=[[{"role": None, "text": "x"}]] * 2), "role in continuations"),
    "null text": (setter(continuations=[[{"role": "human", "text": None}]] * 2), "text that is null in continuations"),
    "null message": (setter(context=[None]), "message that is null"),
    "one value of two": (setter(is_safe=[True]), "is_safe"),
    "two votes": (setter(votes=[1, 2]), "votes"),
    "severity": (setter(severity=[0, 4]), "severity"),
    "strength": (setter(strength=1000), "strength"),
    "not a number": (setter(weight=float("nan")), "weight that is no finite number"),
    "a weight that turns the label round": (setter(weight=-1.0), "a weight below 0"),
    "infinity": (setter(weight=float("inf")), "weight that is no finite number"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_row_that_breaks_a_rule_is_set_aside_and_moves_no_other(own, name):
    change, rule = BROKEN[name]
    before = load(own).comparisons
    loaded = load(rewritten(own, lambda rows: change(rows[1])))
    assert [(fault.code, fault.row) for fault in loaded.faults] == [("PL-IO-016", 1)]
    assert rule in loaded.faults[0].found
    assert loaded.comparisons.select(["id", "continuations", "row"]).to_pylist() == [
        row for row in before.select(["id", "continuations", "row"]).to_pylist() if row["row"] != 1
    ]
    assert loaded.rows_read == 4
    assert not loaded.findings


def label_table(**changed):
    columns = {
        "id": ["x"] * 2,
        "item_id": ["x"] * 2,
        "group_id": ["x"] * 2,
        "conversation": [[{"role": "human", "text": "a"}]] * 2,
        "taxonomy": ["unspecified"] * 2,
        "parents": pa.array([[], []], pa.list_(pa.string())),
        "source": ["s"] * 2,
        "row": [0, 1],
    }
    return pa.table({**columns, **changed})


@pytest.mark.parametrize(
    "changed",
    [{"taxonomy": ["a", None]}, {"severity": [3, 4]}, {"confidence": [0, -1]}, {"side": [0, 2]}, {"row": [0, -1]}],
)
def test_a_label_that_breaks_a_rule_is_set_aside(tmp_path, changed):
    good, faults = validated(Kind.SAFETY_LABELS, label_table(**changed), Place(tmp_path, "f", 10))
    assert [(fault.code, fault.row) for fault in faults] == [("PL-IO-016", 11)]
    assert good["row"].to_pylist() == [0]
    assert good.schema == SCHEMAS[Kind.SAFETY_LABELS]
    assert good["severity"].to_pylist() == ([3] if "severity" in changed else [None])


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"reviewer": None}, "a review by nobody"),
        ({"rating": float("nan")}, "a review's rating that is no finite number"),
        ({"tags": None}, "a review's tags that are null"),
        ({"tags": ["a", None]}, "a review's tags that are null"),
    ],
)
def test_a_review_that_breaks_a_rule_sets_its_attempt_aside(tmp_path, changed, rule):
    review = {"reviewer": "r", "rating": None, "tags": []}
    reviews = pa.array([[review], [review, {**review, **changed}]], pa.list_(REVIEW_TYPE))
    table = red_team_attempt_table(question_column(["a", "b"]), {"source": "s", "row": [0, 1], "reviews": reviews})
    good, faults = validated(Kind.RED_TEAM_ATTEMPTS, table, Place(tmp_path, "f"))
    assert [(fault.code, fault.row, fault.found) for fault in faults] == [("PL-IO-016", 1, rule)]
    assert [attempt.reviews for attempt in records_from_table(good)] == [(Review(reviewer="r", rating=None),)]


# --- columns ---


def test_the_order_of_columns_missing_nullable_ones_and_further_ones_do_no_harm(own):
    table, before = pq.read_table(own), load(own).comparisons
    table = table.select(table.schema.names[::-1]).drop_columns(["votes", "tranche"])
    pq.write_table(table.append_column("note", pa.array(["x"] * 4)), own)
    loaded = load(own)
    assert loaded.comparisons["id"].equals(before["id"])
    assert loaded.comparisons["votes"].null_count == 4
    assert [finding.code for finding in loaded.findings] == ["PL-IO-015"]
    assert "note" in loaded.findings[0].problem


@pytest.mark.parametrize(
    ("name", "values"),
    [("row", ["0", "1", "2", "3"]), ("axis", [1, 2, 3, 4]), ("context", ["a"] * 4), ("weight", ["1"] * 4)],
)
def test_a_column_of_another_type_ends_the_reading(own, name, values):
    table = pq.read_table(own)
    pq.write_table(table.set_column(table.schema.get_field_index(name), name, pa.array(values)), own)
    with pytest.raises(SourceError, match=rf"PL-IO-012 .*the column {name} is of another type"):
        load(own)


@pytest.mark.parametrize("name", ["axis", "continuations", "parents", "item_id"])
def test_a_required_column_that_is_missing_is_named(own, name):
    pq.write_table(pq.read_table(own).drop_columns([name]), own)
    with pytest.raises(SourceError, match=rf"(?s)PL-IO-012 .*the column {name}"):
        load(own)


def test_kinds_are_told_by_their_columns():
    assert [kind_by_columns(SCHEMAS[kind].names[::-1]) for kind in Kind] == list(Kind)
    assert [kind_by_columns([*SCHEMAS[kind].names, "note"]) for kind in Kind] == list(Kind)
    assert kind_by_columns(["prompt", "chosen", "rejected", "id"]) is None
    assert kind_of(label_table()) is None


def test_large_tables_are_checked_by_columns(own):
    table = pa.concat_tables([load(own).comparisons] * 5000).unify_dictionaries()
    made, (good, faults) = calls_made(lambda: validated(Kind.COMPARISONS, table, Place(own, "f")))
    assert made < 10_000  # none of them for each of the 20,000 rows
    assert (len(good), faults) == (20_000, [])
    sliced = table.slice(7, 9)
    assert with_true_ids(Kind.COMPARISONS, sliced, Place(own, "f"), None)[1] == []
    assert validated(Kind.COMPARISONS, sliced, Place(own, "f"))[0]["id"].to_pylist() == sliced["id"].to_pylist()


# --- foreign files, and files that unpack to too much ---


def foreign(tmp_path, table):
    path = tmp_path / "harmless-x" / "train.parquet"
    path.parent.mkdir()
    pq.write_table(table, path)
    return path


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_every_type_of_string_is_text(tmp_path, kind):
    table = pa.Table.from_pylist(ROWS)
    table = pa.table({name: table[name].combine_chunks().cast(kind) for name in table.schema.names})
    loaded = load(foreign(tmp_path, table))
    assert (len(loaded.comparisons), loaded.faults) == (4, [])


def test_bytes_that_are_not_utf8_are_told_with_their_column(tmp_path):
    bad = pa.array([b"\xff"] * 4).view(pa.string())
    table = pa.Table.from_pylist(ROWS)
    with pytest.raises(SourceError, match=r"(?s)PL-IO-012 .*column chosen"):
        load(foreign(tmp_path, table.set_column(0, "chosen", bad)), axis=Axis.HARMLESSNESS)


def test_a_column_that_stands_twice_is_told(tmp_path):
    table = pa.Table.from_pylist(ROWS)
    with pytest.raises(SourceError, match=r"(?s)PL-IO-012 .*stands twice.*chosen"):
        load(foreign(tmp_path, table.append_column("chosen", table["chosen"])))


def test_a_small_file_that_unpacks_to_far_too_much_is_refused_before_it_is_unpacked(tmp_path):
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * 100_000]))
    path = foreign(tmp_path, pa.table({"chosen": long, "rejected": long}))
    before = pa.total_allocated_bytes()
    with pytest.raises(FaultError, match="PL-IO-004"):
        load(path)
    assert pa.total_allocated_bytes() - before < 100 << 20


def test_the_bound_counts_texts_inside_conversations_of_own_files(own):
    with pytest.raises(FaultError, match="PL-IO-004"):
        list(parquet_batches(own, Limits(expansion=0, expansion_floor_bytes=500)))
    assert sum(len(batch) for batch in parquet_batches(own)) == 4
