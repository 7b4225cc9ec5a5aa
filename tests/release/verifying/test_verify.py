"""A folder anyone hands over: what is not as it says is found, though every digest in it was made anew."""

import gzip
import json
import shutil
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plumbline.formats import line_blocks, load
from plumbline.lineage import file_digest
from plumbline.records import Kind
from plumbline.release import build_release, verify_release
from plumbline.release.verifying.line_sums import LineSums
from tests.release.folders import loaded_lines, pair, write_folder
from tests.release.spoiling import LINES, TABLE, codes, places, rewrite, rewrite_json, rewrite_table, tell_anew


def test_a_release_is_sound_also_where_a_hub_put_its_notes_and_where_it_is_told_anew(spoiled):
    (spoiled / ".gitattributes").write_text("*.gz filter=lfs\n")
    found = verify_release(spoiled)
    assert (found.is_sound, found.findings, found.version, found.words_of) == (True, [], "1.0.0", None)
    assert found.manifest_sha256 == file_digest(spoiled / "manifest.json")
    assert sum(rows for name, rows in found.rows.items() if name.startswith("records/")) == 23
    (spoiled / ".gitattributes").unlink()
    tell_anew(spoiled)
    assert verify_release(spoiled).is_sound


def test_files_that_are_gone_added_or_changed(spoiled):
    (spoiled / LINES).unlink()
    (spoiled / "extra.txt").write_text("x")
    rewrite(spoiled / "LICENSE", "analysis", "analysts")
    rewrite(spoiled / "CHANGES.md", "first", "last")
    assert places(spoiled) == {
        "PL-REL-021": [LINES, LINES],
        "PL-REL-022": ["extra.txt"],
        "PL-REL-023": ["CHANGES.md", "LICENSE"],
        "PL-REL-026": ["croissant.json, distribution, harmless-base/train.jsonl.gz"],
        "PL-REL-029": ["extra.txt"],
        "PL-REL-030": ["CHANGES.md", "LICENSE", "SHA256SUMS", "extra.txt"],
        "PL-REL-031": ["harmless-base, train"],
        "PL-REL-033": [
            "LICENSE",
            "CHANGES.md, 1.0.0, " + json.loads((spoiled / "manifest.json").read_text())["configuration"]["created"],
        ],
    }


@pytest.mark.parametrize(
    "name",
    [
        *("sound.py", ".hidden", "data.pkl", "more/train.csv", "dataset_infos.json", "lines.zip", ".git/config"),
        *("harmless-base/more.json", "records/comparisons/more.parquet"),
        "records/comparisons/train.parquet.manifest.json",
    ],
)
def test_a_file_that_no_release_has_is_found_though_manifest_and_checksums_name_it(spoiled, name):
    (spoiled / name).parent.mkdir(exist_ok=True)
    if name.endswith(".parquet"):
        shutil.copy(spoiled / "records/comparisons/test.parquet", spoiled / name)
    else:
        (spoiled / name).write_text('{"chosen": "a", "rejected": "b"}\n')
    tell_anew(spoiled)
    assert places(spoiled)["PL-REL-029"] == [name]


# --- rows ---


def test_rows_that_were_taken_out_are_missed(spoiled):
    rewrite_table(spoiled / TABLE, lambda table: table.slice(1))
    tell_anew(spoiled)
    assert {"PL-REL-015", "PL-REL-026", "PL-REL-031", "PL-REL-033"} <= codes(spoiled)


@pytest.mark.parametrize("change", ["flip", "repeat", "blank"])
def test_a_line_that_is_not_its_records_is_found(spoiled, change):
    lines = gzip.decompress((spoiled / LINES).read_bytes()).splitlines(keepends=True)
    if change == "flip":
        told = json.loads(lines[1])
        lines[1] = json.dumps({"chosen": told["rejected"], "rejected": told["chosen"]}).encode() + b"\n"
    elif change == "repeat":  # as many lines as before, one of them twice
        lines[1] = lines[0]
    else:
        lines.append(b"\n")
    (spoiled / LINES).write_bytes(gzip.compress(b"".join(lines)))
    tell_anew(spoiled)
    assert places(spoiled)["PL-REL-031"] == ["harmless-base, train"]


