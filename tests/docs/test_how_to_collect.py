"""The way of a newcomer, as docs/how-to/collect.md says it: every command and the client, in their order."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from plumbline.cli.main import app
from plumbline.collect.example_studies import example_files
from plumbline.collect.study_file import parse_study_file
from tests.cli.collect_client import Server
from tests.cli.conftest import plumb as plumb

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "collect.md"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
CODE_IN_TEXT = re.findall(r"`(plumbline collect [^`]+)`", PAGE.read_text(encoding="utf-8"))


@pytest.fixture
def newcomer(tmp_path, monkeypatch):
    """A folder of their own, and what they have started."""
    monkeypatch.chdir(tmp_path)
    started = []
    yield started
    for server in started:
        server.close()


def test_the_page_from_its_first_command_to_its_last(plumb, newcomer):
    ran = 0
    for language, body in BLOCKS:
        if language == "toml":  # parts of a study file, and the file of --openid
            continue
        if language == "py":
            Path("judge.py").write_text(body)
            continue
        for line in body.replace("\\\n", "").splitlines():
            words = shlex.split(line, comments=True)
            if words[0] in ("pip", "aws"):
                continue
            if words[:3] == ["plumbline", "collect", "serve"]:
                newcomer.append(Server(*words[3:]))
            elif words[0] == "python":
                token = json.loads(plumb("collect", "token", "my-study", "--json")[1])["token"]
                call = [sys.executable, words[1], newcomer[0].url, token, words[4]]
                done = subprocess.run(call, capture_output=True, text=True)
                assert (done.returncode, done.stdout.count("\naccepted")) == (0, 12), done.stderr
            else:
                assert words[0] == "plumbline", line
                code, _, err = plumb(*[_somebody() if word == "PSEUDONYM" else word for word in words[1:]])
                # Work of theirs was exported: there is something left to do.
                assert code == (1 if "erase" in words else 0), (line, err)
            ran += 1
    assert ran == 15
    assert newcomer[0].end()[0] == 0


def _somebody():
    """The pseudonym of the worker whose judgements were exported."""
    import plumbline

    (worker,) = set(plumbline.load("collected").comparisons["worker"].to_pylist())
    return worker


def test_the_parts_of_study_files_are_such_parts():
    parts = [body for language, body in BLOCKS if language == "toml" and not body.startswith("issuer")]
    for part in parts:
        example = example_files("two-axis-ranking")["study.toml"].decode()
        example = re.sub(r"^help = .*\n", "", example, flags=re.MULTILINE)
        above, bracket, tables = part.partition("[")
        before = re.split(r"^\[", example, maxsplit=1, flags=re.MULTILINE)[0]
        settings = parse_study_file(above + before + bracket + tables, "x.toml")
        assert settings.help or settings.prolific or settings.mturk
    assert len(parts) == 2


def test_commands_within_the_text_are_words_that_the_program_takes():
    assert len(CODE_IN_TEXT) >= 5
    for command in CODE_IN_TEXT:
        words = shlex.split(command)[1:]
        found = typer.main.get_command(app)
        while hasattr(found, "commands"):
            found = found.commands[words.pop(0)]
        if words:
            found.make_context(found.name, words, resilient_parsing=False)
