"""Backups and restores are measured on stores that hold what they say, and each act does what it is named for."""

import json

import pytest

from benchmarks import collect_keeping
from tests.collect import postgres_server


@pytest.mark.thorough  # acts that `tests/collect/store/keeping` shows to work
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_every_act_is_measured(tmp_path, capsys, database):
    if database == "postgres":
        try:
            postgres_server.find_program("initdb")
        except postgres_server.NoPostgres as error:
            pytest.skip(f"no Postgres here: {error}")
    figures = tmp_path / "figures.json"
    collect_keeping.main(["--database", database, "--items", "40", "--json", str(figures)])
    found = json.loads(figures.read_text())["candidates"]
    assert [each["name"].removeprefix(f"{database}: ") for each in found] == [
        "backup",
        "restore, empty place",
        "restore, over it",
        "floor, the bytes copied",
    ]
    assert f"{database}: 116 judgements" in capsys.readouterr().out
    assert found[0]["runs"][0]["result"]["bytes"] == found[3]["runs"][0]["result"]["bytes"] > 0
