"""Converting: every format to a folder and to a file, with a manifest; what cannot go along is told."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plumbline.formats import FORMATS, PARQUET, convert_loaded, load, write_tables
from plumbline.formats.writing import ConversionRun, Written
from plumbline.lineage import Terms, Use, file_digest, read_manifest, terms_of
from plumbline.records import BEAVERTAILS_14, SCHEMAS, Kind, UsageError, WriteError, empty_table

MARKS = {"human": "\n\nHuman: ", "assistant": "\n\nAssistant: "}


def pair(number, *, extra=""):
    opening = f"\n\nHuman: Question {number}?\n\nAssistant: "
    return {"chosen": f"{opening}Good {number}{extra}", "rejected": f"{opening}Bad {number}"}


def attempt(number):
    return {
        "transcript": f"\n\nHuman: Do {number}\n\nAssistant: No",
        "min_harmlessness_score_transcript": -0.5 * number,
        "num_params": "52B",
        "model_type": "rlhf",
        "rating": 1.0,
        "task_description": "a task",
        "task_descripton_harmlessness_score": 0.25,
        "red_team_member_id": number,
        "is_upworker": False,
        "tags": None if number else ["a tag"],
    }


def label(number):
    return {
        "prompt": f"Question {number}?",
        "response": f"Answer {number}",
        "category": {name: number == place for place, name in enumerate(BEAVERTAILS_14)},
        "is_safe": number > 13,
    }


def preference(number):
    return {
        "prompt": f"Question {number}?",
        "response_0": f"One {number}",
        "response_1": f"Other {number}",
        "is_response_0_safe": True,
        "is_response_1_safe": False,
        "better_response_id": number % 2,
        "safer_response_id": 0,
    }


def judged(number):
    return {
        "idx": number,
        "motivation_app": "an app",
        "cmp_key": "bloom-7b_llama-7b",
        "instruction": f"Instruct {number}",
        "input": "",
        "response1": f"One {number}",
        "response2": f"Other {number}",
        "annotator1": 0,
        "annotator2": 1,
        "annotator3": number % 3,
    }


def messages(number):
    row = pair(number)
    del row
    return {
        "prompt": [{"role": "user", "content": f"Question {number}?"}],
        "chosen": [{"role": "assistant", "content": f"Good {number}"}],
        "rejected": [{"role": "assistant", "content": f"Bad {number}"}],
    }


def text(number):
    return {"prompt": f"Question {number}?", "chosen": f"Good {number}", "rejected": f"Bad {number}"}


def unjudged(number):
    return {"prompt": f"Question {number}?", "response_0": f"One {number}", "response_1": f"Other {number}"}


LINES = {
    "hh-rlhf": ("harmless-base", pair, Kind.COMPARISONS),
    "red-team": ("attempts", attempt, Kind.RED_TEAM_ATTEMPTS),
    "beavertails": ("labels", label, Kind.SAFETY_LABELS),
    "pku-saferlhf": ("preferences", preference, Kind.SAFETY_LABELS),
    "pandalm": ("judged", judged, Kind.COMPARISONS),
    "trl": ("pairs", messages, Kind.COMPARISONS),
    "trl-text": ("pairs", text, Kind.COMPARISONS),
    "pairs": ("unjudged", unjudged, Kind.COMPARISONS),
}


def source(folder, name, counts=(("train", 5), ("test", 2))):
    """A folder in hub layout with one subset."""
    subset, make, _ = LINES[name]
    for split, count in counts:
        path = folder / subset / f"{split}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(json.dumps(make(n)).encode() + b"\n" for n in range(count)))
    return folder


def unzipped(folder):
    return {
        path.relative_to(folder).as_posix().removesuffix(".gz"): gzip.decompress(path.read_bytes())
        for path in folder.rglob("*.jsonl.gz")
    }


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


# --- Parquet ---


@pytest.mark.parametrize("name", LINES)
def test_parquet_keeps_every_column_and_the_terms(name, tmp_path):
    loaded = load(source(tmp_path / "in", name))
    written = convert_loaded(loaded, tmp_path / "out", PARQUET)
    filled = {kind: table for kind, table in loaded.tables.items() if len(table)}
    assert set(written.rows) == {f"{kind}/{split}.parquet" for kind in filled for split in ("train", "test")}
    (tmp_path / "out" / "manifest.json").unlink()  # the tables say it for themselves
    again = load(tmp_path / "out")
    assert again.terms == loaded.terms
    assert set(again.tables) == set(filled)
    for kind, table in filled.items():
        order = [("source", "ascending"), ("row", "ascending"), ("id", "ascending")]
        got, wanted = (each.sort_by(order) for each in (_plain(again.tables[kind]), _plain(table)))
        assert got.to_pylist() == wanted.to_pylist()
        assert again.tables[kind].schema.equals(SCHEMAS[kind])
        assert set(again.tables[kind]["split"].to_pylist()) == {"train", "test"}
    for file in (tmp_path / "out").rglob("*.parquet"):
        assert terms_of(pq.read_table(file)) == loaded.terms


def _plain(table):
    """The table with plain strings for the sort."""
    index = table.schema.get_field_index("source")
    return table.set_column(index, "source", table["source"].cast(pa.string()))


def test_one_parquet_file_holds_one_kind(tmp_path):
    two = load(source(tmp_path / "two", "pku-saferlhf"))
    with pytest.raises(UsageError, match=r"PL-OUT-004(.|\n)*comparisons, safety_labels"):
        convert_loaded(two, tmp_path / "out.parquet", PARQUET)
    assert not (tmp_path / "out.parquet").exists()
    one = load(source(tmp_path / "one", "hh-rlhf"))
    written = convert_loaded(one, tmp_path / "out.parquet", PARQUET)
    assert written.rows == {"out.parquet": 7}
    assert load(tmp_path / "out.parquet").comparisons["id"].to_pylist() == one.comparisons["id"].to_pylist()


def test_a_foreign_parquet_file_reads_as_its_lines_would(tmp_path):
    for name in ("hh-rlhf", "beavertails", "pku-saferlhf", "trl", "trl-text", "pandalm", "red-team"):
        folder = source(tmp_path / name, name, [("train", 5)])
        (lines,) = folder.rglob("*.jsonl")
        expected = load(folder)
        rows = [json.loads(line) for line in lines.read_text().splitlines()]
        table = pa.Table.from_pylist(rows)
        assert list(table.schema.names) == list(rows[0])
        lines.unlink()
        pq.write_table(table, lines.with_name("train-00000-of-00001.parquet"))
        loaded = load(folder)
        assert loaded.formats == {
            f"{name}/{lines.parent.name}/train-00000-of-00001.parquet": next(iter(expected.formats.values()))
        }
        assert not loaded.faults
        for kind, kept in expected.tables.items():
            assert loaded.tables[kind]["id"].to_pylist() == kept["id"].to_pylist()
            assert set(loaded.tables[kind]["split"].to_pylist()) == {"train"}


def test_a_parquet_file_damaged_behind_its_footer_ends_in_a_code(tmp_path):
    loaded = load(source(tmp_path / "in", "hh-rlhf"))
    out = tmp_path / "harmless-x" / "train.parquet"
    convert_loaded(loaded, out, PARQUET)
    content = bytearray(out.read_bytes())
    content[100:600] = bytes(500)
    out.write_bytes(content)
    foreign = tmp_path / "harmless-y" / "train.parquet"
    foreign.parent.mkdir()
    pq.write_table(pa.Table.from_pylist([pair(number) for number in range(500)]), foreign)
    content = bytearray(foreign.read_bytes())
    content[10:600] = bytes(590)
    foreign.write_bytes(content)
    for path in (out, foreign):
        with pytest.raises(Exception, match=r"PL-IO-012") as damaged:
            load(path)
        assert "Try: " in str(damaged.value)


def test_a_foreign_parquet_file_with_values_that_json_has_no_word_for(tmp_path):
    rows = [{**text(number), "score": None, "when": pa.scalar(0, pa.timestamp("s")).as_py()} for number in (0, 1)]
    rows[1]["score"] = float("nan")
    path = tmp_path / "pairs" / "train.parquet"
    path.parent.mkdir()
    pq.write_table(pa.Table.from_pylist(rows), path)
    loaded = load(path)
    assert (loaded.comparisons["row"].to_pylist(), loaded.quarantined) == ([0], {"PL-JSON-008": 1})


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


@pytest.mark.parametrize("value", ["../../escaped", "/{}/escaped", "a/../../b", "a\0b"])
@pytest.mark.parametrize("to", ["hh-rlhf", "trl", PARQUET])
@pytest.mark.parametrize("column", ["split", "subset"])
def test_no_name_in_the_data_leads_out_of_the_output(value, to, column, tmp_path):
    table = load(source(tmp_path / "in", "hh-rlhf")).comparisons
    index = table.schema.get_field_index(column)
    field = table.schema.field(index)
    names = pa.array([value.format(tmp_path)] * len(table))
    odd = {Kind.COMPARISONS: table.set_column(index, field, names.dictionary_encode().cast(field.type))}
    out = tmp_path / "deep" / "er" / "out"
    is_no_part_of_a_name = (to, column) == (PARQUET, "subset")
    is_below_a_folder = value.startswith("/")  # a prefix that tells the axis stands before it
    if is_no_part_of_a_name or is_below_a_folder:
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
    table = loaded.comparisons
    index = table.schema.get_field_index("split")
    field = table.schema.field(index)
    names = pa.array(["../../x"] * len(table)).dictionary_encode().cast(field.type)
    odd = type(loaded)(**{**vars(loaded), "tables": {Kind.COMPARISONS: table.set_column(index, field, names)}})
    with pytest.raises(UsageError) as raised:
        convert_loaded(odd, tmp_path / "out", "trl")
    assert (raised.value.code, raised.value.place) == ("PL-OUT-007", str(tmp_path / "out"))
    assert ".partial" not in str(raised.value)
