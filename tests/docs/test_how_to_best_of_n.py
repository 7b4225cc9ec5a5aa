"""docs/how-to/best-of-n.md: its commands are spelled as the program spells them, its numbers and codes are those of the code."""

import re
import shlex
from pathlib import Path

import typer

from plumbline.align.best_of_n import rows as best_of_n_rows
from plumbline.cli.main import app
from plumbline.loop.best_of_n import opening as best_of_n_opening
from plumbline.loop.best_of_n import run as best_of_n_run
from plumbline.models import reply_readings

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to/best-of-n.md").read_text(encoding="utf-8")


def test_the_program_takes_these_words():
    (block,) = re.findall(r"^```text\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)
    commands = [shlex.split(line) for line in block.replace("\\\n", " ").splitlines()]
    assert len(commands) == 2
    for words in commands:
        found = typer.main.get_command(app)
        rest = words[1:]
        while hasattr(found, "commands"):
            found = found.commands[rest.pop(0)]
        assert found.make_context(found.name, rest, resilient_parsing=False).params["out"]


def test_what_it_says_of_files_numbers_and_codes_is_so():
    assert f"up to {best_of_n_opening.TOGETHER} at a time" in PAGE
    for name in (best_of_n_run.SUMMARY_NAME, best_of_n_run.PAGE_NAME):
        assert f"`{name}`" in PAGE
    for name in (best_of_n_run.CANDIDATES_NAME, best_of_n_run.SUPERVISED_NAME):
        assert f"`{name}`" in PAGE
    for code in (
        reply_readings.SCORER_FAILED,
        reply_readings.NO_NUMBER,
        reply_readings.READ_IN_PART,
        best_of_n_rows.EQUAL,
    ):
        assert code in PAGE
