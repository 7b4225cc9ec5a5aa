"""Converting: every format to a folder and to a file, with a manifest; what cannot go along is told."""

import gzip
import json
from dataclasses import replace

import pyarrow as pa
import pytest

from plumbline.formats import FORMATS, PARQUET, convert_loaded, load, write_tables
from plumbline.formats.writing import ConversionRun, Written
from plumbline.lineage import Terms, Use, file_digest, read_manifest
from plumbline.records import Axis, Kind, NoDataError, UsageError, WriteError, empty_table
from tests.formats.written_rows import LINES, pair, source, unzipped

# --- there and back ---


@pytest.mark.parametrize("name", LINES)
def test_a_folder_in_its_own_format_keeps_layout_bytes_and_terms(name, tmp_path):
    folder = source(tmp_path / "in", name)
    loaded = load(folder)
    written = convert_loaded(loaded, tmp_path / "out", name, run=ConversionRun(["data", "convert"]))
    subset, _, kind = LINES[name]
    expected = {
        f"{subset}/{split}.jsonl": (folder / subset / f"{split}.jsonl").read_bytes() for split in ("train", "test")
    }
    got = unzipped(tmp_path / "out")
    if kind is Kind.RED_TEAM_ATTEMPTS:  # attempts have no subset
        expected = {key.removeprefix("attempts/"): value for key, value in expected.items()}
    assert got == expected
    assert not written.faults
    assert not written.not_carried
    assert not written.columns_not_carried
    assert sorted(written.rows.values()) == [2, 5]
    again = load(tmp_path / "out")
    assert again.terms == loaded.terms
    for each in loaded.tables:
        assert again.tables[each]["id"].to_pylist() == loaded.tables[each]["id"].to_pylist()  # fmt: skip


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
def test_a_single_file_with_a_manifest_beside_it(name, ending, tmp_path):
    folder = source(tmp_path / "in", name, [("train", 5)])
    out = tmp_path / "files" / f"train{ending}"
    written = convert_loaded(load(folder), out, name, run=ConversionRun(["data", "convert"]))
    content = out.read_bytes()
    assert (gzip.decompress(content) if ending == ".jsonl.gz" else content) == next(
        folder.rglob("*.jsonl")
    ).read_bytes()
    assert written.rows == {out.name: 5}
    manifest = json.loads((tmp_path / "files" / f"train{ending}.manifest.json").read_text())
    (entry,) = manifest["outputs"]
    assert (entry["path"], entry["rows"], entry["sha256"]) == (out.name, 5, file_digest(out))
    assert sorted(path.name for path in out.parent.iterdir()) == sorted([out.name, f"{out.name}.manifest.json"])
    if name != "hh-rlhf":  # whose axis a folder's name tells
        assert load(out).terms == load(folder).terms


def test_open_assistant_trees_there_and_back(real_data, tmp_path):
    loaded = load(real_data / "oasst")
    written = convert_loaded(loaded, tmp_path / "out", "open-assistant")
    again = load(tmp_path / "out")
    assert not written.faults
    assert sum(written.rows.values()) == 100
    assert again.comparisons["id"].to_pylist() == loaded.comparisons["id"].to_pylist()


@pytest.mark.parametrize("place", ["hh-rlhf", "beavertails", "pku-saferlhf", "pandalm"])
def test_real_samples_there_and_back_to_the_byte(place, real_data, tmp_path):
    how = {"format": place}
    loaded = load(real_data / place, **how)
    written = convert_loaded(loaded, tmp_path / "out", place)
    assert not written.faults
    got = unzipped(tmp_path / "out")
    files = list((real_data / place).rglob("*.jsonl.gz"))
    for path in files:
        name = path.relative_to(real_data / place).as_posix().removesuffix(".gz")
        found = [content for key, content in got.items() if key.endswith(name)]
        assert found == [gzip.decompress(path.read_bytes())], name
    assert files or place == "pandalm"


def test_the_array_of_attempts_becomes_lines_of_the_same_values(real_data, tmp_path):
    array = real_data / "hh-rlhf" / "red-team-attempts" / "sample-10.json"
    convert_loaded(load(array), tmp_path / "out.jsonl", "red-team")
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == json.loads(array.read_text())


# --- from format to format ---


