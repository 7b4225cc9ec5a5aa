"""TRL preference rows: every form, polarity, exact bytes both ways, refusals."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.formats import open_assistant, pandalm
from plumbline.formats.line_blocks import Intake
from plumbline.formats.origin import Origin
from plumbline.formats.trl import format_lines, format_text_lines, parse
from plumbline.lineage import count_by_code
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


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def system(text):
    return {"role": "system", "content": text}


QUESTION, GOOD, BAD = "Say hello.", "Good day", "Go away"
TEXT = {"prompt": QUESTION, "chosen": GOOD, "rejected": BAD}
MESSAGES = {"prompt": [user(QUESTION)], "chosen": [assistant(GOOD)], "rejected": [assistant(BAD)]}
WHOLE = {"chosen": [user(QUESTION), assistant(GOOD)], "rejected": [user(QUESTION), assistant(BAD)]}
REPEATED = {"prompt": QUESTION, **WHOLE}
ANSWERS = {"prompt": QUESTION, "chosen": [assistant(GOOD)], "rejected": [assistant(BAD)]}
ULTRAFEEDBACK = {
    "prompt": QUESTION,
    "prompt_id": "1f",
    "chosen": [{"content": QUESTION, "role": "user"}, {"content": GOOD, "role": "assistant"}],
    "rejected": [{"content": QUESTION, "role": "user"}, {"content": BAD, "role": "assistant"}],
    "messages": [{"content": QUESTION, "role": "user"}],
    "score_chosen": 8.5,
    "score_rejected": 2,
}
FORMS = [TEXT, MESSAGES, WHOLE, REPEATED, ANSWERS, ULTRAFEEDBACK]


@pytest.mark.parametrize("values", FORMS)
def test_chosen_is_the_better_side_and_flipping_the_labels_flips_it(values):
    flipped = values | {"chosen": values["rejected"], "rejected": values["chosen"]}
    (as_is,), (other,) = (records(parse, Kind.COMPARISONS, line(**each)) for each in (values, flipped))
    assert as_is.outcome is other.outcome is Outcome.FIRST
    assert as_is.context == other.context == (Message(Role.HUMAN, QUESTION),)
    assert as_is.continuations == ((Message(Role.ASSISTANT, GOOD),), (Message(Role.ASSISTANT, BAD),))
    assert other.continuations == as_is.continuations[::-1]
    assert as_is.axis is Axis.OVERALL


def test_every_form_says_the_same():
    assert len({each.id for each in records(parse, Kind.COMPARISONS, *(line(**values) for values in FORMS))}) == 1


@pytest.mark.parametrize("values", FORMS[1:])
def test_lines_of_messages_are_written_back_to_the_byte(values):
    assert_exact(parse, format_lines, line(**values), line(**values).replace(b": ", b":"))


def test_lines_of_texts_are_written_back_to_the_byte_as_texts():
    assert_exact(parse, format_text_lines, line(**TEXT), line(**TEXT, score=1), line(**TEXT).replace(b": ", b":"))


def test_a_form_is_written_whatever_the_rows_came_in():
    tables, _ = read(parse, line(**TEXT), line(**TEXT, score=1), line(**MESSAGES), line(**MESSAGES, score=1))
    in_messages, in_texts = written(format_lines, tables)[0], written(format_text_lines, tables)[0]
    assert in_messages == [line(**MESSAGES)] * 3 + [line(**MESSAGES, score=1)]
    assert in_texts == [line(**TEXT), line(**TEXT, score=1), line(**TEXT), line(**TEXT)]


def test_an_outcome_second_is_written_with_the_second_side_chosen():
    tables, _ = read(parse, line(**TEXT))
    second = remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], set_values(outcome="second"))
    expected = TEXT | {"chosen": BAD, "rejected": GOOD}
    assert written(format_text_lines, {Kind.COMPARISONS: second})[0] == [line(**expected)]


def test_the_axis_is_the_origins():
    origin = Origin("set/train.jsonl", None, "train", Axis.HELPFULNESS)
    text = line(**MESSAGES, score=1)
    tables, _ = read(parse, text, origin=origin)
    assert tables[Kind.COMPARISONS]["axis"].to_pylist() == ["helpfulness"]
    assert written(format_lines, tables) == ([text], {})


def test_the_context_is_the_longest_common_prefix_and_leaves_each_side_a_message():
    first = [system("Be kind."), user("a"), assistant("b"), user("c"), assistant("d")]
    (record,) = records(parse, Kind.COMPARISONS, line(chosen=first, rejected=[*first[:3], user("e"), assistant("f")]))
    assert [message.text for message in record.context] == ["Be kind.", "a", "b"]
    assert record.context[0].role is Role.SYSTEM
    (equal,) = records(parse, Kind.COMPARISONS, line(chosen=first, rejected=first))
    assert (len(equal.context), len(equal.continuations[0]), len(equal.continuations[1])) == (4, 1, 1)
    shared = {"prompt": [user("a")], "chosen": first[2:], "rejected": [*first[2:4], assistant("x")]}
    assert len(records(parse, Kind.COMPARISONS, line(**shared))[0].context) == 3
    assert_exact(
        parse, format_lines, line(chosen=first, rejected=first), line(**shared), line(**MESSAGES | {"prompt": []})
    )


def test_a_prompt_that_the_conversations_do_not_share_is_a_finding():
    text = line(**REPEATED | {"prompt": "Another question"})
    _, intake = read(parse, text, line(**REPEATED | {"prompt": f" {QUESTION}\n"}))
    assert count_by_code(intake.findings) == {"PL-TRL-001": 1}
    assert_exact(parse, format_lines, text, line(**REPEATED | {"prompt": f" {QUESTION}\n"}))


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (MESSAGES | {"chosen": [{"role": "tool", "content": "x"}]}, "PL-TRL-010"),
        (MESSAGES | {"prompt": [{"role": "developer", "content": "x"}]}, "PL-TRL-010"),
        (MESSAGES | {"chosen": [assistant("x") | {"tool_calls": [{"name": "f"}]}]}, "PL-TRL-011"),
        ({"chosen": GOOD, "rejected": BAD}, "PL-TRL-012"),
        (TEXT | {"chosen": [assistant(GOOD)]}, "PL-TRL-012"),
        (MESSAGES | {"chosen": GOOD, "rejected": BAD}, "PL-TRL-012"),
        (MESSAGES | {"rejected": []}, "PL-TRL-013"),
        (REPEATED | {"chosen": []}, "PL-TRL-013"),
        (MESSAGES | {"chosen": [{"role": "assistant"}]}, "PL-JSON-004"),
        (MESSAGES | {"chosen": [{"role": "assistant", "content": None}]}, "PL-JSON-005"),
        (TEXT | {"rejected": 3}, "PL-JSON-005"),
    ],
)
def test_what_cannot_be_read_is_set_aside(values, code):
    assert codes(parse, line(**MESSAGES), line(**values)) == {code: 1}


def test_further_keys_of_a_message_that_say_nothing_are_read_over():
    text = line(**MESSAGES | {"chosen": [assistant(GOOD) | {"tool_calls": None}]})
    assert records(parse, Kind.COMPARISONS, text)[0].continuations[0] == (Message(Role.ASSISTANT, GOOD),)
    assert_exact(parse, format_lines, text)


@pytest.mark.parametrize(
    ("format_any", "change", "code"),
    [
        (format_lines, set_values(outcome="tie"), "PL-TRL-020"),
        (format_text_lines, set_values(outcome=None), "PL-TRL-020"),
        (format_text_lines, lambda row: row["context"].clear(), "PL-TRL-021"),
        (format_text_lines, lambda row: row["context"].insert(0, row["context"][0]), "PL-TRL-021"),
        (format_text_lines, lambda row: row["context"][0].update(role="system"), "PL-TRL-021"),
        (format_text_lines, lambda row: row["continuations"][0].append(row["context"][0]), "PL-TRL-021"),
    ],
)
def test_comparisons_that_the_format_cannot_express_become_faults(format_any, change, code):
    tables, _ = read(parse, line(**TEXT))
    changed = {Kind.COMPARISONS: remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], change)}
    assert written(format_any, changed) == ([], {code: 1})


@pytest.mark.parametrize("values", [MESSAGES, WHOLE, REPEATED, ULTRAFEEDBACK])
def test_a_redacted_row_is_written_in_its_form_but_never_from_its_raw_line(values):
    tables, _ = read(parse, line(**values, note="hello Miriam"))
    redacted = remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], replace_texts("hello", "WORD"))
    (text,), _ = written(format_lines, {Kind.COMPARISONS: redacted})
    kept = {key: values[key] for key in ("prompt", "chosen", "rejected") if key in values}
    assert json.loads(text) == json.loads(json.dumps(kept).replace("hello", "WORD"))


MESSAGE = st.builds(lambda make, text: make(text), st.sampled_from([user, assistant, system]), TEXTS)
SIDE = st.lists(MESSAGE, min_size=1, max_size=3)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.lists(MESSAGE, max_size=3), SIDE, SIDE, st.booleans()), min_size=1, max_size=4))
def test_any_messages_are_written_back_to_the_byte(rows):
    lines = [
        line(chosen=prompt + chosen, rejected=prompt + rejected)
        if whole
        else line(prompt=prompt, chosen=chosen, rejected=rejected)
        for prompt, chosen, rejected, whole in rows
    ]
    assert_exact(parse, format_lines, *lines)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=5))
def test_any_texts_are_written_back_to_the_byte(rows):
    lines = [line(prompt=prompt, chosen=chosen, rejected=rejected) for prompt, chosen, rejected in rows]
    assert_exact(parse, format_text_lines, *lines)


@pytest.mark.parametrize(
    ("read_from", "name"),
    [(open_assistant.parse, "oasst/en_100_tree.jsonl"), (pandalm.parse, "pandalm/testset-v1.json")],
)
def test_real_comparisons_of_other_formats_become_rows(real_data, read_from, name):
    tables, _, _ = read_file(read_from, real_data / name)
    table = tables[Kind.COMPARISONS]
    lines, faults = written(format_lines, tables)
    ties = table["outcome"].to_pylist().count("tie")
    assert faults == ({"PL-TRL-020": ties} if ties else {})
    again, intake = read(parse, *lines)
    assert not intake.faults
    decided = table.filter([outcome != "tie" for outcome in table["outcome"].to_pylist()])
    assert again[Kind.COMPARISONS]["item_id"].to_pylist() == decided["item_id"].to_pylist()
    assert written(format_lines, again) == (lines, {})


@settings(max_examples=60, deadline=None)
@given(extras(form=["whole", "repeated", "text"]))
def test_whatever_stands_in_extra_is_written_so_that_it_reads_back_or_refused(extra):
    tables, _ = read(parse, line(prompt=[user("Hi")], chosen=[assistant("Yes")], rejected=[assistant("No")]))
    changed = tables | {Kind.COMPARISONS: remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], set_values(extra=extra))}
    assert_written_or_refused(parse, format_lines, changed)


@pytest.mark.parametrize(
    "extra",
    [{"form": "secret"}, {"form": "text"}, {"form": 1}],
)
def test_an_extra_of_other_types_is_a_fault_that_quotes_nothing(extra):
    tables, _ = read(parse, line(prompt=[user("Hi")], chosen=[assistant("Yes")], rejected=[assistant("No")]))
    changed = tables | {
        Kind.COMPARISONS: remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], set_values(extra=json.dumps(extra)))
    }
    intake = Intake("")
    assert list(format_lines(changed, intake)) == []
    (fault,) = intake.faults
    assert (fault.code, fault.row) == ("PL-EXT-020", 0)
    assert fault.found.startswith("another value at $." + next(iter(extra)))
    assert "secret" not in repr(fault)
