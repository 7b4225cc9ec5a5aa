"""Strict decoding: what a lenient decoder would let pass is refused with a code, and never with the text."""

import decimal
import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import plumbline
from plumbline.formats.line_blocks import Intake
from plumbline.formats.strict_json import Refusal, canonical_line, decode_carefully, decode_rows, without_nulls
from plumbline.records import FaultError
from tests.formats.sources import lines, put

TEXT = '"\\n\\nHuman: a"'
BAD_LINES = {
    "no JSON": (b"{broken", "PL-JSON-001"),
    "an array": (b"[1, 2]", "PL-JSON-002"),
    "a duplicate key": (f'{{"chosen": {TEXT}, "chosen": {TEXT}, "rejected": {TEXT}}}'.encode(), "PL-JSON-003"),
    "a missing key": (f'{{"chosen": {TEXT}}}'.encode(), "PL-JSON-004"),
    "a number for a text": (f'{{"chosen": 3, "rejected": {TEXT}}}'.encode(), "PL-JSON-005"),
    "null for a text": (f'{{"chosen": null, "rejected": {TEXT}}}'.encode(), "PL-JSON-005"),
    "deep nesting": (b'{"chosen": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "PL-JSON-006"),
    "a lone surrogate": (f'{{"chosen": "\\n\\nHuman: \\ud800", "rejected": {TEXT}}}'.encode(), "PL-JSON-007"),
    "NaN": (f'{{"chosen": NaN, "rejected": {TEXT}}}'.encode(), "PL-JSON-008"),
    "invalid UTF-8": (b'{"chosen": "\\n\\nHuman: \xff", "rejected": "\\n\\nHuman: a"}', "PL-IO-010"),
    "a raw NUL": (b'{"chosen": "\\n\\nHuman: \x00", "rejected": "\\n\\nHuman: a"}', "PL-JSON-001"),
    "no marker": (f'{{"chosen": "hello", "rejected": {TEXT}}}'.encode(), "PL-HH-014"),
    "five thousand digits": (f'{{"chosen": {TEXT}, "rejected": {TEXT}, "n": {"9" * 5000}}}'.encode(), "PL-JSON-005"),
}


@pytest.mark.parametrize("kind", BAD_LINES)
def test_a_bad_line_is_quarantined_with_its_place_and_the_rest_is_read(tmp_path, kind):
    bad, code = BAD_LINES[kind]
    path = put(tmp_path, "harmless-x/train.jsonl", lines(2) + bad + b"\n" + lines(1))
    loaded = plumbline.load(path)
    assert [(fault.code, fault.row, fault.source) for fault in loaded.faults] == [(code, 2, "harmless-x/train.jsonl")]
    assert loaded.rows_read == len(loaded.comparisons) + len(loaded.faults) == 4
    with pytest.raises(FaultError, match=code) as stopped:
        plumbline.load(path, on_error="stop")
    assert "line 3" in str(stopped.value)
    assert "hello" not in str(stopped.value)


class Row(msgspec.Struct):
    a: str
    b: int | None = None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"{", "PL-JSON-001"),
        (b"[]", "PL-JSON-002"),
        (b'{"a": {"b": 1, "b": 2}}', "PL-JSON-003"),
        (b'{"a": [NaN]}', "PL-JSON-008"),
        (b'{"a": -Infinity}', "PL-JSON-008"),
        (b'{"a": 1e999}', "PL-JSON-008"),
        (b'{"a": "\\udc00"}', "PL-JSON-007"),
        (b'{"\\ud800": 1}', "PL-JSON-007"),
        (b'{"a": "\xff"}', "PL-IO-010"),
        (b'{"a": ' + b"[" * 100_000, "PL-JSON-006"),
        (b'{"a": ' + b"1" * 10_000 + b"}", "PL-JSON-005"),
    ],
)
def test_a_line_that_is_no_strict_object_is_refused(text, code):
    with pytest.raises(Refusal) as refused:
        decode_carefully(text)
    assert refused.value.code == code


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values, max_size=4), st.booleans())
def test_a_strict_object_is_what_it_says(value, escaped):
    assert decode_carefully(json.dumps(value, ensure_ascii=escaped).encode()) == value
    assert json.loads(canonical_line(value)) == value


def test_a_canonical_line_keeps_every_digit_of_a_decimal():
    assert canonical_line({"a": decimal.Decimal("1.10"), "b": decimal.Decimal(10**30)}) == (
        b'{"a": 1.10, "b": 1000000000000000000000000000000}'
    )


def test_a_row_keeps_its_line_only_where_formatting_would_not_give_it():
    intake = Intake("x", rows_read=6)
    odd = '{"b": 1, "a": "x"}'
    texts = ['{"a": "x", "b": 1}', odd, " ", '{"a": 1}', "{}", '{"a": "x", "b": null}']
    rows = decode_rows(((row, text.encode()) for row, text in enumerate(texts)), Row, intake)
    assert [(each.row, each.values, each.raw) for each in rows] == [
        (0, Row("x", 1), None),
        (1, Row("x", 1), odd),
        (5, Row("x"), None),
    ]
    assert [each.line() for each in rows] == [texts[0], odd, texts[5]]
    assert [(fault.row, fault.code) for fault in intake.faults] == [(3, "PL-JSON-005"), (4, "PL-JSON-004")]
    assert (intake.rows_read, intake.blank_lines) == (5, 1)


def test_a_null_can_stand_for_an_absent_key_where_a_format_says_so():
    class Strict(msgspec.Struct):
        a: str
        b: int = 7

    line = [(0, b'{"a": "x", "b": null}')]
    assert not decode_rows(line, Strict, Intake("x"))
    (row,) = decode_rows(line, Strict, Intake("x"), prepare=without_nulls("b"))
    assert row.values == Strict("x", 7)
    assert row.raw == '{"a": "x", "b": null}'


@given(st.floats())
def test_no_number_that_is_not_finite_passes(number):
    line = json.dumps({"a": "x", "n": number}).encode()
    intake = Intake("x")
    rows = decode_rows([(0, line)], Row, intake)
    assert bool(rows) == math.isfinite(number)
    assert [fault.code for fault in intake.faults] == ([] if rows else ["PL-JSON-008"])
