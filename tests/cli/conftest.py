"""The command line, called as a person calls it."""

import sys
from functools import cache

import psycopg
import pytest
import typer.main

from plumbline.cli.main import run
from plumbline.loop.synthetic.corpus import write_synthetic_corpus
from plumbline.loop.training.run import TrainingRun, run_training
from tests.collect import postgres_server
from tests.collect.careless_stores import careless_stores as careless_stores
from tests.collect.conftest import postgres as postgres
from tests.collect.statements_once import statements_once as statements_once
from tests.collect.tables_once import tables_once as tables_once

_commands = cache(typer.main.get_command)
"""Click's commands of the program: made once, not for every call; they keep nothing from one call to the next."""


@pytest.fixture
def plumb(monkeypatch, capsys):
    """Run `plumbline` here: (exit code, stdout, stderr)."""
    monkeypatch.setattr(typer.main, "get_command", _commands)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["plumbline", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return ended.value.code or 0, out, err

    return call


@pytest.fixture
def empty_postgres(postgres):
    """The address of a database without tables, in which only its owner may make some."""
    name = postgres_server.make_database(postgres)
    with psycopg.connect(host=postgres, user="plumbline", dbname=name) as connection:
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    return postgres_server.address_of(postgres, name)


@pytest.fixture
def pairs(plumb, tmp_path):
    """The folder of a study that was started."""
    folder = tmp_path / "pairs"
    assert plumb("collect", "init", folder, "--example", "pairs")[0] == 0
    return folder


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """A small synthetic corpus, to be read alone."""
    folder = tmp_path_factory.mktemp("cli") / "corpus"
    write_synthetic_corpus(folder, scale=0.1)
    return folder


@pytest.fixture(scope="session")
def model(corpus):
    """A linear model of it, to be read alone."""
    folder = corpus.parent / "model"
    settings = {"features": "words", "seed": 0}
    run_training(TrainingRun("preference", (str(corpus / "harmless-synthetic"),), folder, settings=settings))
    return folder
