"""PandaLM: three judgements a row, polarity, exact bytes both ways, refusals."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.formats.line_blocks import Intake
from plumbline.formats.pandalm import format_lines, parse
from plumbline.records import Axis, Kind, Message, Outcome, Role
from tests.formats.reading_back import (
    TEXTS,
    assert_exact,
    assert_written_or_refused,
    codes,
    extras,
    line,
    read,
    read_file,
    records,
    remade,
    replace_texts,
    set_values,
    written,
)

ROW = {
    "idx": 3,
    "motivation_app": "an app",
    "cmp_key": "bloom-7b_llama-7b",
    "instruction": "Shorten this.",
    "input": "A long sentence.",
    "response1": "Short.",
    "response2": "Shorter.",
    "annotator1": 1,
    "annotator2": 2,
    "annotator3": 0,
}


def row(**changed):
    return line(**ROW | changed)


def test_one_is_the_first_side_two_the_second_and_zero_a_tie():
    judged = records(parse, Kind.COMPARISONS, row())
    assert [(each.worker, each.outcome) for each in judged] == [
        ("annotator1", Outcome.FIRST),
        ("annotator2", Outcome.SECOND),
        ("annotator3", Outcome.TIE),
    ]
    flipped = records(parse, Kind.COMPARISONS, row(annotator1=2, annotator2=1))
    assert [each.outcome for each in flipped] == [Outcome.SECOND, Outcome.FIRST, Outcome.TIE]
    for each in (*judged, *flipped):
        assert each.continuations == ((Message(Role.ASSISTANT, "Short."),), (Message(Role.ASSISTANT, "Shorter."),))
        assert each.context == (Message(Role.HUMAN, "Shorten this.\n\nA long sentence."),)
        assert (each.axis, each.models, each.row) == (Axis.OVERALL, ("bloom-7b", "llama-7b"), 0)
    assert len({each.item_id for each in judged}) == 1
    assert len({each.id for each in judged}) == 3


def test_without_an_input_the_instruction_is_the_question():
    (first, *_) = records(parse, Kind.COMPARISONS, row(input=""))
    assert first.context[0].text == "Shorten this."
    assert_exact(parse, format_lines, row(input=""), row(), row(instruction="a\n\nb", input=""), row(instruction=""))


@pytest.mark.parametrize("cmp_key", ["", "one", "a_b_c", "_b", "a_"])
def test_a_key_that_does_not_name_two_models_names_none(cmp_key):
    assert records(parse, Kind.COMPARISONS, row(cmp_key=cmp_key))[0].models is None
    assert_exact(parse, format_lines, row(cmp_key=cmp_key))


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"annotator2": 3}, "PL-PAN-010"),
        ({"annotator1": -1}, "PL-PAN-010"),
        ({"annotator3": True}, "PL-JSON-005"),
        ({"response1": True}, "PL-JSON-005"),
        ({"annotator3": None}, "PL-JSON-005"),
    ],
)
def test_what_cannot_be_read_is_set_aside(changed, code):
    assert codes(parse, row(), row(**changed)) == {code: 1}


def of_second(change):
    return lambda values: change(values) if values["worker"] == "annotator2" else None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (of_second(set_values(worker="annotator1")), "PL-PAN-020"),
        (set_values(worker=None), "PL-PAN-020"),
        (lambda values: values["context"].clear(), "PL-PAN-021"),
        (of_second(replace_texts("Short.", "Long.")), "PL-PAN-022"),
        (of_second(set_values(outcome=None)), "PL-PAN-023"),
        (set_values(axis="helpfulness"), "PL-PAN-024"),
        (of_second(set_values(models=["a", "b"])), "PL-PAN-025"),
        (set_values(models=["a_b", "c"]), "PL-PAN-025"),
        (set_values(models=[None, "c"]), "PL-PAN-025"),
    ],
)
def test_rows_that_the_format_cannot_express_become_faults(change, code):
    tables, _ = read(parse, row())
    changed = {Kind.COMPARISONS: remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], change)}
    assert written(format_lines, changed) == ([], {code: 1})


def test_models_that_were_changed_are_written_and_not_the_key_that_was_read():
    tables, _ = read(parse, row())
    for models, cmp_key in ((["a", "b"], "a_b"), (None, "")):
        changed = remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], set_values(models=models))
        assert written(format_lines, {Kind.COMPARISONS: changed}) == ([row(cmp_key=cmp_key)], {})


def test_two_judgements_are_no_row():
    tables, _ = read(parse, row(), row())
    assert written(format_lines, {Kind.COMPARISONS: tables[Kind.COMPARISONS].slice(1)}) == ([row()], {"PL-PAN-020": 1})


def test_a_redacted_row_keeps_its_question_but_not_its_raw_line():
    text = row(instruction="Tell Miriam this.").replace(b": ", b":")
    tables, _ = read(parse, text)
    assert written(format_lines, tables) == ([text], {})
    redacted = remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], replace_texts("Miriam", "NAME"))
    (again,), _ = written(format_lines, {Kind.COMPARISONS: redacted})
    assert b"Miriam" not in again
    judged, *_ = records(parse, Kind.COMPARISONS, again)
    assert judged.context[0].text == "Tell NAME this.\n\nA long sentence."


def test_comparisons_of_another_source_get_what_the_format_asks_for():
    tables, _ = read(parse, row())
    foreign = remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], set_values(extra=None))
    (again,), _ = written(format_lines, {Kind.COMPARISONS: foreign})
    assert json.loads(again) == ROW | {
        "idx": 0,
        "motivation_app": "",
        "instruction": "Shorten this.\n\nA long sentence.",
        "input": "",
    }


JUDGEMENT = st.integers(0, 2)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, JUDGEMENT, JUDGEMENT, JUDGEMENT), min_size=1, max_size=5))
def test_any_rows_are_written_back_to_the_byte(rows):
    keys = [key for key in ROW if key not in ("idx", "cmp_key")]
    keys = ["motivation_app", "instruction", "input", "response1", "response2", *keys[-3:]]
    assert_exact(parse, format_lines, *(row(**dict(zip(keys, values, strict=True))) for values in rows))


def test_real_rows(real_data):
    tables, lines, intake = read_file(parse, real_data / "pandalm" / "testset-v1.json")
    rows = [json.loads(text) for text in lines]
    # In six rows of the file a response is the JSON value true, no text: they are set aside, not read as "true".
    no_text = [at for at, values in enumerate(rows) if values["response1"] is True or values["response2"] is True]
    assert (len(rows), len(no_text)) == (999, 6)
    assert [(fault.row, fault.code) for fault in intake.faults] == [(at, "PL-JSON-005") for at in no_text]
    kept = [at for at in range(len(rows)) if at not in no_text]
    table = tables[Kind.COMPARISONS]
    assert len(table) == 3 * 993
    expected = Counter(rows[at][f"annotator{person}"] for at in kept for person in (1, 2, 3))
    assert Counter(table["outcome"].to_pylist()) == {"tie": expected[0], "first": expected[1], "second": expected[2]}
    assert table["models"].null_count == 0
    assert written(format_lines, tables) == ([lines[at] for at in kept], {})


@settings(max_examples=60, deadline=None)
@given(
    extras(
        idx=[3, 2**70], motivation_app=["a"], cmp_key=["bloom-7b_llama-7b", "a"], instruction_characters=[13, -18, 0]
    )
)
def test_whatever_stands_in_extra_is_written_so_that_it_reads_back_or_refused(extra):
    tables, _ = read(parse, row())
    changed = tables | {Kind.COMPARISONS: remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], set_values(extra=extra))}
    assert_written_or_refused(parse, format_lines, changed)


@pytest.mark.parametrize(
    "extra",
    [{"idx": "secret"}, {"idx": None}, {"cmp_key": 3}, {"motivation_app": ["secret"]}, {"instruction_characters": "5"}],
)
def test_an_extra_of_other_types_is_a_fault_that_quotes_nothing(extra):
    tables, _ = read(parse, row())
    changed = tables | {
        Kind.COMPARISONS: remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], set_values(extra=json.dumps(extra)))
    }
    intake = Intake("")
    assert list(format_lines(changed, intake)) == []
    (fault,) = intake.faults
    assert (fault.code, fault.row) == ("PL-EXT-020", 0)
    assert fault.found.startswith("another value at $." + next(iter(extra)))
    assert "secret" not in repr(fault)
