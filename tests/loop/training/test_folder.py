"""One training at a time works beside an output, and nothing of another's is lost."""

import fcntl
import json
import os
import shutil

import pytest

from plumbline.loop.training import folder as place
from plumbline.loop.training.folder import MARK_NAME, checkpointed_step, claimed, emptied, refuse_unfinished
from plumbline.records import UsageError, WriteError


def refused(work):
    with pytest.raises(UsageError, match="PL-RUN-005"), claimed(work):
        pass


def test_a_second_training_is_refused_while_the_first_runs(tmp_path):
    work = tmp_path / "parent" / "m.training"
    with claimed(work):
        (work / "kept").write_text("1")
        refused(work)
        assert (work / "kept").read_text() == "1"
    with claimed(work):
        assert (work / "kept").exists()


def test_a_training_that_failed_lets_go_and_leaves_nothing_where_nothing_came(tmp_path):
    def fails(work):
        with claimed(work):
            (work / MARK_NAME).write_text("{}")
            raise KeyError

    with pytest.raises(KeyError):
        fails(tmp_path / "m.training")
    assert not (tmp_path / "m.training").exists()
    with claimed(tmp_path / "m.training"):
        refused(tmp_path / "m.training")


def test_the_lock_outlives_what_is_emptied_and_ends_with_what_is_removed(tmp_path):
    work = tmp_path / "m.training"
    with claimed(work):
        (work / "checkpoints" / "step-00000002").mkdir(parents=True)
        (work / MARK_NAME).write_text("{}")
        (work / "link").symlink_to(tmp_path)
        emptied(work)
        assert list(work.iterdir()) == []
        assert tmp_path.exists()
        refused(work)
        shutil.rmtree(work)
    with claimed(work):
        pass


def test_a_folder_that_went_away_while_it_was_locked_is_made_anew(tmp_path, monkeypatch):
    work, lock, taken = tmp_path / "m.training", fcntl.flock, []

    def slow(*arguments):
        if not taken:  # a run that ends in this moment removes its folder
            work.rmdir()
        taken.append(1)
        return lock(*arguments)

    monkeypatch.setattr(place.fcntl, "flock", slow)
    with claimed(work):
        assert work.is_dir()
        refused(work)
    assert len(taken) == 3


def test_so_is_one_that_went_away_before_it_was_opened(tmp_path, monkeypatch):
    work, opened, taken = tmp_path / "m.training", os.open, []

    def slow(path, *arguments, **named):
        if not taken:
            work.rmdir()
        taken.append(path)
        return opened(path, *arguments, **named)

    monkeypatch.setattr(place.os, "open", slow)
    with claimed(work):
        assert taken == [work, work]
        refused(work)


def test_a_folder_that_always_goes_away_is_somebody_elses(tmp_path, monkeypatch):
    work = tmp_path / "m.training"
    monkeypatch.setattr(place.fcntl, "flock", lambda *_: work.rmdir())
    refused(work)


def test_without_locks_nobody_is_kept_out(tmp_path, monkeypatch):
    def unknown(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(place.fcntl, "flock", unknown)
    with claimed(tmp_path / "m.training"), claimed(tmp_path / "m.training"):
        pass


def test_what_cannot_be_made_or_removed_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="PL-OUT-001"), claimed(tmp_path / "file" / "m.training"):
        pass
    (tmp_path / "m.training" / "checkpoints").mkdir(parents=True)

    def held(_):
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(place.shutil, "rmtree", held)
    with pytest.raises(WriteError, match="PL-OUT-001"):
        emptied(tmp_path / "m.training")
    emptied(tmp_path / "nothing")


def test_a_file_is_left_to_who_looks_into_it(tmp_path):
    (tmp_path / "m.training").write_text("mine")
    with claimed(tmp_path / "m.training"), pytest.raises(UsageError, match="PL-OUT-002"):
        refuse_unfinished(tmp_path / "m.training", decided=True)
    assert (tmp_path / "m.training").read_text() == "mine"


def test_what_stands_there_is_looked_at(tmp_path):
    work = tmp_path / "m.training"
    refuse_unfinished(work, decided=False)
    work.mkdir()
    refuse_unfinished(work, decided=False)
    (work / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="PL-OUT-002"):
        refuse_unfinished(work, decided=True)
    (work / "notes.txt").rename(work / "metrics.jsonl")
    (work / MARK_NAME).write_text(json.dumps({"plumbline": "training"}))
    with pytest.raises(UsageError, match="PL-RUN-004"):
        refuse_unfinished(work, decided=False)
    refuse_unfinished(work, decided=True)
    (work / "metrics.jsonl").unlink()
    refuse_unfinished(work, decided=False)


def test_the_last_checkpoint_is_found_by_its_step(tmp_path):
    assert checkpointed_step(tmp_path) == 0
    for step in (8, 12, 4):
        (tmp_path / "checkpoints" / f"step-{step:08d}").mkdir(parents=True)
    assert checkpointed_step(tmp_path) == 12
    for step, is_whole in ((20, True), (30, False)):
        folder = tmp_path / "trl" / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        (folder / ("plumbline.json" if is_whole else "trainer_state.json")).touch()
    assert checkpointed_step(tmp_path) == 20, "of TRL's, those that were written to their end"
    (tmp_path / "checkpoints" / "step-00000040 copy").mkdir()
    assert checkpointed_step(tmp_path) == 20, "a copy is none to go on from"


def test_empty_folders_in_it_are_nothing(tmp_path):
    """A trainer that could not begin leaves its own."""
    work = tmp_path / "m.training"
    (work / "trainer").mkdir(parents=True)
    (work / MARK_NAME).write_text("{}")
    refuse_unfinished(work, decided=False)
    with claimed(work):
        pass
    assert not work.exists()
