"""What a killed run leaves is cleared away by the next, and nothing else ever is."""

import fcntl
import os
import signal
import subprocess
import sys

import pytest

from plumbline.lineage import write_aside, write_folder_aside
from plumbline.lineage.workplaces import clear_leftovers, workplace
from plumbline.records import UsageError, WriteError

_WRITER = """
import sys, time
from pathlib import Path
from plumbline.lineage import write_aside, write_folder_aside
out = Path(sys.argv[1])
with (write_aside(out) if sys.argv[2] == "file" else write_folder_aside(out, "data")) as aside:
    (aside if sys.argv[2] == "file" else aside / "data").write_text("half")
    print("half", flush=True)
    time.sleep(60)
"""


def start_writer(out, kind="folder"):
    process = subprocess.Popen([sys.executable, "-c", _WRITER, str(out), kind], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"half\n"
    return process


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def entries(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_next_run_to_the_same_place_clears_a_dead_ones_leftovers(tmp_path, kind):
    out = tmp_path / "out"
    kill(start_writer(out, kind))
    assert len(entries(tmp_path)) == 1
    with write_aside(out) if kind == "file" else write_folder_aside(out, "data") as aside:
        (aside if kind == "file" else aside / "data").write_text("new")
    assert entries(tmp_path) == ["out"]


def test_a_living_runs_workplace_and_that_of_another_output_stay(tmp_path):
    kill(start_writer(tmp_path / "other"))
    process = start_writer(tmp_path / "out")
    try:
        before = entries(tmp_path)
        assert len(before) == 2
        clear_leftovers(tmp_path, "out")
        assert entries(tmp_path) == before
    finally:
        kill(process)
    clear_leftovers(tmp_path)
    assert entries(tmp_path) == []


def test_what_only_looks_like_a_leftover_stays(tmp_path):
    (tmp_path / ".out.01234567.partial").write_text("a file of somebody's")
    (tmp_path / ".out.89abcdef.partial").mkdir()
    (tmp_path / ".out.89abcdef.partial" / "thesis.txt").write_text("mine")
    (tmp_path / "elsewhere" / "new").mkdir(parents=True)
    (tmp_path / ".out.aaaaaaaa.partial").symlink_to(tmp_path / "elsewhere")
    before = entries(tmp_path)
    clear_leftovers(tmp_path)
    assert entries(tmp_path) == before
    assert (tmp_path / ".out.89abcdef.partial" / "thesis.txt").read_text() == "mine"
    assert (tmp_path / "elsewhere" / "new").is_dir()


def test_without_locks_nothing_is_removed_and_everything_is_written(tmp_path, monkeypatch):
    kill(start_writer(tmp_path / "out"))

    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with write_folder_aside(tmp_path / "out", "data") as aside:
        (aside / "data").write_text("new")
    assert (tmp_path / "out" / "data").read_text() == "new"
    assert len(entries(tmp_path)) == 2


def test_a_former_output_moved_aside_by_a_run_that_died_is_put_back(tmp_path):
    left = tmp_path / ".out.01234567.partial"
    (left / "new").mkdir(parents=True)
    (left / "former").mkdir()
    (left / "former" / "manifest.json").write_text('{"holds": "model", "outputs": []}')
    with pytest.raises(UsageError, match="a model folder"), write_folder_aside(tmp_path / "out", "data"):
        pytest.fail("the model was taken for an empty place")
    assert entries(tmp_path) == ["out"]
    assert (tmp_path / "out" / "manifest.json").is_file()


def test_a_workplace_taken_away_as_it_is_made_is_made_again(tmp_path, monkeypatch):
    flock, taken = fcntl.flock, []

    def take_the_first(lock, how):
        if not taken:
            taken.append(lock)
            raise BlockingIOError
        flock(lock, how)

    monkeypatch.setattr(fcntl, "flock", take_the_first)
    with workplace(tmp_path / "out") as place:
        assert place.is_dir()


# --- what errors name ---


def test_errors_from_within_name_the_output_asked_for(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(UsageError) as raised, write_folder_aside(out, "data") as aside:
        raise UsageError(
            "PL-OUT-007", str(aside), "leads out", found=str(aside / "x"), advice=f"look at {aside.parent}"
        )
    assert (raised.value.place, raised.value.found) == (str(out), str(out / "x"))
    assert "partial" not in str(raised.value)
    with pytest.raises(WriteError) as full, write_folder_aside(out, "data") as aside, write_aside(aside / "a" / "b"):
        raise OSError(28, os.strerror(28))
    assert full.value.place == str(out / "a" / "b")
    assert "the disk is full" in str(full.value)
    assert entries(tmp_path) == []
