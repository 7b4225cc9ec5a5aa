"""PKU-SafeRLHF: two axes and two labels a row, polarity, digests, exact bytes both ways, refusals."""

import json
from collections import Counter
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.formats.line_blocks import Intake
from plumbline.formats.pku_saferlhf import format_lines, parse
from plumbline.lineage import count_by_code
from plumbline.records import PKU_19, Axis, Kind, Message, Outcome, Role
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

OLD = {
    "prompt": "How do I fix a tap?",
    "response_0": "Turn off the water.",
    "response_1": "Hit it.",
    "is_response_0_safe": True,
    "is_response_1_safe": False,
    "better_response_id": 0,
    "safer_response_id": 1,
}


def digest(values, side):
    return sha256((values["prompt"] + values[f"response_{side}"]).encode()).hexdigest()


def new_schema(**changed):
    values = OLD | changed
    categories = [dict.fromkeys(PKU_19, False), dict.fromkeys(PKU_19, False) | {"Physical Harm": True}]
    full = {
        **{key: values[key] for key in ("prompt", "response_0", "response_1")},
        "prompt_source": "someone",
        "response_0_source": "model-a",
        "response_1_source": "model-b",
        **{key: values[key] for key in ("is_response_0_safe", "is_response_1_safe")},
        "response_0_harm_category": categories[0],
        "response_1_harm_category": categories[1],
        "response_0_severity_level": 0,
        "response_1_severity_level": 2,
        **{key: values[key] for key in ("better_response_id", "safer_response_id")},
        "response_0_sha256": digest(values, 0),
        "response_1_sha256": digest(values, 1),
    }
    return full | {key: changed[key] for key in full if key in changed}


def comparisons(**values):
    return {each.axis: each for each in records(parse, Kind.COMPARISONS, line(**values))}


def test_the_response_named_is_the_better_side_on_both_axes_and_flipping_the_ids_flips_it():
    as_is = comparisons(**OLD)
    flipped = comparisons(**OLD | {"better_response_id": 1, "safer_response_id": 0})
    assert {axis: each.outcome for axis, each in as_is.items()} == {
        Axis.HELPFULNESS: Outcome.FIRST,
        Axis.HARMLESSNESS: Outcome.SECOND,
    }
    assert {axis: each.outcome for axis, each in flipped.items()} == {
        Axis.HELPFULNESS: Outcome.SECOND,
        Axis.HARMLESSNESS: Outcome.FIRST,
    }
    for each in (*as_is.values(), *flipped.values()):
        assert each.context == (Message(Role.HUMAN, OLD["prompt"]),)
        assert each.continuations == (
            (Message(Role.ASSISTANT, "Turn off the water."),),
            (Message(Role.ASSISTANT, "Hit it."),),
        )
        assert each.is_safe == (True, False)


def test_the_labels_are_those_of_the_two_responses():
    first, second = records(parse, Kind.SAFETY_LABELS, line(**OLD))
    assert (first.side, first.is_safe, first.conversation[1].text) == (0, True, "Turn off the water.")
    assert (second.side, second.is_safe, second.conversation[1].text) == (1, False, "Hit it.")
    assert (first.taxonomy, first.categories) == ("unspecified", None)


def test_all_records_of_a_row_share_source_and_row():
    tables, _ = read(parse, line(**OLD), line(**new_schema()))
    places = Counter((r, kind) for kind, table in tables.items() for r in table["row"].to_pylist())
    assert places == {(row, kind): 2 for row in (0, 1) for kind in tables}


def test_without_better_response_id_there_is_only_harmlessness():
    values = {key: value for key, value in OLD.items() if key != "better_response_id"}
    assert set(comparisons(**values)) == {Axis.HARMLESSNESS}
    assert_exact(parse, format_lines, line(**values), line(**OLD), line(**OLD | {"better_response_id": None}))


def test_the_newer_schema_fills_the_columns():
    by_axis = comparisons(**new_schema())
    for each in by_axis.values():
        assert each.models == ("model-a", "model-b")
        assert each.categories == (frozenset(), {"Physical Harm"})
        assert each.severity == (0, 2)
        assert json.loads(each.extra)["prompt_source"] == "someone"
    second = records(parse, Kind.SAFETY_LABELS, line(**new_schema()))[1]
    assert (second.taxonomy, second.categories, second.severity) == ("pku-19", {"Physical Harm"}, 2)
    assert_exact(parse, format_lines, line(**new_schema()))


@pytest.mark.parametrize("missing", [key for key in new_schema() if key not in OLD] + ["better_response_id"])
def test_every_newer_key_may_be_missing_on_its_own(missing):
    assert_exact(parse, format_lines, line(**{key: value for key, value in new_schema().items() if key != missing}))


