"""The rule by which raw lines are written back, and what else `extra` keeps."""

import json

import pytest

from plumbline.formats.beavertails import format_label_lines, parse_labels
from plumbline.formats.pku_saferlhf import format_lines, parse
from plumbline.formats.raw_lines import raw_extra, raw_if_unchanged
from plumbline.records import Axis, Kind
from plumbline.records.extra import extra_text, extra_values, raw_line
from tests.formats.reading_back import line, read, remade, replace_texts, set_values, written

RAW = b'{"prompt":"a","response":"b","is_safe":true}'
LABEL = line(prompt="a", response="b", is_safe=True)


def labels(*lines: bytes):
    return read(parse_labels, *lines)[0][Kind.SAFETY_LABELS]


def with_raw(raw: str):
    """The label of `LABEL`, with that raw line."""
    return remade(Kind.SAFETY_LABELS, labels(LABEL), set_values(extra=json.dumps({"raw": raw})))


def test_a_raw_line_is_kept_only_where_it_is_needed():
    assert [raw_line(extra) for extra in labels(LABEL, RAW)["extra"].to_pylist()] == [None, RAW.decode()]


def test_an_unchanged_raw_line_is_written():
    assert written(format_label_lines, {Kind.SAFETY_LABELS: with_raw(RAW.decode())}) == ([RAW], {})


@pytest.mark.parametrize(
    "raw",
    [
        RAW.decode().replace("a", "c"),
        RAW.decode().replace("true", "false"),
        "no JSON",
        "",
        RAW.decode() + "\n" + RAW.decode(),
        '{"chosen": "x", "rejected": "y"}',
    ],
)
def test_a_raw_line_that_says_something_else_is_not(raw):
    assert written(format_label_lines, {Kind.SAFETY_LABELS: with_raw(raw)}) == ([LABEL], {})


def test_the_columns_named_are_compared_too():
    record = with_raw(RAW.decode()).to_pylist()[0]
    for columns, expected in (((), RAW), (("confidence",), None)):
        changed = record | {"confidence": 2}
        assert raw_if_unchanged([RAW.decode()], [[changed]], parse_labels, columns=columns) == [expected]


def test_more_or_fewer_records_than_the_line_gives_are_a_change():
    record = with_raw(RAW.decode()).to_pylist()[0]
    assert raw_if_unchanged([RAW.decode()], [[record, record]], parse_labels) == [None]
    assert raw_if_unchanged([RAW.decode()] * 2, [[record], [record]], parse_labels) == [RAW, RAW]


def test_records_of_every_axis_are_read_again_on_their_own():
    seen = []

    def parse_noting(block, origin, intake):
        seen.append((origin.axis, len(block.numbered_lines())))
        return {}

    records = [[{"id": "1", "axis": "helpfulness"}], [{"id": "2", "axis": "harmlessness"}], [{"id": "3"}]]
    assert raw_if_unchanged(["x", "y", "z"], records, parse_noting) == [None] * 3
    assert set(seen) == {(Axis.HELPFULNESS, 1), (Axis.HARMLESSNESS, 1), (None, 1)}


def test_one_record_of_a_row_redacted_is_enough():
    row = {"prompt": "a", "response_0": "b", "response_1": "c", "is_response_0_safe": True, "is_response_1_safe": False}
    raw = line(**row, safer_response_id=0).replace(b": ", b":")
    tables, _ = read(parse, raw)
    assert written(format_lines, tables) == ([raw], {})
    for kind, table in tables.items():
        redacted = tables | {kind: remade(kind, table, replace_texts("b", "NAME"))}
        assert written(format_lines, redacted) == ([], {"PL-PKU-022": 1})


@pytest.mark.parametrize("extra", [None, "", "no JSON", "[]", '"raw"', "{}", '{"raw": 1}', '{"raw": "\\ud800"}'])
def test_an_extra_that_is_none_of_ours_holds_no_raw_line(extra):
    assert raw_line(extra) is None


def test_extra_is_null_where_there_is_nothing_to_keep():
    assert extra_text({}) is None
    assert extra_values(extra_text({"idx": 1}, "é")) == {"idx": 1, "raw": "é"}
    assert raw_extra(["é", None]).to_pylist() == ['{"raw": "é"}', None]
    assert raw_extra([None]).null_count == 1
