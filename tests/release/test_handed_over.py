"""What is taken for a file of a folder that somebody hands over, and what never is."""

import os

import pytest

from plumbline.release import handed_over, verify_release
from plumbline.release.handed_over import open_handed_over, shown, unsafe_name
from tests.release.spoiling import TABLE, codes, rewrite_json


@pytest.mark.parametrize(
    "name",
    [
        *("/etc/passwd", "../x", "a/../../x", "a\\b", "C:/x", "a\0b", "", "a\nb", "x" * 2_000, "./x", "a//b", "a/./b"),
        *("a\u202eb", "ﬁle", "e\u0301", "\udcff", "a/"),
    ],
)
def test_names_that_lead_out_or_steer(name):
    assert unsafe_name(name)


@pytest.mark.parametrize("name", ["x", "harmless-base/data/two_axis_32-00000-of-00001.jsonl.gz", ".hidden", "a..b"])
def test_names_that_a_release_may_have(name):
    assert unsafe_name(name) is None


def test_what_is_shown_of_a_name_steers_no_terminal():
    assert shown("a\x1b[2J\u202e\udcffb") == "a\\x1b[2J\\u202e\\udcffb"


def test_links_are_told_and_not_followed(spoiled, tmp_path):
    (tmp_path / "secret.jsonl").write_text('{"chosen": "x", "rejected": "y"}\n')
    (spoiled / "records/comparisons/more.parquet").symlink_to(tmp_path / "secret.jsonl")
    (spoiled / "all").symlink_to("/")
    (spoiled / "LICENSE").rename(tmp_path / "LICENSE")
    (spoiled / "LICENSE").symlink_to(tmp_path / "LICENSE")
    os.mkfifo(spoiled / "pipe")
    found = verify_release(spoiled)
    told = [finding.place for finding in found.findings if finding.code == "PL-REL-027"]
    assert told == ["LICENSE", "all", "pipe", "records/comparisons/more.parquet"]
    assert "records/comparisons/more.parquet" not in found.rows


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a\\b", "ﬁle", "./LICENSE"])
def test_a_name_in_manifest_or_checksums_that_leads_elsewhere(spoiled, name):
    with (spoiled / "SHA256SUMS").open("a") as file:
        file.write(f"{'0' * 64}  {name}\n")
    entry = {"path": name, "sha256": "0" * 64, "size_bytes": 1, "rows": None}
    rewrite_json(spoiled / "manifest.json", lambda told: told["outputs"].append(entry))
    assert {"PL-REL-027", "PL-REL-030"} <= codes(spoiled)


def test_deep_and_crowded_folders_are_left_where_no_release_goes_on(tmp_path, monkeypatch):
    deep = tmp_path / "deep" / "/".join("abcdefgh")
    deep.mkdir(parents=True)
    (deep / "x.jsonl").write_text("{}\n")
    assert [each.place for each in open_handed_over(tmp_path / "deep").findings] == ["a/b/c/d/e"]
    monkeypatch.setattr(handed_over, "_MOST_ENTRIES", 5)
    (tmp_path / "crowd").mkdir()
    for number in range(9):
        (tmp_path / "crowd" / f"{number}.txt").write_text("x")
    crowd = open_handed_over(tmp_path / "crowd")
    assert (len(crowd.files), [each.code for each in crowd.findings]) == (5, ["PL-REL-027"])


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *(("README.md", "PL-REL-025"), ("croissant.json", "PL-REL-026"), ("SHA256SUMS", "PL-REL-030")),
        *(("datasheet.md", "PL-REL-033"), ("LICENSE", "PL-REL-033"), ("recipe.toml", "PL-REL-034")),
        *(("manifest.json", "PL-REL-020"), ("curation/summary.json", "PL-REL-009")),
    ],
)
def test_a_text_longer_than_any_is_not_read(spoiled, name, code):
    with (spoiled / name).open("r+b") as file:
        file.truncate(1 << 30)  # holes alone
    assert code in codes(spoiled)


def test_a_file_is_hashed_once(spoiled, monkeypatch):
    hashed = []
    digest = handed_over.file_digest
    monkeypatch.setattr(handed_over, "file_digest", lambda path: hashed.append(path.name) or digest(path))
    assert verify_release(spoiled).is_sound
    assert len(hashed) == len(set(map(str, (path for path in spoiled.rglob("*") if path.is_file()))))
    assert hashed.count(TABLE.rpartition("/")[2]) == len(list(spoiled.glob("**/train.parquet")))