def test_pairs_become_each_form_of_pairs_and_keep_their_winner(tmp_path):
    loaded = load(source(tmp_path / "in", "hh-rlhf"))
    for to in ("trl", "trl-text", PARQUET, "hh-rlhf"):
        written = convert_loaded(loaded, tmp_path / to, to)
        again = load(tmp_path / to, axis="harmlessness" if to.startswith("trl") else None)
        assert sum(written.rows.values()) == 7
        assert again.comparisons["item_id"].to_pylist() == loaded.comparisons["item_id"].to_pylist()
        assert again.comparisons["id"].to_pylist() == loaded.comparisons["id"].to_pylist()
        assert again.terms == loaded.terms, to
    row = json.loads(unzipped(tmp_path / "trl-text")["harmless-base/train.jsonl"].splitlines()[0])
    assert (row["chosen"], row["rejected"]) == ("Good 0", "Bad 0")


def test_what_a_format_does_not_hold_is_counted_and_written_to_the_manifest(tmp_path):
    loaded = load(source(tmp_path / "in", "pku-saferlhf"))
    written = convert_loaded(loaded, tmp_path / "out", "beavertails")
    assert written.not_carried == {Kind.COMPARISONS: 14}
    manifest = read_manifest(tmp_path / "out")
    assert manifest.configuration == {
        "to": "beavertails",
        "not_carried": {"comparisons": 14},
        "columns_not_carried": {},
    }
    assert manifest.rows_read == 7
    assert {entry.path: entry.sha256 for entry in manifest.inputs} == {
        f"in/preferences/{split}.jsonl": file_digest(tmp_path / "in" / "preferences" / f"{split}.jsonl")
        for split in ("train", "test")
    }
    assert {entry.path for entry in manifest.outputs} == set(written.rows)
    assert all(file_digest(tmp_path / "out" / entry.path) == entry.sha256 for entry in manifest.outputs)
    assert manifest.licence == "CC-BY-NC-4.0"


def test_columns_that_a_format_does_not_have_are_counted_and_written_to_the_manifest(tmp_path):
    loaded = load(source(tmp_path / "in", "pandalm"))
    written = convert_loaded(loaded, tmp_path / "out", "trl")
    count = len(loaded.comparisons)
    assert written.columns_not_carried == {Kind.COMPARISONS: {"models": count, "worker": count}}
    manifest = read_manifest(tmp_path / "out")
    assert manifest.configuration["columns_not_carried"] == {"comparisons": {"models": count, "worker": count}}


def test_strength_votes_and_weights_of_pairs_are_counted_row_by_row(tmp_path):
    loaded = load(source(tmp_path / "in", "hh-rlhf"))
    table = loaded.comparisons
    said = {
        "strength": [1, None, 3, None, None, None, None],
        "votes": [[2, 1, 0], *[None] * 6],
        "weight": [1.0, 0.5, None, 0.25, 1.0, 2.0, None],
        "worker": ["w", *[None] * 6],
    }
    for name, values in said.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type))
    for to in ("hh-rlhf", "trl", "trl-text"):
        written = write_tables({Kind.COMPARISONS: table}, tmp_path / to, to)
        expected = {"strength": 2, "votes": 1, "weight": 3, "worker": 1}
        assert (sum(written.rows.values()), written.faults) == (7, [])
        assert written.columns_not_carried == {Kind.COMPARISONS: expected}
    assert not write_tables({Kind.COMPARISONS: table}, tmp_path / "own", PARQUET).columns_not_carried


def test_rows_that_a_format_cannot_express_are_faults_with_their_place(tmp_path):
    loaded = load(source(tmp_path / "in", "pandalm"))
    written = convert_loaded(loaded, tmp_path / "out", "hh-rlhf")
    ties = loaded.comparisons["outcome"].to_pylist().count("tie")
    assert ties > 0
    assert {fault.code for fault in written.faults} == {"PL-HH-020"}
    assert len(written.faults) == ties
    assert sum(written.rows.values()) + len(written.faults) == len(loaded.comparisons)
    assert all(fault.source.startswith("in/judged/") for fault in written.faults)
    assert read_manifest(tmp_path / "out").quarantined == {"PL-HH-020": ties}


def test_two_axes_go_to_two_folders_of_hh_rlhf(tmp_path):
    loaded = load(source(tmp_path / "in", "pku-saferlhf"))
    written = convert_loaded(loaded, tmp_path / "out", "hh-rlhf")
    assert written.rows == {
        "harmless-preferences/train.jsonl.gz": 5,
        "harmless-preferences/test.jsonl.gz": 2,
        "helpful-preferences/train.jsonl.gz": 5,
        "helpful-preferences/test.jsonl.gz": 2,
    }
    again = load(tmp_path / "out")
    assert _winners(again) == _winners(loaded)
    assert Use.MODERATION in again.terms.uses
    assert again.terms.licence == "CC-BY-NC-4.0"


def _winners(loaded):
    """What was judged, and who won it on which axis."""
    return sorted(
        (row["item_id"], row["axis"], row["continuations"][row["outcome"] == "second"][0]["text"])
        for row in loaded.comparisons.to_pylist()
    )


