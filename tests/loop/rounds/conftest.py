"""One tiny round for all tests; those that go on from it get a copy."""

import pickle
import shutil

import pytest

from plumbline.loop.rounds.opened_round import open_round
from plumbline.loop.rounds.round_run import run_round
from tests.collect.careless_stores import careless_stores as careless_stores
from tests.collect.statements_once import statements_once as statements_once
from tests.collect.tables_once import tables_once as tables_once
from tests.loop.rounds.judged_study import workspace
from tests.made_once import made_once


@pytest.fixture(scope="session")
def prepared(tmp_path_factory, careless_stores, statements_once, tables_once):
    """A workspace in which no round was run."""
    # Folders of one name: rows of a file say in which they were read.
    return made_once(tmp_path_factory, "prepared-round", lambda folder: workspace(folder / "work")) / "work"


@pytest.fixture(scope="session")
def finished(prepared, tmp_path_factory):
    """The same with one round, and what became of that."""

    def make(folder):
        shutil.copytree(prepared, folder / "work")
        (folder / "result").write_bytes(pickle.dumps(run_round(open_round(folder / "work" / "round.toml"))))

    folder = made_once(tmp_path_factory, "finished-round", make)
    return folder / "work", pickle.loads((folder / "result").read_bytes())


@pytest.fixture
def fresh(prepared, tmp_path):
    """A copy in which no round was run."""
    return shutil.copytree(prepared, tmp_path / "fresh" / "work")


@pytest.fixture
def copied(finished, tmp_path):
    """A copy with a finished round."""
    return shutil.copytree(finished[0], tmp_path / "copied" / "work")