def test_the_order_of_lines_is_nobodys_fault(sound):
    sums = LineSums()
    for name in (TABLE, "records/comparisons/test.parquet"):
        table = load(sound / name).comparisons
        for start in range(len(table) - 1, -1, -1):
            sums.give(Kind.COMPARISONS, table.slice(start, 1))
    for path in sound.glob("h*/*.gz"):
        sums.read(path, path.relative_to(sound).as_posix())
    assert not list(sums.differing())


def test_a_flipped_judgement_is_found(spoiled):
    def flipped(table):
        outcomes = ["second" if each == "first" else "first" for each in table["outcome"].to_pylist()]
        return table.set_column(table.schema.get_field_index("outcome"), "outcome", [outcomes])

    rewrite_table(spoiled / TABLE, flipped)
    tell_anew(spoiled)
    assert "PL-IO-014" in codes(spoiled)


def test_tables_that_stand_under_the_name_of_another_split_or_kind(spoiled):
    test = spoiled / "records/comparisons/test.parquet"
    train, held = (spoiled / TABLE).read_bytes(), test.read_bytes()
    (spoiled / TABLE).write_bytes(held)
    test.write_bytes(train)
    tell_anew(spoiled)
    assert set(places(spoiled)["PL-REL-032"]) == {TABLE, "records/comparisons/test.parquet"}
    test.rename(spoiled / "records/safety_labels/validation.parquet")
    tell_anew(spoiled)
    assert "records/safety_labels/validation.parquet" in places(spoiled)["PL-REL-032"]


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.append_column("label", pa.array(["x"] * len(table))),
        lambda table: table.replace_schema_metadata({**table.schema.metadata, b"huggingface": b'{"info": {}}'}),
        lambda table: table.replace_schema_metadata({}),
        lambda table: table.replace_schema_metadata({**table.schema.metadata, b"plumbline.licence": b"CC0-1.0"}),
    ],
    ids=["a column more", "features for readers", "no terms", "other terms"],
)
def test_tables_that_say_more_or_less_than_those_of_a_release(spoiled, change):
    rewrite_table(spoiled / TABLE, change)
    tell_anew(spoiled)
    assert "PL-REL-032" in codes(spoiled)


# --- what the manifest tells, and the gates ---


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "Another"),
        ("synthetic", True),
        ("configs", {"default": {"train": [LINES]}}),
        ("renamed", {"x": "y"}),
        ("not_in_lines", {"comparisons": {"PL-HH-020": 10**400}}),
        ("recipe", None),
        ("gates", []),
        ("version", "9.0.0-rc"),
        ("changes", {"version": 1}),
        ("made_of", {}),
        ("more", 1),
        ("accepted", {"workers": "they agreed"}),
    ],
)
def test_a_manifest_that_tells_what_the_files_do_not(spoiled, name, value):
    rewrite_json(spoiled / "manifest.json", lambda told: told["configuration"].update({name: value}))
    assert codes(spoiled) & {"PL-REL-020", "PL-REL-033"}


def test_another_number_of_rows_and_a_gate_that_is_told_as_passed(spoiled):
    def told_otherwise(told):
        told["rows_read"] += 1
        gate = next(each for each in told["configuration"]["gates"] if each["gate"] == "leakage")
        gate["status"] = "failed"

    rewrite_json(spoiled / "manifest.json", told_otherwise)
    assert {"manifest.json, rows_read", "manifest.json, configuration.gates, leakage"} <= set(
        places(spoiled)["PL-REL-033"]
    )


def test_the_gates_are_run_again_on_the_data(spoiled):
    table = pq.read_table(spoiled / TABLE)
    named = table.set_column(table.schema.get_field_index("worker"), "worker", [["Ada Lovelace"] * len(table)])
    pq.write_table(named.slice(0, 1), spoiled / "records/comparisons/x.parquet")
    assert {"PL-REL-012", "PL-REL-022", "PL-REL-029"} <= codes(spoiled)


def test_terms_that_say_more_than_the_tables_permit(spoiled):
    uses = ["analysis", "supervised", "policy", "preference", "moderation"]
    rewrite_json(spoiled / "manifest.json", lambda told: told.update(licence="MIT", uses=uses))
    assert {"PL-REL-013", "PL-REL-014", "PL-REL-028", "PL-REL-032", "PL-REL-033"} <= codes(spoiled)


