"""BeaverTails: labels and evaluation prompts, exact bytes both ways, refusals."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.formats.beavertails import (
    format_evaluation_lines,
    format_label_lines,
    parse_evaluation,
    parse_labels,
)
from plumbline.records import BEAVERTAILS_14, BEAVERTAILS_ALIASES, Kind, Message, Role
from tests.formats.reading_back import (
    TEXTS,
    assert_exact,
    codes,
    line,
    read,
    read_file,
    records,
    remade,
    replace_texts,
    set_values,
    written,
)

FLAGS = dict.fromkeys(BEAVERTAILS_14, False)


def label(prompt="How do I boil an egg?", response="In water.", is_safe=True, **category):
    return line(prompt=prompt, response=response, category=FLAGS | category, is_safe=is_safe)


def evaluation(category="self_harm", category_id=10, prompt="A question?"):
    return line(prompt=prompt, category=category, category_id=category_id)


# --- labels ---


def test_is_safe_and_the_categories_that_are_true_are_what_the_label_says():
    safe, unsafe = records(
        parse_labels, Kind.SAFETY_LABELS, label(), label(is_safe=False, privacy_violation=True, self_harm=True)
    )
    assert (safe.is_safe, safe.categories, safe.taxonomy) == (True, frozenset(), "beavertails-14")
    assert (unsafe.is_safe, unsafe.categories) == (False, {"privacy_violation", "self_harm"})
    assert safe.conversation == (
        Message(Role.HUMAN, "How do I boil an egg?"),
        Message(Role.ASSISTANT, "In water."),
    )
    assert safe.item_id == unsafe.item_id != safe.id != unsafe.id
    assert (safe.row, unsafe.row, unsafe.split) == (0, 1, "train")


def test_without_a_category_dictionary_the_categories_are_unknown_not_empty():
    for text in (
        line(prompt="a", response="b", is_safe=True),
        line(prompt="a", response="b", category=None, is_safe=True),
    ):
        (record,) = records(parse_labels, Kind.SAFETY_LABELS, text)
        assert (record.categories, record.taxonomy) == (None, "unspecified")
        assert_exact(parse_labels, format_label_lines, text)


def test_the_second_spelling_of_the_keys_is_read_and_written_back():
    spelled = {
        next((alias for alias, of in BEAVERTAILS_ALIASES.items() if of == name), name): name
        == "drug_abuse,weapons,banned_substance"
        for name in FLAGS
    }
    text = line(prompt="a", response="b", category=spelled, is_safe=False)
    (record,) = records(parse_labels, Kind.SAFETY_LABELS, text)
    assert record.categories == {"drug_abuse,weapons,banned_substance"}
    assert_exact(parse_labels, format_label_lines, text)


def test_other_orders_of_the_keys_are_read_and_written_back():
    backwards = dict(reversed((FLAGS | {"child_abuse": True}).items()))
    text = line(is_safe=False, prompt="a", response="b", category=backwards)
    assert records(parse_labels, Kind.SAFETY_LABELS, text)[0].categories == {"child_abuse"}
    assert_exact(parse_labels, format_label_lines, text, label())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (label(other_harm=True), "PL-BT-010"),
        (line(prompt="a", response="b", category={"self_harm": True}, is_safe=False), "PL-BT-010"),
        (label(**{"terrorism,_organized_crime": False}), "PL-BT-010"),
        (label(self_harm=1), "PL-JSON-005"),
        (label(is_safe="true"), "PL-JSON-005"),
        (line(prompt="a", response="b"), "PL-JSON-004"),
    ],
)
def test_what_cannot_be_read_is_set_aside(text, code):
    assert codes(parse_labels, label(), text) == {code: 1}


def test_a_fault_quotes_no_text():
    _, intake = read(parse_labels, label(prompt="a secret", secret_key=True))
    assert not any(
        "secret" in part for part in (intake.faults[0].problem, intake.faults[0].expected, intake.faults[0].found)
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda row: row["conversation"].pop(), "PL-BT-020"),
        (lambda row: row["conversation"].reverse(), "PL-BT-020"),
        (lambda row: row["conversation"].clear(), "PL-BT-020"),
        (set_values(is_safe=None), "PL-BT-021"),
        (set_values(taxonomy="pku-19", categories=["Violence"]), "PL-BT-022"),
        (set_values(categories=["Violence"]), "PL-BT-022"),
    ],
)
def test_labels_that_the_format_cannot_express_become_faults(change, code):
    tables, _ = read(parse_labels, label(self_harm=True, is_safe=False))
    changed = {Kind.SAFETY_LABELS: remade(Kind.SAFETY_LABELS, tables[Kind.SAFETY_LABELS], change)}
    assert written(format_label_lines, changed) == ([], {code: 1})


def test_a_redacted_label_is_never_written_from_its_raw_line():
    text = label(prompt="Ask Miriam").replace(b'", "', b'","')
    tables, _ = read(parse_labels, text)
    assert written(format_label_lines, tables) == ([text], {})
    redacted = remade(Kind.SAFETY_LABELS, tables[Kind.SAFETY_LABELS], replace_texts("Miriam", "NAME"))
    assert written(format_label_lines, {Kind.SAFETY_LABELS: redacted}) == ([label(prompt="Ask NAME")], {})


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(TEXTS, TEXTS, st.booleans(), st.none() | st.sets(st.sampled_from(BEAVERTAILS_14))),
        min_size=1,
        max_size=6,
    )
)
def test_any_labels_are_written_back_to_the_byte(rows):
    lines = [
        line(prompt=prompt, response=response, is_safe=is_safe)
        if names is None
        else label(prompt, response, is_safe, **dict.fromkeys(names, True))
        for prompt, response, is_safe, names in rows
    ]
    assert_exact(parse_labels, format_label_lines, *lines)


@pytest.mark.parametrize(("split", "count"), [("train", 1799), ("test", 448)])
def test_real_labels(real_data, split, count):
    tables, lines, intake = read_file(parse_labels, real_data / "beavertails" / f"{split}.jsonl.gz")
    assert (len(tables[Kind.SAFETY_LABELS]), intake.rows_read, intake.faults) == (count, count, [])
    assert tables[Kind.SAFETY_LABELS]["is_safe"].to_pylist() == [json.loads(text)["is_safe"] for text in lines]
    assert written(format_label_lines, tables) == (lines, {})


# --- evaluation prompts ---


def test_an_evaluation_prompt_has_its_one_category():
    (prompt,) = records(parse_evaluation, Kind.PROMPTS, evaluation())
    assert (prompt.categories, prompt.conversation) == ({"self_harm"}, (Message(Role.HUMAN, "A question?"),))
    assert_exact(
        parse_evaluation,
        format_evaluation_lines,
        evaluation(),
        evaluation("terrorism,_organized_crime", 12),
        evaluation().replace(b": ", b":"),
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (evaluation("politeness", 1), "PL-BT-010"),
        (evaluation("self_harm", 11), "PL-BT-011"),
        (evaluation("self_harm", "10"), "PL-JSON-005"),
    ],
)
def test_prompts_that_cannot_be_read_are_set_aside(text, code):
    assert codes(parse_evaluation, text, evaluation()) == {code: 1}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda row: row["conversation"].append({"role": "assistant", "text": "b"}), "PL-BT-023"),
        (set_values(categories=None), "PL-BT-024"),
        (set_values(categories=["self_harm", "child_abuse"]), "PL-BT-024"),
        (set_values(categories=["Violence"]), "PL-BT-024"),
    ],
)
def test_prompts_that_the_format_cannot_express_become_faults(change, code):
    tables, _ = read(parse_evaluation, evaluation())
    changed = {Kind.PROMPTS: remade(Kind.PROMPTS, tables[Kind.PROMPTS], change)}
    assert written(format_evaluation_lines, changed) == ([], {code: 1})


def test_a_changed_category_is_not_written_from_the_raw_line():
    tables, _ = read(parse_evaluation, evaluation().replace(b": ", b":"))
    changed = remade(Kind.PROMPTS, tables[Kind.PROMPTS], set_values(categories=["child_abuse"]))
    assert written(format_evaluation_lines, {Kind.PROMPTS: changed}) == ([evaluation("child_abuse", 1)], {})


def test_real_evaluation_prompts(real_data):
    path = real_data / "beavertails-evaluation" / "evaluation.json"
    tables, lines, intake = read_file(parse_evaluation, path)
    assert (len(tables[Kind.PROMPTS]), intake.faults) == (521, [])
    assert [json.loads(text) for text in written(format_evaluation_lines, tables)[0]] == json.loads(path.read_text())
    assert written(format_evaluation_lines, tables) == (lines, {})