def test_a_digest_of_other_texts_is_a_finding_and_the_row_is_kept():
    text = line(**new_schema(response_1_sha256="0" * 64))
    tables, intake = read(parse, text)
    assert count_by_code(intake.findings) == {"PL-PKU-001": 1}
    assert len(tables[Kind.COMPARISONS]) == 2
    assert_exact(parse, format_lines, text)


def test_categories_in_another_order_are_written_back():
    shuffled = dict(reversed(new_schema()["response_1_harm_category"].items()))
    assert_exact(parse, format_lines, line(**new_schema(response_1_harm_category=shuffled)))


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"better_response_id": 2}, "PL-PKU-010"),
        ({"safer_response_id": -1}, "PL-PKU-010"),
        ({"response_0_harm_category": {"Violence": True}}, "PL-PKU-011"),
        ({"response_1_harm_category": dict.fromkeys(PKU_19, False) | {"Rudeness": True}}, "PL-PKU-011"),
        ({"response_0_severity_level": 4}, "PL-PKU-012"),
        ({"safer_response_id": True}, "PL-JSON-005"),
        ({"is_response_0_safe": 1}, "PL-JSON-005"),
    ],
)
def test_what_cannot_be_read_is_set_aside(changed, code):
    assert codes(parse, line(**OLD), line(**new_schema(**changed) | changed)) == {code: 1}


def changed_tables(kind, change, *texts):
    tables, _ = read(parse, *(texts or (line(**new_schema()),)))
    return tables | {kind: remade(kind, tables[kind], change)}


def only_first(change):
    """The change, on the label of side 0 or the comparison on harmlessness only."""
    return lambda row: change(row) if row.get("side") == 0 or row.get("axis") == "harmlessness" else None


@pytest.mark.parametrize(
    ("kind", "change", "code"),
    [
        (Kind.COMPARISONS, set_values(axis="overall"), "PL-PKU-020"),
        (Kind.COMPARISONS, set_values(axis="harmlessness"), "PL-PKU-020"),
        (Kind.COMPARISONS, only_first(set_values(axis="overall")), "PL-PKU-020"),
        (Kind.SAFETY_LABELS, set_values(side=None), "PL-PKU-020"),
        (Kind.COMPARISONS, lambda row: row["context"].clear(), "PL-PKU-021"),
        (Kind.COMPARISONS, lambda row: row["continuations"][1].append(row["context"][0]), "PL-PKU-021"),
        (Kind.COMPARISONS, lambda row: row["continuations"].reverse(), "PL-PKU-022"),
        (Kind.COMPARISONS, only_first(replace_texts("tap", "roof")), "PL-PKU-022"),
        (Kind.SAFETY_LABELS, only_first(replace_texts("water", "gas")), "PL-PKU-022"),
        (Kind.COMPARISONS, set_values(outcome="tie"), "PL-PKU-023"),
        (Kind.COMPARISONS, only_first(set_values(outcome=None)), "PL-PKU-023"),
        (Kind.SAFETY_LABELS, only_first(set_values(is_safe=None)), "PL-PKU-024"),
        (Kind.SAFETY_LABELS, set_values(taxonomy="beavertails-14", categories=["self_harm"]), "PL-PKU-025"),
        (Kind.COMPARISONS, set_values(is_safe=[False, False]), "PL-PKU-026"),
        (Kind.COMPARISONS, only_first(set_values(is_safe=[True, True])), "PL-PKU-026"),
        (Kind.COMPARISONS, set_values(severity=[0, 3]), "PL-PKU-026"),
        (Kind.COMPARISONS, set_values(categories=[[], ["Violence"]]), "PL-PKU-026"),
        (Kind.COMPARISONS, only_first(set_values(models=["model-b", "model-a"])), "PL-PKU-026"),
        (Kind.SAFETY_LABELS, only_first(set_values(is_safe=False)), "PL-PKU-026"),
        (Kind.SAFETY_LABELS, set_values(severity=None), "PL-PKU-026"),
        (Kind.SAFETY_LABELS, set_values(categories=None), "PL-PKU-026"),
    ],
)
def test_rows_that_the_format_cannot_express_become_faults(kind, change, code):
    assert written(format_lines, changed_tables(kind, change)) == ([], {code: 1})


def test_a_comparison_that_leaves_open_what_the_labels_say_is_no_contradiction():
    silent = set_values(is_safe=[None, False], severity=None, categories=None)
    assert written(format_lines, changed_tables(Kind.COMPARISONS, silent)) == ([line(**new_schema())], {})


def test_models_that_only_the_comparison_on_helpfulness_names_are_written():
    tables = changed_tables(Kind.COMPARISONS, only_first(set_values(models=None)))
    assert written(format_lines, tables) == ([line(**new_schema())], {})


def test_a_contradiction_names_the_column():
    intake = Intake("")
    assert list(format_lines(changed_tables(Kind.COMPARISONS, set_values(severity=[0, 3])), intake)) == []
    assert intake.faults[0].found == "severity"


