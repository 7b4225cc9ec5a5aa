"""Whether what a run reads is synthetic, however often it was written anew; what of it could not be read, and what looks at that."""

import shlex

import pyarrow as pa
import pytest

from plumbline.formats import load, write_tables
from plumbline.loop.sources import check_command, first_unread, is_synthetic, told_records, unread_of
from tests.release.folders import loaded_lines, pair, write_folder, write_lines


@pytest.mark.parametrize("has_manifest", [True, False])
def test_rows_of_a_synthetic_source_stay_so_under_other_names(tmp_path, has_manifest):
    source = load(write_lines(tmp_path / "pairs-synthetic", {"harmless-base": {"train": range(3)}}, pair))
    if has_manifest:  # its inputs tell, also where rows name another source
        at = source.comparisons.schema.get_field_index("source")
        field = source.comparisons.schema.field(at)
        renamed = source.comparisons.set_column(at, field, pa.array(["a"] * 3, field.type))
        write_folder(source, tmp_path / "curated", tables={"comparisons": renamed})
    else:  # rows tell
        (tmp_path / "curated").mkdir()
        write_tables(source.tables, tmp_path / "curated", "parquet")
    again = load(tmp_path / "curated")
    assert not any("synthetic" in file.path for file in again.files)
    assert is_synthetic(again)


def test_what_nothing_calls_synthetic_is_not(tmp_path):
    assert not is_synthetic(load(write_folder(loaded_lines(tmp_path / "in"), tmp_path / "curated")))


def test_what_several_sources_could_not_read_is_added_and_the_first_place_is_the_first(tmp_path):
    parts = []
    for name, broken in (("one", 1), ("two", 2)):
        path = tmp_path / name / "pairs.jsonl"
        path.parent.mkdir()
        path.write_text('{"prompt": "q", "chosen": "a", "rejected": "b"}\n' + '{"chosen": 3}\n' * broken)
        parts.append(load(path, axis="overall"))
    ((code, count),) = unread_of(parts).items()
    assert count == 3
    assert first_unread(parts) == {code: "one/pairs.jsonl row 2"}
    assert first_unread(parts[::-1]) == {code: "two/pairs.jsonl row 2"}
    assert told_records(parts[1:]) == ["1 comparisons", f"2 × {code}"]


def test_the_command_that_looks_at_a_source_names_how_it_was_read(tmp_path):
    options = {"data_dir": "a b", "split": None, "format": "trl", "axis": "overall", "cache": False}
    words = ["plumbline", "data", "check", "my data", "--data-dir", "a b", "--format", "trl", "--axis", "overall"]
    assert shlex.split(check_command("my data", options)) == words
    (tmp_path / "rows.jsonl").touch()
    assert "--data-dir" not in check_command(str(tmp_path / "rows.jsonl"), options), "a file has no folder of its own"
