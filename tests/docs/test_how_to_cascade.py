"""The how-to of cascades: every command of it parses, and what it names of the service is there."""

import re
import shlex
from pathlib import Path

import typer.main

from plumbline.cli.main import app
from plumbline.models.cascade.fitting import LEAST_GAIN, CascadeSettings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "cascade.md").read_text(encoding="utf-8")


def test_every_command_parses():
    ran = []
    for line in "\n".join(re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)).splitlines():
        name, *words = shlex.split(line)
        assert name == "plumbline"
        command, context = typer.main.get_command(app), None
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        context = command.make_context(command.name, words)
        assert not context.args
        ran.append(command.name)
    assert ran == ["moderation", "moderation", "cascade", "serve"]


def test_the_numbers_are_those_of_the_program():
    assert f"`--loss` ({CascadeSettings().most_loss:g})" in PAGE
    assert f"at least {LEAST_GAIN:g} AUPRC better" in PAGE
