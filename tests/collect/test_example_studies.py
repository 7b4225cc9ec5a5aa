"""The examples are whole, offline and written once."""

from pathlib import Path

import pytest

from plumbline.collect.example_studies import (
    EXAMPLES,
    HELP_TO_REPLACE,
    example_files,
    write_example,
    write_missing_example,
)
from plumbline.collect.study_file import read_study_file
from plumbline.collect.study_folder import find_study_place, store_of
from plumbline.records import UsageError
from tests.collect.api.client import EXAMPLES as FOLDER


def test_every_example_file_is_one_that_can_be_asked_for():
    assert sorted(EXAMPLES) == sorted(path.stem for path in FOLDER.glob("*.toml"))
    assert len(EXAMPLES) == 6


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_brings_all_that_its_study_names(name, tmp_path):
    assert write_example(tmp_path / "s", name)
    read = read_study_file(tmp_path / "s" / "study.toml")
    assert read.study.help == HELP_TO_REPLACE == "mailto:replace-this@example.org"
    assert all(
        address.startswith("retrieval:") for address in (read.study.replies.sources if read.study.replies else ())
    )
    written = {path.relative_to(tmp_path / "s").as_posix() for path in (tmp_path / "s").rglob("*") if path.is_file()}
    assert written == set(example_files(name))
    assert not write_example(tmp_path / "s", name)  # it stands there already
    assert not list(tmp_path.glob(".s.*"))


def test_an_empty_folder_is_filled_and_stays_the_one_that_somebody_stands_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = tmp_path.stat().st_ino
    assert write_example(Path(), "pairs")
    assert tmp_path.stat().st_ino == before
    assert find_study_place(Path()).file.read_bytes() == example_files("pairs")["study.toml"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "guidelines", "study.toml"]
    assert not write_example(Path(), "pairs")


def test_filling_that_broke_off_is_made_good_by_the_same_command(tmp_path, monkeypatch):
    rename = Path.rename

    def killed(path, target):
        if target.name == "study.toml":
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        write_example(tmp_path, "pairs")
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "guidelines"]
    assert write_example(tmp_path, "pairs")
    assert {path: (tmp_path / path).read_bytes() for path in example_files("pairs")} == example_files("pairs")
    (tmp_path / "study.toml").unlink()
    next(path for path in (tmp_path / "data").iterdir()).write_text("mine")
    with pytest.raises(UsageError, match="PL-STA-003"):
        write_example(tmp_path, "pairs")


def test_a_folder_with_anything_else_is_left_alone(tmp_path):
    write_example(tmp_path, "pairs")
    (tmp_path / "collect.db").write_text("")
    assert not write_example(tmp_path, "pairs")
    with pytest.raises(UsageError, match="PL-STA-003"):
        write_example(tmp_path, "red-team-chat")
    (tmp_path / "study.toml").write_text("mine")
    with pytest.raises(UsageError, match="PL-STA-003"):
        write_example(tmp_path, "pairs")
    assert (tmp_path / "study.toml").read_text() == "mine"


@pytest.mark.parametrize(
    ("said", "folder"),
    [("examples/pairs.toml", "examples/pairs"), ("pairs", "pairs"), ("x/preference-chat.toml", "x/preference-chat")],
)
def test_an_example_that_is_named_and_not_there_is_made(said, folder, tmp_path):
    assert write_missing_example(tmp_path / said)
    assert find_study_place(tmp_path / said).file == tmp_path / folder / "study.toml"
    assert store_of(tmp_path / said) == tmp_path / folder / "collect.db"
    assert not write_missing_example(tmp_path / said)


def test_nothing_else_is_made_and_nothing_is_replaced(tmp_path):
    (tmp_path / "pairs").mkdir()
    (tmp_path / "red-team-chat.toml").write_text("mine")
    for said in ("pairs", "pairs.toml", "red-team-chat.toml", "my-study", "my-study.toml"):
        assert not write_missing_example(tmp_path / said)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pairs", "red-team-chat.toml"]
