"""Fixtures that several packages' tests share."""

import gc
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

# No example is timed: a slow machine is no failure. Where CI says so, the same examples are tried each time.
settings.register_profile("plumbline", deadline=None, max_examples=60, derandomize=bool(os.environ.get("CI")))
settings.load_profile("plumbline")

_PLACES = (
    os.environ.get("PLUMBLINE_DATA", ""),
    str(Path(__file__).resolve().parents[2] / "shared" / "data"),
)


def pytest_collection_finish() -> None:
    """What was imported stays: the collector need not look at millions of objects again whenever it runs."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real samples; tests that need it are skipped where it is absent."""
    for place in _PLACES:
        if place and (Path(place) / "hh-rlhf").is_dir():
            return Path(place)
    pytest.skip("the real samples are not here: set PLUMBLINE_DATA to their folder")


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes new folders; `mktemp` looks at all that it ever made to number one more: half a minute in thousands of tests."""
    place, numbers = tmp_path_factory.mktemp("folders"), count()

    def make() -> Path:
        folder = place / str(next(numbers))
        folder.mkdir(mode=0o700)
        return folder

    return make


@pytest.fixture
def tmp_path(make_folder: Callable[[], Path]) -> Path:
    """A folder of the test's own, in the place of pytest's, which is made by `mktemp`."""
    return make_folder()


@pytest.fixture(scope="session", autouse=True)
def careless_writing() -> Iterator[None]:
    """Files that do not wait for the disk, which takes milliseconds each, some twenty in a curation.

    No test of this process can lose its power. That the program waits is shown by `lineage/test_writing.py`.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(autouse=True)
def own_cache(make_folder: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test reads and writes a cache of its own."""
    folder = make_folder()
    monkeypatch.setenv("PLUMBLINE_CACHE", str(folder))
    return folder


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte, to be filled."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount the small disk that this test fills")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
