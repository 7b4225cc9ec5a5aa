"""A sound release, made once for each file of tests, and a copy of it to spoil."""

import shutil

import pytest

from plumbline.release import build_release
from tests.release.folders import curated


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    root = tmp_path_factory.mktemp("sound")
    build_release(curated(root / "in", root / "curated"), root / "release")
    return root / "release"


@pytest.fixture
def spoiled(sound, tmp_path):
    """A copy to spoil."""
    shutil.copytree(sound, tmp_path / "release")
    return tmp_path / "release"
