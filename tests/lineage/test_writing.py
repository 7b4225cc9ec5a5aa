"""Writing aside: the new output whole, or the old one; never a part, whatever happens in between."""

import errno
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from plumbline.lineage import Manifest, is_own_file, refuse_foreign_file, write_aside, write_folder_aside, writing
from plumbline.lineage.swapping import swapped
from plumbline.records import UsageError, WriteError


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def old_folder(path):
    path.mkdir()
    (path / "manifest.json").write_text('{"holds": "data", "outputs": [{"path": "data"}]}')
    (path / "data").write_text("old")
    return path


def _stop_half_way(writer, name, error):
    with writer as aside:
        (aside / name if name else aside).write_text("half")
        raise error


@pytest.mark.parametrize("writer", [write_aside, lambda path: write_folder_aside(path, "data")])
def test_what_takes_its_place_was_waited_for(tmp_path, monkeypatch, writer):
    """Until it is on the disk: a machine that loses its power then has the old output or the new one."""
    path, waited = tmp_path / "out", []
    monkeypatch.setattr(os, "fsync", lambda file: waited.append((os.fstat(file).st_ino, path.exists())))
    with writer(path) as aside:
        written = [aside / name for name in ("one", "two")] if aside.is_dir() else [aside]
        for each in written:
            each.write_text("new")
        assert waited == []
    assert {(each.stat().st_ino, False) for each in path.parent.rglob("*") if each.is_file()} <= set(waited)


# --- one file ---


def test_a_file_takes_its_place_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "file.txt"
    with write_aside(path) as aside:
        assert aside.parent.parent == path.parent  # on the same disk, so that a rename will do
        assert aside.parent.name.startswith(".")
        aside.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    with write_aside(path) as aside:
        aside.write_text("newer")
        assert path.read_text() == "new"
    assert path.read_text() == "newer"
    assert names(tmp_path) == ["new/folder/file.txt"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(3), MemoryError()])
def test_an_exception_leaves_the_old_file_and_goes_on(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(type(error)) as raised:
        _stop_half_way(write_aside(path), "", error)
    assert raised.value is error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_a_full_disk_leaves_the_old_file(small_disk):
    path = small_disk / "file.txt"
    path.write_text("old")
    with pytest.raises(WriteError, match=r"PL-OUT-001(.|\n)*the disk is full") as full, write_aside(path) as aside:
        aside.write_bytes(bytes(4 << 20))
    assert full.value.exit_code == 1
    assert path.read_text() == "old"
    assert names(small_disk) == ["file.txt"]
    with write_aside(path) as aside:  # and the space is free again
        aside.write_bytes(bytes(1 << 19))


def test_a_full_disk_that_a_writer_tells_in_words_is_told_as_one(small_disk):
    """safetensors says what the system refused in the text of an error of its own."""
    old_folder(small_disk / "out")
    with (
        pytest.raises(WriteError, match=r"PL-OUT-001(.|\n)*the disk is full"),
        write_folder_aside(small_disk / "out", "data") as aside,
    ):
        save_file({"a": np.zeros(1 << 19)}, aside / "data")
    assert names(small_disk) == ["out/data", "out/manifest.json"]
    with pytest.raises(KeyError, match="os error 28"), write_aside(small_disk / "x"):
        raise KeyError("os error 28")  # said, but not as the system's refusal is


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_is_called_full(tmp_path, number):
    with pytest.raises(WriteError, match="the disk is full"), write_aside(tmp_path / "x"):
        raise OSError(number, os.strerror(number))


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "below", tmp_path / "folder", tmp_path / ("long" * 100)):
        with pytest.raises(WriteError, match=r"PL-OUT-001(.|\n)*Try: "), write_aside(path) as aside:
            aside.write_text("new")
    assert (tmp_path / "file").read_text() == "mine"
    assert names(tmp_path) == ["file"]


def test_nothing_written_is_an_error_and_leaves_the_old_file(tmp_path):
    (tmp_path / "file").write_text("old")
    with pytest.raises(WriteError), write_aside(tmp_path / "file"):
        pass
    assert (tmp_path / "file").read_text() == "old"


# --- a folder ---


def test_a_folder_takes_its_place_whole(tmp_path):
    folder = tmp_path / "a" / "b"
    with write_folder_aside(folder, "data") as aside:
        (aside / "below").mkdir()
        (aside / "below" / "manifest.json").write_text("{}")
        (aside / "manifest.json").write_text("{}")
        assert not folder.exists()
    assert names(tmp_path) == ["a/b/below/manifest.json", "a/b/manifest.json"]


def test_a_folder_of_ours_is_replaced_and_nothing_of_it_stays(tmp_path):
    folder = old_folder(tmp_path / "out")
    with write_folder_aside(folder, "data") as aside:
        assert list(aside.iterdir()) == []
        (aside / "manifest.json").write_text("{}")
        (aside / "other").write_text("new")
        assert names(folder) == ["data", "manifest.json"]
    assert names(tmp_path) == ["out/manifest.json", "out/other"]


