"""Plain prompts from CSV and JSON lines: read to the letter, refused where anything would be dropped or guessed."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.formats.prompt_files import load_prompts
from plumbline.lineage import StatedTerms, Use
from plumbline.records import PlumblineError, SourceError, records_from_table

SECRET = "lapis lazuli"


def written(folder, name, content):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def asked(loaded):
    """(row, prompt, categories) of each prompt."""
    found = [(each.row, each.conversation[0].text, each.categories) for each in records_from_table(loaded.prompts)]
    assert loaded.rows_read == len(found) + len(loaded.faults)
    return found


def test_csv_and_json_lines_give_the_same_prompts(tmp_path):
    rows = [("How, then?", "a"), ('"Quoted"\nover lines\r\nand ünïcode ', ""), ("  blanks stay  ", "b,c")]
    quoted = "".join('"' + prompt.replace('"', '""') + f'","{category}"\r\n' for prompt, category in rows)
    of_csv = load_prompts(written(tmp_path, "mine.csv", "prompt,category\r\n" + quoted))
    lines = [{"prompt": prompt, **({"category": category} if category else {})} for prompt, category in rows]
    of_lines = load_prompts(written(tmp_path, "mine.jsonl", "".join(json.dumps(line) + "\n" for line in lines)))
    expected = [(n, prompt, frozenset([category]) if category else None) for n, (prompt, category) in enumerate(rows)]
    assert asked(of_csv) == asked(of_lines) == expected
    assert of_csv.prompts["id"].to_pylist() == of_lines.prompts["id"].to_pylist()
    assert of_csv.prompts["source"].to_pylist()[0].endswith("/mine.csv")


def test_what_a_row_says_beside_a_prompt_is_never_dropped(tmp_path):
    lines = [
        {"prompt": SECRET},
        {"prompt": SECRET, "response": SECRET},
        {"prompt": "  "},
        {"prompt": 3},
        {"category": "a"},
        {"prompt": "b", "category": None},
    ]
    content = "".join(json.dumps(line) + "\n" for line in lines) + '{"prompt": "x", "prompt": "y"}\n\n[1]\n'
    loaded = load_prompts(written(tmp_path, "p.jsonl", content))
    assert [row for row, _, _ in asked(loaded)] == [0, 5]
    assert loaded.quarantined == {
        "PL-PRM-001": 1, "PL-PRM-002": 1, "PL-JSON-005": 1, "PL-JSON-004": 1, "PL-JSON-003": 1, "PL-JSON-002": 1,
    }  # fmt: skip
    assert SECRET not in str(loaded.faults)
    assert [finding.code for finding in loaded.findings] == ["PL-IO-011"]


def test_a_row_of_another_length_is_set_aside_and_the_next_keeps_its_number(tmp_path):
    loaded = load_prompts(written(tmp_path, "p.csv", "\ufeffprompt,category\none,a\ntwo\n\nthree,b,c\nfour,d\n"))
    assert [(row, prompt) for row, prompt, _ in asked(loaded)] == [(0, "one"), (4, "four")]
    assert loaded.quarantined == {"PL-JSON-002": 2}
    assert sorted(finding.code for finding in loaded.findings) == ["PL-IO-007", "PL-IO-011"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "PL-IO-006"),
        (b"text\n" + SECRET.encode(), "PL-PRM-003"),
        (b"prompt,answer\na,b\n", "PL-PRM-003"),
        (b"prompt,prompt\na,b\n", "PL-PRM-003"),
        (f'prompt\n"{SECRET}\n'.encode(), "PL-PRM-003"),
        (f'prompt\n"{SECRET}" and more\n'.encode(), "PL-PRM-003"),
        (b"prompt\n\xff" + SECRET.encode(), "PL-PRM-003"),
        (f"prompt\n{SECRET * 20_000}\n".encode(), "PL-PRM-003"),
    ],
)
def test_a_file_that_is_no_csv_of_prompts_is_refused_whole(content, code, tmp_path):
    with pytest.raises(SourceError) as refused:
        load_prompts(written(tmp_path, "p.csv", content))
    assert refused.value.code == code
    assert SECRET not in str(refused.value)
    assert "Try: " in str(refused.value)


def test_a_file_that_the_system_cannot_read_is_told_by_a_code(tmp_path):
    (tmp_path / "p.csv").symlink_to("/proc/self/mem")  # a file whose first byte is no memory of anybody's
    with pytest.raises(SourceError, match="PL-IO-001"):
        load_prompts(tmp_path / "p.csv")


def test_a_cell_longer_than_any_is_read_says_how_long_one_may_be(tmp_path):
    with pytest.raises(SourceError, match="no cell of over 131,072 characters"):
        load_prompts(written(tmp_path, "p.csv", "prompt\n" + "x" * 131_073 + "\n"))


@settings(max_examples=60)
@given(st.binary(max_size=80), st.sampled_from(["p.csv", "p.jsonl"]), st.booleans())
def test_no_bytes_end_in_a_traceback_and_no_row_is_lost(tmp_path_factory, content, name, with_header):
    path = written(tmp_path_factory.getbasetemp() / "any", name, (b"prompt\n" if with_header else b"") + content)
    with suppress(PlumblineError):
        asked(load_prompts(path))


def test_other_sources_are_read_as_everywhere(tmp_path):
    line = {"prompt": "How?", "category": "animal_abuse", "category_id": 0}
    assert load_prompts(written(tmp_path, "e.jsonl", json.dumps(line) + "\n")).formats == {
        f"{tmp_path.name}/e.jsonl": "beavertails-evaluation"
    }
    for missing in (tmp_path / "none.csv", "x" * 5000, "a\0b"):
        with pytest.raises(PlumblineError, match="PL-SRC"):
            load_prompts(missing)


def test_no_option_is_passed_over(tmp_path):
    path = written(tmp_path, "p.jsonl", '{"prompt": "one"}\n{"prompt": " "}\n')
    assert len(load_prompts(path, split="p").prompts) == 1
    for options, code in (
        ({"split": "test"}, "PL-SRC-004"),
        ({"data_dir": "a"}, "PL-SRC-003"),
        ({"format": "csv"}, "PL-ARG-001"),
        ({"on_error": "stop"}, "PL-PRM-002"),
    ):
        with pytest.raises(PlumblineError) as refused:
            load_prompts(path, **options)
        assert refused.value.code == code


def test_terms_are_those_stated_and_unknown_where_nobody_states_any(tmp_path):
    path = written(tmp_path, "p.csv", "prompt\none\n")
    assert load_prompts(path).terms.licence == "unknown"
    assert Use.ANALYSIS in load_prompts(path).terms.uses
    stated = load_prompts(path, stated_terms=StatedTerms.of("CC-BY-4.0", ["analysis"])).terms
    assert (stated.licence, stated.uses) == ("CC-BY-4.0", {Use.ANALYSIS})


def test_the_published_evaluation_prompts_are_read(real_data):
    found = asked(load_prompts(real_data / "beavertails-evaluation" / "evaluation.json"))
    assert (len(found), len({categories for _, _, categories in found})) == (521, 14)
