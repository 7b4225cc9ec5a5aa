"""A small source, what an undisturbed run makes of it, and a place to write."""

import pytest

from tests.loop.curating.curations import curated, made_source


@pytest.fixture
def source(tmp_path):
    return made_source(tmp_path / "in" / "harmless-base")


@pytest.fixture(scope="session")
def calm(tmp_path_factory):
    """The output of such a source from a run that nothing disturbed, and its summary."""
    folder = tmp_path_factory.mktemp("calm")
    return folder / "out", curated(folder / "out", made_source(folder / "harmless-base"))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "runs" / "out"
