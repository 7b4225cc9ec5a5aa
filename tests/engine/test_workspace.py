import fcntl
import shutil

import pytest
from pydantic import ValidationError

from plumbline.engine import Part, open_workspace
from plumbline.records import UsageError, WriteError


def test_two_runs_do_not_share_a_workspace(tmp_path):
    with open_workspace(tmp_path / "work") as first:
        with pytest.raises(UsageError, match="PL-ENG-002") as error, open_workspace(tmp_path / "work"):
            pass
        assert error.value.exit_code == 2
        first.remove()
        with open_workspace(tmp_path / "work") as second:  # a new folder, a new lock
            assert second.folder.is_dir()
    with open_workspace(tmp_path / "work"):
        pass


def test_the_lock_of_a_folder_that_was_just_taken_away_is_none(tmp_path, monkeypatch):
    lock, calls = fcntl.flock, []

    def late(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            shutil.rmtree(tmp_path / "work")  # by the run before, which has come to its end
        lock(*arguments)

    monkeypatch.setattr(fcntl, "flock", late)
    with open_workspace(tmp_path / "work") as workspace:
        assert workspace.folder.is_dir()
        with pytest.raises(UsageError, match="PL-ENG-002"), open_workspace(tmp_path / "work"):
            pass


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="PL-OUT-001"), open_workspace(tmp_path / "file" / "work"):
        pass


def test_a_workspace_is_named_as_other_processes_find_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open_workspace(tmp_path.relative_to(tmp_path) / "work") as workspace:
        assert workspace.folder == tmp_path / "work"


def test_a_workspace_is_ones_own(tmp_path):
    (tmp_path / "made").mkdir(mode=0o777)
    with open_workspace(tmp_path / "made"):
        assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700
    (tmp_path / "link").symlink_to(tmp_path / "made")
    with pytest.raises(UsageError, match="PL-ENG-007"), open_workspace(tmp_path / "link"):
        pass


def test_no_part_stands_outside_its_folder():
    with pytest.raises(ValidationError):
        Part(name="../victim.parquet", rows=0, sha256="")