def with_column(table, name, values):
    """The table with other values in a column, one a row or one for all."""
    at = table.schema.get_field_index(name)
    field = table.schema.field(at)
    column = pa.array(values if isinstance(values, list) else [values] * len(table), pa.string())
    return table.set_column(at, field, column.dictionary_encode().cast(field.type))


def test_a_subset_within_a_folder_of_another_axis_keeps_its_own_axis(tmp_path):
    loaded = load(source(tmp_path / "in", "hh-rlhf"))
    for subset in ("safe/harmless-base", "safe/first", "harmless-base", "helpful-base"):
        table = with_column(with_column(loaded.comparisons, "axis", "helpfulness"), "subset", subset)
        out = tmp_path / subset.replace("/", "-")
        write_tables({Kind.COMPARISONS: table}, out, "hh-rlhf")  # without a manifest the folders alone tell
        assert set(load(out).comparisons["axis"].to_pylist()) == {Axis.HELPFULNESS}, subset


def test_one_file_takes_neither_two_axes_nor_one_that_its_folder_contradicts(tmp_path):
    loaded = load(source(tmp_path / "in", "pku-saferlhf", [("train", 5)]))
    both = loaded.comparisons
    of_axis = {axis: both.filter(pa.array([each == axis for each in both["axis"].to_pylist()])) for axis in Axis}
    for table, name in (
        (both, "pairs/train.jsonl"),
        (of_axis[Axis.HELPFULNESS], "harmless-x/train.jsonl"),
        (of_axis[Axis.HARMLESSNESS], "helpful-x/train.jsonl"),
    ):
        with pytest.raises(UsageError, match="PL-OUT-012"):
            convert_loaded(replace(loaded, tables={Kind.COMPARISONS: table}), tmp_path / name, "hh-rlhf")
        assert not (tmp_path / name).exists()
    out = tmp_path / "helpful-x" / "train.jsonl"
    convert_loaded(replace(loaded, tables={Kind.COMPARISONS: of_axis[Axis.HELPFULNESS]}), out, "hh-rlhf")
    assert set(load(out).comparisons["axis"].to_pylist()) == {Axis.HELPFULNESS}


def test_comparisons_without_a_subset_go_to_no_folder_whose_name_says_another_axis(tmp_path):
    loaded = load(source(tmp_path / "in", "hh-rlhf", [("train", 5)]))
    table = with_column(with_column(loaded.comparisons, "axis", "overall"), "subset", [None] * 5)
    loaded = replace(loaded, tables={Kind.COMPARISONS: table})
    with pytest.raises(UsageError, match=r"PL-OUT-012(?s:.)*says helpfulness(?s:.)*name another folder"):
        convert_loaded(loaded, tmp_path / "helpful-out", "hh-rlhf")
    assert not (tmp_path / "helpful-out").exists()
    convert_loaded(loaded, tmp_path / "out", "hh-rlhf")
    assert set(load(tmp_path / "out").comparisons["axis"].to_pylist()) == {Axis.OVERALL}


def test_where_no_row_can_be_written_what_stood_there_still_stands(tmp_path):
    loaded = load(source(tmp_path / "in", "hh-rlhf", [("train", 5)]))
    out = tmp_path / "out.jsonl"
    convert_loaded(loaded, out, "hh-rlhf")
    before = out.read_bytes()
    ties = replace(loaded, tables={Kind.COMPARISONS: with_column(loaded.comparisons, "outcome", "tie")})
    with pytest.raises(NoDataError, match="PL-OUT-011"):
        convert_loaded(ties, out, "hh-rlhf")
    assert out.read_bytes() == before


def test_nothing_that_a_format_holds_is_refused_before_anything_is_written(tmp_path):
    loaded = load(source(tmp_path / "in", "red-team"))
    for to in ("hh-rlhf", "beavertails", "trl", "pandalm"):
        with pytest.raises(UsageError, match=r"PL-OUT-005(.|\n)*red_team_attempts"):
            convert_loaded(loaded, tmp_path / "out", to)
    with pytest.raises(UsageError, match="PL-OUT-005"):
        convert_loaded(loaded, tmp_path / "out.jsonl", "trl")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("name", ["out.json", "out.csv", "out.arrow", "out.jsonl.zst.gz", "out.parquet.gz"])
