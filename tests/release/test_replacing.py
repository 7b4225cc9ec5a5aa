"""A release that takes the place of another: whenever the run dies, the one or the other stands there, whole."""

import shutil

import pytest

from plumbline.lineage import read_manifest, writing
from plumbline.release import ReleaseOptions, build_release, verify_release
from plumbline.release import building as building_module
from tests.prepared import start_prepared
from tests.release.folders import curated
from tests.release.processes import build_and_die


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """What `standing` copies."""
    root = tmp_path_factory.mktemp("standing")
    build_release(curated(root / "in", root / "curated"), root / "out")
    return root


@pytest.fixture
def standing(once, tmp_path):
    """A folder, and the release of it that stands."""
    shutil.copytree(once, tmp_path, dirs_exist_ok=True)
    return tmp_path / "curated", tmp_path / "out"


def version_of(out):
    """The version of a release that is whole."""
    assert verify_release(out).is_sound
    return read_manifest(out).configuration["version"]


@pytest.mark.parametrize(("where", "left"), [("before", "1.0.0"), ("after", "1.0.1"), ("between", None)])
def test_a_kill_leaves_the_old_release_or_the_new_one(standing, where, left, tmp_path):
    folder, out = standing
    process = start_prepared(build_and_die, where, folder, out, log=tmp_path / "log")
    process.join(60)
    assert process.exitcode == 9, (tmp_path / "log").read_text()
    (tmp_path / "log").unlink()
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
