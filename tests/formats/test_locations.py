"""Paths that no record could name, or that lead nowhere."""

import os

import pytest

from plumbline.formats import load
from plumbline.records import SourceError

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
