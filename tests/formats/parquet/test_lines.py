"""Rows of foreign Parquet as JSON lines: nothing is lost without a word, and no type ends in a traceback."""

import datetime
import decimal
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plumbline.formats import load
from plumbline.formats.parquet.lines import row_lines
from plumbline.records import SourceError
from plumbline.records.extra import raw_line

PAIR = {"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: q\n\nAssistant: b"}


def kept(tmp_path, column):
    """The column's values in the raw lines that stay with the rows."""
    path = tmp_path / "harmless-x" / "train.parquet"
    path.parent.mkdir(exist_ok=True)
    pairs = {name: [text] * len(column) for name, text in PAIR.items()}
    pq.write_table(pa.table({**pairs, "x": column}), path)
    loaded = load(path)
    assert not loaded.faults
    return [
        json.loads(raw_line(extra), parse_float=decimal.Decimal)["x"]
        for extra in loaded.comparisons["extra"].to_pylist()
    ]


MOMENT = datetime.datetime(2024, 1, 2, 3, 4, 5)
MOMENTS = pa.array([MOMENT, None]).cast(pa.timestamp("ns"))
TEXT = "2024-01-02 03:04:05.000000000"


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (MOMENTS, [TEXT, None]),
        (MOMENTS.cast(pa.timestamp("us")), [TEXT[:-3], None]),
        (pa.array([1, None], pa.timestamp("ns", "UTC")), ["1970-01-01 00:00:00.000000001Z", None]),
        (pa.array([1, None], pa.duration("ns")), ["1", None]),
        (pa.array([1, None], pa.time64("ns")), ["00:00:00.000000001", None]),
        (pa.array([MOMENT.date(), None]), ["2024-01-02", None]),
        (pa.array([{"a": [MOMENT]}, None], pa.struct([("a", pa.list_(pa.timestamp("ns")))])), [{"a": [TEXT]}, None]),
        (pa.array([[MOMENT], None], pa.large_list(pa.timestamp("ns"))), [[TEXT], None]),
        (pa.array([[MOMENT], None], pa.list_(pa.timestamp("ns"), 1)), [[TEXT], None]),
        (pa.array([[("a", MOMENT)], None], pa.map_(pa.string(), pa.timestamp("ns"))), [[["a", TEXT]], None]),
        (pa.array([decimal.Decimal("1.10"), None]), [decimal.Decimal("1.10"), None]),
        (pa.array([decimal.Decimal(10**30 + 1), None], pa.decimal128(38)), [10**30 + 1, None]),
        (pa.array([2**64 - 1, None], pa.uint64()), [2**64 - 1, None]),
        (pa.array([b"\xff", None]), ["/w==", None]),
        (pa.array([1.5, None], pa.float32()), [decimal.Decimal("1.5"), None]),
    ],
    ids=lambda each: str(each.type) if isinstance(each, pa.Array) else "",
)
def test_what_json_has_no_type_for_keeps_every_digit(column, expected, tmp_path):
    assert kept(tmp_path, column) == expected


@pytest.mark.parametrize("nested", [False, True])
def test_numbers_that_are_not_finite_are_set_aside_as_in_lines(nested, tmp_path):
    numbers = [1.5, float("nan"), float("inf"), float("-inf"), None]
    path = tmp_path / "harmless-x" / "train.parquet"
    path.parent.mkdir()
    column = [{"a": [number]} for number in numbers] if nested else numbers
    pq.write_table(pa.table({**{name: [text] * 5 for name, text in PAIR.items()}, "x": column}), path)
    loaded = load(path)
    assert [(fault.code, fault.row) for fault in loaded.faults] == [("PL-JSON-008", row) for row in (1, 2, 3)]
    assert loaded.comparisons["row"].to_pylist() == [0, 4]
    rows = (json.dumps({**PAIR, "x": value}) + "\n" for value in column)
    path.with_suffix(".jsonl").write_text("".join(rows))
    of_lines = load(path.with_suffix(".jsonl")).faults
    assert [(fault.code, fault.row, fault.found) for fault in of_lines] == [
        (fault.code, fault.row, fault.found) for fault in loaded.faults
    ]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([2**62], pa.timestamp("s")),
        pa.array([[2**62]], pa.list_(pa.timestamp("s"))),
        pa.array([0], pa.timestamp("s", "Nowhere/Nothing")),
        pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1], pa.timestamp("ns"))]),
    ],
    ids=["beyond the calendar", "beyond it in a list", "no such zone", "a union"],
)
def test_a_column_that_json_cannot_hold_is_named(column, tmp_path):
    batch = pa.record_batch({"good": pa.array(["a"]), "when": column})
    with pytest.raises(SourceError, match=r"(?s)PL-IO-012.*cannot be read.*column when"):
        row_lines(batch, tmp_path / "x.parquet")


def test_the_table_of_a_data_frame_is_read(tmp_path):
    frame = pa.table({**{name: [text] for name, text in PAIR.items()}, "created": MOMENTS[:1]}).to_pandas()
    path = tmp_path / "harmless-x" / "train.parquet"
    path.parent.mkdir()
    frame.to_parquet(path)
    assert len(load(path).comparisons) == 1
