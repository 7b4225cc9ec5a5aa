"""Tables: what a page shows, and what a spreadsheet gets."""

import csv
import io
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.collect.pages.pictures.tables import csv_of, defused, figure_values, in_words, table
from plumbline.measure import Figure


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1-2", "'+1-2"),
        ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("-", "'-"),
        ("+49 170 1", "'+49 170 1"),
        ("-12", "-12"),
        ("+3.5e-7", "+3.5e-7"),
        ("a=1", "a=1"),
        (" =1", " =1"),
        ("", ""),
    ],
)
def test_what_a_spreadsheet_would_run_is_defused(text, written):
    assert defused(text) == written


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_no_cell_of_a_file_begins_a_formula(texts):
    made = csv_of(table([f"={number}" for number in range(len(texts))], [texts]))
    rows = list(csv.reader(io.StringIO(made, newline=""), strict=True))
    assert len(rows) == 2
    for cell in (*rows[0], *rows[1]):
        assert not cell.startswith(("=", "@", "\t", "\r"))
        assert not cell.startswith(("+", "-")) or float(cell) is not None
    assert [cell.removeprefix("'") for cell in rows[1]] == [text.removeprefix("'") for text in texts]


def test_files_hold_every_digit_and_pages_few():
    told = table(("a", "b", "c", "d", "e"), [(1 / 3, 12_345, date(2026, 11, 22), None, -0.5)])
    assert csv_of(told).splitlines()[1] == "0.3333333333333333,12345,2026-11-22,,-0.5"
    assert told.words == (("0.3333", "12,345", "2026-11-22", "–", "−0.5"),)
    assert told.is_number == (True, True, False, False, True)
    assert in_words(datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)) == "2026-11-22 01:02:03"
    assert in_words(1234.5678) == "1,235"


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="expected rows of 2 values"):
        table(("a", "b"), [(1,)])


def test_a_table_without_rows_has_its_columns():
    assert table(("a", "b"), []).is_number == (False, False)
    assert csv_of(table(("a", "b"), [])) == "a,b\r\n"


def test_an_undefined_figure_says_why():
    assert figure_values(Figure.undefined(3, "too few")) == (None, None, None, 3, "too few")