def test_words_of_another_version_are_not_compared_and_facts_are(spoiled):
    rewrite(spoiled / "README.md", "Judgements are opinions", "Judgments are opinions")
    rewrite_json(spoiled / "manifest.json", lambda told: told["versions"].update({"plumbline-rlhf": "0.0.7"}))
    tell_anew(spoiled)
    found = verify_release(spoiled)
    assert (found.is_sound, found.words_of) == (True, "0.0.7")
    rewrite(
        spoiled / "README.md",
        "- split: test\n    path:\n    - harmless-base/test",
        "- split: test\n    path:\n    - harmless-base/train",
    )
    tell_anew(spoiled)
    assert codes(spoiled) == {"PL-REL-025"}


def test_a_release_of_ties_alone_is_sound(tmp_path):
    loaded = loaded_lines(tmp_path / "in", labels=None)
    index = loaded.comparisons.schema.get_field_index("outcome")
    table = loaded.comparisons.set_column(index, "outcome", [["tie"] * len(loaded.comparisons)])
    build_release(write_folder(loaded, tmp_path / "tables", tables={"comparisons": table}), tmp_path / "release")
    assert verify_release(tmp_path / "release").findings == []


# --- hostile folders ---


def test_a_manifest_that_lists_what_is_elsewhere_or_beyond_measure(spoiled):
    manifest = json.loads((spoiled / "manifest.json").read_text())
    manifest["outputs"].append(
        {"path": "../../etc/passwd", "sha256": "0" * 64, "size_bytes": 10**400, "rows": -(10**400)}
    )
    (spoiled / "manifest.json").write_text(json.dumps(manifest))
    assert codes(spoiled) == {"PL-REL-027"}
    for text in (json.dumps({**manifest, "holds": "model"}), "[" * 50_000):
        (spoiled / "manifest.json").write_text(text)
        assert codes(spoiled) & {"PL-MAN-001", "PL-REL-020"}


def test_a_bomb_is_not_unpacked(spoiled, monkeypatch):
    monkeypatch.setattr(line_blocks, "Limits", partial(line_blocks.Limits, expansion=2, expansion_floor_bytes=1 << 20))
    line = json.dumps(pair(1)).encode() + b"\n"
    (spoiled / LINES).write_bytes(gzip.compress(line + b"\n" * (4 << 20)))
    assert "PL-IO-004" in codes(spoiled)


@pytest.mark.parametrize("column", ["split", "subset"])
def test_more_splits_or_subsets_than_any_release_has_end_the_reading(spoiled, column):
    def many(table):
        rows = pa.concat_tables([table] * 80)
        return rows.set_column(rows.schema.get_field_index(column), column, [[f"x{n}" for n in range(len(rows))]])

    rewrite_table(spoiled / TABLE, many)
    tell_anew(spoiled)
    assert places(spoiled)["PL-REL-004"] == [TABLE]


def test_splits_without_end_in_a_table_of_another_hand_are_not_held_against_each_other(sound, tmp_path):
    table = pq.read_table(sound / TABLE)
    rows = pa.concat_tables([table] * 8_000)  # a split for each row: 65,536 numbers would not do
    splits = pa.array([f"x{n}" for n in range(len(rows))])
    pq.write_table(rows.set_column(rows.schema.get_field_index("split"), "split", splits), tmp_path / "train.parquet")
    assert places(tmp_path)["PL-REL-004"] == ["train.parquet"]


def test_folders_of_another_hand(tmp_path):
    (tmp_path / "theirs" / "data").mkdir(parents=True)
    (tmp_path / "theirs" / "data" / "train.jsonl").write_text(
        '{"prompt": "a", "chosen": "b", "rejected": "c"}\n{"a": \n'
    )
    (tmp_path / "theirs" / "data" / "test.parquet").write_bytes(b"PAR1 and no more")
    found = codes(tmp_path / "theirs")
    assert {"PL-REL-020", "PL-REL-025", "PL-REL-026", "PL-REL-030", "PL-REL-013", "PL-REL-014", "PL-IO-012"} <= found
    (tmp_path / "empty").mkdir()
    assert codes(tmp_path / "empty") == {"PL-REL-020"}
    assert codes(tmp_path / "nowhere") == {"PL-REL-020"}
