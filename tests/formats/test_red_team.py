"""hh-rlhf red-team attempts: columns, both spellings, exact bytes both ways, refusals."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.formats.line_blocks import Intake
from plumbline.formats.red_team import format_lines, join_transcript, parse, split_transcript
from plumbline.lineage import Use
from plumbline.records import Kind, Message, Role
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

ATTEMPT = {
    "transcript": "\n\nHuman: Hello\n\nAssistant: Good day ",
    "min_harmlessness_score_transcript": -0.5,
    "num_params": "52B",
    "model_type": "rlhf",
    "rating": 4.0,
    "task_description": "be polite",
    "task_descripton_harmlessness_score": 2.25,
    "red_team_member_id": 7,
    "is_upworker": True,
    "tags": ["greeting"],
}


def attempt(**changed):
    return line(**ATTEMPT | changed)


def spelt_right(**changed):
    return line(**{key.replace("descripton", "description"): value for key, value in (ATTEMPT | changed).items()})


def test_every_key_finds_its_column_and_there_is_no_outcome():
    (record,) = records(parse, Kind.RED_TEAM_ATTEMPTS, attempt())
    assert record.transcript == (Message(Role.HUMAN, "Hello"), Message(Role.ASSISTANT, "Good day "))
    assert (record.transcript_score, record.description_score, record.rating) == (-0.5, 2.25, 4.0)
    assert (record.model_size, record.model_type, record.worker) == ("52B", "rlhf", "7")
    assert (record.task_description, record.tags, record.outcome) == ("be polite", ("greeting",), None)
    assert json.loads(record.extra) == {"is_upworker": True}


def test_the_scores_keep_their_signs():
    records_read = records(
        parse,
        Kind.RED_TEAM_ATTEMPTS,
        attempt(),
        attempt(min_harmlessness_score_transcript=0.5, task_descripton_harmlessness_score=-2.25),
    )
    assert [(each.transcript_score, each.description_score) for each in records_read] == [(-0.5, 2.25), (0.5, -2.25)]


def test_both_spellings_are_read_alike_and_written_as_they_came():
    as_is, right = records(parse, Kind.RED_TEAM_ATTEMPTS, attempt(), spelt_right())
    assert (as_is.id, as_is.description_score) == (right.id, right.description_score)
    assert_exact(parse, format_lines, attempt(), spelt_right())


@pytest.mark.parametrize(
    "text",
    [
        attempt(rating=4),
        attempt(rating=None, tags=None, task_description=None, is_upworker=None, red_team_member_id=None),
        attempt(red_team_member_id="w-12"),
        attempt(red_team_member_id="12"),
        attempt(min_harmlessness_score_transcript=1e-07),
        attempt(transcript="\n\nHuman:Hello\n\nAssistant:  Good day"),
        attempt(transcript="\n\nAssistant: \n\nAssistant:\n\nHuman:"),
        attempt(further="key"),
        attempt().replace(b", ", b","),
    ],
)
def test_unusual_lines_are_written_back_to_the_byte(text):
    assert_exact(parse, format_lines, attempt(), text)


def test_tags_none_and_empty_are_two_things():
    without, empty = records(parse, Kind.RED_TEAM_ATTEMPTS, attempt(tags=None), attempt(tags=[]))
    assert (without.tags, empty.tags) == (None, ())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (attempt(transcript="Hello\n\nHuman: there"), "PL-RT-010"),
        (attempt(transcript=""), "PL-RT-010"),
        (attempt(task_description_harmlessness_score=1.0), "PL-RT-011"),
        (line(**{key: value for key, value in ATTEMPT.items() if "descripton" not in key}), "PL-RT-011"),
        (line(**{key: value for key, value in ATTEMPT.items() if key != "tags"}), "PL-JSON-004"),
        (attempt(tags=[1]), "PL-JSON-005"),
        (attempt(is_upworker=0), "PL-JSON-005"),
        (attempt(rating="4.0"), "PL-JSON-005"),
        (attempt(rating=float("nan")), "PL-JSON-008"),
    ],
)
def test_what_cannot_be_read_is_set_aside(text, code):
    assert codes(parse, attempt(), text) == {code: 1}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda row: row["transcript"][0].update(role="system"), "PL-RT-020"),
        (replace_texts("Hello", "a\n\nHuman: b"), "PL-RT-021"),
        (lambda row: row["transcript"].clear(), "PL-RT-021"),
    ],
)
def test_attempts_that_the_format_cannot_express_become_faults(change, code):
    tables, _ = read(parse, attempt())
    changed = {Kind.RED_TEAM_ATTEMPTS: remade(Kind.RED_TEAM_ATTEMPTS, tables[Kind.RED_TEAM_ATTEMPTS], change)}
    assert written(format_lines, changed) == ([], {code: 1})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (replace_texts("Hello", "THING"), {"transcript": ATTEMPT["transcript"].replace("Hello", "THING")}),
        (set_values(worker="pseudonym"), {"red_team_member_id": "pseudonym"}),
        (set_values(tags=None), {"tags": None}),
        (set_values(description_score=None), {"task_descripton_harmlessness_score": None}),
        (set_values(task_description="x"), {"task_description": "x"}),
    ],
)
def test_a_changed_attempt_is_never_written_from_its_raw_line(change, expected):
    text = attempt().replace(b": ", b":")
    tables, _ = read(parse, text)
    changed = {Kind.RED_TEAM_ATTEMPTS: remade(Kind.RED_TEAM_ATTEMPTS, tables[Kind.RED_TEAM_ATTEMPTS], change)}
    (again,), _ = written(format_lines, changed)
    # The raw line had lost its spaces, those after the markers too: they are the format's and come back.
    assert json.loads(again) == ATTEMPT | expected | (
        {} if "transcript" in expected else {"transcript": ATTEMPT["transcript"]}
    )


def test_is_upworker_taken_out_of_extra_does_not_come_back_from_the_raw_line():
    tables, _ = read(parse, attempt(further="key"))
    table = tables[Kind.RED_TEAM_ATTEMPTS]
    raw = json.loads(table["extra"][0].as_py())["raw"]
    erased = remade(Kind.RED_TEAM_ATTEMPTS, table, set_values(extra=json.dumps({"raw": raw})))
    assert written(format_lines, {Kind.RED_TEAM_ATTEMPTS: erased})[0] == [attempt(is_upworker=None)]


TRANSCRIPTS = st.lists(st.tuples(st.sampled_from(["\n\nHuman:", "\n\nAssistant:"]), TEXTS), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(st.lists(TRANSCRIPTS, min_size=1, max_size=4), TEXTS, st.floats(allow_nan=False, allow_infinity=False))
def test_any_attempts_are_written_back_to_the_byte(transcripts, description, score):
    lines = [
        attempt(
            transcript="".join(marker + text for marker, text in turns),
            task_description=description,
            min_harmlessness_score_transcript=score,
        )
        for turns in transcripts
    ]
    assert_exact(parse, format_lines, *lines)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([Role.HUMAN, Role.ASSISTANT]), TEXTS), min_size=1, max_size=4))
def test_split_undoes_join_where_no_text_holds_a_marker(turns):
    assert (split_transcript(join_transcript(turns)) == turns) == (
        not any(marker in text for _, text in turns for marker in ("\n\nHuman:", "\n\nAssistant:"))
    )


@pytest.mark.parametrize("name", ["sample-10.json", "sample-10.jsonl"])
def test_real_attempts(real_data, name):
    tables, lines, intake = read_file(parse, real_data / "hh-rlhf" / "red-team-attempts" / name)
    assert (len(tables[Kind.RED_TEAM_ATTEMPTS]), intake.rows_read, intake.faults) == (10, 10, [])
    assert tables[Kind.RED_TEAM_ATTEMPTS]["rating"].to_pylist() == [json.loads(text)["rating"] for text in lines]
    assert written(format_lines, tables) == (lines, {})


def test_attempts_may_be_analysed_only():
    from plumbline.formats.red_team import TERMS

    assert TERMS.uses == {Use.ANALYSIS}


@settings(max_examples=60, deadline=None)
@given(extras(is_upworker=[True], score_key=["task_description_harmlessness_score"]))
def test_whatever_stands_in_extra_is_written_so_that_it_reads_back_or_refused(extra):
    tables, _ = read(parse, attempt())
    changed = tables | {
        Kind.RED_TEAM_ATTEMPTS: remade(Kind.RED_TEAM_ATTEMPTS, tables[Kind.RED_TEAM_ATTEMPTS], set_values(extra=extra))
    }
    assert_written_or_refused(parse, format_lines, changed)


@pytest.mark.parametrize(
    "extra",
    [{"is_upworker": "secret"}, {"is_upworker": 1}, {"score_key": "secret"}, {"score_key": 1}],
)
def test_an_extra_of_other_types_is_a_fault_that_quotes_nothing(extra):
    tables, _ = read(parse, attempt())
    changed = tables | {
        Kind.RED_TEAM_ATTEMPTS: remade(
            Kind.RED_TEAM_ATTEMPTS, tables[Kind.RED_TEAM_ATTEMPTS], set_values(extra=json.dumps(extra))
        )
    }
    intake = Intake("")
    assert list(format_lines(changed, intake)) == []
    (fault,) = intake.faults
    assert (fault.code, fault.row) == ("PL-EXT-020", 0)
    assert fault.found.startswith("another value at $." + next(iter(extra)))
    assert "secret" not in repr(fault)
