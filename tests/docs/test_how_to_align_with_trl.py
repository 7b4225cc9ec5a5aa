"""docs/how-to/align-with-trl.md: its commands are spelled as the programs spell them, its figures are those of the code."""

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
import typer
from trl.scripts.vllm_serve import ScriptArguments

from plumbline.align.trl import settings as trl_settings
from plumbline.align.trl.config import TrlSettings, trl_config
from plumbline.align.trl.lagrangian import STATE_NAME
from plumbline.align.trl.settings import parse_settings
from plumbline.cli.main import app

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to/align-with-trl.md").read_text(encoding="utf-8")
LINES = [
    line
    for block in re.findall(r"^```text\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
COMMANDS = [line for line in LINES if "plumbline align" in line]


def test_there_are_commands_to_look_at():
    assert len(COMMANDS) == 5
    assert len(LINES) == len(COMMANDS) + 3


@pytest.mark.parametrize("command", COMMANDS)
def test_the_program_takes_these_words_and_trl_these_settings(command, monkeypatch):
    monkeypatch.setattr(trl_settings, "find_spec", lambda name: name)  # as on the machines that the page is for
    words = shlex.split(command)
    words = words[words.index("plumbline") + 1 :]
    found = typer.main.get_command(app)
    while hasattr(found, "commands"):
        found = found.commands[words.pop(0)]
    params = found.make_context(found.name, words, resilient_parsing=False).params
    parse_settings(found.name, params["set"] or ())
    processes = int((re.search(r"--num_processes (\d+)", command) or [0, 1])[1])
    made = TrlSettings(found.name)
    rows = (params["batch"] or made.batch) * (1 if found.name == "dpo" else params["replies"] or made.replies)
    assert rows % processes == 0


def test_the_server_takes_these_words():
    (line,) = [line for line in LINES if "vllm-serve" in line]
    given = {word[2:] for word in shlex.split(line) if word.startswith("--")}
    assert given <= {field.name for field in fields(ScriptArguments)}


def test_what_it_says_of_defaults_is_so(tmp_path):
    made = TrlSettings("grpo", batch=2, replies=2)
    config = trl_config(made, tmp_path, 4)
    assert (config.scale_rewards, config.loss_type) == ("none", "dapo")
    assert f"(β) is {made.divergence_weight}" in PAGE
    assert f"`{STATE_NAME}`" in PAGE
    for name in ("scale_rewards=batch", "loss_type=dr_grpo"):
        assert f"--set {name}" in PAGE
        assert parse_settings("grpo", (name,))
