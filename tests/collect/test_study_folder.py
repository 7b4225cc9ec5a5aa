"""Which file and which store a path means."""

from pathlib import Path

import pytest

from plumbline.collect.study_folder import find_study_file, find_study_place, store_of
from plumbline.records import UsageError


def test_a_folder_its_study_file_and_the_store_beside_it(tmp_path):
    (tmp_path / "other.toml").write_text("")
    assert find_study_place(tmp_path).file == tmp_path / "other.toml"
    (tmp_path / "study.toml").write_text("")
    place = find_study_place(tmp_path)
    assert (place.file, place.folder, place.store) == (tmp_path / "study.toml", tmp_path, tmp_path / "collect.db")
    assert find_study_place(tmp_path / "other.toml").file == tmp_path / "other.toml"
    assert find_study_place(tmp_path, "postgresql://me@/x").store == "postgresql://me@/x"


def test_of_several_study_files_in_a_folder_each_has_a_store_of_its_own(tmp_path):
    for name in ("a.toml", "preference-chat.toml"):
        (tmp_path / name).write_text("")
    for name in ("a", "preference-chat"):
        assert find_study_place(tmp_path / f"{name}.toml").store == tmp_path / f"{name}.db"
        assert store_of(tmp_path / f"{name}.toml") == tmp_path / f"{name}.db"
    (tmp_path / "study.toml").write_text("")
    assert store_of(tmp_path / "study.toml") == store_of(tmp_path) == tmp_path / "collect.db"
    (tmp_path / "a.toml").unlink()
    (tmp_path / "study.toml").unlink()
    assert store_of(tmp_path / "preference-chat.toml") == tmp_path / "collect.db"


def test_a_toml_file_that_comes_or_goes_later_moves_no_store(tmp_path):
    """Without it `init` would begin a second store, and what was judged would be out of sight."""
    study, common = tmp_path / "mine.toml", tmp_path / "collect.db"
    study.write_text("")
    common.write_text("what was judged")
    assert find_study_place(study).store == store_of(study) == store_of(tmp_path) == common
    (tmp_path / "round.toml").write_text("")
    for ask in (find_study_place, store_of):
        with pytest.raises(UsageError, match="PL-STA-002") as refused:
            ask(study)
        assert f"--store {common}" in refused.value.advice
    assert find_study_file(study) == study
    assert find_study_place(study, str(common)).store == str(common)
    common.rename(tmp_path / "mine.db")
    assert store_of(study) == tmp_path / "mine.db"
    (tmp_path / "round.toml").unlink()
    assert find_study_place(study).store == store_of(study) == store_of(tmp_path) == tmp_path / "mine.db"


def test_of_two_stores_beside_a_study_that_was_one_of_several_none_is_taken_unasked(tmp_path):
    """`collect.db` is of the study that went, or this study's from before the other came."""
    study, gone = tmp_path / "mine.toml", tmp_path / "study.toml"
    for name in ("mine.toml", "study.toml", "mine.db", "collect.db"):
        (tmp_path / name).write_text("")
    assert store_of(study) == tmp_path / "mine.db"
    gone.unlink()
    for ask in (lambda: find_study_place(study), lambda: store_of(study), lambda: store_of(tmp_path)):
        with pytest.raises(UsageError, match="PL-STA-002") as refused:
            ask()
        assert "collect.db and mine.db" in str(refused.value)


@pytest.mark.parametrize("said", [".", "", "./", "../s", "../s/", "./../s"])
def test_the_folder_somebody_stands_in(tmp_path, monkeypatch, said):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "study.toml").write_text("")
    monkeypatch.chdir(tmp_path / "s")
    assert find_study_place(Path(said)).file.resolve() == tmp_path / "s" / "study.toml"
    assert Path(store_of(Path(said))).resolve() == tmp_path / "s" / "collect.db"


@pytest.mark.parametrize("said", ["/", "..", "...", "..toml", "...toml", ".toml"])
def test_names_of_dots_and_none_at_all(tmp_path, monkeypatch, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="PL-STA-001"):
        find_study_place(Path(said))
    if "toml" in said:  # which means no folder of the name that is left
        with pytest.raises(UsageError, match="PL-STA-001"):
            store_of(Path(said))


def test_what_cannot_be_told(tmp_path):
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text("")
    with pytest.raises(UsageError, match="PL-STA-002"):
        find_study_place(tmp_path)
    for place in (tmp_path / "nothing", tmp_path / "a.toml" / "below"):
        with pytest.raises(UsageError, match="PL-STA-001"):
            find_study_place(place)


def test_a_store_is_found_without_a_study_file(tmp_path):
    assert store_of(tmp_path) == tmp_path / "collect.db"
    (tmp_path / "study.toml").write_text("")
    assert store_of(tmp_path / "study.toml") == tmp_path / "collect.db"
    assert store_of(tmp_path / "nothing", "x.db") == "x.db"
    with pytest.raises(UsageError, match="PL-STA-001"):
        store_of(tmp_path / "nothing")