def test_no_format_is_written_to_such_a_file(name, tmp_path):
    loaded = load(source(tmp_path / "in", "hh-rlhf"))
    for to in ("hh-rlhf", PARQUET):
        with pytest.raises(UsageError, match="PL-OUT-003"):
            convert_loaded(loaded, tmp_path / name, to)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_the_ending_must_fit_the_format(tmp_path):
    loaded = load(source(tmp_path / "in", "hh-rlhf"))
    for name, to in (("out.parquet", "hh-rlhf"), ("out.jsonl", PARQUET), ("out.jsonl.gz", PARQUET)):
        with pytest.raises(UsageError, match="PL-OUT-003"):
            convert_loaded(loaded, tmp_path / name, to)
    with pytest.raises(UsageError, match="PL-ARG-001"):
        convert_loaded(loaded, tmp_path / "out", "xml")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_full_disk_leaves_what_stood_there(tmp_path, small_disk):
    folder = source(tmp_path / "in", "hh-rlhf")
    convert_loaded(load(folder), small_disk / "out", "hh-rlhf")
    (small_disk / "filler").write_bytes(bytes(950 << 10))
    long = "".join(chr(0x4E00 + number % 20_000) for number in range(200_000))
    (folder / "harmless-base" / "train.jsonl").write_text(json.dumps(pair(0, extra=long)) + "\n")
    before = unzipped(small_disk / "out")
    for to in ("hh-rlhf", PARQUET):
        with pytest.raises(WriteError, match="the disk is full"):
            convert_loaded(load(folder), small_disk / "out", to)
        with pytest.raises(WriteError, match="the disk is full"):
            convert_loaded(
                load(folder, split="train"),
                small_disk / ("one.jsonl" if to == "hh-rlhf" else "one.parquet"),
                to,
            )
    assert unzipped(small_disk / "out") == before
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler", "out"]


# --- names, and nothing to write ---


def test_empty_tables_write_nothing(tmp_path):
    for to in FORMATS:
        assert write_tables({kind: empty_table(kind) for kind in Kind}, tmp_path / to, to) == Written()
    assert not list(tmp_path.rglob("*.gz"))


def test_rows_without_a_split_go_to_a_file_of_their_own(tmp_path):
    table = load(source(tmp_path / "in", "hh-rlhf")).comparisons
    index = table.schema.get_field_index("split")
    bare = table.set_column(index, table.schema.field(index), pa.nulls(len(table), table.schema.field(index).type))
    assert set(write_tables({Kind.COMPARISONS: bare}, tmp_path / "lines", "hh-rlhf").rows) == {
        "harmless-base/data.jsonl.gz"
    }
    assert set(write_tables({Kind.COMPARISONS: bare}, tmp_path / "tables", PARQUET).rows) == {
        "comparisons/data.parquet"
    }


@pytest.mark.parametrize("value", ["../../escaped", "/{}/escaped", "a/../../b", "a\0b", "a/.hidden/b", ".hidden"])
@pytest.mark.parametrize("to", ["hh-rlhf", "trl", PARQUET])
@pytest.mark.parametrize("column", ["split", "subset"])
def test_no_name_in_the_data_leads_out_of_the_output_or_to_a_hidden_file(value, to, column, tmp_path):
    table = load(source(tmp_path / "in", "hh-rlhf")).comparisons
    odd = {Kind.COMPARISONS: with_column(table, column, value.format(tmp_path))}
    out = tmp_path / "deep" / "er" / "out"
    is_no_part_of_a_name = (to, column) == (PARQUET, "subset")
    is_behind_another = (value[0], column) in (("/", "split"), (".", "subset")) and ".." not in value
    if is_no_part_of_a_name or is_behind_another:
        write_tables(odd, out, to)
    else:
        with pytest.raises(UsageError, match="PL-OUT-007"):
            write_tables(odd, out, to)
        assert not out.exists()
    files = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_relative_to(tmp_path / "in")]
    assert all(path.is_relative_to(out) for path in files)


def test_terms_of_several_sources_are_the_strictest(tmp_path):
    one, two = load(source(tmp_path / "a", "hh-rlhf")), load(source(tmp_path / "b", "trl"))
    assert one.terms == Terms(frozenset({Use.PREFERENCE, Use.POLICY, Use.ANALYSIS}), "MIT")
    both = load(tmp_path, format=None)
    assert both.terms == Terms(one.terms.uses & two.terms.uses, "MIT AND unknown")


def test_a_name_that_leads_out_is_told_of_the_output_asked_for(tmp_path):
    loaded = load(source(tmp_path / "in", "hh-rlhf"))
    odd = replace(loaded, tables={Kind.COMPARISONS: with_column(loaded.comparisons, "split", "../../x")})
    with pytest.raises(UsageError) as raised:
        convert_loaded(odd, tmp_path / "out", "trl")
    assert (raised.value.code, raised.value.place) == ("PL-OUT-007", str(tmp_path / "out"))
    assert ".partial" not in str(raised.value)