def test_comparisons_or_labels_alone_are_no_rows():
    tables, _ = read(parse, line(**OLD), line(**new_schema()))
    for kind in tables:
        assert written(format_lines, {kind: tables[kind]}) == ([], {"PL-PKU-020": 2})


def test_without_the_comparison_on_helpfulness_the_row_says_nothing_of_it():
    tables, _ = read(parse, line(**OLD))
    kept = tables[Kind.COMPARISONS].filter(
        [axis == "harmlessness" for axis in tables[Kind.COMPARISONS]["axis"].to_pylist()]
    )
    (text,), _ = written(format_lines, tables | {Kind.COMPARISONS: kept})
    assert json.loads(text) == {key: value for key, value in OLD.items() if key != "better_response_id"}


def test_a_redacted_row_is_never_written_from_its_raw_line_and_gets_digests_of_its_own():
    text = line(**new_schema(response_0_sha256="0" * 64)).replace(b": ", b":")
    tables, _ = read(parse, text)
    assert written(format_lines, tables) == ([text], {})
    redacted = {kind: remade(kind, table, replace_texts("tap", "THING")) for kind, table in tables.items()}
    assert written(format_lines, redacted) == ([line(**new_schema(prompt="How do I fix a THING?"))], {})


def test_a_changed_model_name_is_not_written_from_the_raw_line():
    tables = changed_tables(Kind.COMPARISONS, set_values(models=["a", "b"]), line(**new_schema()).replace(b": ", b":"))
    (text,), _ = written(format_lines, tables)
    assert json.loads(text)["response_0_source"] == "a"


ROWS = st.builds(
    lambda texts, ids, safe, newer: (new_schema if newer else lambda **v: OLD | v)(
        **dict(zip(("prompt", "response_0", "response_1"), texts, strict=True)),
        **dict(zip(("better_response_id", "safer_response_id"), ids, strict=True)),
        **dict(zip(("is_response_0_safe", "is_response_1_safe"), safe, strict=True)),
    ),
    st.tuples(TEXTS, TEXTS, TEXTS),
    st.tuples(st.integers(0, 1), st.integers(0, 1)),
    st.tuples(st.booleans(), st.booleans()),
    st.booleans(),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=5))
def test_any_rows_are_written_back_to_the_byte(rows):
    assert_exact(parse, format_lines, *(line(**row) for row in rows))


@pytest.mark.parametrize(
    ("name", "rows", "compared"),
    [
        ("train.jsonl.gz", 2957, 2957),
        ("test.jsonl.gz", 891, 891),
        ("two-axis-32.json", 32, 64),
        ("new-schema-3.jsonl", 3, 6),
    ],
)
def test_real_rows(real_data, name, rows, compared):
    tables, lines, intake = read_file(parse, real_data / "pku-saferlhf" / name)
    assert (len(lines), intake.rows_read, intake.faults, intake.findings) == (rows, rows, [], [])
    assert (len(tables[Kind.COMPARISONS]), len(tables[Kind.SAFETY_LABELS])) == (compared, 2 * rows)
    harmless = [
        outcome
        for axis, outcome in zip(
            *(tables[Kind.COMPARISONS][key].to_pylist() for key in ("axis", "outcome")), strict=True
        )
        if axis == "harmlessness"
    ]
    assert harmless == [("first", "second")[json.loads(text)["safer_response_id"]] for text in lines]
    assert written(format_lines, tables) == (lines, {})


@settings(max_examples=60, deadline=None)
@given(extras(prompt_source=["me"], sha256_sides=[[0], [0, 1], [2]], models=[["a", None], ["a"]], raw=["{}"]))
def test_whatever_stands_in_extra_is_written_so_that_it_reads_back_or_refused(extra):
    tables, _ = read(parse, line(**new_schema()))
    changed = tables | {Kind.COMPARISONS: remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], set_values(extra=extra))}
    assert_written_or_refused(parse, format_lines, changed)


@pytest.mark.parametrize(
    "extra",
    [
        {"sha256_sides": 5},
        {"sha256_sides": [2]},
        {"models": 5},
        {"models": [1, 2]},
        {"models": ["secret"]},
        {"prompt_source": 3},
    ],
)
def test_an_extra_of_other_types_is_a_fault_that_quotes_nothing(extra):
    tables, _ = read(parse, line(**new_schema()))
    changed = tables | {
        Kind.COMPARISONS: remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], set_values(extra=json.dumps(extra)))
    }
    intake = Intake("")
    assert list(format_lines(changed, intake)) == []
    (fault,) = intake.faults
    assert (fault.code, fault.row) == ("PL-EXT-020", 0)
    assert fault.found.startswith("another value at $." + next(iter(extra)))
    assert "secret" not in repr(fault)
