"""Which part of a folder of ours a source means: a release its tables, a curation its data without the notes."""

import json
import shutil

import pytest

from plumbline.formats import load
from plumbline.formats.own_folders import notes_of_curation, tables_of_release
from plumbline.records import SourceError
from plumbline.release import build_release
from tests.release.folders import curated


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    build_release(curated(root / "in", root / "curated"), root / "release")
    return root


def test_a_release_means_its_tables_and_data_dir_the_lines(made):
    files = [file.path for file in load(made / "release").files]
    assert len(files) == 4
    assert all(path.startswith("release/records/") for path in files)
    assert [file.path for file in load(made / "release", data_dir="helpful-base", split="test").files] == [
        "release/helpful-base/test.jsonl.gz"
    ]
    assert load(made / "release" / "harmless-base").files[0].path == "harmless-base/test.jsonl.gz"


def test_a_folder_that_only_looks_like_one_is_read_as_it_is(made, tmp_path):
    folder = shutil.copytree(made / "release", tmp_path / "release")
    manifest = json.loads((folder / "manifest.json").read_text())
    for text in (json.dumps({**manifest, "holds": "data"}), "{}"):
        (folder / "manifest.json").write_text(text)
        assert tables_of_release(folder) is None
    assert tables_of_release(tmp_path / ("x" * 300)) is None


def test_notes_of_a_curation_are_no_data(made, tmp_path):
    assert {file.path.split("/")[1] for file in load(made / "curated").files} == {"comparisons", "safety_labels"}
    folder = shutil.copytree(made / "curated", tmp_path / "curated")
    (folder / "manifest.json").unlink()
    assert notes_of_curation(folder) is None
    with pytest.raises(SourceError, match=r"removed\.parquet"):
        load(folder)
