"""Paths that no record could name, or that lead nowhere."""

import os
import re

import pytest

from plumbline.formats import load, locations
from plumbline.formats.locations import find_locations, left_out_files
from plumbline.records import PlumblineError, SourceError, UsageError

LINE = b'{"chosen": "\\n\\nHuman: a\\n\\nAssistant: b", "rejected": "\\n\\nHuman: a\\n\\nAssistant: c"}\n'


def test_a_path_that_cannot_be_followed(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    for source in (
        tmp_path / "loop",
        tmp_path / "loop" / "x.jsonl",
        f"{tmp_path}/a\0b.jsonl",
        "x\0/y",
        "a" * 5000,
        "a" * 300 + "/b",
    ):
        with pytest.raises(SourceError, match="PL-SRC-001"):
            load(source)


@pytest.mark.parametrize("name", [b"harmless-\xff/train.jsonl", b"harmless-x/\xff.jsonl"])
def test_a_name_that_is_no_utf8(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    path.parent.mkdir()
    path.write_bytes(LINE)
    for source in (path, path.parent, tmp_path):
        with pytest.raises(SourceError, match=r"PL-SRC-011(.|\n)*rename"):
            load(source)


def test_hidden_files_and_notes_about_the_data_are_no_data(tmp_path):
    folder = tmp_path / "harmless-x"
    folder.mkdir()
    (folder / "train.jsonl").write_bytes(LINE)
    for name in (".train.jsonl.1234.partial", ".hidden.jsonl", "train.jsonl.manifest.json", "croissant.json", "a.txt"):
        (folder / name).write_bytes(b"{")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "train.jsonl").write_bytes(b"{")
    loaded = load(folder)
    assert [file.path for file in loaded.files] == ["harmless-x/train.jsonl"]


def put(path, content=LINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def sources(root, **how):
    return [location.origin.source for location in find_locations(root, **how)]


def test_links_to_folders_are_followed_and_a_circle_ends(tmp_path):
    put(tmp_path / "elsewhere" / "deep" / "train.jsonl")
    root = tmp_path / "data"
    put(root / "harmless-x" / "train.jsonl")
    (root / "helpful-y").symlink_to(tmp_path / "elsewhere")
    (root / "harmless-x" / "up").symlink_to(root)
    assert sources(root) == ["data/harmless-x/train.jsonl", "data/helpful-y/deep/train.jsonl"]


def test_a_folder_of_two_names_is_read_once_and_under_its_own(tmp_path):
    put(tmp_path / "b" / "harmless-x" / "train.jsonl")
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "again").symlink_to(tmp_path / "b" / "harmless-x")
    assert sources(tmp_path, name="all") == ["all/b/harmless-x/train.jsonl"]


def test_a_folder_that_cannot_be_read_is_no_empty_folder(tmp_path, monkeypatch):
    put(tmp_path / "harmless-x" / "train.jsonl")
    (tmp_path / "helpful-y").mkdir()
    as_is = os.scandir

    def refuse(path):
        if str(path).endswith("helpful-y"):
            raise PermissionError(13, "Permission denied", str(path))
        return as_is(path)

    monkeypatch.setattr(locations.os, "scandir", refuse)
    with pytest.raises(SourceError, match=r"PL-IO-001 .*helpful-y(.|\n)*Permission denied"):
        load(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_without_permissions_is_no_empty_folder(tmp_path):
    put(tmp_path / "harmless-x" / "train.jsonl")
    shut = put(tmp_path / "helpful-y" / "train.jsonl").parent
    shut.chmod(0)
    try:
        with pytest.raises(SourceError, match="PL-IO-001"):
            load(tmp_path)
    finally:
        shut.chmod(0o700)


def test_a_link_to_a_file_that_is_gone_is_an_error(tmp_path):
    put(tmp_path / "harmless-x" / "train.jsonl")
    (tmp_path / "harmless-x" / "test.jsonl").symlink_to("gone.jsonl")
    with pytest.raises(SourceError, match=r"PL-IO-001 .*test\.jsonl"):
        load(tmp_path / "harmless-x")


def test_endings_in_capitals_are_read(tmp_path):
    put(tmp_path / "harmless-x" / "TRAIN.JSONL")
    put(tmp_path / "harmless-x" / "test.Json", b"[" + LINE.replace(b": a", b": z") + b"]")
    loaded = load(tmp_path / "harmless-x")
    assert sorted(loaded.comparisons["split"].to_pylist()) == ["TRAIN", "test"]
    assert (loaded.findings, loaded.faults) == ([], [])
    assert len(load(tmp_path / "harmless-x" / "TRAIN.JSONL").comparisons) == 1


def test_files_left_out_for_their_ending_are_said(tmp_path):
    folder = put(tmp_path / "harmless-x" / "train.jsonl").parent
    others = ["a.csv", "b.TSV", "test.jsonl.zst", "d.jsonl.xz", "e.bz2", "f.arrow", "g.feather", "h.zip"]
    for name in [*others, "notes.txt", ".hidden.csv"]:
        put(folder / name, b"x")
    expected = [f"harmless-x/{name}" for name in others]
    assert left_out_files(folder) == sorted(expected)
    said = [(finding.code, finding.source) for finding in load(folder).findings]
    assert said == [("PL-SRC-012", name) for name in sorted(expected)]
    assert left_out_files(tmp_path, "harmless-x", name="me/it", split="test") == ["me/it/harmless-x/test.jsonl.zst"]
    assert left_out_files(folder / "train.jsonl") == []


def test_a_folder_of_files_that_are_all_left_out(tmp_path):
    put(tmp_path / "harmless-x" / "train.csv", b"x")
    with pytest.raises(SourceError, match=r"PL-SRC-005(.|\n)*1 of another ending, such as train\.csv"):
        load(tmp_path / "harmless-x")


def test_a_folder_of_a_single_file_is_refused(tmp_path):
    path = put(tmp_path / "harmless-x" / "train.jsonl")
    with pytest.raises(UsageError, match=r"PL-SRC-003 .*a single file has no folders"):
        load(path, data_dir="harmless-x")


def test_the_subset_of_files_at_the_top_is_the_name_of_the_data_set(tmp_path):
    put(tmp_path / "0123abcd" / "train.jsonl")
    put(tmp_path / "0123abcd" / "harmless-x" / "train.jsonl")
    found = find_locations(tmp_path / "0123abcd", name="someone/hh-tiny")
    assert [location.origin.subset for location in found] == ["harmless-x", "hh-tiny"]
    assert [location.origin.subset for location in find_locations(tmp_path / "0123abcd")] == ["harmless-x", "0123abcd"]


def test_a_split_is_the_name_without_endings_and_shard(tmp_path):
    names = {"train-00000-of-00002.parquet": "train", "held.jsonl.gz": "held", "v1.2.json": "v1.2"}
    for name in names:
        put(tmp_path / name)
    assert {each.path.name: each.origin.split for each in find_locations(tmp_path)} == names


# --- columns of no known format ---


def refused(tmp_path, row):
    with pytest.raises(PlumblineError, match="PL-SRC-008") as error:
        load(put(tmp_path / "x" / "train.jsonl", row))
    return re.sub(r"\s+", " ", str(error.value))


def test_keys_of_the_user_are_counted_and_not_shown(tmp_path):
    text = refused(tmp_path, b'{"chosen": "a", "my secret question?": 1, "b": 2, "c": 3}\n')
    assert "found chosen and 3 other keys" in text
    assert "secret" not in text
    assert "Expected those of hh-rlhf, the nearest: chosen, rejected, of which rejected is missing" in text
    assert "Your own labels and pairs" in text
    assert len(text) < 400


def test_where_no_key_is_known_no_format_is_near(tmp_path):
    text = refused(tmp_path, b'{"my secret question?": 1}\n')
    assert "1 key that no format has" in text
    assert "secret" not in text
    assert "nearest" not in text
