"""The prompts that are asked: each once, whatever records they stand in, on the terms of their source."""

import pyarrow as pa
import pytest

from plumbline.formats import PARQUET, write_tables
from plumbline.lineage import Use
from plumbline.loop.asked_prompts import read_asked_prompts
from plumbline.records import Kind, NoDataError, PermittedUseError
from tests.models.made_up import labels_table, pairs_table


@pytest.fixture
def pairs(tmp_path):
    write_tables({Kind.COMPARISONS: pairs_table(20)}, tmp_path / "pairs", PARQUET)
    return tmp_path / "pairs"


def texts(asked):
    return [prompt.conversation[-1].text for prompt in asked.prompts]


def test_a_prompt_that_stands_twice_is_asked_once_and_names_both_records(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt": "a"}\n{"prompt": "b"}\n{"prompt": "a"}\n')
    asked = read_asked_prompts(str(path), {}, Use.POLICY)
    assert (texts(asked), asked.repeated) == (["a", "b"], 1)
    assert asked.parents == [(asked.prompts[0].id,), (asked.prompts[1].id,)]


def test_what_was_replied_to_in_comparisons_is_asked_and_names_them(pairs):
    asked = read_asked_prompts(str(pairs), {}, Use.POLICY)
    table = pairs_table(20)
    assert texts(asked) == [f"question number {number}?" for number in range(10)]
    assert asked.parents[0] == tuple(table["id"].to_pylist()[place] for place in (0, 10))
    assert asked.prompts[0].split == "train"


def test_so_is_what_was_replied_to_in_labels(tmp_path):
    write_tables({Kind.SAFETY_LABELS: labels_table(8)}, tmp_path / "labels", PARQUET)
    asked = read_asked_prompts(str(tmp_path / "labels"), {}, Use.POLICY)
    assert texts(asked) == [f"question number {number}?" for number in range(8)]


def test_where_fewer_are_wanted_they_are_drawn_by_the_seed(pairs):
    drawn = [texts(read_asked_prompts(str(pairs), {}, Use.POLICY, most=4, seed=seed)) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 4
    assert read_asked_prompts(str(pairs), {}, Use.POLICY, most=4).not_drawn == 6


def test_conversations_that_wait_for_no_reply_are_counted(tmp_path):
    path = tmp_path / "pairs.jsonl"
    roles = ['[{"role": "user", "content": "q"}]', '[{"role": "assistant", "content": "so"}]']
    path.write_text(
        "".join(
            f'{{"prompt": {prompt}, "chosen": [{{"role": "assistant", "content": "a"}}], '
            '"rejected": [{"role": "assistant", "content": "b"}]}\n'
            for prompt in roles
        )
    )
    asked = read_asked_prompts(str(path), {}, Use.POLICY)
    assert (texts(asked), asked.waiting_for_none) == (["q"], 1)
    path.write_text(path.read_text().splitlines(keepends=True)[1])
    with pytest.raises(NoDataError, match=r"PL-BON-008(.|\n)*1 that do not end with the human"):
        read_asked_prompts(str(path), {}, Use.POLICY)


def test_terms_that_do_not_permit_it_are_refused_unless_overridden(pairs):
    with pytest.raises(PermittedUseError, match="PL-USE-001"):
        read_asked_prompts(str(pairs), {"stated_terms": stated("analysis")}, Use.POLICY)
    assert read_asked_prompts(str(pairs), {"stated_terms": stated("analysis")}, Use.POLICY, override_uses=True).prompts


def stated(use):
    from plumbline.lineage import StatedTerms

    return StatedTerms.of(None, [use])


def test_what_is_measured_on_is_not_learnt_from_where_the_source_says_so(tmp_path):
    table = labels_table(8)
    position = table.schema.get_field_index("split")
    names = pa.array(["train"] * 6 + ["test"] * 2).dictionary_encode().cast(table.schema.field("split").type)
    folder = tmp_path / "labels"
    write_tables({Kind.SAFETY_LABELS: table.set_column(position, table.schema.field("split"), names)}, folder, PARQUET)
    asked = read_asked_prompts(str(folder), {}, Use.POLICY, split="train")
    assert (texts(asked), asked.split) == ([f"question number {number}?" for number in range(6)], "train")
    asked = read_asked_prompts(str(folder), {"split": "test"}, Use.POLICY, split="train")
    assert (len(asked.prompts), asked.split) == (2, "test")
    assert len(read_asked_prompts(str(folder), {}, Use.POLICY).prompts) == 8
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt": "a"}\n')
    asked = read_asked_prompts(str(path), {}, Use.POLICY, split="train")
    assert (texts(asked), asked.split) == (["a"], None)
