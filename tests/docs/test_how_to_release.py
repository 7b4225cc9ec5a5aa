"""docs/how-to/release.md names every key that the answers file takes, and its example is taken."""

import re
import shlex
from pathlib import Path

import typer

from plumbline.cli.main import app
from plumbline.release.answers import Answers, read_answers
from plumbline.release.texts.questions import QUESTIONS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "release.md").read_text(encoding="utf-8")


def test_every_key_of_the_datasheet_stands_in_the_table(tmp_path):
    table = "\n".join(re.findall(r"^\| \w+ \| (`.+) \|$", PAGE, re.MULTILINE))
    assert re.findall(r"`(\w+)`", table) == [question.key for question in QUESTIONS]
    (example,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert all(
        f"{name} = " in example or f"{name} in" in example or f"[{name}]" in example for name in Answers.model_fields
    )
    (tmp_path / "release.toml").write_text(example)
    assert read_answers(tmp_path / "release.toml").datasheet.keys() == {"purpose", "funding", "collectors"}


def test_commands_that_are_not_run_are_words_that_the_program_takes():
    commands = re.findall(r"^```text\n(plumbline .+)\n```$", PAGE, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        words = shlex.split(command)[1:]
        found = typer.main.get_command(app)
        while hasattr(found, "commands"):
            found = found.commands[words.pop(0)]
        found.make_context(found.name, words, resilient_parsing=False)
