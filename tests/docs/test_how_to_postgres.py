"""docs/how-to/postgres.md from its first command to its last, with a throwaway Postgres."""

import json
import re
from pathlib import Path

import httpx2

from tests.cli.conftest import empty_postgres as empty_postgres
from tests.cli.conftest import plumb as plumb
from tests.cli.conftest import postgres as postgres
from tests.docs.pages import blocks_of, options_of, served, words_of

PAGE = "how-to/postgres.md"
ADDRESS = "postgresql://ME@localhost/plumbline"
SETTING_UP = ("pip", "createdb", "psql")


def test_there_and_back(plumb, empty_postgres, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    commands = [words for _, body in blocks_of(PAGE, "sh", "text") for words in words_of(body)]
    standings = []
    for words in commands:
        here = [word.replace(ADDRESS, empty_postgres) for word in words]
        if words[0] == "mv":
            Path(words[1]).rename(words[2])
        elif words[0] in ("export", "unset"):
            name, _, value = here[1].partition("=")
            monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
        elif "serve" in words:
            assert options_of(words)["processes"] == 4
            with served(*words[: words.index("--processes")], said=tmp_path / "said") as address:
                assert httpx2.get(f"{address}/api/v1/health", timeout=30).status_code == 200
        elif words[0] not in SETTING_UP:
            code, out, told = plumb(*here[1:], *(["--json"] if "status" in words else []))
            assert code == 0, (words, told)
            standings += [json.loads(out)] if "status" in words else []
    assert len(commands) == 15
    assert len(standings) == 3
    assert all(standing["studies"] == standings[0]["studies"] for standing in standings)
    assert standings[0]["studies"]


def test_the_address_stands_in_every_command_that_needs_one():
    page = "\n".join(body for _, body in blocks_of(PAGE))
    assert set(re.findall(r"postgresql://\S+", page)) == {ADDRESS}