@pytest.mark.parametrize("kind", ["another's folder", "a file", "a manifest that is a folder", "a nested one"])
def test_what_is_not_ours_is_refused_before_anything_is_done(tmp_path, kind):
    out = tmp_path / "out"
    if kind == "a file":
        out.write_text("mine")
    elif kind == "a nested one":
        out.mkdir()
        (out / "manifest.json").write_text("[" * 100_000)
    else:
        (out / ("manifest.json" if "manifest" in kind else "notes")).mkdir(parents=True)
    entered = []
    with pytest.raises(UsageError, match=r"PL-OUT-002(.|\n)*Try: "), write_folder_aside(out, "data"):
        entered.append(1)
    assert not entered
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(("change", "found"), [("another kind", "a data folder"), ("a file put in", "notes.txt")])
def test_another_kind_of_output_and_files_put_in_later_are_never_lost(tmp_path, change, found):
    folder = old_folder(tmp_path / "out")
    if change == "a file put in":
        (folder / "notes.txt").write_text("mine")
    holds = "model" if change == "another kind" else "data"
    with pytest.raises(UsageError, match=rf"PL-OUT-002(.|\n)*{found}"), write_folder_aside(folder, holds):
        pytest.fail("the folder was taken")
    assert (folder / "data").read_text() == "old"


@pytest.mark.parametrize("what", ["foreign", "changed since", "folder", "own"])
def test_a_single_file_is_overwritten_only_where_it_is_ours(tmp_path, what):
    out = tmp_path / "scores.csv"
    manifest = Manifest(holds="scores", command=[], configuration={}, inputs=[], uses=None, licence=None)
    if what == "folder":
        out.mkdir()
    else:
        out.write_text("1")
    if what in ("changed since", "own"):
        manifest.write_beside(out)
    if what == "changed since":
        out.write_text("2")
    if what == "own":
        refuse_foreign_file(out, is_ours=is_own_file(out))
        return
    with pytest.raises(UsageError, match="PL-OUT-002"):
        refuse_foreign_file(out, is_ours=is_own_file(out))


def test_an_empty_folder_and_the_present_one_will_do(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    with write_folder_aside(tmp_path / "empty", "data") as aside:
        (aside / "x").write_text("x")
    here = old_folder(tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    with write_folder_aside(here.relative_to(tmp_path), "data") as aside:
        (aside / "manifest.json").write_text("new")
    assert names(tmp_path) == ["empty/x", "here/manifest.json"]


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    folder = old_folder(tmp_path / "real")
    (tmp_path / "link").symlink_to(folder)
    with write_folder_aside(tmp_path / "link", "data") as aside:
        (aside / "manifest.json").write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (folder / "manifest.json").read_text() == "new"


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(3)])
def test_an_exception_leaves_the_old_folder(tmp_path, error):
    folder = old_folder(tmp_path / "out")
    with pytest.raises(type(error)):
        _stop_half_way(write_folder_aside(folder, "data"), "half", error)
    assert names(tmp_path) == ["out/data", "out/manifest.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_full_disk_leaves_the_old_folder(small_disk):
    folder = old_folder(small_disk / "out")
    with pytest.raises(WriteError, match="the disk is full"), write_folder_aside(folder, "data") as aside:
        (aside / "large").write_bytes(bytes(4 << 20))
    assert names(small_disk) == ["out/data", "out/manifest.json"]
    assert [path.name for path in small_disk.iterdir()] == ["out"]


@pytest.fixture
def no_swap(monkeypatch):
    """A system on which two folders cannot change places in one step."""
    monkeypatch.setattr(writing, "swapped", lambda *_: False)


def test_two_folders_change_places_in_one_step(tmp_path):
    one, two = old_folder(tmp_path / "one"), tmp_path / "two"
    assert not swapped(one, two)
    two.mkdir()
    assert swapped(one, two) is sys.platform.startswith(("linux", "darwin"))
    assert (names(one), names(two)) == ([], ["data", "manifest.json"])


@pytest.mark.usefixtures("no_swap")
def test_a_failure_between_the_two_renames_puts_the_old_folder_back(tmp_path, monkeypatch):
    folder = old_folder(tmp_path / "out")
    rename = type(folder).rename

    def refuse_partial(path, target):
        if path.name == "new":
            raise PermissionError(errno.EACCES, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(type(folder), "rename", refuse_partial)
    with pytest.raises(WriteError, match="Permission denied"), write_folder_aside(folder, "data") as aside:
        (aside / "manifest.json").write_text("new")
    assert (folder / "data").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("no_swap")
def test_an_interruption_between_the_two_renames_puts_the_old_folder_back(tmp_path, monkeypatch):
    folder = old_folder(tmp_path / "out")
    rename = type(folder).rename

    def interrupt(path, target):
        if path.name == "new":
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(type(folder), "rename", interrupt)
    with pytest.raises(KeyboardInterrupt), write_folder_aside(folder, "data") as aside:
        (aside / "manifest.json").write_text("new")
    assert (folder / "data").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


# --- killed ---

_WRITER = """
import sys, time
from pathlib import Path
from plumbline.lineage import write_aside, write_folder_aside
out = Path(sys.argv[1])
how = {"file": write_aside, "folder": lambda out: write_folder_aside(out, "data")}[sys.argv[2]]
with how(out) as aside:
    target = aside / "data" if sys.argv[2] == "folder" else aside
    with target.open("w") as file:
        file.write("half")
        file.flush()
        print("half", flush=True)
        time.sleep(60)
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_killed_writer_leaves_the_old_output_whole(tmp_path, kind):
    out = tmp_path / "out"
    if kind == "file":
        out.write_text("old")
    else:
        old_folder(out)
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(out), kind], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"half\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert (out if kind == "file" else out / "data").read_text() == "old"
    # What is left of the attempt is hidden, so that no reader takes it for data, and the next attempt succeeds.
    assert all(path.name.startswith(".") for path in tmp_path.iterdir() if path != out)
    with write_aside(out) if kind == "file" else write_folder_aside(out, "data") as aside:
        (aside if kind == "file" else aside / "data").write_text("new")
    assert (out if kind == "file" else out / "data").read_text() == "new"
