"""A release that takes the place of another: whenever the run dies, the one or the other stands there, whole."""

import subprocess
import sys

import pytest

from plumbline.lineage import read_manifest, writing
from plumbline.release import ReleaseOptions, build_release, verify_release
from plumbline.release import building as building_module

from .folders import curated

_KILLED = """
import os, sys
from pathlib import Path
from plumbline.lineage import writing
from plumbline.release import ReleaseOptions, build_release

where, folder, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
replace, swapped, rename = writing._replace_folder, writing.swapped, Path.rename

def die_before(*places):
    os._exit(9)

def die_after(*places):
    replace(*places)
    os._exit(9)

def die_between(path, target):
    rename(path, target)
    os._exit(9)

if where == "before":
    writing._replace_folder = die_before
if where == "after":
    writing._replace_folder = die_after
if where == "between":
    writing.swapped = lambda first, second: False
    Path.rename = lambda path, target: (die_between if path == out else rename)(path, target)
build_release(folder, out, ReleaseOptions(previous=out))
"""


@pytest.fixture
def standing(tmp_path):
    """A folder, and the release of it that stands."""
    folder = curated(tmp_path / "in", tmp_path / "curated")
    build_release(folder, tmp_path / "out")
    return folder, tmp_path / "out"


def version_of(out):
    """The version of a release that is whole."""
    assert verify_release(out).is_sound
    return read_manifest(out).configuration["version"]


@pytest.mark.parametrize(("where", "left"), [("before", "1.0.0"), ("after", "1.0.1"), ("between", None)])
def test_a_kill_leaves_the_old_release_or_the_new_one(standing, where, left):
    folder, out = standing
    ended = subprocess.run(
        [sys.executable, "-c", _KILLED, where, str(folder), str(out)], check=False, capture_output=True
    )
    assert ended.returncode == 9, ended.stderr
    if left is None:  # where two folders cannot change places in one step, the old one waits beside for the next run
        assert not out.exists()
        with pytest.raises(RuntimeError), writing.write_folder_aside(out, "release"):
            raise RuntimeError
        left = "1.0.0"
    assert version_of(out) == left
    built = build_release(folder, out, ReleaseOptions(previous=out))
    assert version_of(out) == built.version
    assert sorted(path.name for path in out.parent.iterdir()) == ["curated", "in", "out"]


@pytest.mark.parametrize(
    "step",
    ["_pass_over", "_gates", "compare", "_facts", "refuse_unnamed_replacement", "_write_notes", "_files", "_manifest"],
)
def test_a_failure_at_any_step_leaves_the_old_release(standing, monkeypatch, step):
    folder, out = standing

    def fail(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(building_module, step, fail)
    # Nothing is replaced by name, so that the step which looks for that is passed too.
    options = ReleaseOptions(previous=None if step == "refuse_unnamed_replacement" else out)
    with pytest.raises(KeyboardInterrupt):
        build_release(folder, out, options)
    assert version_of(out) == "1.0.0"
    assert sorted(path.name for path in out.parent.iterdir()) == ["curated", "in", "out"]
