"""Pairs that nobody has judged: read, written back, never taken for judged rows, never trained on in silence."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import plumbline
from plumbline.formats import convert_loaded, load, pandalm
from plumbline.formats.origin import Origin
from plumbline.formats.pairs import FOREIGN_KEYS, KEYS, format_lines, parse
from plumbline.formats.pku_saferlhf import KEYS as PKU_KEYS
from plumbline.formats.registry import recognise
from plumbline.lineage import StatedTerms
from plumbline.records import Axis, Kind, Message, Outcome, Role
from tests.formats.reading_back import (
    TEXTS,
    assert_exact,
    codes,
    line,
    read,
    records,
    remade,
    replace_texts,
    set_values,
    written,
)
from tests.formats.sources import put

TEXT = {"prompt": "Say hello.", "response_0": "Good day", "response_1": "Go away"}
MESSAGES = TEXT | {"prompt": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]}
MODELS = {"model_0": "ours", "model_1": "theirs"}
JUDGED = [*sorted(FOREIGN_KEYS)]


def test_a_row_is_a_comparison_that_nobody_judged():
    (record,) = records(parse, Kind.COMPARISONS, line(**TEXT, **MODELS))
    assert (record.outcome, record.axis, record.models) == (None, Axis.OVERALL, ("ours", "theirs"))
    assert record.context == (Message(Role.HUMAN, "Say hello."),)
    assert record.continuations == ((Message(Role.ASSISTANT, "Good day"),), (Message(Role.ASSISTANT, "Go away"),))
    assert (record.source, record.row, record.split) == ("set/train.jsonl", 0, "train")
    assert records(parse, Kind.COMPARISONS, line(**TEXT))[0].models is None


def test_a_prompt_may_be_messages_under_either_name():
    as_text = TEXT | {"prompt": [{"role": "system", "text": "Be kind."}, {"role": "human", "text": "Hi"}]}
    first, second = (records(parse, Kind.COMPARISONS, line(**each))[0] for each in (MESSAGES, as_text))
    assert first.context == second.context == (Message(Role.SYSTEM, "Be kind."), Message(Role.HUMAN, "Hi"))
    assert first.id == second.id


def test_the_axis_is_the_origins_or_the_folders():
    for origin, axis in (
        (Origin("s/x.jsonl", None, "x", Axis.HELPFULNESS), "helpfulness"),
        (Origin("s/x.jsonl", "harmless-mine", "x"), "harmlessness"),
    ):
        tables, _ = read(parse, line(**TEXT), origin=origin)
        assert tables[Kind.COMPARISONS]["axis"].to_pylist() == [axis]
        assert tables[Kind.COMPARISONS]["outcome"].null_count == 1


def test_lines_are_written_back_to_the_byte():
    one_question = TEXT | {"prompt": [{"role": "user", "content": "Hi"}]}
    odd = TEXT | {"prompt": [{"role": "human", "text": "Hi", "content": None}], "model_0": None}
    assert_exact(
        parse,
        format_lines,
        *(line(**each) for each in (TEXT, TEXT | MODELS, MESSAGES | MODELS, one_question, odd)),
        line(**TEXT, id=7, note="mine"),
        line(**TEXT).replace(b": ", b":"),
    )


def test_a_redacted_text_does_not_come_back_with_the_raw_line():
    tables, _ = read(parse, line(**TEXT, id=7))
    redacted = remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], replace_texts("Go away", "█"))
    assert written(format_lines, {Kind.COMPARISONS: redacted}) == ([line(**TEXT | {"response_1": "█"})], {})
    renamed = remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], set_values(models=["a", "b"]))
    assert written(format_lines, {Kind.COMPARISONS: renamed})[0] == [line(**TEXT, model_0="a", model_1="b")]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        *((TEXT | {key: 1}, "PL-PAI-010") for key in JUDGED),
        (TEXT | {"prompt": [{"role": "user", "content": "x", "tool_calls": [{}]}]}, "PL-PAI-011"),
        (TEXT | {"prompt": [{"role": "user", "content": "x", "text": "y"}]}, "PL-PAI-011"),
        (TEXT | {"prompt": [{"role": "user"}]}, "PL-PAI-011"),
        (TEXT | {"prompt": [{"role": "tool", "content": "x"}]}, "PL-PAI-012"),
        (TEXT | {"model_0": "ours"}, "PL-PAI-013"),
        (TEXT | {"model_0": "ours", "model_1": None}, "PL-PAI-013"),
        ({"prompt": "x", "response_0": "y"}, "PL-JSON-004"),
        (TEXT | {"response_1": 3}, "PL-JSON-005"),
        (TEXT | {"prompt": None}, "PL-JSON-005"),
        (TEXT | {"prompt": ["x"]}, "PL-JSON-005"),
        (MESSAGES | {"model_0": 1, "model_1": 2}, "PL-JSON-005"),
    ],
)
def test_what_cannot_be_read_is_set_aside(values, code):
    assert codes(parse, line(**TEXT), line(**values)) == {code: 1}


def test_keys_said_twice_and_halves_of_characters_are_set_aside():
    twice = line(**TEXT)[:-1] + b', "response_0": "Another"}'
    half = line(**TEXT).replace(b"Good day", b"\\ud800")
    assert codes(parse, twice, half, line(**TEXT)) == {"PL-JSON-003": 1, "PL-JSON-007": 1}


# --- told apart from judged rows ---


def test_the_rows_of_other_formats_are_never_taken_for_pairs_nor_pairs_for_them():
    def of(*keys):
        known = recognise(frozenset(keys), frozenset(keys))
        return known and known.name

    assert of(*KEYS) == of(*KEYS, "model_0", "model_1", "id", "prompt_source", "category") == "pairs"
    assert of(*PKU_KEYS) == of(*PKU_KEYS, "better_response_id") == "pku-saferlhf"
    assert of(*KEYS, "chosen", "rejected") == "trl"
    assert of(*KEYS, "response", "is_safe") == "beavertails"
    for key in PKU_KEYS - KEYS:
        assert of(*PKU_KEYS - {key}) is None  # a judged row that lacks something is a broken one
    assert PKU_KEYS - KEYS < FOREIGN_KEYS


def test_a_judged_row_that_lacks_a_key_is_told_its_own_format(tmp_path):
    row = dict.fromkeys(PKU_KEYS - {"is_response_1_safe"}, "x")
    path = put(tmp_path, "x.jsonl", line(**row) + b"\n")
    with pytest.raises(plumbline.records.SourceError, match=r"(?s)PL-SRC-008.*pku-saferlhf, the nearest"):
        load(path)


def test_a_file_and_its_parquet_are_recognised_and_have_no_terms_until_stated(tmp_path):
    path = put(tmp_path, "mine.jsonl", line(**TEXT) + b"\n{broken\n" + line(**TEXT, model_0="x") + b"\n")
    loaded = load(path)
    assert loaded.quarantined == {"PL-JSON-001": 1, "PL-PAI-013": 1}
    assert [fault.row for fault in loaded.faults] == [1, 2]
    assert (loaded.terms.licence, len(loaded.terms.uses)) == ("unknown", 5)
    stated = load(path, stated_terms=StatedTerms.of("CC-BY-4.0", ["analysis"])).terms
    assert (stated.licence, {*map(str, stated.uses)}) == ("CC-BY-4.0", {"analysis"})
    pq.write_table(pa.Table.from_pylist([TEXT | MODELS]), tmp_path / "mine.parquet")
    (again,) = load(tmp_path / "mine.parquet").comparisons.to_pylist()
    assert (again["models"], again["outcome"]) == (["ours", "theirs"], None)


# --- written ---


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_judgement_is_never_dropped_by_writing(outcome):
    tables, _ = read(parse, line(**TEXT, id=1), line(**TEXT))
    judged = remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], set_values(outcome=outcome.value))
    assert written(format_lines, {Kind.COMPARISONS: judged}) == ([], {"PL-PAI-020": 2})


def test_what_is_no_pair_of_replies_or_names_half_the_models_is_a_fault():
    tables, _ = read(parse, line(**TEXT))
    table = tables[Kind.COMPARISONS]

    def ends_with_the_human(row):
        row["continuations"][1].append({"role": "human", "text": "Why?"})

    assert written(format_lines, {Kind.COMPARISONS: remade(Kind.COMPARISONS, table, ends_with_the_human)}) == (
        [],
        {"PL-PAI-021": 1},
    )
    half = remade(Kind.COMPARISONS, table, set_values(models=["a", None]))
    assert written(format_lines, {Kind.COMPARISONS: half}) == ([], {"PL-PAI-022": 1})


def test_judged_comparisons_of_another_format_are_all_faults():
    row = {"idx": 0, "motivation_app": "", "cmp_key": "a_b", "instruction": "Say it.", "input": ""}
    row |= {"response1": "One", "response2": "Two", "annotator1": 0, "annotator2": 1, "annotator3": 2}
    tables, _ = read(pandalm.parse, line(**row))
    assert written(format_lines, tables) == ([], {"PL-PAI-020": 3})


def test_what_may_be_judged_of_pairs_survives_a_conversion(tmp_path):
    loaded = load(put(tmp_path, "mine.jsonl", line(**TEXT) + b"\n"), axis="helpfulness")
    convert_loaded(loaded, tmp_path / "folder", "pairs")
    convert_loaded(loaded, tmp_path / "one.jsonl", "pairs")
    for again in (load(tmp_path / "folder"), load(tmp_path / "one.jsonl")):
        assert again.comparisons["id"].to_pylist() == loaded.comparisons["id"].to_pylist()
        assert again.comparisons["axis"].to_pylist() == ["helpfulness"]
    assert (tmp_path / "one.jsonl").read_bytes() == line(**TEXT) + b"\n"


MESSAGE = st.fixed_dictionaries({"role": st.sampled_from(["user", "human", "assistant", "system"])}).flatmap(
    lambda role: st.tuples(st.sampled_from(["content", "text"]), TEXTS).map(lambda said: role | {said[0]: said[1]})
)
ROW = st.fixed_dictionaries(
    {"prompt": TEXTS | st.lists(MESSAGE, max_size=3), "response_0": TEXTS, "response_1": TEXTS}
).flatmap(
    lambda row: (
        st.sampled_from([{}, {"id": 3}, {"model_1": None}]).map(lambda more: row | more)
        | st.tuples(TEXTS, TEXTS).map(lambda names: row | {"model_0": names[0], "model_1": names[1]})
    )
)


@given(st.lists(ROW, min_size=1, max_size=4), st.booleans())
@settings(max_examples=60, deadline=None)
def test_whatever_is_read_is_written_back(rows, keeps_raw):
    lines = [json.dumps(row, ensure_ascii=False).encode() for row in rows]
    if keeps_raw:
        assert_exact(parse, format_lines, *lines)
        return
    # Without the lines that were read, the records alone say the same.
    tables, _ = read(parse, *lines)
    bare = {Kind.COMPARISONS: remade(Kind.COMPARISONS, tables[Kind.COMPARISONS], set_values(extra=None))}
    again_lines, faults = written(format_lines, bare)
    again, intake = read(parse, *again_lines)
    assert not faults
    assert not intake.faults
    columns = ["id", "context", "continuations", "axis", "outcome", "models"]
    assert again[Kind.COMPARISONS].select(columns).to_pylist() == bare[Kind.COMPARISONS].select(columns).to_pylist()
